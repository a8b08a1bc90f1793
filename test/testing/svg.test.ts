/** The picture of a run: what is in it, that it is XML whatever the trace holds, and that it stays small. */
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { toSvg } from "../../src/testing/svg/toSvg.js"
import type { Event, Trace } from "../../src/testing/Trace.js"
import { all, type Element, lostPermit, parse, read, Script, source, turns, written } from "../support/picture.js"
import { times } from "../support/seed.js"

describe("toSvg", () => {
  test("the tests' reader of XML is strict", () => {
    for (
      const xml of ["<a>", "<a></b>", "<a/><b/>", "<a b='1'/>", "<a>&oh;</a>", "<a>&</a>", "<a b=\"<\"/>", "<a>\0</a>"]
    ) {
      expect(() => parse(xml), xml).toThrow()
    }
    expect(parse("<a b=\"&lt;\"><c/>&amp;</a>")).toMatchObject({ attributes: { b: "<" }, text: "&" })
  })

  test("an empty trace is a picture of its title", () => {
    const { root, texts } = read({ fibers: [], events: [] }, { title: "Nothing" })
    expect(root.name).toBe("svg")
    expect(root.attributes["xmlns"]).toBe("http://www.w3.org/2000/svg")
    expect(texts.map(({ text }) => text)).toEqual(["Nothing"])
  })

  test("a page may set each colour, and a viewer that knows no custom properties finds another before it", () => {
    const style = /<style>(.*)<\/style>/s.exec(toSvg(lostPermit(), { title: "A run" }))![1]!
    const paints = [...style.matchAll(/(fill|stroke|background):(#\w{6});(?:\1:var\(--sluice-(\w+),(#\w{6})\))?/g)]
    expect(paints.length).toBeGreaterThan(24)
    for (const [, , colour, name, fallback] of paints) expect([name, fallback]).toEqual([expect.any(String), colour])
    expect(new Set(paints.map(([, , , name]) => name)).size).toBe(12)
  })

  test("equal traces give equal documents", () => {
    expect(toSvg(lostPermit(), { title: "A run" })).toBe(toSvg(lostPermit(), { title: "A run" }))
  })

  test("there is a lane for each fiber that did something, those of the scenario in bold", () => {
    const { texts } = read(lostPermit())
    const lane = (name: string) =>
      texts.filter(({ text }) => text === name).map(({ attributes }) => attributes["class"])
    for (const name of ["main", "a", "b", "canceller"]) expect(lane(name)).toEqual(["text strong"])
    expect(lane("#5")).toEqual(["dim"])
    expect(lane("never ran")).toEqual([])
  })

  test("each lane tells how its fiber came out", () => {
    expect(written(lostPermit())).toEqual(expect.arrayContaining([
      "15 ops, succeeded",
      "11 ops, interrupted",
      "5 ops, failed",
      "2 ops, suspended",
      "13 ops, running"
    ]))
  })

  test("the key explains every kind of mark that there is, and no other", () => {
    const everything = [
      "runs",
      "has resumed another",
      "suspended",
      "suspended for good",
      "waits for its turn",
      "resumes inline",
      "virtual time",
      "starts",
      "suspends",
      "preempted",
      "interrupted",
      "the test's choice",
      "succeeded",
      "failed",
      "ended by interruption",
      "goes wrong"
    ]
    const key = (trace: Trace) => written(trace).filter((text) => everything.includes(text))
    expect(key(lostPermit())).toEqual(everything)
    const s = new Script()
    const a = s.fiber("a")
    expect(key(s.push("start", a).run(a, 3).push("end", a, "success"))).toEqual(["runs", "starts", "succeeded"])
  })

  test("an interesting event has a number, in the order of time, and its source line below", () => {
    const lines = written(lostPermit())
    const sentences = [
      "main suspends",
      "a is preempted before",
      "b suspends",
      "b is interrupted during canceller's turn",
      "b ends interrupted",
      "canceller fails: Failure(Cause([Die(oh)]))",
      "#5 suspends, and nothing resumes it",
      "main chooses retry: 2",
      "main fails"
    ]
    expect(lines.filter((text) => sentences.includes(text))).toEqual(sentences)
    sentences.forEach((sentence, index) => {
      expect(lines[lines.indexOf(sentence) - 1]).toBe(String(index + 1))
      // Once in the picture, once in the legend.
      expect(lines.filter((text) => text === String(index + 1)).length).toBeGreaterThanOrEqual(2)
    })
    const preempted = lines.indexOf("a is preempted before")
    expect(lines.slice(preempted + 1, preempted + 3)).toEqual(["cache.ts:12", "yield* Ref.set(cache, value)"])
  })

  test("an interrupt that names no place happens where the fiber waits", () => {
    const lines = written(lostPermit())
    expect(lines[lines.indexOf("b is interrupted during canceller's turn") + 1]).toBe("semaphore.ts:58")
  })

  test("the failure's message stands above its line, and in full below", () => {
    expect(written(lostPermit()).filter((text) => text === "the permit is back")).toHaveLength(2)
    const s = new Script()
    const a = s.fiber("a")
    const message = Array.from({ length: 60 }, (_, i) => `word${i}`).join(" ")
    const lines = written(s.push("start", a).run(a, 1).push("failure", undefined, message))
    expect(lines.join(" ")).toContain("word0 word1")
    expect(lines.join(" ")).toContain("word58 word59")
  })

  test("the virtual time stands above its line", () => {
    expect(written(lostPermit())).toContain("1,000 ms")
  })

  test("everything that is drawn has a tooltip, but for the background", () => {
    const visit = (element: Element, covered: boolean): void => {
      const tip = covered || element.name === "g" && element.children[0]?.name === "title"
      const background = ["row-fill", "back-fill"].includes(element.attributes["class"] ?? "")
      if (["text", "path", "rect", "circle"].includes(element.name) && !background) expect(tip).toBe(true)
      for (const child of element.children) visit(child, tip)
    }
    visit(read(lostPermit()).root, false)
    const { tips } = read(lostPermit())
    expect(tips.some((tip) => tip.startsWith("b is resumed inline by canceller\n"))).toBe(true)
    expect(tips).toContain("a, operation 3: Sync\n/home/ada/src/cache.ts:12:5\nyield* Ref.set(cache, value)")
  })

  test("no two texts overlap", () => {
    for (const trace of [lostPermit(), turns(400), turns(5000)]) {
      const boxes = read(trace).texts.map(({ attributes, text }) => {
        const size = attributes["class"]!.includes("small") ? 10 : 12
        const width = text.length * size * 0.6
        const from = Number(attributes["x"]) - (attributes["class"]!.includes("mid") ? width / 2 : 0)
        return { text, from, to: from + width, y: Number(attributes["y"]) }
      })
      for (const [index, a] of boxes.entries()) {
        for (const b of boxes.slice(index + 1)) {
          const apart = Math.abs(a.y - b.y) >= 9 || a.from >= b.to || b.from >= a.to
          expect(apart, `${a.text} and ${b.text}`).toBe(true)
        }
      }
    }
  })

  test("events of no fiber, and fibers that the trace does not list, are drawn too", () => {
    const s = new Script()
    const lines = written(s.push("start", 7).run(7, 2).push("choice", undefined, "3").push("failure", 7, "oh"))
    expect(lines).toEqual(expect.arrayContaining(["#7", "no fiber", "the test chooses 3", "#7 fails"]))
  })

  test("operations that the trace leaves out take their room", () => {
    const barOf = (operations: number, listed: boolean) => {
      const s = new Script()
      const a = s.fiber("a")
      s.push("start", a).run(a, operations).push("end", a, "success")
      const trace = listed ? s : { fibers: s.fibers, events: s.events.filter(({ kind }) => kind !== "operation") }
      const bar = read(trace).elements.find(({ attributes }) => attributes["class"] === "run-fill run")
      return Number(bar?.attributes["width"])
    }
    // In a picture that is stretched to the page, more operations leave less to the marks.
    expect(barOf(200, false)).toBeGreaterThan(barOf(10, false))
    expect(barOf(200, false) / barOf(200, true)).toBeCloseTo(1, 1)
  })

  test("a long run stays within a screen's width and 200 kB, and its interrupt and its failure are shown", () => {
    const { svg, texts, width } = read(turns(5000))
    expect(width).toBeLessThanOrEqual(1920)
    expect(svg.length).toBeLessThan(200_000)
    const lines = texts.map(({ text }) => text)
    expect(lines).toContain("deadlock")
    expect(lines.filter((text) => text.includes("is interrupted"))).toHaveLength(1)
    expect(lines.some((text) => /^[\d,]+ ops$/u.test(text))).toBe(true)
    // Those that have a number, and those that are said to have none, are all there are.
    const numbered = lines.filter((text) => / suspends| is preempted| is interrupted|the run fails/u.test(text)).length
    const interesting = turns(5000).events.filter(({ kind }) =>
      ["suspend", "preempt", "interrupt", "failure"].includes(kind)
    )
    expect(numbered).toBeLessThanOrEqual(24)
    expect(lines).toContain(`and ${interesting.length - numbered} events like these without a number`)
  })

  test("many fibers share a lane", () => {
    const s = new Script()
    for (let i = 0; i < 500; i++) {
      const fiber = s.fiber(`f${i}`, i === 499)
      s.push("start", fiber).run(fiber, 2).push("end", fiber, "success")
    }
    const { svg, texts } = read(s)
    const lines = texts.map(({ text }) => text)
    expect(lines).toContain("f499")
    expect(lines).toContain("468 others")
    expect(svg.length).toBeLessThan(200_000)
  })

  test("names that are too long are cut, and whole in the tooltip", () => {
    const name = "an-actor-with-a-name-that-is-far-too-long-for-its-lane"
    const s = new Script()
    const a = s.fiber(name)
    const { texts, tips } = read(s.push("start", a).run(a, 2))
    expect(texts.map(({ text }) => text)).toContain("an-actor-with-a-nam…")
    expect(tips.some((tip) => tip.startsWith(`${name}\n`))).toBe(true)
  })

  test("text is never markup", () => {
    const evil = "</text><script>alert(\"1\" & '2')</script>"
    const s = new Script()
    const a = s.fiber(evil)
    s.push("start", a).run(a, 2).push("failure", a, evil, { source: source(evil, 1, evil) })
    const { elements, texts } = read(s, { title: evil })
    expect(elements.filter(({ name }) => name === "script")).toEqual([])
    expect(texts.filter(({ text }) => text === evil).length).toBeGreaterThanOrEqual(3)
  })

  const odd = fc.string({
    unit: fc.oneof(
      fc.constantFrom("&", "<", ">", "\"", "'", "]]>", "<!--", "&amp;", "\0", "\n", "\r", "\t", "\x1b", "\x7f", "\x85"),
      fc.constantFrom(
        "\uD800",
        "\uDC00",
        "\uFFFE",
        "\uFFFF",
        "\u202E",
        "\u2028",
        "\uFEFF",
        "\u{1FFFF}",
        "界",
        "e\u0301",
        "🦥"
      ),
      fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
      fc.nat(0xFFFF).map((code) => String.fromCharCode(code))
    ),
    maxLength: 60
  })

  const oddEvent: fc.Arbitrary<Event> = fc.record({
    kind: fc.constantFrom<Event["kind"]>(
      ...[
        "start",
        "operation",
        "preempt",
        "suspend",
        "resume",
        "interrupt",
        "end",
        "timer",
        "choice",
        "failure"
      ] as const
    ),
    fiber: fc.option(fc.nat(4), { nil: undefined }),
    at: fc.nat(5000),
    operation: fc.nat(500),
    detail: odd,
    by: fc.option(fc.nat(4), { nil: undefined }),
    source: fc.option(
      fc.record({ file: odd, line: fc.nat(), column: fc.nat(), text: fc.option(odd, { nil: undefined }) }),
      {
        nil: undefined
      }
    )
  })

  test("whatever the trace holds, and in whatever order, the picture is XML, and within its bounds", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ name: odd, actor: fc.boolean() }), { maxLength: 4 }),
        fc.array(oddEvent, { maxLength: 120 }),
        odd,
        odd,
        (fibers, events, title, subtitle) => {
          const svg = toSvg({ fibers, events }, { title, subtitle })
          const root = parse(svg)
          expect(Number(root.attributes["width"])).toBeLessThanOrEqual(1920)
          expect(svg).not.toMatch(/NaN|Infinity|undefined/u)
          for (const { attributes } of all(root)) {
            for (const name of ["x", "y", "width", "height"]) {
              if (name in attributes) expect(Number(attributes[name])).toBeGreaterThanOrEqual(-10)
            }
          }
        }
      ),
      { numRuns: times(200) }
    )
  })
})
