/** P11: how long a job may wait for a worker, and how long it may run. */
import { Clock, Deferred, Duration, Effect, Exit } from "effect"
import { WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import { after, expectEnded, runTimed, start, turns } from "../support/effect.js"

type Job = Effect.Effect<unknown, string>

const make = (deadlines: WorkerPool.Deadlines, capacity: number | "unbounded" = "unbounded") =>
  WorkerPool.make({ size: 1, queue: { capacity }, name: "slow", deadlines, run: (job: Job) => job })

describe("a deadline of a wait (P11)", () => {
  test("takes the job out of the queue at once, and makes room for another", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({ wait: 100 }, 1)
      yield* WorkerPool.submit(pool, Effect.never)
      const waits = yield* WorkerPool.submit(pool, Effect.succeed("never"))
      const blocked = yield* start(WorkerPool.submit(pool, Effect.void))
      yield* after(99)
      expect(waits.state).toBe("queued")
      yield* after(1)
      expect(waits.state).toBe("expired")
      expect(yield* Effect.flip(Effect.flatten(waits.await))).toMatchObject({
        _tag: "JobTimeout",
        phase: "wait",
        pool: "slow",
        job: 2,
        after: Duration.millis(100),
        message: "WorkerPool: job 2 of the pool \"slow\" timed out after waiting 100ms for a worker"
      })
      // Its own hundred begin as it gets into the queue.
      expectEnded(blocked)
      expect(WorkerPool.stats(pool)).toMatchObject({ queued: 1, expired: 1, running: 1 })
      yield* after(99)
      expect(WorkerPool.stats(pool)).toMatchObject({ queued: 1, expired: 1 })
      yield* after(1)
      expect(WorkerPool.stats(pool)).toMatchObject({ queued: 0, expired: 2 })
    })))

  test("does not count once the job runs", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({ wait: 100 })
      const running = yield* WorkerPool.submit(pool, Effect.as(Effect.sleep(1_000), "done"))
      yield* after(1_000)
      expect(yield* running.await).toEqual(Exit.succeed("done"))
      expect(WorkerPool.stats(pool)).toMatchObject({ expired: 0, timedOut: 0, succeeded: 1 })
    })))

  test("does not count on, once a job that has waited runs", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({ wait: 100 })
      yield* WorkerPool.submit(pool, Effect.sleep(50))
      const waited = yield* WorkerPool.submit(pool, Effect.as(Effect.sleep(200), "done"))
      yield* after(50)
      expect(waited.state).toBe("running")
      yield* after(100)
      expect(waited.state).toBe("running")
      yield* after(100)
      expect(yield* waited.await).toEqual(Exit.succeed("done"))
    })))

  test("fails `run`, whose caller goes on at once", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({ wait: "1 second" })
      yield* WorkerPool.submit(pool, Effect.never)
      const caller = yield* start(Effect.flip(WorkerPool.run(pool, Effect.void)))
      yield* after(1_000)
      expect(caller.pollUnsafe()).toMatchObject({ value: { _tag: "JobTimeout", phase: "wait" } })
    })))

  test("expires a hundred thousand jobs, each in its time", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({ wait: 100 })
      yield* WorkerPool.submit(pool, Effect.never)
      for (let n = 0; n < 50_000; n++) yield* WorkerPool.submit(pool, Effect.void)
      yield* after(50)
      for (let n = 0; n < 50_000; n++) yield* WorkerPool.submit(pool, Effect.void)
      yield* after(50)
      expect(WorkerPool.stats(pool)).toMatchObject({ queued: 50_000, expired: 50_000 })
      yield* after(50)
      expect(WorkerPool.stats(pool)).toMatchObject({ queued: 0, expired: 100_000 })
    })))

  test("ends the wait of a job for its own pool, so that there is no verdict", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({ wait: 100 }, 1)
      const inner = WorkerPool.submit(pool, Effect.void).pipe(
        Effect.flatMap((handle) => handle.await),
        Effect.map((exit) => Exit.isFailure(exit)),
        Effect.orDie
      )
      const outer = yield* WorkerPool.submit(pool, inner)
      yield* after(100)
      expect(yield* outer.await).toEqual(Exit.succeed(true))
    })))
})

