/** The parts of a picture: what each lane is like and when, what is folded, and where texts and marks are. */
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { calloutsFrom } from "../../src/testing/svg/callouts.js"
import { columnsFrom } from "../../src/testing/svg/columns.js"
import { widthOfMark } from "../../src/testing/svg/kinds.js"
import { arrow } from "../../src/testing/svg/markup.js"
import { plural } from "../../src/testing/svg/numbers.js"
import { outcomeOf } from "../../src/testing/svg/outcomes.js"
import { fileName, sourceOf } from "../../src/testing/svg/places.js"
import { Plan } from "../../src/testing/svg/Plan.js"
import { Row } from "../../src/testing/svg/Row.js"
import { middleOf } from "../../src/testing/svg/spans.js"
import { States } from "../../src/testing/svg/States.js"
import { columnsOf, cut, visible, widthOf, wrap } from "../../src/testing/svg/text.js"
import type { Event, Trace } from "../../src/testing/Trace.js"
import { all, type Element, lostPermit, read, Script, source, turns, written } from "../support/picture.js"

const classOf = ({ attributes }: Element): string => attributes["class"] ?? ""

/** A timer after each of so many operations, at times that are long to write. */
const timers = (count: number): Trace => {
  const s = new Script()
  const a = s.fiber("a")
  for (let i = 0; i < count; i++) s.run(a, 1).push("timer", undefined, String(1_000_000 + i))
  return s
}

/** Two fibers that take turns of one operation, with nothing in between. */
const alternating = (operations: number): Trace => {
  const s = new Script()
  const fibers = [s.fiber("a"), s.fiber("b")]
  for (let i = 0; i < operations; i++) s.run(fibers[i % 2]!, 1)
  return s
}

/** Failures one right after the other, with long messages. */
const failures = (count: number): Trace => {
  const s = new Script()
  const a = s.fiber("a")
  s.run(a, 2)
  for (let i = 0; i < count; i++) s.push("failure", a, `failure ${i} ${"oh ".repeat(40)}`)
  return s.run(a, 2)
}

/** A burst of operations, which leaves no room for each. */
const burst = (operations: number): Trace => {
  const s = new Script()
  const a = s.fiber("a")
  return s.push("start", a).run(a, operations).push("preempt", a).run(a, 2)
}

/** As if there had been a million operations before. */
const late = ({ events, fibers }: Trace): Trace => ({
  fibers,
  events: events.map((event) => ({ ...event, at: event.at + 1_000_000 }))
})

const traces: ReadonlyArray<readonly [name: string, trace: Trace]> = [
  ["a lost permit", lostPermit()],
  ["a short run", turns(60)],
  ["a long run", turns(3000)],
  ["many timers", timers(40)],
  ["many timers late in a run", late(timers(200))],
  ["a burst", burst(200)],
  ["operations alone", alternating(300)],
  ["three failures", failures(3)]
]

interface Box {
  readonly text: string
  readonly from: number
  readonly to: number
  readonly y: number
  /** From above: failures, times, all others. */
  readonly rank: number
}

const boxOf = (text: Element): Box => {
  const fontSize = /\btitle\b/.test(classOf(text)) ? 17 : /\bsmall\b/.test(classOf(text)) ? 10 : 12
  // A little less than the picture itself reckons with.
  const width = columnsOf(text.text) * fontSize * 0.6
  const from = Number(text.attributes["x"]) - (/\bmid\b/.test(classOf(text)) ? width / 2 : 0)
  const rank = ["back strong mid", "teal small mid"].indexOf(classOf(text))
  return { text: text.text, from, to: from + width, y: Number(text.attributes["y"]), rank: rank < 0 ? 2 : rank }
}

/** The six layers, without what is moved to a place, whose own coordinates are not the page's. */
const layersOf = (trace: Trace) => read(trace).root.children.filter(({ name }) => name === "g")

const still = (element: Element): ReadonlyArray<Element> =>
  element.attributes["transform"] === undefined ? [element, ...element.children.flatMap(still)] : []

