/** A scheduler may have a fiber yield before its first operation: then its job, or its child, has not begun yet. */
import { Deferred, Effect, type Fiber, Scheduler, type Scope } from "effect"
import { Group, WorkerPool } from "sluice"
import { type Scenario, scenario } from "sluice/testing"
import { describe, expect, test } from "vitest"
import { exhausted as ofGroup } from "./scenarios/group.js"
import { exhausted as ofPool } from "./scenarios/workerPool.js"
import { deepInTheStack, run, settle } from "./support/effect.js"
import { holdsByChance, holdsWithin } from "./support/property.js"
import { balanced } from "./support/workerPool.js"

/** Shares time as a scheduler that reads the clock does. Set `isOver`, and it ends one slice. */
class Sliced extends Scheduler.MixedScheduler {
  isOver = false
  override shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    if (!this.isOver) return super.shouldYield(fiber)
    this.isOver = false
    return true
  }
}

/**
 * Runs a program whose job, where it is `endsSlice`, has the next fiber yield before its first operation, and acts
 * then.
 */
const sliced = (
  program: (
    endsSlice: (act: Effect.Effect<unknown>) => Effect.Effect<void>
  ) => Effect.Effect<void, unknown, Scope.Scope>
) => {
  const scheduler = new Sliced()
  const endsSlice = (act: Effect.Effect<unknown>) =>
    Effect.andThen(
      Effect.yieldNow,
      Effect.sync(() => {
        scheduler.isOver = true
        queueMicrotask(() => Effect.runFork(act))
      })
    )
  return run(Effect.provideService(Effect.scoped(program(endsSlice)), Scheduler.Scheduler, scheduler))
}

describe("a job whose fiber yields before its first operation", () => {
  const acts: Record<string, { readonly state: string; readonly succeeded: number }> = {
    cancel: { state: "interrupted", succeeded: 1 },
    "cancel, deep in the stack": { state: "interrupted", succeeded: 1 },
    shutdownNow: { state: "returned", succeeded: 1 },
    invalidate: { state: "succeeded", succeeded: 2 }
  }
  test.each(Object.entries(acts))(
    "has not begun, and ends as such: %s",
    (name, { state, succeeded }) =>
      sliced((endsSlice) =>
        Effect.gen(function*() {
          const begun: Array<number> = []
          let invalidate: Effect.Effect<void> = Effect.void
          const pool = yield* WorkerPool.make({
            size: 1,
            worker: (info) => Effect.sync(() => (invalidate = info.invalidate)),
            run: (job: Effect.Effect<unknown>, { job: id }) => (begun.push(id), job)
          })
          // The slice is over as the first job ends: the fiber of the second is asked next, and yields.
          yield* WorkerPool.submit(pool, endsSlice(Effect.suspend(() => acting[name] ?? Effect.void)))
          const two = yield* WorkerPool.submit(pool, Effect.void)
          const acting: Record<string, Effect.Effect<unknown>> = {
            cancel: two.cancel,
            "cancel, deep in the stack": Effect.sync(() => deepInTheStack(() => Effect.runFork(two.cancel))),
            shutdownNow: WorkerPool.shutdownNow(pool),
            invalidate: Effect.suspend(() => invalidate)
          }
          yield* settle
          expect(two.state).toBe(state)
          expect(WorkerPool.stats(pool)).toMatchObject({ running: 0, succeeded })
          expect(begun).toEqual(succeeded === 2 ? [1, 2] : [1])
          balanced(pool)
        })
      )
  )
})

