/** The events of a trace, in their order, with their places. */
import { Deferred, Effect, Exit } from "effect"
import * as fc from "fast-check"
import { explore, replay, type Scenario, scenario } from "sluice/testing"
import { Replay } from "sluice/testing/choosers/Replay"
import { drive } from "sluice/testing/drive"
import { Machine } from "sluice/testing/Machine"
import { TraceRecorder } from "sluice/testing/recorder"
import { program } from "sluice/testing/Scenario"
import { decode } from "sluice/testing/Schedule"
import type { Event, Trace } from "sluice/testing/Trace"
import { describe, expect, test } from "vitest"
import { laneOf } from "../support/lanes.js"

const traced = (self: Scenario, key = "s1:"): Trace => {
  const machine = new Machine(2_000, "any")
  const recorder = new TraceRecorder(undefined)
  drive(machine.run(program(self), new Replay(decode(key)), { recorder }))
  return recorder.trace()
}

const said = ({ events, fibers }: Trace) =>
  events.map(({ by, detail, fiber, kind }) => {
    const name = (index: number | undefined) => index === undefined ? "-" : fibers[index]!.name
    return `${name(fiber)} ${kind}${detail === "" ? "" : ` ${detail}`}${by === undefined ? "" : ` by ${name(by)}`}`
  })

/** Without operations, what the body does, and the close of its scope. */
const ends = (self: Scenario, key = "s1:") =>
  said(traced(self, key)).filter((line) => !/^(?:main|close) |^\S+ operation/.test(line))

const steps = (t: Parameters<Parameters<typeof scenario>[0]>[0]) =>
  t.actor("a", Effect.andThen(Effect.sync(() => 1), Effect.andThen(Effect.yieldNow, Effect.sync(() => 2))))

test("a trace names a fiber without an event by its number, and those behind it as ever", () => {
  const recorder = new TraceRecorder(undefined)
  recorder.event("failure", laneOf(2), "planned")
  expect(recorder.trace().fibers).toEqual(["#0", "#1", "2"].map((name) => ({ name, actor: name === "2" })))
})

describe("a trace", () => {
  test("has each operation, and where a fiber stops, goes on and ends", () => {
    const { events, fibers } = traced(scenario(steps))
    expect(fibers).toEqual([
      { name: "main", actor: true },
      { name: "a", actor: true },
      { name: "close", actor: false }
    ])
    const own = said({ events, fibers }).filter((line) => line.startsWith("a "))
    expect(own.filter((line) => !line.startsWith("a operation"))).toEqual([
      "a start",
      "a suspend Yield",
      "a resume",
      "a end success"
    ])
    const at = events.map((event) => event.at)
    expect(at).toEqual(at.toSorted((a, b) => a - b))
    expect(at.at(-1)).toBe(events.filter(({ kind }) => kind === "operation").length)
  })

  test("has the same operations where a fiber is preempted, and no others", () => {
    const operations = (key: string) =>
      said(traced(scenario((t) => Effect.andThen(steps(t), t.actor("b", Effect.void))), key))
        .filter((line) => line.startsWith("a operation"))
    const plain = operations("s1:")
    expect(plain.length).toBeGreaterThan(3)
    for (const operation of [2, 3, 4]) {
      const key = `s1:1.${operation}p,1.${operation}g1`
      expect(operations(key)).toEqual(plain)
      const own = ends(scenario((t) => Effect.andThen(steps(t), t.actor("b", Effect.void))), key)
        .filter((line) => line.startsWith("a "))
      expect(own).toEqual(["a start", "a preempt", "a resume", "a suspend Yield", "a resume", "a end success"])
    }
  })

  test("says how a fiber ended: a failure or a defect counts more than an interruption", () => {
    const failing = Effect.andThen(Effect.yieldNow, Effect.fail("no"))
    const body = (t: Parameters<typeof steps>[0]) =>
      Effect.gen(function*() {
        yield* t.actor("interrupted", Effect.interrupt)
        yield* t.actor("failed", failing)
        yield* t.actor("both", Effect.onInterrupt(Effect.interrupt, () => Effect.die("oh")), { mayDie: true })
        yield* t.actor("done", Effect.succeed(1))
      })
    expect(ends(scenario(body)).filter((line) => line.includes(" end "))).toEqual([
      "interrupted end interrupted",
      "both end failure: oh",
      "done end success",
      "failed end failure: no"
    ])
  })

  test("says who resumed a fiber, or interrupted it from within", () => {
    const self = scenario((t) =>
      Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        yield* Effect.forkScoped(Deferred.await(gate), { startImmediately: true })
        yield* t.actor("a", Effect.andThen(Effect.yieldNow, Effect.sync(() => Deferred.doneUnsafe(gate, Exit.void))))
        yield* t.settled
      })
    )
    const plain = ends(self)
    expect(plain.slice(plain.indexOf("a resume"))).toEqual([
      "a resume",
      "main/1 resume",
      "main/1 end success",
      "a end success"
    ])
    const key = Array.from({ length: 12 }, (_, operation) => `s1:1.${operation}n2`)
    const lines = key.map((one) => ends(self, one)).find((all) => all.some((line) => line.includes(" by "))) ?? []
    expect(lines.filter((line) => line.includes("interrupt"))).toEqual(["a interrupt by main/1", "a end interrupted"])
  })

  test("has an interrupt between turns, timers, choices and the failure", () => {
    const self = scenario((t) =>
      Effect.gen(function*() {
        yield* t.choose(["x", "y"])
        yield* t.actor("a", Effect.sleep(1_500))
        yield* t.settled
        yield* t.expect(false, "wrong")
      })
    )
    expect(said(traced(self)).filter((line) => /timer|failure/.test(line))).toEqual([
      "- timer 1500",
      "main failure wrong"
    ])
    const keys = Array.from({ length: 12 }, (_, operation) => `s1:1.${operation}x1`)
    const lines = keys.map((key) => ends(self, key)).find((all) => all.includes("a interrupt"))
    expect(lines?.slice(lines.indexOf("a interrupt") - 1)).toEqual([
      "a suspend Async",
      "a interrupt",
      "a resume",
      "a end interrupted"
    ])
  })

  test("of a fiber that never goes on, ends with the place where it waits", () => {
    const lines = ends(scenario((t) => Effect.andThen(t.actor("a", Effect.never, { cancel: false }), t.settled)))
    expect(lines).toEqual(["a start", "a suspend Async", "- failure a waits forever"])
  })
})