describe.each(traces)("in the picture of %s", (_, trace) => {
  const { elements, texts, width } = read(trace)
  const layers = layersOf(trace)
  const boxes = layers.flatMap(still).filter(({ name }) => name === "text").map(boxOf)

  test("no two texts overlap, and each is on the page", () => {
    for (const [index, a] of boxes.entries()) {
      expect(a.from, a.text).toBeGreaterThanOrEqual(0)
      expect(a.to, a.text).toBeLessThanOrEqual(width)
      for (const b of boxes.slice(index + 1)) {
        expect(Math.abs(a.y - b.y) >= 9 || a.from >= b.to || b.from >= a.to, `${a.text} and ${b.text}`).toBe(true)
      }
    }
  })

  test("no line from above goes through a text of another row", () => {
    const lines = layers[3]!
    const hairs = all(lines).flatMap((element) => {
      const [, x, y, end] = /^M([\d.]+) (-?[\d.]+)L\1 ([\d.]+)$/.exec(element.attributes["d"] ?? "") ?? []
      return /^(?:teal-line hair|red-line bold)$/.test(classOf(element))
        ? [{ x: Number(x), y: Number(y), end: Number(end), rank: classOf(element) === "teal-line hair" ? 1 : 0 }]
        : []
    })
    const events = trace.events.filter(({ kind }) => kind === "failure").length
    expect(hairs.length).toBeGreaterThanOrEqual(Math.min(1, events))
    for (const { end, rank, x, y } of hairs) {
      for (const box of boxes.filter((box) => box.rank > rank)) {
        expect(box.y <= y || box.y > end || box.to <= x || box.from >= x, box.text).toBe(true)
      }
    }
  })

  test("each number is there twice: at its mark, and at its sentence", () => {
    const numbers = texts.filter((text) => /\bsmall strong mid\b/.test(classOf(text))).map(({ text }) => text)
    const most = numbers.length / 2
    expect(numbers.toSorted((a, b) => Number(a) - Number(b)))
      .toEqual(Array.from({ length: most }, (_, i) => [String(i + 1), String(i + 1)]).flat())
  })

  test("names stand left of all bars, and bands lie beneath all that is drawn on them", () => {
    const plan = new Plan(trace)
    const column = boxes.filter(({ from, text }) => from === 24 && / ops?(?:,|$)/.test(text))
    expect(column.length).toBe(plan.lanes.length)
    for (const { to } of column) expect(to).toBeLessThanOrEqual(plan.spans[0]!.x)
    const [bands, idle, bars, lines] = layers.map((layer) => new Set(layer.children.flatMap(all).map(classOf)))
    expect([...bands!].filter((name) => name !== "" && !/^(?:row-fill|rule-fill fold)$/.test(name))).toEqual([])
    expect([...idle!].filter((name) => name !== "" && !name.includes("-line "))).toEqual([])
    expect([...bars!].filter((name) => name !== "" && !/-fill |^back-line cell$/.test(name))).toEqual([])
    expect([...lines!].filter((name) => /row|fold|run|cell/.test(name))).toEqual([])
  })

  test("each operation that has a cell has one of its own, as wide as one can point at", () => {
    const cells = elements.filter((element) => element.children.some((child) => classOf(child) === "back-line cell"))
      .toSorted((a, b) => Number(a.children[1]!.attributes["x"]) - Number(b.children[1]!.attributes["x"]))
    const seen = new Set<string>()
    const ends = new Map<string, number>()
    for (const { children: [tip, cell] } of cells) {
      const [x, y, size] = ["x", "y", "width"].map((key) => Number(cell!.attributes[key]))
      expect(size).toBeGreaterThanOrEqual(3)
      expect(x! - (ends.get(String(y)) ?? 0)).toBeGreaterThan(-0.2)
      ends.set(String(y), x! + size!)
      seen.add(tip!.text)
    }
    expect(seen.size).toBe(cells.length)
  })

  test("lanes tile the time, and what is folded is one stretch of each", () => {
    const plan = new Plan(trace)
    const states = new States(plan)
    const events = trace.events
    const last = plan.spans.at(-1)!
    const end = events[last.first]?.kind === "failure" && !last.folded ? middleOf(last) : plan.right
    for (const lane of plan.lanes.keys()) {
      const own = states.segments.filter((segment) => segment.lane === lane)
      own.forEach((segment, i) => expect(segment.from).toBe(i === 0 ? 0 : own[i - 1]!.to))
      expect(own.at(-1)!.to).toBe(end)
      for (const span of plan.spans) {
        if (!span.folded) continue
        const within = own.filter(({ from, to }) => from < span.x + span.width && to > span.x)
        expect(within).toHaveLength(1)
        const listed = events.slice(span.first, span.end).filter(({ fiber }) => plan.laneOf(fiber) === lane)
        const ran = listed.some(({ kind }) => kind === "start" || kind === "resume" || kind === "operation")
        expect(within[0]!.state === "folded").toBe(ran)
        expect(within[0]!.toAt).toBe(events[span.end - 1]!.at)
      }
    }
  })

  test("no fold is wider than what it hides, and nothing next to what matters most is folded", () => {
    const plan = new Plan(trace)
    const columns = columnsFrom(trace.events, new Set())
    const isWithin = (first: number) =>
      plan.spans.some((span) => span.folded && span.first <= first && first < span.end)
    for (const span of plan.spans.filter(({ folded }) => folded)) {
      const hidden = columns.filter(({ first }) => span.first <= first && first < span.end)
      expect(hidden.reduce((sum, { width }) => sum + width, 0)).toBeGreaterThan(84)
    }
    for (const { index } of plan.marks) expect(isWithin(index)).toBe(false)
    for (const [i, { first }] of columns.entries()) {
      const kind = trace.events[first]?.kind
      if (kind !== "failure" && kind !== "interrupt") continue
      for (const near of columns.slice(Math.max(0, i - 2), i + 3)) expect(isWithin(near.first)).toBe(false)
    }
    const drawn = plan.spans.reduce((sum, { width }) => sum + width, 0)
    expect(drawn).toBeLessThanOrEqual(3 * columns.reduce((sum, { width }) => sum + width, 0) + 1)
  })
})