test("a job cancelled before its first operation, whose resource is lost, ends without another resource (P7)", () =>
  sliced((endsSlice) =>
    Effect.gen(function*() {
      let condemn = Effect.void
      let acquired = 0
      const pool = yield* WorkerPool.make({
        size: 1,
        worker: ({ invalidate }) =>
          Effect.suspend(() => {
            condemn = invalidate
            return acquired++ === 0 ? Effect.void : Effect.never
          }),
        run: (job: Effect.Effect<unknown>) => job
      })
      const act = Effect.suspend(() => {
        // The interrupt is on its way, so the fiber comes to its first operation.
        deepInTheStack(() => Effect.runFork(two.cancel))
        return condemn
      })
      yield* WorkerPool.submit(pool, endsSlice(act))
      const two: WorkerPool.JobHandle<unknown> = yield* WorkerPool.submit(pool, Effect.never)
      yield* settle
      expect([two.state, acquired]).toEqual(["interrupted", 2])
      balanced(pool)
    })
  ))

describe("over every schedule with a preemption, where fibers may yield before their first operation", () => {
  const bounds = { preemptions: 1, cancels: 0 }
  const short = [
    ...["run", "cancel", "invalidate, by the resource itself", "shutdownNow", "a job that dies", "retry"],
    ...[
      "resize, to less",
      "keys, cancel, and a job that dies",
      "submit, to a queue of capacity 0",
      "await, in a job, twice"
    ]
  ]
  test.each(short)("a pool: %s", (name) => {
    holdsWithin(ofPool[name]!, bounds, "scheduler")
  })
  test.each(Object.entries<Scenario>(ofGroup))("a group: %s", (_, self) => {
    holdsWithin(self, bounds, "scheduler")
  })

  const ended: Record<
    string,
    (pool: WorkerPool.WorkerPool<Effect.Effect<unknown>, unknown>) => Effect.Effect<unknown>
  > = {
    "shutdownNow": WorkerPool.shutdownNow,
    "resize": (pool) => WorkerPool.resize(pool, 1)
  }
  test.each(Object.entries(ended))("two jobs that fail together, and %s", (_, end) => {
    const self = scenario((t) =>
      Effect.gen(function*() {
        const pool = yield* WorkerPool.make({ size: 2, run: (job: Effect.Effect<unknown>) => job })
        const gate = yield* Deferred.make<void>()
        const dies = Effect.andThen(Deferred.await(gate), Effect.interrupt)
        const jobs = [dies, dies, Effect.void, Effect.void]
        for (const job of jobs) yield* WorkerPool.submit(pool, job)
        yield* t.actor("gate", Deferred.succeed(gate, undefined), { cancel: false })
        yield* t.actor("end", end(pool), { cancel: false })
        yield* t.settled
        const { queued, running } = WorkerPool.stats(pool)
        yield* t.expect(queued + running === 0, `${running} run, ${queued} are queued`)
        balanced(pool)
      })
    )
    holdsWithin(self, bounds, "scheduler")
  })
})

describe("over schedules by chance, where fibers may yield before their first operation", () => {
  test.each(Object.entries<Scenario>(ofPool))("a pool: %s", (_, self) => {
    holdsByChance(self, { runs: 150, cancels: 0, realism: "scheduler" })
  })
  test.each(Object.entries<Scenario>(ofGroup))("a group: %s", (_, self) => {
    holdsByChance(self, { runs: 300, cancels: 2, realism: "scheduler" })
  })
})

test("a child whose fiber yields before its first operation counts from its start, and can be interrupted before it begins", () =>
  run(Effect.gen(function*() {
    const scheduler = new Sliced()
    let begun = 0
    const program = Effect.gen(function*() {
      const group = yield* Group.make({ limit: 1 })
      const starting = Effect.suspend(() => {
        scheduler.isOver = true
        return Group.fork(group, Effect.sync(() => begun++))
      })
      yield* starting
      yield* Group.cancel(group)
      const { active, interrupted, started, succeeded } = Group.stats(group)
      expect([active, started, succeeded + interrupted]).toEqual([0, 1, 1])
      expect(begun).toBe(succeeded)
    })
    yield* Effect.scoped(program).pipe(Effect.provideService(Scheduler.Scheduler, scheduler))
  })))
