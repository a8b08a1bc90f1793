/** The laws of `docs/pipelines.md`: of pools whose streams are each other's sources. */
import { Deferred, Effect, Fiber, Stream } from "effect"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { WorkerPool } from "sluice"
import { check, type Scenario, scenario } from "sluice/testing"
import { describe, expect, test } from "vitest"
import { exhausted, Pipeline, pipeline, type PipelineOptions } from "./scenarios/pipelines.js"
import { run, settle, start, turns } from "./support/effect.js"
import { holds, holdsByChance, holdsWithin, soak } from "./support/property.js"

describe("over every schedule", () => {
  // Both at once is some hundred thousand schedules for most of them: that is for `SOAK`.
  const short = ["the second stage fails, while the first never ends", "a stage dies"]
  test.each(Object.entries<Scenario>(exhausted))("%s", (name, self) => {
    if (soak > 1 || short.includes(name)) return holdsWithin(self, { preemptions: 1, cancels: 1 })
    holdsWithin(self, { preemptions: 1, cancels: 0 })
    holdsWithin(self, { preemptions: 0, cancels: 1 })
  })
})

test.each(Object.entries<Scenario>(exhausted))(
  "over schedules by chance: %s",
  (_, self) => holdsByChance(self, { runs: 100, cancels: 3 })
)

interface Work {
  readonly size: number
  readonly capacity: number
  readonly ordered: boolean
  readonly turns: ReadonlyArray<number>
  readonly fails: number
}

interface Workload {
  readonly items: number
  readonly failsAfter: number
  readonly enough: number
  readonly slow: number
  readonly stages: ReadonlyArray<Work>
  readonly other: { readonly kind: "nothing" | "stop" | "shutdown" | "shutdownNow"; readonly stage: number }
}

const often = (often: number, seldom: fc.Arbitrary<number>) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(often) }, seldom)

const workload: fc.Arbitrary<Workload> = fc.record<Workload>({
  items: fc.integer({ min: 0, max: 8 }),
  failsAfter: often(99, fc.nat(4)),
  enough: often(99, fc.integer({ min: 1, max: 4 })),
  slow: fc.nat(3),
  stages: fc.array(
    fc.record<Work>({
      size: fc.integer({ min: 1, max: 3 }),
      capacity: fc.nat(2),
      ordered: fc.boolean(),
      turns: fc.array(fc.nat(4), { minLength: 1, maxLength: 3 }),
      fails: often(0, fc.integer({ min: 1, max: 5 }))
    }),
    { minLength: 1, maxLength: 3 }
  ),
  other: fc.record({
    kind: fc.constantFrom("nothing", "stop", "shutdown", "shutdownNow"),
    stage: fc.nat(2)
  })
})

const scenarioOf = ({ enough, failsAfter, items, other, slow, stages }: Workload): Scenario => {
  const options: PipelineOptions = {
    items,
    failsAfter,
    enough,
    consume: turns(slow),
    stages: stages.map(({ fails, turns: lengths, ...stage }) => ({
      ...stage,
      body: (n) => Effect.andThen(turns(lengths[n % lengths.length]!), n === fails ? Effect.fail(`${n}`) : Effect.void)
    }))
  }
  return pipeline(options, ({ stages, stop }) => {
    const { pool } = stages[other.stage % stages.length]!
    const acts = {
      nothing: Effect.void,
      stop,
      shutdown: WorkerPool.shutdown(pool),
      shutdownNow: WorkerPool.shutdownNow(pool)
    }
    return [acts[other.kind]]
  })
}

describe("over workloads", () => {
  test("without interrupts", () => holds(workload, scenarioOf, { realism: "contract", cancels: 0, workloads: 150 }))
  test("with interrupts at any operation", () =>
    holds(workload, scenarioOf, { realism: "any", cancels: 2, workloads: 150 }))
})

describe("backpressure", () => {
  test("a consumer that waits stops every stage, and the source, before twice the window of each", () =>
    run(Effect.gen(function*() {
      for (const windows of [[1], [4], [1, 1], [2, 2], [4, 4], [3, 1, 2]]) {
        const gate = yield* Deferred.make<void>()
        let consumed = 0
        const self = yield* Pipeline.make({
          items: 1000,
          stages: windows.map((size) => ({ size, body: () => Effect.void })),
          // All that there is room for comes to be ready behind the first; with the rest it is taken at once.
          consume: Effect.suspend(() => ++consumed <= 5 ? Deferred.await(gate) : Effect.never)
        })
        const fiber = yield* start(Effect.exit(self.run))
        yield* settle
        const room = windows.reduce((sum, window) => sum + 2 * window, 0)
        yield* Deferred.succeed(gate, undefined)
        yield* settle
        self.holds()
        const held = self.taken - self.results.length
        assert.ok(held < room, `${held} of ${room}`)
        yield* settle
        assert.equal(self.taken - self.results.length, held)
        yield* Fiber.interrupt(fiber)
        self.holds()
      }
    })))
})

test("pools that shut down one right after the other lose results: so first the stream has to end", () => {
  let lost = 0
  const hasty = scenario((t) =>
    Effect.gen(function*() {
      const self = yield* Pipeline.make({ items: 3, stages: [{ capacity: 1 }, { body: () => turns(10) }] })
      const [first, second] = self.stages.map(({ pool }) => pool)
      yield* t.actor("stream", self.run)
      // Once the stages have work.
      const hurry = Effect.andThen(WorkerPool.shutdown(first!), WorkerPool.shutdown(second!))
      yield* t.actor("other", Effect.andThen(turns(5), hurry))
      yield* t.settled
      if (self.results.length < WorkerPool.stats(first!).succeeded) lost++
    })
  )
  check(hasty, { runs: 50, cancels: 0 })
  expect(lost).toBeGreaterThan(0)
})

test("two maps of one pool do not wait for each other", () =>
  run(Effect.gen(function*() {
    const pool = yield* WorkerPool.make({ size: 1, queue: { capacity: 0 }, run: (n: number) => Effect.succeed(n + 1) })
    const numbers = Stream.range(1, 100)
    const results = yield* Stream.runCollect(WorkerPool.map(pool, WorkerPool.map(pool, numbers)))
    assert.deepEqual(results, Array.from({ length: 100 }, (_, i) => i + 3))
  })))