describe("a lane", () => {
  /** What each fiber's line is like, one state after the other. */
  const tracks = (trace: Trace): ReadonlyArray<string> => {
    const plan = new Plan(trace)
    const { segments } = new States(plan)
    return plan.lanes.map((_, lane) =>
      segments.filter((segment) => segment.lane === lane).map(({ state }) => state)
        .filter((state, i, all) => state !== all[i - 1]).join(" ")
    )
  }
  const script = () => {
    const s = new Script()
    return [s, s.fiber("a"), s.fiber("b"), s.fiber("c")] as const
  }

  test("runs again when what it has resumed inline has stopped", () => {
    expect(tracks(lostPermit())).toEqual([
      "none run wait run",
      "none run ready run ended",
      "none run wait run ended",
      "none run beneath run ended",
      "none run stays"
    ])
    const [s, a, b] = script()
    s.push("start", a).run(a, 2).push("resume", b, "", { by: a }).run(b, 2).push("suspend", b).push("timer")
    expect(tracks(s)).toEqual(["none run beneath run", "none run stays"])
  })

  test("ends though it has resumed another that the trace leaves running", () => {
    const [s, a, b] = script()
    s.push("start", a).run(a, 2).push("resume", b, "", { by: a }).run(b, 2).push("end", a, "success").run(b, 2)
    expect(tracks(s)).toEqual(["none run beneath ended", "none run"])
  })

  test("goes on though the trace does not tell how those stopped that it has resumed", () => {
    const [s, a, b, c] = script()
    s.push("start", a).run(a, 2).push("resume", b, "", { by: a }).run(b, 2).run(a, 1)
    s.push("resume", c, "", { by: a }).run(c, 2).push("suspend", c).push("timer")
    expect(tracks(s)).toEqual(["none run beneath run beneath run", "none run ready", "none run stays"])
  })

  test("of several fibers has bars, and no state in between", () => {
    const s = new Script()
    for (let i = 0; i < 40; i++) {
      const fiber = s.fiber(`f${i}`, i < 32)
      s.push("start", fiber).run(fiber, 1).push("suspend", fiber)
    }
    expect(tracks(s).at(-1)).toMatch(/^none( run none)+$/)
    expect(written(s)).toEqual(expect.arrayContaining(["8 others", "8 ops"]))
  })

  test("begins to run at its mark, or where its operations begin", () => {
    const [s, a, b] = script()
    s.push("start", a).run(a, 3).run(b, 3).push("preempt", b)
    const plan = new Plan(s)
    const { segments } = new States(plan)
    const runs = (lane: number) => segments.find((segment) => segment.lane === lane && segment.state === "run")
    const [start, , operations, preempt] = plan.spans
    expect(runs(0)?.from).toBe(middleOf(start!))
    expect(runs(1)).toMatchObject({ from: operations!.x, to: middleOf(preempt!) })
  })

  test("is drawn for a fiber that only does something to others, and lanes are in the order of their fibers", () => {
    const [s, a, b, c] = script()
    s.run(b, 1).run(a, 1).run(b, 5).push("interrupt", b, "", { by: c })
    expect(new Plan(s).lanes.map(({ name }) => name)).toEqual(["a", "b", "c"])
    expect(written(s)).toEqual(expect.arrayContaining(["0 ops, preempted", "6 ops, running", "0 ops"]))
  })

  test("has the colour of actors only if it is one's", () => {
    const classes = layersOf(lostPermit())[2]!.children.flatMap(all).map(classOf)
    const rows = new Set(classes.filter((name) => name.endsWith("-fill run")))
    expect(rows).toEqual(new Set(["run-fill run", "other-fill run"]))
    expect(classes.filter((name) => name === "other-fill run")).toHaveLength(1)
  })
})

