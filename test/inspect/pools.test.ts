/** Verdicts about pools whose workers may come, and whose jobs may wait for a reason that ends. */
import { Deferred, Effect, Exit, Scope } from "effect"
import { TestClock } from "effect/testing"
import { Semaphore, WorkerPool } from "sluice"
import { Inspect } from "sluice/inspect"
import { describe, expect, test } from "vitest"
import { crosswise, fork, settle, tags, watched } from "../support/inspect.js"

const evidence = Effect.andThen(
  settle,
  Effect.map(Inspect.deadlocks, (all) => all.map((one) => [one.evidence, one.members.length]))
)

type Job = Effect.Effect<void>

const runsJobs = { name: "jobs", size: 1, run: (job: Job) => job }

describe("a paused pool", () => {
  test("makes no deadlock of a caller that holds what its queued job needs, until it is resumed", () =>
    watched((reports) =>
      Effect.gen(function*() {
        const db = yield* Semaphore.make(1, { name: "db" })
        const pool = yield* WorkerPool.make(runsJobs)
        yield* WorkerPool.pause(pool)
        const caller = yield* fork(
          Semaphore.withPermit(db, WorkerPool.run(pool, Semaphore.withPermit(db, Effect.void)))
        )
        yield* TestClock.adjust("1 hour")
        expect(yield* evidence).toEqual([])
        expect(tags(reports)).toEqual(["Waited"])
        expect(yield* Inspect.explain(caller)).toMatch(/for the end of the pause of pool jobs\.$/)
        yield* WorkerPool.resume(pool)
        expect(yield* evidence).toEqual([["certain", 2]])
        yield* TestClock.adjust("10 seconds")
        expect(tags(reports)).toEqual(["Waited", "Deadlock"])
      })
    ))

  test("makes no deadlock of a caller that waits for room in its queue, until it is resumed", () =>
    watched(() =>
      Effect.gen(function*() {
        const db = yield* Semaphore.make(1, { name: "db" })
        const pool = yield* WorkerPool.make({ ...runsJobs, queue: { capacity: 1 } })
        const busy = yield* Deferred.make<void>()
        yield* WorkerPool.submit(pool, Effect.andThen(Deferred.await(busy), Semaphore.withPermit(db, Effect.void)))
        yield* settle
        yield* WorkerPool.pause(pool)
        yield* WorkerPool.submit(pool, Effect.void)
        yield* fork(Semaphore.withPermit(db, WorkerPool.submit(pool, Effect.void)))
        yield* Deferred.succeed(busy, undefined)
        expect(yield* evidence).toEqual([])
        yield* WorkerPool.resume(pool)
        expect((yield* evidence).map(([how]) => how)).toEqual(["certain"])
      })
    ))

  test("keeps the deadlock of jobs that run", () =>
    watched(() =>
      Effect.gen(function*() {
        const pool = yield* WorkerPool.make({ ...runsJobs, size: 2 })
        for (const job of crosswise(yield* Semaphore.make(1), yield* Semaphore.make(1))) {
          yield* WorkerPool.submit(pool, job)
        }
        yield* settle
        yield* WorkerPool.pause(pool)
        expect(yield* evidence).toEqual([["certain", 2]])
      })
    ))
})

/** A job waits for a permit. Its caller holds the permit, and waits for a second job, for which no worker is left. */
const starved = (pool: WorkerPool.WorkerPool<Job, void>) =>
  Effect.gen(function*() {
    const db = yield* Semaphore.make(1, { name: "db" })
    const begun = yield* Deferred.make<void>()
    const first = Effect.andThen(Deferred.succeed(begun, undefined), Semaphore.withPermit(db, Effect.void))
    const second = Effect.andThen(
      WorkerPool.submit(pool, first),
      Effect.andThen(Deferred.await(begun), WorkerPool.run(pool, Effect.void))
    )
    return yield* fork(Semaphore.withPermit(db, second))
  })

describe("an autoscaled pool", () => {
  test("makes no deadlock of a job for which a worker may be added, until nobody adds one any more", () =>
    watched(() =>
      Effect.gen(function*() {
        const pool = yield* WorkerPool.make(runsJobs)
        const scope = yield* Scope.make()
        yield* Scope.provide(WorkerPool.autoscale(pool, { min: 1, max: 2, dwell: "1 hour" }), scope)
        yield* starved(pool)
        expect(yield* evidence).toEqual([])
        yield* Scope.close(scope, Exit.void)
        expect(yield* evidence).toEqual([["certain", 3]])
      })
    ))

  test("ends the wait by a worker that it adds", () =>
    watched((reports) =>
      Effect.gen(function*() {
        const pool = yield* WorkerPool.make(runsJobs)
        yield* WorkerPool.autoscale(pool, { min: 1, max: 2, growAbove: 0.5, dwell: "1 second" })
        const caller = yield* starved(pool)
        yield* TestClock.adjust("1 minute")
        expect(caller.pollUnsafe()?._tag).toBe("Success")
        expect(reports).toEqual([])
      })
    ))

  test("makes a deadlock at its maximum", () =>
    watched(() =>
      Effect.gen(function*() {
        const pool = yield* WorkerPool.make(runsJobs)
        yield* WorkerPool.autoscale(pool, { min: 1, max: 1 })
        yield* starved(pool)
        expect(yield* evidence).toEqual([["certain", 3]])
      })
    ))
})

describe("a pool with resources on demand", () => {
  const onDemand = { ...runsJobs, resource: { min: 0, idleTimeout: "1 minute" } } as const

  test("makes no deadlock of a job for which a worker comes", () =>
    watched(() =>
      Effect.gen(function*() {
        const acquiring = yield* Deferred.make<void>()
        let workers = 0
        const pool = yield* WorkerPool.make({
          ...onDemand,
          size: 2,
          worker: () => ++workers === 1 ? Effect.void : Deferred.await(acquiring)
        })
        const caller = yield* starved(pool)
        // The second worker acquires its resource.
        expect(yield* evidence).toEqual([])
        yield* Deferred.succeed(acquiring, undefined)
        yield* settle
        expect(caller.pollUnsafe()?._tag).toBe("Success")
      })
    ))

  test("makes a deadlock when all of its places are taken", () =>
    watched(() =>
      Effect.gen(function*() {
        const pool = yield* WorkerPool.make({ ...onDemand, worker: () => Effect.void })
        yield* starved(pool)
        expect(yield* evidence).toEqual([["certain", 3]])
      })
    ))

  test("makes a deadlock of a caller that holds what the resource needs", () =>
    watched(() =>
      Effect.gen(function*() {
        const db = yield* Semaphore.make(1, { name: "db" })
        const pool = yield* WorkerPool.make({ ...onDemand, worker: () => Semaphore.withPermit(db, Effect.void) })
        yield* fork(Semaphore.withPermit(db, WorkerPool.run(pool, Effect.void)))
        expect((yield* evidence).map(([how]) => how)).toEqual(["certain"])
      })
    ))
})
