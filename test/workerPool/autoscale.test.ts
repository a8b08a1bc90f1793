/**
 * U1 to U3 over real pools, on the test clock: which load makes a pool grow and shrink, and how its autoscaler ends.
 */
import { Clock, Deferred, Effect, Exit, Fiber, Schedule } from "effect"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import type { Pool } from "../../src/internal/workerPool/Pool.js"
import { after, expectEnded, runTimed, settle, start } from "../support/effect.js"
import { times } from "../support/property.js"
import { balanced, make, verdictOf } from "../support/workerPool.js"

type Queue = NonNullable<WorkerPool.Options<string, void, never, never, void, never, never>["queue"]>

const sleep: (key: string) => Effect.Effect<void> = () => Effect.sleep("1 second")

/** Jobs are named for their key, and take a second each. */
const second = (options: { readonly size?: number; readonly queue?: Queue } = {}) =>
  WorkerPool.make({ size: 1, run: sleep, ...options })

const dwell = "1 second"
const byName = (name: string) => name

describe("autoscale grows", () => {
  const suspended: ReadonlyArray<readonly [string, Queue]> = [
    ["the default queue", {}],
    ["a queue of capacity 0", { capacity: 0 }],
    ["a queue for each key", { key: byName }],
    ["an order by priority", { priority: () => 0 }]
  ]
  test.each(suspended)(
    "to max while one caller waits for room, with %s",
    (_, queue) =>
      runTimed(Effect.gen(function*() {
        const pool = yield* second({ queue })
        yield* WorkerPool.autoscale(pool, { min: 1, max: 16, dwell })
        yield* Effect.forkChild(Effect.forever(WorkerPool.submit(pool, "one key")))
        for (let n = 0; n < 30; n++) yield* after(1_000)
        expect(WorkerPool.stats(pool)).toMatchObject({ size: 16, running: 16, waiting: 1 })
      }))
  )

  const dropping: ReadonlyArray<readonly [string, Queue]> = [
    ["dropping", { strategy: "dropping" }],
    ["sliding", { strategy: "sliding" }],
    ["dropping without a queue", { strategy: "dropping", capacity: 0 }]
  ]
  test.each(dropping)("to max while jobs are dropped: %s", (_, queue) =>
    runTimed(Effect.gen(function*() {
      const pool = yield* second({ queue })
      yield* WorkerPool.autoscale(pool, { min: 1, max: 16, dwell })
      for (let n = 0; n < 400; n++) {
        for (let n = 0; n < 4; n++) yield* WorkerPool.submit(pool, "job")
        yield* after(70)
      }
      expect(WorkerPool.stats(pool).size).toBe(16)
    })))

  test("to max while trySubmit is refused", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* second({ queue: { capacity: 0 } })
      yield* WorkerPool.autoscale(pool, { min: 1, max: 16, dwell })
      for (let n = 0; n < 1_000; n++) {
        yield* Effect.exit(WorkerPool.trySubmit(pool, "job"))
        yield* after(30)
      }
      expect(WorkerPool.stats(pool).size).toBe(16)
    })))

  test("not while a full queue serves its last jobs", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* second({ size: 2 })
      for (let n = 0; n < 8; n++) yield* start(WorkerPool.submit(pool, "job"))
      expect(WorkerPool.stats(pool)).toMatchObject({ size: 2, running: 2, queued: 4, waiting: 2 })
      yield* after(1_000)
      expect(WorkerPool.stats(pool)).toMatchObject({ size: 2, running: 2, queued: 4, waiting: 0 })
      // What has found the queue full before is nothing to it; and four are not more than two for each worker.
      yield* WorkerPool.autoscale(pool, { min: 1, max: 16, growAbove: 2, dwell })
      for (let n = 0; n < 10; n++) yield* after(1_000)
      expect(WorkerPool.stats(pool)).toMatchObject({ succeeded: 8, size: 1 })
    })))

  test("not for jobs that the limit of their key holds back", () =>
    runTimed(Effect.gen(function*() {
      const queue = { capacity: "unbounded", key: byName, perKey: { concurrency: 2 } } as const
      const pool = yield* second({ size: 8, queue })
      yield* WorkerPool.autoscale(pool, { min: 1, max: 8, dwell })
      for (let n = 0; n < 100; n++) yield* WorkerPool.submit(pool, "one tenant")
      for (let n = 0; n < 10; n++) yield* after(1_000)
      // Six of eight were idle: low load, whatever the line is.
      expect(WorkerPool.stats(pool)).toMatchObject({ size: 4, idle: 2, running: 2, queued: 80 - 2 })
      yield* WorkerPool.submit(pool, "another tenant")
      expect(WorkerPool.stats(pool)).toMatchObject({ running: 3 })
    })))

  test("not for callers of a key whose limit is what holds them up", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* second({ size: 1, queue: { key: byName, perKey: { concurrency: 1 } } })
      yield* WorkerPool.autoscale(pool, { min: 1, max: 8, dwell })
      for (let n = 0; n < 9; n++) yield* start(WorkerPool.submit(pool, "one tenant"))
      expect(WorkerPool.stats(pool)).toMatchObject({ queued: 2, waiting: 6 })
      for (let n = 0; n < 50; n++) {
        yield* after(100)
        yield* Effect.exit(WorkerPool.trySubmit(pool, "one tenant"))
        expect(WorkerPool.stats(pool).size).toBe(1)
      }
    })))
})

