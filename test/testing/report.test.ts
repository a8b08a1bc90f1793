/** The text of reports and traces, by traces written by hand. */
import { type Event, type Failure, type Realism, type Source, type Trace } from "sluice/testing"
import { brief, full } from "sluice/testing/format"
import { Report } from "sluice/testing/Report"
import { describe, expect, test } from "vitest"

const place = (line: number, text?: string): Source => ({ file: "a.ts", line, column: 3, text })

type Short = Pick<Event, "kind"> & Partial<Event>

const traceOf = (...events: ReadonlyArray<Short>): Trace => ({
  fibers: [{ name: "main", actor: false }, { name: "reader", actor: true }, { name: "b", actor: true }],
  events: events.map((event, i): Event => ({ fiber: undefined, at: i + 10, operation: i, detail: "", ...event }))
})

const lines = (text: string) => text.split("\n")

describe("a trace in brief", () => {
  test("has a line for each end of a turn, with the place, and none for what begins or goes on", () => {
    const trace = traceOf(
      { kind: "start", fiber: 1, detail: "s" },
      { kind: "operation", fiber: 1, detail: "Sync", source: place(1, "first") },
      { kind: "operation", fiber: 1, detail: "Sync", source: place(2, "second") },
      { kind: "preempt", fiber: 1, source: place(3, "third") },
      { kind: "choice", fiber: 0, detail: "c" },
      { kind: "suspend", fiber: 2, detail: "Yield", source: place(4, "fourth") },
      { kind: "resume", fiber: 2, detail: "r" },
      { kind: "suspend", fiber: 2, detail: "Async", source: place(5) },
      { kind: "interrupt", fiber: 2, by: 1 },
      { kind: "interrupt", fiber: 2 },
      { kind: "timer", detail: "1500" },
      { kind: "end", fiber: 1, detail: "success" },
      { kind: "end", fiber: 2, detail: "interrupted" },
      { kind: "end", fiber: 7, detail: "success" },
      { kind: "failure", fiber: 0, detail: "wrong", source: place(6, "sixth") },
      { kind: "failure", detail: "late" }
    )
    expect(lines(brief(trace))).toEqual([
      "reader  preempted before a.ts:3  third",
      "b       yields at a.ts:4  fourth",
      "b       waits at a.ts:5",
      "b       is interrupted from within reader, which it has resumed",
      "b       is interrupted",
      "clock   1500 ms",
      "reader  ends: success, last at a.ts:2  second",
      "b       ends: interrupted",
      "?       ends: success",
      "FAILS   wrong, at a.ts:6  sixth",
      "FAILS   late"
    ])
  })

  test("does not give the next fiber of that number the place where one has ended", () => {
    const trace = traceOf(
      { kind: "operation", fiber: 1, source: place(1, "first") },
      { kind: "end", fiber: 1, detail: "success" },
      { kind: "end", fiber: 1, detail: "success" }
    )
    expect(lines(brief(trace))).toEqual(["reader  ends: success, last at a.ts:1  first", "reader  ends: success"])
  })

  test("names a place that has no source, and cuts a long line", () => {
    const at = (text: string) => brief(traceOf({ kind: "preempt", fiber: 2, source: place(1, text) }))
    expect(brief(traceOf({ kind: "preempt", fiber: 2 }))).toBe("b  preempted before a place without a source")
    expect(at("x".repeat(90))).toBe(`b  preempted before a.ts:1  ${"x".repeat(90)}`)
    expect(at("x".repeat(91))).toBe(`b  preempted before a.ts:1  ${"x".repeat(90)}...`)
  })

  test("keeps its beginning and mostly its end, and counts what is between", () => {
    const many = (count: number) =>
      traceOf(...Array.from({ length: count }, (_, i): Short => ({ kind: "timer", detail: String(i) })))
    expect(lines(brief(many(15)))).toEqual(Array.from({ length: 15 }, (_, i) => `clock  ${i} ms`))
    const shown = lines(brief(many(100)))
    expect(shown).toEqual([
      ...[0, 1, 2, 3].map((i) => `clock  ${i} ms`),
      "...    86 more",
      ...Array.from({ length: 10 }, (_, i) => `clock  ${90 + i} ms`)
    ])
    expect(lines(brief(many(16)))[4]).toBe("...    2 more")
  })
})