describe("a mark", () => {
  const drawn = (trace: Trace) => {
    const layers = layersOf(trace)
    const paths = all(layers[3]!).map((element) => [classOf(element), element.attributes["d"] ?? ""] as const)
    const moved = all(layers[4]!).flatMap(({ attributes, children }) => {
      const [, x, y] = /^translate\((-?[\d.]+) (-?[\d.]+)\)$/.exec(attributes["transform"] ?? "") ?? []
      return x === undefined ? [] : [{ x: Number(x), y: Number(y), classes: children.map(classOf) }]
    })
    return { paths, moved }
  }

  test("of an interrupt is where its arrow ends, which comes from the fiber that did it", () => {
    const { moved, paths } = drawn(lostPermit())
    const heads = paths.filter(([name, d]) => name === "red-fill" && d.endsWith("l-6-4v8z"))
    expect(heads).toHaveLength(1)
    const [, x, y] = /^M([\d.]+) ([\d.]+)l/.exec(heads[0]![1])!
    const sign = moved.find(({ classes }) => classes.join() === "back-fill,red-fill")!
    expect(sign.x - 9).toBeCloseTo(Number(x), 0)
    expect(sign.y).toBe(Number(y))
  })

  test("of what a fiber does to itself has no arrow", () => {
    const s = new Script()
    const a = s.fiber("a")
    s.push("start", a, "", { by: a }).run(a, 1).push("interrupt", a, "", { by: a }).push("resume", a, "", { by: a })
    expect(drawn(s).paths).toEqual([["", ""]])
    expect(written(s)).toContain("a is interrupted")
  })

  test("is there once, though operations before it are not listed", () => {
    const s = new Script()
    const a = s.fiber("a")
    s.push("start", a).run(a, 50).push("preempt", a).run(a, 2)
    const trace = { fibers: s.fibers, events: s.events.filter(({ kind }) => kind !== "operation") }
    const signs = (of: Trace) => drawn(of).moved.filter(({ classes }) => classes[0] === "amber-fill").length
    // Once more in the key.
    expect(signs(s)).toBe(2)
    expect(signs(trace)).toBe(2)
  })

  test("with an arrow has more room than one without", () => {
    const event: Event = { kind: "resume", fiber: 0, at: 0, operation: 0, detail: "" }
    for (const kind of ["resume", "start"] as const) {
      expect(widthOfMark({ ...event, kind, by: 1 })).toBeGreaterThan(widthOfMark({ ...event, kind }))
    }
  })

  test("an arrow goes from just outside of one bar to just outside of the other, up as down", () => {
    const ends = (from: number, to: number) => {
      const [, y1, y2, tip, back] = /L?M5 (\S+)L5 (\S+)".*M5 (\S+)l-4 (\S+)h8z/.exec(arrow("text", 5, from, to))!
        .map(Number)
      return { y1, y2, tip, base: tip! + back! }
    }
    expect(ends(100, 200)).toEqual({ y1: 107, y2: 186, tip: 192, base: 186 })
    expect(ends(200, 100)).toEqual({ y1: 193, y2: 114, tip: 108, base: 114 })
  })
})