/** The clock of the test, and what depends on it: the wall's may be set; sleeps under way are counted. */
const watchedClock = Effect.map(Clock.Clock, (clock) => {
  const watched = { wall: 0, sleeps: 0 }
  const wall = () => clock.currentTimeMillisUnsafe() + watched.wall
  const service: Clock.Clock = {
    currentTimeMillisUnsafe: wall,
    currentTimeMillis: Effect.sync(wall),
    currentTimeNanosUnsafe: () => BigInt(wall()) * 1_000_000n,
    currentTimeNanos: Effect.sync(() => BigInt(wall()) * 1_000_000n),
    monotonicTimeNanos: clock.monotonicTimeNanos,
    monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
    sleep: (duration) =>
      Effect.acquireUseRelease(
        Effect.sync(() => watched.sleeps++),
        () => clock.sleep(duration),
        () => Effect.sync(() => watched.sleeps--)
      )
  }
  return { watched, provide: Effect.provideService(Clock.Clock, service) }
})

test.each([4_000_000, -4_000_000])(
  "a wall's clock that is set by %i ms changes no size (U3)",
  (by) =>
    runTimed(Effect.gen(function*() {
      const { provide, watched } = yield* watchedClock
      const pool = yield* provide(second({ size: 4 }))
      yield* provide(WorkerPool.autoscale(pool, { min: 1, max: 4, dwell: { grow: "1 second", shrink: "1 hour" } }))
      for (let n = 0; n < 5; n++) {
        watched.wall += by
        yield* after(1_000)
        expect(WorkerPool.stats(pool).size).toBe(4)
      }
      yield* after(3_600_000)
      expect(WorkerPool.stats(pool).size).toBe(3)
    }))
)

describe("an autoscaler ends", () => {
  const long = { min: 1, max: 4, dwell: "1 hour" } as const
  const autoscalersOf = (pool: unknown) => (pool as Pool<string, void, never>).autoscalers.size

  const ends: ReadonlyArray<readonly [string, (pool: WorkerPool.WorkerPool<string, void>) => Effect.Effect<unknown>]> =
    [
      ["shutdown", (pool) => WorkerPool.shutdown(pool)],
      ["shutdown with a deadline", (pool) => WorkerPool.shutdown(pool, { deadline: "1 hour" })],
      ["shutdownNow", (pool) => WorkerPool.shutdownNow(pool)]
    ]
  test.each(ends)("with its pool, and leaves no timer and no fiber: %s", (_, end) =>
    runTimed(Effect.gen(function*() {
      const { provide, watched } = yield* watchedClock
      const pool = yield* provide(second())
      // It takes the time of its pool, as the pool's other fibers do.
      yield* WorkerPool.autoscale(pool, long)
      yield* settle
      expect([watched.sleeps, autoscalersOf(pool)]).toEqual([1, 1])
      yield* end(pool)
      expect([watched.sleeps, autoscalersOf(pool)]).toEqual([0, 0])
    })))

  test("with a pool that has failed", () =>
    runTimed(Effect.gen(function*() {
      const { provide, watched } = yield* watchedClock
      let acquired = 0
      const pool = yield* provide(make({ worker: () => ++acquired === 1 ? Effect.void : Effect.die("refused") }))
      yield* provide(WorkerPool.autoscale(pool, long))
      yield* WorkerPool.submit(pool, Effect.die("poison"))
      yield* settle
      expect(WorkerPool.stats(pool).state).toBe("failed")
      expect([watched.sleeps, autoscalersOf(pool)]).toEqual([0, 0])
    })))

  test("with its scope, and the pool forgets it", () =>
    runTimed(Effect.gen(function*() {
      const { provide, watched } = yield* watchedClock
      const pool = yield* provide(second())
      yield* Effect.scoped(Effect.andThen(provide(WorkerPool.autoscale(pool, long)), settle))
      expect([watched.sleeps, autoscalersOf(pool)]).toEqual([0, 0])
    })))

  test("at once, where its pool has ended before", () =>
    runTimed(Effect.gen(function*() {
      const { provide, watched } = yield* watchedClock
      const pool = yield* provide(second())
      yield* WorkerPool.shutdown(pool)
      yield* provide(WorkerPool.autoscale(pool, { ...long, min: 3 }))
      yield* settle
      expect([watched.sleeps, autoscalersOf(pool)]).toEqual([0, 0])
      expect(WorkerPool.stats(pool)).toMatchObject({ state: "stopped", size: 1 })
    })))
})

