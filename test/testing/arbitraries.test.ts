/** The schedules that fast-check is given: all of them within what was asked for, and each of them possible. */
import { Effect } from "effect"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import {
  cancellations,
  type Decision,
  run,
  scenario,
  schedule,
  type ScheduleOptions,
  withCancellations
} from "sluice/testing"
import { expect, test } from "vitest"

const runs = { numRuns: 1_000 }

/** The largest and the least of each, over many schedules. */
const rangeOf = (options?: ScheduleOptions) => {
  const seen = { fiber: new Set<number>(), operation: new Set<number>(), go: new Set<number>(), interrupts: new Set() }
  const most = { preemptions: 0, cancels: 0 }
  const count = (decisions: ReadonlyArray<Decision>, kind: Decision["kind"]) =>
    decisions.filter((decision) => decision.kind === kind).length
  fc.assert(
    fc.property(schedule(options), (decisions) => {
      for (const { fiber, kind, operation, pick, turn } of decisions) {
        seen.fiber.add(fiber)
        seen.operation.add(operation)
        if (kind === "go") seen.go.add(pick)
        if (kind === "interrupt") seen.interrupts.add(pick === fiber)
        assert.equal(turn, 0)
      }
      const cancels = count(decisions, "interrupt")
      most.cancels = Math.max(most.cancels, cancels)
      most.preemptions = Math.max(most.preemptions, count(decisions, "preempt") - cancels)
    }),
    runs
  )
  const range = (all: ReadonlySet<number>) => [Math.min(...all), Math.max(...all)]
  return {
    ...most,
    fiber: range(seen.fiber),
    operation: range(seen.operation),
    go: range(seen.go),
    own: seen.interrupts
  }
}

test("a schedule names the actors from 1 and their operations from 1, as many as the options say", () => {
  expect(rangeOf({ actors: 2, maxOps: 3, preemptions: 4, cancels: 1 })).toEqual({
    fiber: [1, 2],
    operation: [1, 3],
    go: [1, 2],
    preemptions: 4,
    cancels: 1,
    own: new Set([true])
  })
  expect(rangeOf()).toEqual({
    fiber: [1, 3],
    operation: [1, 40],
    go: [1, 3],
    preemptions: 6,
    cancels: 2,
    own: new Set([true])
  })
  expect(rangeOf({ preemptions: 0 })).toMatchObject({ preemptions: 0, cancels: 2 })
  expect(rangeOf({ cancels: 0 })).toMatchObject({ preemptions: 6, cancels: 0 })
})

test("cancellations are of actors and operations from 0, none at times and as many as allowed at most", () => {
  const seen = { actor: new Set<number>(), operation: new Set<number>(), count: new Set<number>() }
  fc.assert(
    fc.property(cancellations({ actors: 2, maxOps: 3, max: 2 }), (all) => {
      seen.count.add(all.length)
      for (const { actor, operation } of all) {
        seen.actor.add(actor)
        seen.operation.add(operation)
      }
    }),
    runs
  )
  const sorted = (all: ReadonlySet<number>) => [...all].sort()
  expect(sorted(seen.actor)).toEqual([0, 1])
  expect(sorted(seen.operation)).toEqual([0, 1, 2])
  expect(sorted(seen.count)).toEqual([0, 1, 2])
})

test("a schedule of cancellations interrupts these actors, before these operations, and does nothing else", () => {
  const log: Array<string> = []
  const self = scenario((t) =>
    Effect.gen(function*() {
      log.length = 0
      for (const name of ["a", "b"]) {
        const step = Effect.sync(() => void log.push(name))
        yield* t.actor(name, Effect.andThen(step, Effect.andThen(step, step)))
      }
    })
  )
  const ran = (...all: Parameters<typeof withCancellations>[0]) => {
    const { failure } = run(self, withCancellations(all))
    expect(failure).toBeUndefined()
    return log.join("")
  }
  expect(ran()).toBe("aaabbb")
  const steps = (name: string) => log.filter((other) => other === name).length
  // How far each actor comes grows with the operation before which it is interrupted, from nothing to everything.
  for (const [actor, name] of ["a", "b"].entries()) {
    // No schedule stops a fiber at its first operation.
    ran({ actor, operation: 0 })
    expect(steps(name)).toBe(3)
    const reached = Array.from({ length: 12 }, (_, i) => {
      ran({ actor, operation: i + 1 })
      expect(steps(name === "a" ? "b" : "a")).toBe(3)
      return steps(name)
    })
    expect(reached).toEqual(reached.toSorted())
    expect(new Set(reached)).toEqual(new Set([0, 1, 2, 3]))
  }
  ran({ actor: 0, operation: 2 }, { actor: 1, operation: 3 })
  expect([steps("a"), steps("b")]).not.toContain(3)
  expect(withCancellations([{ actor: 2, operation: 4 }])).toEqual([
    { kind: "preempt", fiber: 3, operation: 5, turn: 0, pick: 0 },
    { kind: "interrupt", fiber: 3, operation: 5, turn: 0, pick: 3 }
  ])
})

test.each([
  [{ actors: 0 }, "actors must be an integer of at least 1, got 0"],
  [{ actors: 1.5 }, "actors must be an integer of at least 1, got 1.5"],
  [{ maxOps: 0 }, "maxOps must be an integer of at least 1, got 0"],
  [{ preemptions: -1 }, "preemptions must be an integer of at least 0, got -1"],
  [{ cancels: 0.5 }, "cancels must be an integer of at least 0, got 0.5"]
])("a schedule of %j is refused", (options, message) => {
  expect(() => schedule(options)).toThrow(`sluice/testing: ${message}`)
})

test("cancellations of a count that is none are refused", () => {
  expect(() => cancellations({ actors: 1, maxOps: 1, max: -1 })).toThrow("max must be an integer of at least 0, got -1")
  expect(() => cancellations({ actors: 1, maxOps: 1, max: 0.5 })).toThrow("max must be an integer of at least 0")
})