describe("a failure", () => {
  test("has its message where there is a row for it, and a line that begins beneath", () => {
    const layers = layersOf(failures(4))
    const rows = layers[5]!.children.flatMap(all).filter(({ name }) => name === "rect").map(({ attributes }) =>
      Number(attributes["y"])
    )
    const lines = layers[3]!.children.flatMap(all).filter((element) => classOf(element) === "red-line bold")
    const starts = lines.map(({ attributes }) => Number(/^M\S+ (\S+)L/.exec(attributes["d"]!)![1]))
    expect(rows.map((y) => y - rows[0]!)).toEqual([0, 26, 52])
    expect(starts).toEqual([...rows.map((y) => y + 21), rows[0]])
  })

  test("is called so where it has no message", () => {
    const s = new Script()
    const a = s.fiber("a")
    expect(written(s.run(a, 1).push("failure", a))).toContain("failure")
  })
})

test("a long line below the title goes on over four lines", () => {
  const subtitle = Array.from({ length: 45 }, (_, i) => `decision${i}`).join(" ")
  const { texts } = read(lostPermit(), { title: "A run", subtitle })
  expect(texts.map(({ text }) => text).join(" ")).toContain(subtitle)
})

test("cells have little text altogether, and the last operations have theirs", () => {
  const s = new Script()
  const a = s.fiber("a")
  const long = source("x".repeat(150), 1, "y".repeat(120))
  for (let i = 0; i < 30; i++) s.run(a, 10, long).push("preempt", a)
  const { elements } = read(s)
  const cells = elements.filter(({ children }) => children.some((child) => classOf(child) === "back-line cell"))
  expect(cells.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThan(60_000)
  expect(cells.map(({ text }) => text.split(":")[0])).toContain("a, operation 299")
  expect(cells.length).toBeLessThan(200)
})

test("the axis tells how many operations there had been before what is above it", () => {
  const s = new Script()
  const [a, b] = [s.fiber("a"), s.fiber("b")]
  s.run(a, 3).run(b, 4).run(a, 2)
  // As the kit counts: an operation is the first one, not the one after none.
  const trace = { fibers: s.fibers, events: s.events.map((event) => ({ ...event, at: event.at + 1 })) }
  const columns = columnsFrom(trace.events, new Set()).map(({ at, operations }) => [at, operations])
  expect(columns).toEqual([[0, 3], [3, 4], [7, 2]])
  const tips = read(trace).elements.filter(({ name }) => name === "title").map(({ text }) => text)
  expect(tips.filter((tip) => tip.endsWith("so far"))).toEqual([0, 3, 7].map((n) => `${n} operations so far`))
})

test("of events like one another the last are drawn, where nothing fails", () => {
  const { events: all, fibers } = turns(3000)
  const events = all.slice(0, -1)
  const { drawn } = new Plan({ fibers, events })
  const isPreemption = ({ kind }: Event) => kind === "preempt"
  expect(drawn.has(events.findIndex(isPreemption))).toBe(false)
  expect(drawn.has(events.findLastIndex(isPreemption))).toBe(true)
})

describe("columns", () => {
  test("count every operation, whichever of them are listed", () => {
    fc.assert(fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 30 }), (listed) => {
      const s = new Script()
      s.run(s.fiber("a"), listed.length + 1)
      const events = s.events.map((event) => ({ ...event, at: event.at + 1 }))
        .filter((_, i) => i === listed.length || listed[i])
      const total = columnsFrom(events, new Set()).reduce((sum, { operations }) => sum + operations, 0)
      expect(total).toBe(s.events.length)
    }))
  })

  test("are kept longer if they are among the telling ones", () => {
    const s = new Script()
    const a = s.fiber("a")
    s.run(a, 1).push("suspend", a)
    const weights = (telling: ReadonlyArray<number>) =>
      columnsFrom(s.events, new Set(telling)).map(({ weight }) => weight)
    expect(weights([1])[1]).toBeLessThan(weights([])[1]!)
  })
})

test("of events like one another the last have numbers", () => {
  const s = new Script()
  const a = s.fiber("a")
  for (let i = 0; i < 40; i++) s.push("preempt", a)
  const indices = s.events.map((_, i) => i)
  const { left, numbers } = calloutsFrom(s.events, new Set(indices), new Set())
  expect([...numbers]).toEqual(indices.slice(16).map((index, i) => [index, i + 1]))
  expect(left).toBe(16)
})

