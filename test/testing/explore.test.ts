/** The failures that an exploration reports: whose doing they are, their needs, and how they run again. */
import { Effect, Fiber } from "effect"
import * as inspector from "node:inspector"
import { explore, exploreAsync, type ExploreOptions, replay, run, type Scenario, scenario } from "sluice/testing"
import { describe, expect, test, vi } from "vitest"
import { turns } from "../support/effect.js"

const found = (self: Scenario, options: ExploreOptions = {}) => explore(self, { runs: 300, ...options })

/** Fails in each of its runs from the `first` one on, which is no doing of a schedule. */
const failsFrom = (first: number, counter = { runs: 0 }) =>
  scenario((t) => Effect.suspend(() => t.expect(++counter.runs < first, "outlived")))

describe("a run that is another one the next time", () => {
  test("is an escape, though nothing has failed", () => {
    let runs = 0
    const self = scenario((t) => t.actor("a", ++runs % 2 === 0 ? Effect.yieldNow : Effect.void, { cancel: false }))
    const { failure, runs: ran } = found(self)
    expect(failure?.kind).toBe("escaped")
    expect(failure?.message).toMatch(
      /^the same choices gave different runs: in turn \d+, a stopped after \d+ operations in one run, and \w+ after \d+ in the next\. /
    )
    expect(failure?.message).not.toContain("in one of them")
    // The first run is looked at already.
    expect(ran).toBe(1)
  })

  test("is an escape where it fails once and not again, and says how it had failed", () => {
    let runs = 0
    const self = scenario((t) => Effect.suspend(() => t.expect(++runs !== 5, "once")))
    const { failure } = found(self)
    expect(failure?.kind).toBe("escaped")
    expect(failure?.message).toContain("(in one of them, expectation: once)")
  })

  test("is an escape where it fails in both, in another way", () => {
    let runs = 0
    const self = scenario((t) =>
      t.actor("a", Effect.andThen(++runs % 2 === 0 ? Effect.yieldNow : Effect.void, t.expect(false, "wrong")))
    )
    expect(found(self).failure?.kind).toBe("escaped")
  })

  test("is looked for in the first run, and in each 512th after that", () => {
    for (const first of [1, 2, 3]) {
      expect(found(failsFrom(first + 1)).failure?.kind).toBe(first === 1 ? "escaped" : "expectation")
    }
    let runs = 0
    const odd = scenario((t) =>
      t.actor("a", ++runs > 400 && runs % 2 === 0 ? Effect.yieldNow : Effect.void, { cancel: false })
    )
    expect(found(odd, { runs: 512 }).failure).toBeUndefined()
    runs = 0
    expect(found(odd, { runs: 600 })).toMatchObject({ runs: 513, failure: { kind: "escaped", run: 513 } })
  })
})

describe("a failure", () => {
  const cutOff = scenario((t) =>
    Effect.gen(function*() {
      let ended = false
      yield* t.actor("a", Effect.andThen(Effect.yieldNow, Effect.sync(() => (ended = true))))
      yield* t.settled
      yield* t.expect(ended, "cut off")
    })
  )

  test("says in which schedule it was found, and that is how many were run", () => {
    const report = found(cutOff)
    expect(report.failure?.run).toBe(report.runs)
    expect(report.runs).toBeGreaterThan(1)
    expect(report.exhausted).toBe(false)
  })

  test("is as it was found unless it is to be reduced", () => {
    for (const seed of [1, 2]) {
      const [least, all] = [true, false].map((shrink) => found(cutOff, { seed, shrink }).failure!)
      expect(all!.message).toBe("cut off")
      expect(all!.program).toBeUndefined()
      expect(all!.schedule.length).toBeGreaterThanOrEqual(least!.schedule.length)
      expect(least!.schedule).toHaveLength(1)
      expect(least!.program).toContain("const interruptAfter = {\"a\":")
    }
  })

  test("needs of the runtime what its own schedule needs, not what was allowed", () => {
    for (const realism of ["suspension", "nested", "contract", "scheduler", "any"] as const) {
      expect(found(cutOff, { realism }).failure?.realism).toBe("suspension")
    }
  })

  test("is shown with an interrupt where that does it, though none was asked for", () => {
    // Another order does it as well; an interrupt needs less of the runtime.
    const either = scenario((t) =>
      Effect.gen(function*() {
        let order = ""
        const step = (name: string) => Effect.andThen(Effect.yieldNow, Effect.sync(() => void (order += name)))
        yield* t.actor("a", step("a"))
        yield* t.actor("b", step("b"))
        yield* t.settled
        yield* t.expect(order === "ab", "not in order")
      })
    )
    expect(found(either, { cancels: 0 }).failure).toMatchObject({ realism: "suspension", message: "not in order" })
    expect(found(either, { cancels: 0, shrink: false }).failure).toMatchObject({ realism: "contract" })
  })

  test("is not shown with another expectation that fails on easier terms", () => {
    const self = scenario((t) =>
      Effect.gen(function*() {
        let order = ""
        const step = (name: string) => Effect.andThen(Effect.yieldNow, Effect.sync(() => void (order += name)))
        yield* t.actor("a", step("a"))
        yield* t.actor("b", step("b"), { cancel: false })
        yield* t.settled
        yield* t.expect(order !== "ba", "out of order")
        yield* t.expect(order === "ab", "cut off")
      })
    )
    for (const seed of [1, 2, 3]) {
      const { failure } = found(self, { seed, cancels: 0 })
      expect(failure).toMatchObject({ message: "out of order", realism: "contract" })
      // No program on the stock runtime shows another order.
      expect(failure?.program).toBeUndefined()
    }
  })

  test("that depends on the test's own choice has a program only if it is one by default", () => {
    const chosen = (bad: number) =>
      scenario((t) =>
        Effect.gen(function*() {
          const n = yield* t.choose([0, 1])
          const fiber = yield* t.actor("a", n === bad ? Effect.never : Effect.void, { cancel: false })
          yield* Fiber.join(fiber)
        })
      )
    expect(found(chosen(0)).failure).toMatchObject({
      kind: "deadlock",
      schedule: [],
      program: expect.any(String) as string
    })
    const { failure } = found(chosen(1))
    expect(failure).toMatchObject({ kind: "deadlock", key: "s1:0.0c1", realism: "suspension" })
  })
})