describe("a deadline of a run (P11)", () => {
  test("interrupts the job, runs its finalizers, and the worker goes on with the same resource", () =>
    runTimed(Effect.gen(function*() {
      let finalized = 0
      const pool = yield* make({ run: 100 })
      const slow = yield* WorkerPool.submit(
        pool,
        Effect.onInterrupt(Effect.never, () => Effect.sync(() => finalized++))
      )
      const next = yield* WorkerPool.submit(pool, Effect.succeed("served"))
      yield* after(99)
      expect(slow.state).toBe("running")
      yield* after(1)
      expect(slow.state).toBe("timedOut")
      expect(finalized).toBe(1)
      expect(yield* Effect.flip(Effect.flatten(slow.await))).toMatchObject({
        _tag: "JobTimeout",
        phase: "run",
        message: "WorkerPool: job 1 of the pool \"slow\" timed out after running for 100ms"
      })
      expect(yield* next.await).toEqual(Exit.succeed("served"))
      expect(WorkerPool.stats(pool)).toMatchObject({ timedOut: 1, succeeded: 1, replaced: 0, idle: 1 })
    })))

  test("begins when the job does, and not when it was submitted", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({ run: 100 })
      const jobs = yield* Effect.forEach([1, 2, 3], (n) => WorkerPool.submit(pool, Effect.as(Effect.sleep(80), n)))
      yield* after(80)
      yield* after(80)
      yield* after(80)
      expect(jobs.map(({ state }) => state)).toEqual(["succeeded", "succeeded", "succeeded"])
    })))

  test("waits for a job that cannot be interrupted, and ignores one that ends otherwise", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({ run: 100 })
      const gate = yield* Deferred.make<void>()
      const stubborn = yield* WorkerPool.submit(pool, Effect.uninterruptible(Deferred.await(gate)))
      const fails = yield* WorkerPool.submit(pool, Effect.onInterrupt(Effect.never, () => Effect.die("in a finalizer")))
      yield* after(1_000)
      expect(stubborn.state).toBe("running")
      yield* Deferred.succeed(gate, undefined)
      yield* turns(3)
      yield* after(100)
      // A defect says more than that it was late.
      expect(fails.state).toBe("died")
    })))

  test("leaves a job that was cancelled first as it is", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({ run: 100 })
      const gate = yield* Deferred.make<void>()
      const handle = yield* WorkerPool.submit(pool, Effect.onInterrupt(Effect.never, () => Deferred.await(gate)))
      const cancel = yield* start(handle.cancel)
      yield* after(200)
      yield* Deferred.succeed(gate, undefined)
      yield* turns(3)
      expect(cancel.pollUnsafe()).toEqual(Exit.succeed(true))
      expect(handle.state).toBe("interrupted")
    })))
})

test("nothing of a deadline is left when the pool is", () =>
  runTimed(Effect.gen(function*() {
    const clock = yield* Clock.Clock
    let asleep = 0
    const count = (n: number) => Effect.sync(() => void (asleep += n))
    const counting: Clock.Clock = {
      currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe(),
      currentTimeMillis: clock.currentTimeMillis,
      currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
      currentTimeNanos: clock.currentTimeNanos,
      monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
      monotonicTimeNanos: clock.monotonicTimeNanos,
      sleep: (duration) => Effect.ensuring(Effect.andThen(count(1), clock.sleep(duration)), count(-1))
    }
    const made = make({ wait: "1 hour", run: "2 hours" })
    const pool = yield* Effect.provideService(made, Clock.Clock, counting)
    for (let n = 0; n < 3; n++) yield* WorkerPool.submit(pool, Effect.never)
    yield* turns(3)
    expect(asleep).toBe(2)
    const { aborted, counts, returned } = yield* WorkerPool.shutdownNow(pool)
    expect([aborted.length, returned.length]).toEqual([1, 2])
    expect(asleep).toBe(0)
    yield* after(10_000_000)
    expect(WorkerPool.stats(pool)).toMatchObject(counts)
  })))

test("a pool without deadlines has no JobTimeout among its errors", () =>
  runTimed(Effect.gen(function*() {
    const plain: WorkerPool.WorkerPool<Job, unknown, string> = yield* WorkerPool.make({
      size: 1,
      run: (job: Job) => job
    })
    // @ts-expect-error JobTimeout is missing from the errors
    const timed: WorkerPool.WorkerPool<Job, unknown, string> = yield* make({ run: 1 })
    expect([plain, timed].map((pool) => WorkerPool.stats(pool).state)).toEqual(["running", "running"])
  })))

test.each([0, -1, NaN, "soon", { millis: NaN }])("refuses %s", (wait) =>
  runTimed(Effect.gen(function*() {
    const exit = yield* Effect.exit(make({ wait: wait as Duration.Input }))
    expect(String(exit)).toContain("WorkerPool.make: deadlines.wait must be a duration above zero, got")
  })))
