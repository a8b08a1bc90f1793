/** What a pool counts of jobs that end together with their pool, or with their worker's resource. */
import { Deferred, Effect, Exit, Schedule, Scope } from "effect"
import { Watch, WorkerPool } from "sluice"
import { ThreadPool, type ThreadWorker } from "sluice/threads"
import { expect, test } from "vitest"
import { after, runTimed, settle, start } from "../support/effect.js"
import { type Behaviour, FakeThreads } from "../support/fakeThreads.js"
import { histogramOf, into, makeRegistry, valueOf } from "../support/metrics.js"

test("a job that closes the scope of its pool, which has failed, is counted", () => {
  const registry = makeRegistry()
  return runTimed(
    into(registry)(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const gate = yield* Deferred.make<void>()
      let acquired = 0
      const pool = yield* WorkerPool.make({
        size: 2,
        watch: [Watch.metrics()],
        restart: Schedule.recurs(0),
        worker: () => Effect.suspend(() => ++acquired > 2 ? Effect.fail("planned") : Effect.void),
        run: (job: Effect.Effect<unknown>) => job
      }).pipe(Scope.provide(scope))
      const close = Effect.suspend(() => Scope.close(scope, Exit.void))
      const handle = yield* WorkerPool.submit(
        pool,
        Effect.uninterruptible(Effect.yieldNow.pipe(Effect.andThen(close), Effect.andThen(Deferred.await(gate))))
      )
      yield* WorkerPool.submit(pool, Effect.die("poison"))
      yield* settle
      expect(WorkerPool.stats(pool)).toMatchObject({ state: "failed", running: 1 })
      yield* Deferred.succeed(gate, undefined)
      yield* handle.await
      yield* settle
      const { died, interrupted, succeeded } = WorkerPool.stats(pool)
      const shown = ["succeeded", "interrupted", "died"].map((outcome) =>
        valueOf(registry, "jobs_settled_total", { outcome })
      )
      expect(shown).toEqual([succeeded, interrupted, died])
      expect(succeeded + interrupted + died).toBe(2)
    }))
  )
})

type Jobs = ThreadWorker.Jobs<{ readonly call: (input: readonly [string, Behaviour]) => string }>

test("the time that a call was at hand in a lost thread is busy time, once, and no part of its next wait", () => {
  const registry = makeRegistry()
  return runTimed(
    into(registry)(Effect.gen(function*() {
      const threads = new FakeThreads(yield* Effect.context(), { ending: (n) => n === 1 ? 5_000 : undefined })
      const pool = yield* ThreadPool.make<Jobs>({
        module: new URL("fake:threads"),
        platform: threads,
        size: 1,
        prefetch: 1,
        watch: [Watch.metrics()]
      })
      const one = yield* pool.submit.call(["one", "stuck"])
      yield* after(0)
      const two = yield* pool.submit.call(["two", "returns"])
      yield* after(10_000)
      yield* start(one.cancel)
      for (const millis of [1_000, 5_000, 84_000]) yield* after(millis)
      expect([one.state, two.state]).toEqual(["interrupted", "succeeded"])
      expect(valueOf(registry, "busy_seconds_total")).toBeCloseTo(32, 1)
      expect(histogramOf(registry, "job_wait_seconds").sum).toBeCloseTo(0, 1)
      // The call that was lost with its thread had not begun there: no attempt of it has failed.
      expect(["failed", "died", "timedOut"].map((outcome) => valueOf(registry, "attempts_failed_total", { outcome })))
        .toEqual([0, 0, 0])
    }))
  )
})

test("pools with the same labels share their series, in whatever order the labels are given", () => {
  const registry = makeRegistry()
  return runTimed(
    into(registry)(Effect.gen(function*() {
      for (const attributes of [{ region: "north", zone: "a" }, { zone: "a", region: "north" }]) {
        const pool = yield* WorkerPool.make({ size: 1, watch: [Watch.metrics({ attributes })], run: () => Effect.void })
        yield* WorkerPool.run(pool, 0)
      }
      expect(valueOf(registry, "jobs_submitted_total")).toBe(2)
    }))
  )
})

test("a pool that is over leaves its counters and no gauge, and its histograms are there before its first job", () => {
  const registry = makeRegistry()
  return runTimed(
    into(registry)(Effect.gen(function*() {
      const pool = WorkerPool.make({
        size: 3,
        watch: [Watch.metrics()],
        queue: { capacity: 7 },
        run: () => Effect.void
      })
      yield* Effect.scoped(Effect.andThen(
        pool,
        Effect.sync(() => {
          expect([valueOf(registry, "workers"), valueOf(registry, "queue_capacity")]).toEqual([3, 7])
          expect(["job_wait_seconds", "job_run_seconds"].map((id) => histogramOf(registry, id).count)).toEqual([0, 0])
        })
      ))
      yield* Effect.scoped(Effect.flatMap(pool, (pool) => WorkerPool.run(pool, 0)))
      expect(["workers", "queue_capacity", "jobs_submitted_total"].map((id) => valueOf(registry, id))).toEqual([
        0,
        0,
        1
      ])
    }))
  )
})

test("a worker's busy time goes on with its next job, and not while it is idle", () => {
  const registry = makeRegistry()
  return runTimed(
    into(registry)(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({
        name: "mail",
        size: 1,
        watch: [Watch.metrics({ workers: true, attributes: { region: "north" } })],
        run: (millis: number) => Effect.sleep(millis)
      })
      const busy = () => valueOf(registry, "worker_busy_seconds_total", { worker: "1", region: "north", pool: "mail" })
      for (const millis of [1_000, 2_000]) {
        yield* WorkerPool.submit(pool, millis)
        yield* after(5_000)
      }
      expect(busy()).toBe(3)
      yield* WorkerPool.submit(pool, 4_000)
      yield* after(1_000)
      expect(busy()).toBe(4)
    }))
  )
})