test("a trace in full has each event on a line, with the count of all operations before it", () => {
  const trace = traceOf(
    { kind: "start", fiber: 1 },
    { kind: "operation", fiber: 1, operation: 99, detail: "Sync", source: place(1, "first") },
    { kind: "operation", fiber: 1, detail: "Exit" },
    { kind: "choice", fiber: 0, detail: "2 of 3" },
    { kind: "timer", detail: "5" },
    { kind: "end", fiber: 9, detail: "success" }
  )
  expect(lines(full(trace))).toEqual([
    "   10  reader  start",
    "   11  reader  Sync  a.ts:1  first",
    "   12  reader  Exit",
    "   13  main    choice 2 of 3",
    "   14          timer 5 ms",
    "   15  ?       end ends: success"
  ])
  expect(full({ fibers: [{ name: "b", actor: true }], events: traceOf({ kind: "start", fiber: 0 }).events }))
    .toBe("   10  b      start")
})

const failing = (more: Partial<Failure> = {}): Failure => ({
  kind: "deadlock",
  message: "b waits forever",
  schedule: [{ kind: "preempt", fiber: 1, operation: 2, turn: 0, pick: 0 }],
  key: "s1:1.2p",
  trace: traceOf({ kind: "end", fiber: 2, detail: "success" }),
  realism: "contract",
  run: 17,
  ...more
})

const reportOf = (failure?: Failure, more: Partial<ConstructorParameters<typeof Report>[0]> = {}) =>
  new Report({
    runs: 40,
    distinct: 30,
    steps: 600,
    exhausted: false,
    truncated: 0,
    millis: 8,
    seed: 3,
    failure,
    ...more
  })

describe("a report", () => {
  test("has the figures of its exploration", () => {
    expect(reportOf(undefined, { exhausted: true, truncated: 2 })).toMatchObject({
      runs: 40,
      distinct: 30,
      steps: 600,
      exhausted: true,
      truncated: 2,
      millis: 8,
      seed: 3,
      schedulesPerSecond: 5_000,
      failure: undefined
    })
  })

  test("says that nothing failed, whether that was all there is, and what was cut off", () => {
    expect(String(reportOf())).toBe("40 schedules (30 distinct), no failure")
    expect(String(reportOf(undefined, { exhausted: true }))).toBe(
      "40 schedules (30 distinct, every one there is within the bounds), no failure"
    )
    expect(String(reportOf(undefined, { truncated: 1 }))).toBe(
      "40 schedules (30 distinct), no failure; 1 of them were cut off at maxSteps"
    )
  })

  test("says what failed, with the trace, how it was found and how it is run again", () => {
    expect(lines(String(reportOf(failing(), { truncated: 1 })))).toEqual([
      "deadlock: b waits forever",
      "",
      "  b  ends: success",
      "",
      "Found in schedule 17 (seed 3), reduced to 1 decision. It needs an order of ready fibers, or a yield between two " +
      "operations, that Effect allows but seldom does.",
      "Run it again:  replay(yourScenario, \"s1:1.2p\")"
    ])
    expect(String(reportOf(failing({ schedule: [] })))).toContain("reduced to 0 decisions.")
    expect(lines(String(reportOf(failing({ program: "await 1" })))).slice(-4)).toEqual([
      "",
      "A program that shows it on the stock runtime:",
      "",
      "await 1"
    ])
  })

  test.each<[Realism, string]>([
    ["suspension", "no preemption"],
    ["nested", "from within a fiber"],
    ["contract", "seldom does"],
    ["scheduler", "before its first operation"],
    ["any", "a timer that fires late"]
  ])("says what a failure of realism %s needs of the runtime", (realism, needs) => {
    expect(String(reportOf(failing({ realism })))).toContain(needs)
  })

  test("shows the trace it was given, or its failure's, or none", () => {
    const trace = traceOf({ kind: "start", fiber: 2 })
    expect(reportOf(failing(), { trace }).toTrace()).toBe("   10  b       start")
    expect(reportOf(failing()).toTrace()).toBe("   10  b       end ends: success")
    expect(reportOf().toTrace()).toBe("")
  })

  test("draws a failure under its message and its key, and a run without one as such", () => {
    expect(reportOf(failing()).toSvg()).toMatch(/deadlock: b waits forever[^]*s1:1\.2p/)
    expect(reportOf().toSvg()).toMatch(/no failure[^]*40 schedules/)
    expect(reportOf(undefined, { trace: traceOf({ kind: "end", fiber: 2, detail: "success" }) }).toSvg())
      .toContain("succeeded")
  })
})