describe("a job that waits for its own pool, under an autoscaler (P9)", () => {
  /** A job of depth n runs one of depth n - 1, and waits for it. */
  const nested = (options: { readonly size: number; readonly capacity: number | "unbounded" }) =>
    Effect.gen(function*() {
      const pool: WorkerPool.WorkerPool<number, number> = yield* WorkerPool.make({
        size: options.size,
        queue: { capacity: options.capacity },
        run: (depth: number): Effect.Effect<number> =>
          depth <= 0
            ? Effect.as(Effect.sleep(-50 * depth), 0)
            : Effect.orDie(Effect.map(WorkerPool.run(pool, depth - 1), (n) => n + 1))
      })
      return pool
    })

  test("gets a worker as soon as the dwell time lets the pool grow", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* nested({ size: 1, capacity: 2 })
      yield* WorkerPool.autoscale(pool, { min: 1, max: 2, growAbove: 100, dwell })
      const outer = yield* start(WorkerPool.run(pool, 1))
      yield* after(100)
      expect(outer.pollUnsafe()).toEqual(Exit.succeed(1))
      expect(WorkerPool.stats(pool).size).toBe(2)
    })))

  test("succeeds if max is as many workers as wait, and else dies: it never hangs", () => {
    const workload = fc.record({
      size: fc.integer({ min: 1, max: 3 }),
      extra: fc.nat(4),
      capacity: fc.constantFrom<number | "unbounded">(0, 1, "unbounded"),
      growAbove: fc.constantFrom(0.5, 1, 100),
      step: fc.constantFrom(1, 3),
      depth: fc.nat(6)
    })
    const property = fc.asyncProperty(
      workload,
      ({ capacity, depth, extra, growAbove, size, step }) =>
        runTimed(Effect.gen(function*() {
          const pool = yield* nested({ size, capacity })
          const max = size + extra
          yield* WorkerPool.autoscale(pool, { min: 1, max, growAbove, step, dwell })
          const outer = yield* start(Effect.exit(WorkerPool.run(pool, depth)))
          for (let n = 0; n < 8; n++) yield* after(1_100)
          expectEnded(outer)
          const exit = yield* Fiber.join(outer)
          if (depth < max) return assert.deepEqual(exit, Exit.succeed(depth))
          const verdict = verdictOf(exit)
          assert.deepEqual([verdict?.size, verdict?.itself], [max, false])
        }))
    )
    return fc.assert(property, { numRuns: times(100) })
  })

  test("dies once its autoscaler has ended, as without one", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* nested({ size: 1, capacity: 2 })
      yield* Effect.scoped(WorkerPool.autoscale(pool, { min: 1, max: 4, dwell }))
      const exit = yield* Effect.exit(WorkerPool.run(pool, 1))
      expect(String(exit)).toContain("PoolDeadlock")
    })))

  test("has all workers that there are, also where somebody has set more than max", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* nested({ size: 1, capacity: 2 })
      yield* WorkerPool.autoscale(pool, { min: 1, max: 1, dwell })
      yield* WorkerPool.resize(pool, 2)
      yield* WorkerPool.submit(pool, -1)
      const outer = yield* start(WorkerPool.run(pool, 1))
      yield* after(50)
      expect(outer.pollUnsafe()).toEqual(Exit.succeed(1))
    })))

  test("dies as the least bound of several autoscalers says", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* nested({ size: 1, capacity: 2 })
      yield* WorkerPool.autoscale(pool, { min: 1, max: 1, dwell })
      yield* WorkerPool.autoscale(pool, { min: 1, max: 4, dwell })
      const exit = yield* Effect.exit(WorkerPool.run(pool, 1))
      expect(String(exit)).toContain("PoolDeadlock")
    })))

  test("dies of waiting for itself, however far the pool may grow", () =>
    runTimed(Effect.gen(function*() {
      const self = yield* Deferred.make<WorkerPool.JobHandle<unknown, string>>()
      const pool = yield* make()
      yield* WorkerPool.autoscale(pool, { min: 1, max: 4, dwell })
      const handle = yield* WorkerPool.submit(pool, Effect.flatMap(Deferred.await(self), (handle) => handle.await))
      yield* Deferred.succeed(self, handle)
      expect(String(yield* handle.await)).toContain("waits for this job")
    })))

  test("that shuts the pool down gets a worker for what is queued", () =>
    runTimed(Effect.gen(function*() {
      const pool: WorkerPool.WorkerPool<string, unknown> = yield* WorkerPool.make({
        size: 1,
        run: (name: string): Effect.Effect<unknown> =>
          name === "last"
            ? Effect.void
            : Effect.andThen(Effect.yieldNow, Effect.suspend(() => WorkerPool.shutdown(pool)))
      })
      yield* WorkerPool.autoscale(pool, { min: 1, max: 2, dwell })
      const first = yield* WorkerPool.submit(pool, "first")
      const last = yield* WorkerPool.submit(pool, "last")
      yield* after(200)
      expect([first.state, last.state]).toEqual(["succeeded", "succeeded"])
      expect(WorkerPool.stats(pool).state).toBe("stopped")
    })))
})