describe("the source of an event", () => {
  const sourceOf = (self: Scenario, key: string, is: (event: Event) => boolean) => {
    const { failure } = replay(self, key)
    return failure?.trace.events.findLast(is)?.source?.text
  }

  test("is the program's own line, for an operation, a preemption, a wait and a failure", () => {
    const self = scenario((t) =>
      Effect.gen(function*() {
        yield* t.actor(
          "a",
          Effect.gen(function*() {
            yield* Effect.sync(() => 1)
            yield* Effect.sync(() => 2)
            yield* Effect.never
          }),
          { cancel: false }
        )
        yield* t.expect(false, "wrong") // fails here
      })
    )
    const deadlock = scenario((t) =>
      Effect.gen(function*() {
        yield* t.actor(
          "a",
          Effect.gen(function*() {
            yield* Effect.sync(() => 1) // first
            yield* Effect.sync(() => 2) // second
            yield* Effect.never // waits here
          }),
          { cancel: false }
        )
      })
    )
    expect(sourceOf(self, "s1:", ({ kind }) => kind === "failure")).toBe(
      "yield* t.expect(false, \"wrong\") // fails here"
    )
    expect(sourceOf(deadlock, "s1:", ({ fiber, kind }) => fiber === 1 && kind === "suspend")).toBe(
      "yield* Effect.never // waits here"
    )
    const preempted = [2, 3, 4, 5].map((operation) =>
      sourceOf(deadlock, `s1:1.${operation}p`, ({ kind }) => kind === "preempt")
    )
    expect(preempted).toContain("yield* Effect.sync(() => 2) // second")
    expect(preempted).toContain("yield* Effect.never // waits here")
  })

  test("is the program's own line, however deep in a library the operation is, and however late", () => {
    const self = scenario((t) =>
      Effect.gen(function*() {
        yield* t.actor(
          "a",
          Effect.gen(function*() {
            for (let i = 0; i < 200; i++) yield* Effect.void
            yield* Effect.sync(fc.readConfigureGlobal) // in fast-check
            yield* Effect.never
          }),
          { cancel: false }
        )
      })
    )
    const texts = replay(self, "s1:").failure?.trace.events.map(({ source }) => source?.text)
    expect(texts).toContain("yield* Effect.sync(fc.readConfigureGlobal) // in fast-check")
  })
})

test("a fiber that was interrupted where it had been preempted goes on with its failure", () => {
  const self = scenario((t) => Effect.andThen(steps(t), t.actor("b", Effect.void)))
  const lines = said(traced(self, "s1:1.3p,1.3x1")).filter((line) => line.startsWith("a "))
  expect(lines.slice(lines.indexOf("a preempt"))).toEqual([
    "a preempt",
    "a interrupt",
    "a resume",
    "a operation Failure",
    "a end interrupted"
  ])
})

test("a fiber that never goes on is in a deadlock, though it has waited for a promise before", () => {
  const self = scenario((t) =>
    t.actor(
      "a",
      Effect.andThen(Effect.timeoutOption(Effect.promise(() => new Promise(() => {})), 1), Effect.never),
      { cancel: false }
    )
  )
  expect(explore(self, { runs: 1 }).failure).toMatchObject({ kind: "deadlock", message: "a waits forever" })
})