test("a suspension is for good though an interrupt comes later that does not resume it", () => {
  const s = new Script()
  const [a, b] = [s.fiber("a"), s.fiber("b")]
  s.push("start", a).run(a, 1).push("suspend", a).push("start", b).push("interrupt", a, "", { by: b })
  expect(written(s)).toContain("a suspends, and nothing resumes it")
})

describe("a place", () => {
  const events = (...all: ReadonlyArray<readonly [Event["kind"], number, number?]>): ReadonlyArray<Event> =>
    all.map(([kind, fiber, line]) => ({
      kind,
      fiber,
      at: 0,
      operation: 0,
      detail: "",
      source: line === undefined ? undefined : source("a.ts", line, "")
    }))
  const lineAt = (index: number, list: ReadonlyArray<Event>) => sourceOf(list, index)?.line

  test("is the event's own, or of a preemption the next operation's, or else the last one's", () => {
    const list = events(["operation", 0, 1], ["preempt", 0], ["operation", 1, 2], ["operation", 0, 3], ["suspend", 0])
    expect([0, 1, 3, 4].map((index) => lineAt(index, list))).toEqual([1, 3, 3, 3])
  })

  test("is not an older one's where the last one has none, but for a resumption or an interrupt", () => {
    expect(lineAt(2, events(["operation", 0, 1], ["operation", 0], ["suspend", 0]))).toBeUndefined()
    expect(lineAt(3, events(["suspend", 0, 1], ["interrupt", 0], ["resume", 0], ["end", 0]))).toBe(1)
  })

  test("is called by its file's name, without folders and queries", () => {
    expect(fileName(source("a.ts", 7, ""))).toBe("a.ts:7")
    expect(fileName({ file: "C:\\src\\b.ts?t=1#x", line: 8, column: 1, text: undefined })).toBe("b.ts:8")
  })
})

test("an exit with a failure and an interruption is a failure", () => {
  const outcomes = ["success", "Success(1)", "Failure(Interrupt)", "Failure(Fail(1), Interrupt)", "Failure(Die(1))"]
  expect(outcomes.map(outcomeOf)).toEqual(["success", "success", "interruption", "failure", "failure"])
})

describe("text", () => {
  test("is measured with wide characters as two", () => {
    expect(columnsOf("a界🦥")).toBe(5)
    expect(widthOf("界")).toBe(widthOf("ab"))
    expect([4, 5, 6].map((columns) => cut("界界界", columns))).toEqual(["界…", "界界…", "界界界"])
  })

  test("is wrapped at spaces, unless a word is long", () => {
    expect(wrap("aaa bbb ccc", 8, 2)).toEqual(["aaa bbb", "ccc"])
    expect(wrap("a bbbbbbbbb", 8, 2)).toEqual(["a bbbbbb", "bbb"])
    expect(wrap("aaa bbb ccc", 5, 2)).toEqual(["aaa", "bbb…"])
  })

  test("shows nothing that would reorder what is around it", () => {
    expect(visible("a\u202Eb\u2066c\0d\n\ne")).toBe("a\uFFFDb\uFFFDc\u2400d e")
  })

  test("has a plural but for one", () => {
    expect([0, 1, 2, 1234].map((n) => plural(n, "op"))).toEqual(["0 ops", "1 op", "2 ops", "1,234 ops"])
  })
})

test("a row takes what overlaps nothing that it has taken", () => {
  const stretch = fc.tuple(fc.nat(40), fc.integer({ min: 1, max: 9 })).map(([from, size]) =>
    [from, from + size] as const
  )
  fc.assert(fc.property(fc.array(stretch, { maxLength: 20 }), (stretches) => {
    const row = new Row()
    const taken = new Set<number>()
    for (const [from, to] of stretches) {
      const units = Array.from({ length: to - from }, (_, i) => from + i)
      const isFree = units.every((unit) => !taken.has(unit))
      expect(row.take(from, to)).toBe(isFree)
      if (isFree) { for (const unit of units) taken.add(unit) }
    }
  }))
})

test("a timer has its time above it where one of two rows has room", () => {
  const { texts } = read(timers(40))
  const times = texts.filter(({ text }) => text.endsWith(" ms"))
  expect(new Set(times.map(({ attributes }) => attributes["y"])).size).toBe(2)
  expect(times.length).toBeGreaterThan(10)
  expect(times.length).toBeLessThan(40)
})