describe("one schedule", () => {
  const steps = scenario((t) =>
    Effect.gen(function*() {
      let order = ""
      const step = (name: string) => Effect.sync(() => void (order += name))
      yield* t.actor("a", Effect.andThen(step("a"), step("a")), { cancel: false })
      yield* t.actor("b", step("b"), { cancel: false })
      yield* t.settled
      yield* t.expect(order !== "aba", "in between")
    })
  )
  const { key } = found(steps).failure!

  test("has the key of what it has come to, whatever else it was given", () => {
    const long = `${key},9.9p,1.77x1`
    expect(run(steps, long).failure).toMatchObject({ key, run: 1, realism: "contract" })
    expect(replay(steps, long).failure).toMatchObject({ key, run: 1, realism: "contract" })
  })

  test("has a trace where it is asked for, with or without a failure", () => {
    const { failure } = run(steps, key)
    expect(failure?.trace.events.some(({ kind }) => kind === "preempt")).toBe(true)
    expect(failure?.trace).toBe(failure?.trace)
    expect(replay(steps, key).toTrace()).toBe(run(steps, key).toTrace())
    expect(replay(steps, "s1:").toTrace()).toContain("Sync")
    expect(run(steps, "s1:").toTrace()).toBe("")
  })

  test("is cut off at maxSteps, and says so", () => {
    const long = scenario((t) => t.actor("a", turns(30), { cancel: false }))
    for (const report of [replay(long, "s1:", { maxSteps: 100 }), run(long, "s1:", { maxSteps: 100 })]) {
      expect(report.failure).toBeUndefined()
      expect(report.steps).toBeGreaterThan(100)
    }
    expect(replay(long, "s1:", { maxSteps: 100 }).truncated).toBe(1)
    expect(replay(long, "s1:", { maxSteps: 10_000 }).truncated).toBe(0)
    const endless = scenario((t) => t.actor("a", Effect.forever(Effect.yieldNow), { cancel: false }))
    for (const report of [replay(endless, "s1:", { maxSteps: 100 }), run(endless, "s1:", { maxSteps: 100 })]) {
      expect(report.failure?.message).toMatch(/^a did not end within 200 steps/)
    }
  })

  test("takes as many steps as all of an exploration that has no other", () => {
    const { steps: one } = run(steps, "s1:")
    expect(explore(steps, { realism: "suspension", cancels: 0, runs: 10 })).toMatchObject({
      distinct: 1,
      steps: 10 * one
    })
  })
})

describe("the trace of a failure", () => {
  test("leaves no connection to the inspector open", () => {
    const [connect, disconnect] = (["connect", "disconnect"] as const).map((method) =>
      vi.spyOn(inspector.Session.prototype, method)
    )
    try {
      expect(found(failsFrom(1)).failure?.trace.events.length).toBeGreaterThan(0)
      expect(connect).toHaveBeenCalled()
      expect(disconnect).toHaveBeenCalledTimes(connect!.mock.calls.length)
    } finally {
      vi.restoreAllMocks()
    }
  })

  test("is that of a deadlock where a promise never comes, though it was waited for", async () => {
    const self = scenario((t) => t.actor("a", Effect.promise(() => new Promise(() => {})), { cancel: false }))
    // Each look at the clock is a second later, so that patience ends soon.
    let now = 0
    vi.spyOn(Date, "now").mockImplementation(() => now += 1_000)
    try {
      const { failure } = await exploreAsync(self, { runs: 1, shrink: false })
      expect(failure).toMatchObject({ kind: "deadlock", message: "a waits forever" })
    } finally {
      vi.restoreAllMocks()
    }
    expect(found(self).failure).toMatchObject({ kind: "escaped" })
  })
})
