/** Many of everything, over the stores in memory. */
import { Deferred, Effect, Fiber, Layer, Schema, type Scope } from "effect"
import { WorkerPool } from "sluice"
import { Admin, DurableJob, DurablePool, DurableStore, Limit, LimitStore, Results } from "sluice/durable"
import { expect, test } from "vitest"
import { isWhole } from "../support/seed.js"
import { lettersOf } from "./deadLetters.js"

const layer = Layer.mergeAll(DurableStore.layerMemory, Results.layerMemory, LimitStore.layerMemory)

const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope | Layer.Success<typeof layer>>) =>
  Effect.runPromise(Effect.provide(Effect.scoped(effect), layer))

const Job = DurableJob.make("job", {
  payload: Schema.Number,
  success: Schema.Number,
  error: Schema.String,
  id: String,
  attempts: 1
})

const submit = (n: number) =>
  Effect.gen(function*() {
    for (let i = 0; i < n; i++) yield* DurableJob.submit(Job, i)
  })

const until = (holds: () => boolean) =>
  Effect.gen(function*() {
    while (!holds()) yield* Effect.yieldNow
  })

test("ten thousand idle workers, and jobs one at a time", () =>
  run(Effect.gen(function*() {
    const pool = yield* WorkerPool.make({ size: 10_000, run: Effect.succeed<number> })
    const serving = yield* DurablePool.serve(Job, pool, { grace: 0 })
    yield* until(() => DurablePool.stats(serving).waiting === 10_000)
    for (let i = 0; i < 10_000; i++) {
      yield* DurableJob.submit(Job, i)
      yield* Effect.yieldNow
    }
    yield* until(() => DurablePool.stats(serving).succeeded === 10_000)
    yield* DurablePool.drain(serving)
    expect(DurablePool.stats(serving)).toMatchObject({ phase: "drained", claimed: 10_000, givenBack: 0 })
  })))

if (isWhole) {
  test("thirty thousand jobs, each of which somebody waits for", () =>
    run(Effect.gen(function*() {
      const n = 30_000
      const pool = yield* WorkerPool.make({ size: 1_000, run: Effect.succeed<number> })
      yield* submit(n)
      const callers: Array<Fiber.Fiber<number, unknown>> = []
      for (let i = 0; i < n; i++) {
        callers.push(yield* Effect.forkChild(DurableJob.await(Job, String(i)), { startImmediately: true }))
      }
      const serving = yield* DurablePool.serve(Job, pool, { grace: 0 })
      for (const [i, caller] of callers.entries()) expect(yield* Fiber.join(caller)).toBe(i)
      yield* until(() => DurablePool.stats(serving).succeeded === n)
      expect(DurablePool.stats(serving)).toMatchObject({ claimed: n, running: 0 })
    })))

  test("thirty thousand dead letters, page by page, and begun again", () =>
    run(Effect.gen(function*() {
      const n = 30_000
      let fails = true
      const job = Effect.suspend(() => fails ? Effect.fail("no") : Effect.void)
      const pool = yield* WorkerPool.make({ size: 1_000, run: (n: number) => Effect.andThen(job, Effect.succeed(n)) })
      yield* submit(n)
      const serving = yield* DurablePool.serve(Job, pool, { grace: 0 })
      yield* until(() => DurablePool.stats(serving).dead === n)
      fails = false
      const seen = new Set(yield* lettersOf(Job, 100))
      expect(seen.size).toBe(n)
      for (const id of seen) expect(yield* Admin.requeue(Job, id)).toBe(true)
      yield* until(() => DurablePool.stats(serving).succeeded === n)
      expect(yield* Admin.counts(Job)).toEqual({
        stored: n,
        ready: 0,
        delayed: 0,
        claimed: 0,
        completed: n,
        failed: 0
      })
    })))

  test("thirty thousand fibers that wait for a permit of a limit", () =>
    run(Effect.gen(function*() {
      const n = 30_000
      const limit = Limit.make("limit", { permits: 10 })
      let [held, most, done] = [0, 0, 0]
      const use = Limit.withPermit(limit, () =>
        Effect.gen(function*() {
          most = Math.max(most, ++held)
          yield* Effect.yieldNow
          held--
          done++
        }))
      yield* Effect.forEach(Array.from({ length: n }), () => use, { concurrency: "unbounded", discard: true })
      expect({ done, most }).toEqual({ done: n, most: 10 })
    })))

  test("thirty thousand fibers that wait for a permit while one holds all", () =>
    run(Effect.gen(function*() {
      const n = 30_000
      const limit = Limit.make("limit", { permits: n })
      const gate = yield* Deferred.make<void>()
      const all = yield* Effect.forkChild(Limit.withPermits(limit, n, () => Deferred.await(gate)), {
        startImmediately: true
      })
      const waiters: Array<Fiber.Fiber<void, unknown>> = []
      for (let i = 0; i < n; i++) {
        waiters.push(yield* Effect.forkChild(Limit.withPermit(limit, () => Effect.void), { startImmediately: true }))
      }
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.joinAll([all, ...waiters])
    })))
}