// Samples are taken at each tenth of the shorter dwell time, a whole tick, and all else happens between them.
const tick = 1_000

const action = fc.record({
  kind: fc.constantFrom("submit", "submit", "submit", "trySubmit", "cancel", "resize", "nothing"),
  key: fc.constantFrom("a", "b", "c"),
  count: fc.integer({ min: 1, max: 6 }),
  n: fc.nat(20)
})

type Action = typeof action extends fc.Arbitrary<infer T> ? T : never

const workload = fc.record({
  min: fc.integer({ min: 1, max: 3 }),
  extra: fc.nat(6),
  growAbove: fc.constantFrom(0.5, 1, 2),
  shrinkBelow: fc.constantFrom(0.4, 0.8, 1),
  grow: fc.constantFrom(10 * tick, 20 * tick),
  shrink: fc.constantFrom(10 * tick, 30 * tick),
  capacity: fc.constantFrom<number | undefined>(undefined, 0, 1, 3),
  strategy: fc.constantFrom<"suspend" | "dropping" | "sliding">("suspend", "suspend", "dropping", "sliding"),
  concurrency: fc.constantFrom(undefined, Infinity, 1, 2),
  actions: fc.array(action, { minLength: 1, maxLength: 25 })
})

test("a pool changes its size as its load requires, whatever comes (U1, U2, U3)", () => {
  interface Job {
    readonly key: string
    readonly ticks: number
  }
  const property = fc.asyncProperty(workload, (work) =>
    runTimed(Effect.gen(function*() {
      const { actions, capacity, concurrency, extra, grow, growAbove, min, shrink, shrinkBelow, strategy } = work
      const max = min + extra
      const limit = concurrency ?? Infinity
      const isKeyed = concurrency !== undefined
      const pool = yield* WorkerPool.make({
        size: min,
        queue: isKeyed
          ? { capacity, strategy, key: ({ key }: Job) => key, perKey: { concurrency } }
          : { capacity, strategy },
        // So that no job ends or comes back just when a sample is taken.
        run: (job: Job, { attempt }) => {
          begun.add(job)
          return Effect.andThen(
            Effect.sleep(job.ticks * tick + 7),
            job.ticks % 3 === 0 && attempt === 1 ? Effect.fail("again") : Effect.void
          )
        },
        retry: { schedule: Schedule.spaced(2 * tick + 3) }
      })
      // Which jobs there are is known from what was brought: in the pool, or with callers that are still suspended.
      const handles: Array<readonly [Job, WorkerPool.JobHandle<void, string>]> = []
      const callers = new Map<Fiber.Fiber<unknown, unknown>, Job>()
      // A job that comes back for another attempt is outside of the queue's bound.
      const begun = new Set<Job>()
      let overflown = false
      const keyOf = ({ key }: Job) => isKeyed ? key : "all"
      const jobsIn = (state: string, key: string) =>
        handles.filter(([job, handle]) => handle.state === state && keyOf(job) === key).length
      const waitingIn = (key: string) => [...callers.values()].filter((job) => keyOf(job) === key).length
      const mayRun = (key: string) => limit - jobsIn("running", key)
      const keys = isKeyed ? ["a", "b", "c"] : ["all"]
      const load = () => {
        const perKey = keys.map((key) => {
          const ready = Math.min(jobsIn("queued", key) + waitingIn(key), mayRun(key))
          return { ready, callers: ready > 0 ? waitingIn(key) : 0 }
        })
        return {
          ready: perKey.reduce((sum, { ready }) => sum + ready, 0),
          callers: perKey.reduce((sum, { callers }) => sum + callers, 0)
        }
      }
      const bring = (kind: string, job: Job) =>
        Effect.gen(function*() {
          const { idle } = WorkerPool.stats(pool)
          const queued = handles.filter(([other, { state }]) =>
            state === "queued" && keyOf(other) === keyOf(job) && !begun.has(other)
          ).length
          const isFull = queued >= (capacity ?? 2 * min)
          if (isFull && mayRun(keyOf(job)) > 0 && idle === 0) {
            overflown = true
          }
          const offer = kind === "submit" ? WorkerPool.submit(pool, job) : WorkerPool.trySubmit(pool, job)
          const caller = yield* start(Effect.map(offer, (handle) =>
            handles.push([job, handle])))
          callers.set(caller, job)
          caller.addObserver(() => callers.delete(caller))
        })
      const act = ({ count, key, kind, n }: Action) =>
        Effect.gen(function*() {
          if (kind === "resize") return yield* WorkerPool.resize(pool, Math.min(max, min + n))
          if (kind === "cancel") {
            for (const caller of [...callers.keys()].slice(0, n % 3)) yield* Fiber.interrupt(caller)
            for (const [, handle] of handles.slice(n, n + count)) yield* handle.cancel
          }
          if (kind !== "submit" && kind !== "trySubmit") return
          for (let i = 0; i < count; i++) yield* bring(kind, { key, ticks: 1 + (n + 3 * i) % 30 })
        })

      yield* WorkerPool.autoscale(pool, { min, max, growAbove, shrinkBelow, dwell: { grow, shrink } })
      yield* after(tick / 2)
      const pace = Math.min(grow, shrink) / 10
      let changed = -Infinity
      let low = 0
      let sampled = 0
      // As many idle seconds at the end as it takes for all to be over.
      for (const action of [...actions, ...Array.from({ length: 6 }, () => undefined)]) {
        if (action !== undefined) yield* act(action)
        yield* settle
        // From one middle between two samples to the next.
        for (let n = 0; n < (action === undefined ? 10 : 1 + action.n % 4); n++) {
          yield* after(tick / 2 - 0.5)
          const { idle, running, size } = WorkerPool.stats(pool)
          const { callers, ready } = load()
          const sample = (pool as unknown as Pool<Job, void, string>).sample()
          assert.deepEqual({ ready: sample.ready, callers: sample.callers }, { ready, callers })
          assert.ok(ready === 0 || idle === 0)
          yield* after(1)
          const changedTo = WorkerPool.stats(pool).size
          yield* after(tick / 2 - 0.5)
          sampled += tick
          if (sampled % pace !== 0) {
            assert.equal(changedTo, size)
            continue
          }
          const full: boolean = callers > 0 || overflown
          overflown = false
          const isHigh: boolean = ready - idle > growAbove * size || (idle === 0 && full)
          const isLow = ready === 0 && !full && running < shrinkBelow * size
          low = isLow ? Math.min(low, sampled) : Infinity
          const expected: number = isHigh && sampled - changed >= grow
            ? Math.min(max, size + 1)
            : sampled - low >= shrink && sampled - changed >= shrink
            ? Math.min(size, Math.max(min, running, size - 1))
            : size
          assert.equal(changedTo, expected)
          if (expected !== size) changed = sampled
        }
      }
      balanced(pool)
    })))
  return fc.assert(property, { numRuns: times(25) })
})
