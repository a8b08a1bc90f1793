/** The picture of a run: what is in it, that it is XML whatever the trace holds, and that it stays small. */
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, expect, test } from "vitest"
import { toSvg } from "../../src/testing/svg/toSvg.js"
import type { Event, Source, Trace, TracedFiber } from "../../src/testing/Trace.js"
import { soak } from "../support/seed.js"

/** Writes a trace by hand, as the kit would record it. */
class Script implements Trace {
  readonly fibers: Array<TracedFiber> = []
  readonly events: Array<Event> = []
  private readonly done: Array<number> = []
  private at = 0

  fiber(name: string, actor = true): number {
    this.done.push(0)
    return this.fibers.push({ name, actor }) - 1
  }

  push(kind: Event["kind"], fiber?: number, detail = "", more: { by?: number; source?: Source } = {}): this {
    this.events.push({ kind, fiber, at: this.at, operation: this.done[fiber ?? -1] ?? 0, detail, ...more })
    return this
  }

  run(fiber: number, operations: number, source?: Source): this {
    for (let i = 0; i < operations; i++) {
      this.push("operation", fiber, "Sync", source ? { source } : {})
      this.at += 1
      this.done[fiber] = (this.done[fiber] ?? 0) + 1
    }
    return this
  }
}

const source = (file: string, line: number, text: string): Source => ({
  file: `/home/ada/src/${file}`,
  line,
  column: 5,
  text
})

/** A waiter is interrupted between its wake-up and its resumption, and the permit it was given is lost. */
const lostPermit = (): Trace => {
  const s = new Script()
  const [main, a, b, c] = [s.fiber("main", false), s.fiber("a"), s.fiber("b"), s.fiber("canceller")]
  s.fiber("never ran")
  const wait = source("semaphore.ts", 58, "yield* Deferred.await(waiter.deferred)")
  const use = source("cache.ts", 12, "yield* Ref.set(cache, value)")
  s.push("start", main).run(main, 6).push("suspend", main, "Async", {
    source: source("cache.test.ts", 24, "yield* t.settled")
  })
  s.push("start", a).run(a, 7, use).push("preempt", a, "Sync", { source: use })
  s.push("start", b).run(b, 5).push("suspend", b, "Async", { source: wait })
  s.push("resume", a).run(a, 8, use).push("end", a, "success")
  s.push("start", c).run(c, 3).push("interrupt", b, "", { by: c })
  s.push("resume", b, "", { by: c }).run(b, 6).push("end", b, "interrupted")
  s.run(c, 2).push("end", c, "Failure(Cause([Die(oh)]))").push("timer", undefined, "1000")
  const d = s.fiber("#5", false)
  s.push("start", d).run(d, 2).push("suspend", d, "Async", { source: wait })
  return s.push("resume", main).run(main, 3).push("choice", main, "retry: 2").run(main, 4)
    .push("failure", main, "the permit is back", { source: source("cache.test.ts", 26, "yield* t.expect(...)") })
}

/** Fibers that take turns of a few operations each, many of them. */
const turns = (events: number): Trace => {
  const s = new Script()
  const fibers = Array.from({ length: 6 }, (_, i) => s.fiber(`worker-${i}`))
  const loop = source("pool.ts", 88, "const job = yield* Queue.take(jobs)")
  for (let i = 0; s.events.length < events; i++) {
    const fiber = fibers[i * i % fibers.length]!
    s.push("resume", fiber).run(fiber, 1 + i * 7 % 12, loop)
    s.push(i % 3 === 0 ? "preempt" : "suspend", fiber, "", { source: loop })
    if (i % 10 === 0) s.push("timer", undefined, String(i * 10))
    if (i === 10) s.push("interrupt", fibers[3], "", { by: fiber })
  }
  return s.push("failure", undefined, "deadlock")
}

interface Element {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: Array<Element>
  /** Its own text and its children's, decoded. */
  text: string
}

const entities: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: "\"", "#39": "'" }

const decode = (text: string): string =>
  text.replace(/&([^;]*);/gu, (_, name: string) => {
    assert.ok(name in entities, `unknown entity ${name}`)
    return entities[name]!
  })

/** A strict reader of as much XML as is needed here: throws for anything else. */
const parse = (xml: string): Element => {
  assert.match(xml, /^[\n\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]*$/u, "a character that XML cannot hold")
  const root: Element = { name: "", attributes: {}, children: [], text: "" }
  const open = [root]
  let at = 0
  for (const match of xml.matchAll(/<(\/?)([a-z]+)((?: [a-zA-Z:]+="[^"<]*")*)(\/?)>|[^<]+/gu)) {
    assert.equal(match.index, at, `not XML: ${xml.slice(at, at + 80)}`)
    const [all, close, name, attributes, empty] = match
    at += all.length
    if (name === undefined) {
      assert.ok(!/&(?![a-z#0-9]+;)|\]\]>/u.test(all), `not text: ${all}`)
      for (const element of open) element.text += decode(all)
    } else if (close === "/") assert.equal(open.pop()?.name, name)
    else {
      const pairs = [...attributes!.matchAll(/ ([a-zA-Z:]+)="([^"]*)"/gu)].map((pair) =>
        [pair[1]!, decode(pair[2]!)] as const
      )
      assert.equal(new Set(pairs.map(([key]) => key)).size, pairs.length, "an attribute twice")
      const element: Element = { name, attributes: Object.fromEntries(pairs), children: [], text: "" }
      open.at(-1)!.children.push(element)
      if (empty !== "/") open.push(element)
    }
  }
  assert.equal(at, xml.length)
  assert.equal(open.length, 1)
  assert.equal(root.children.length, 1)
  return root.children[0]!
}

const all = (element: Element): ReadonlyArray<Element> => [element, ...element.children.flatMap(all)]

const read = (trace: Trace, options = { title: "A run" }) => {
  const svg = toSvg(trace, options)
  const root = parse(svg)
  const elements = all(root)
  return {
    svg,
    root,
    elements,
    texts: elements.filter(({ name }) => name === "text"),
    tips: elements.filter(({ name }) => name === "title").map(({ text }) => text),
    width: Number(root.attributes["width"])
  }
}

/** What is written in the picture itself, line by line, without the tooltips. */
const written = (trace: Trace): ReadonlyArray<string> => read(trace).texts.map(({ text }) => text)

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

  test("what is interesting has a number, in the order of time, and its source line below", () => {
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

  test("the failure is told above its line, and its whole message below", () => {
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

  test("what no fiber did, and fibers that the trace does not list, are drawn too", () => {
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
      { numRuns: 200 * soak }
    )
  })
})
