/** The verbs that come with run and submit: tryRun, join, idle, catchRunError, mapStream. */
import { Cause, Deferred, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import { verbs } from "../scenarios/workerPool.js"
import { collectGarbage, defectOf, isInterrupted, run, settle, squash, start } from "../support/effect.js"
import { lawsOf } from "../support/property.js"

/** A pool of one worker, whose jobs wait for a gate. */
const gated = (capacity: number, strategy: "suspend" | "dropping" = "suspend") =>
  Effect.gen(function*() {
    const gate = yield* Deferred.make<void>()
    const pool = yield* WorkerPool.make({
      size: 1,
      queue: { capacity, strategy },
      run: (n: number) => Effect.as(Deferred.await(gate), n)
    })
    return { pool, open: Deferred.succeed(gate, undefined) }
  })

describe("tryRun", () => {
  test("runs on an idle worker or waits in the queue, and fails where it would wait for room", () =>
    run(Effect.gen(function*() {
      const { open, pool } = yield* gated(1)
      const calls = [yield* start(WorkerPool.tryRun(pool, 1)), yield* start(WorkerPool.tryRun(pool, 2))]
      const refused = yield* Effect.flip(WorkerPool.tryRun(pool, 3))
      expect(refused).toMatchObject({ _tag: "QueueFull", capacity: 1 })
      expect(WorkerPool.stats(pool)).toMatchObject({ submitted: 2, queued: 1, running: 1, waiting: 0 })
      yield* open
      expect([yield* Fiber.join(calls[0]!), yield* Fiber.join(calls[1]!)]).toEqual([1, 2])
    })))

  test("does not overtake callers that wait for room", () =>
    run(Effect.gen(function*() {
      const { open, pool } = yield* gated(0)
      yield* start(WorkerPool.run(pool, 1))
      const waiting = yield* start(WorkerPool.run(pool, 2))
      expect(yield* Effect.flip(WorkerPool.tryRun(pool, 3))).toMatchObject({ _tag: "QueueFull" })
      yield* open
      expect(yield* Fiber.join(waiting)).toBe(2)
    })))

  test("takes the job along when it is interrupted", () =>
    run(Effect.gen(function*() {
      const { pool } = yield* gated(1)
      const calls = [yield* start(WorkerPool.tryRun(pool, 1)), yield* start(WorkerPool.tryRun(pool, 2))]
      for (const call of calls.toReversed()) yield* Fiber.interrupt(call)
      expect(WorkerPool.stats(pool)).toMatchObject({ submitted: 2, interrupted: 2, queued: 0, running: 0 })
    })))

  test("does as run does where the queue drops, and in a pool that is closed", () =>
    run(Effect.gen(function*() {
      const { pool } = yield* gated(0, "dropping")
      yield* start(WorkerPool.run(pool, 1))
      expect(yield* Effect.flip(WorkerPool.tryRun(pool, 2))).toMatchObject({ _tag: "JobLost", reason: "dropped" })
      yield* WorkerPool.shutdownNow(pool)
      expect(yield* Effect.flip(WorkerPool.tryRun(pool, 3))).toMatchObject({ _tag: "PoolClosed" })
    })))

  test("by a job of its own pool is refused where there is no room, and a deadlock in the queue", () =>
    run(Effect.gen(function*() {
      for (const [capacity, tag] of [[0, "QueueFull"], [1, "PoolDeadlock"]] as const) {
        const pool: WorkerPool.WorkerPool<boolean, unknown> = yield* WorkerPool.make({
          size: 1,
          queue: { capacity },
          run: (asks: boolean): Effect.Effect<unknown> =>
            asks ? Effect.exit(WorkerPool.tryRun(pool, false)) : Effect.void
        })
        const exit = (yield* WorkerPool.run(pool, true)) as Exit.Exit<unknown, unknown>
        expect(squash(exit)).toMatchObject({ _tag: tag })
        expect(WorkerPool.stats(pool)).toMatchObject({ queued: 0, running: 0 })
        expect(yield* WorkerPool.run(pool, false)).toBe(undefined)
      }
    })))

  test("leaves no wait behind when it is refused: no later verdict counts it", () =>
    run(Effect.gen(function*() {
      const [refused, gate] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const pool: WorkerPool.WorkerPool<"asks" | "waits" | "inner", unknown, unknown> = yield* WorkerPool.make({
        size: 2,
        queue: { capacity: 0 },
        run: (job: "asks" | "waits" | "inner"): Effect.Effect<unknown, unknown> => {
          if (job === "inner") return Effect.succeed("inner")
          if (job === "waits") return Effect.andThen(Deferred.await(refused), WorkerPool.run(pool, "inner"))
          return Effect.exit(WorkerPool.tryRun(pool, "inner")).pipe(
            Effect.andThen(Deferred.succeed(refused, undefined)),
            Effect.andThen(Deferred.await(gate))
          )
        }
      })
      const waits = yield* start(WorkerPool.run(pool, "waits"))
      yield* start(WorkerPool.run(pool, "asks"))
      yield* settle
      expect(waits.pollUnsafe()).toBe(undefined)
      yield* Deferred.succeed(gate, undefined)
      expect(yield* Fiber.join(waits)).toBe("inner")
    })))
})

describe("join", () => {
  test("returns the job's value, fails as it does, and keeps the cause", () =>
    run(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({
        size: 1,
        run: (n: number) => n === 0 ? Effect.die("a bug") : n < 0 ? Effect.fail("negative") : Effect.succeed(n)
      })
      const join = (n: number) => Effect.flatMap(WorkerPool.submit(pool, n), (handle) => handle.join)
      expect(yield* join(1)).toBe(1)
      expect(yield* Effect.flip(join(-1))).toBe("negative")
      expect(yield* defectOf(join(0))).toBe("a bug")
    })))

  test("interrupts its caller when the job was cancelled, and fails with JobLost when the pool's end was it", () =>
    run(Effect.gen(function*() {
      const { pool } = yield* gated(1)
      const [running, queued] = [yield* WorkerPool.submit(pool, 1), yield* WorkerPool.submit(pool, 2)]
      yield* queued.cancel
      expect(isInterrupted(yield* Effect.exit(queued.join))).toBe(true)
      const joining = yield* start(running.join)
      yield* WorkerPool.shutdownNow(pool)
      expect(squash(yield* Fiber.await(joining))).toMatchObject({ _tag: "JobLost", reason: "aborted" })
    })))

  test("leaves the job alone when it is interrupted", () =>
    run(Effect.gen(function*() {
      const { open, pool } = yield* gated(1)
      const handle = yield* WorkerPool.submit(pool, 1)
      yield* Fiber.interrupt(yield* start(handle.join))
      expect(handle.state).toBe("running")
      yield* open
      expect(yield* handle.join).toBe(1)
    })))
})

describe("idle", () => {
  test("returns at once where there is nothing to do, and after the last job otherwise", () =>
    run(Effect.gen(function*() {
      const { open, pool } = yield* gated(1)
      yield* WorkerPool.idle(pool)
      for (const n of [1, 2, 3]) yield* start(WorkerPool.run(pool, n))
      const waiting = [yield* start(WorkerPool.idle(pool)), yield* start(WorkerPool.idle(pool))]
      yield* Fiber.interrupt(waiting[1]!)
      yield* settle
      expect(waiting[0]!.pollUnsafe()).toBe(undefined)
      yield* open
      yield* Fiber.join(waiting[0]!)
      expect(WorkerPool.stats(pool)).toMatchObject({ succeeded: 3, queued: 0, running: 0, waiting: 0 })
    })))

  test("returns when the last job is cancelled, whether it runs or waits", () =>
    run(Effect.gen(function*() {
      for (const last of [0, 1]) {
        const { pool } = yield* gated(1)
        const calls = [yield* start(WorkerPool.run(pool, 1)), yield* start(WorkerPool.run(pool, 2))]
        const waiting = yield* start(WorkerPool.idle(pool))
        yield* Fiber.interrupt(calls[1 - last]!)
        expect(waiting.pollUnsafe()).toBe(undefined)
        yield* Fiber.interrupt(calls[last]!)
        yield* Fiber.join(waiting)
      }
    })))

  test("returns when a caller leaves that waited for room while no worker has a resource", () =>
    run(Effect.gen(function*() {
      let acquisitions = 0
      const pool = yield* WorkerPool.make({
        size: 1,
        queue: { capacity: 0 },
        worker: () => ++acquisitions === 1 ? Effect.void : Effect.never,
        run: (ends: boolean) => ends ? Effect.die("a bug") : Effect.void
      })
      yield* Effect.exit(WorkerPool.run(pool, true))
      const caller = yield* start(WorkerPool.run(pool, false))
      const waiting = yield* start(WorkerPool.idle(pool))
      yield* settle
      expect([WorkerPool.stats(pool).waiting, waiting.pollUnsafe()]).toEqual([1, undefined])
      yield* Fiber.interrupt(caller)
      yield* Fiber.join(waiting)
    })))

  test("returns when the pool returns the last jobs, which no worker has begun", () =>
    run(Effect.gen(function*() {
      let acquisitions = 0
      const pool = yield* WorkerPool.make({
        size: 1,
        worker: () => ++acquisitions === 1 ? Effect.void : Effect.never,
        run: (ends: boolean) => ends ? Effect.die("a bug") : Effect.void
      })
      yield* Effect.exit(WorkerPool.run(pool, true))
      yield* WorkerPool.submit(pool, false)
      const waiting = yield* start(WorkerPool.idle(pool))
      expect(waiting.pollUnsafe()).toBe(undefined)
      yield* WorkerPool.shutdownNow(pool)
      yield* Fiber.join(waiting)
    })))

  test("waits for jobs between two attempts", () =>
    run(Effect.gen(function*() {
      let attempts = 0
      const pool = yield* WorkerPool.make({
        size: 1,
        retry: { times: 2 },
        run: () => ++attempts < 3 ? Effect.fail("planned") : Effect.void
      })
      yield* WorkerPool.submit(pool, undefined)
      yield* WorkerPool.idle(pool)
      expect(attempts).toBe(3)
    })))

  test.each(["shutdown", "shutdownNow", "close"] as const)(
    "returns at the end of the pool: %s",
    (end) =>
      run(Effect.gen(function*() {
        const scope = yield* Scope.make()
        const { open, pool } = yield* Scope.provide(gated(1), scope)
        for (const n of [1, 2, 3]) yield* start(WorkerPool.run(pool, n))
        const waiting = yield* start(WorkerPool.idle(pool))
        const ends = {
          shutdown: Effect.andThen(Effect.forkChild(open), WorkerPool.shutdown(pool)),
          shutdownNow: WorkerPool.shutdownNow(pool),
          close: Scope.close(scope, Exit.void)
        }
        yield* ends[end]
        yield* Fiber.join(waiting)
        yield* WorkerPool.idle(pool)
      }))
  )

  test("keeps nothing of a caller that was interrupted", () =>
    run(Effect.gen(function*() {
      const { pool } = yield* gated(1)
      yield* WorkerPool.submit(pool, 1)
      let caller: WeakRef<object> | undefined
      yield* Effect.gen(function*() {
        const waiting = yield* start(WorkerPool.idle(pool))
        caller = new WeakRef(waiting)
        yield* Fiber.interrupt(waiting)
      })
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      collectGarbage()
      expect(caller?.deref()).toBe(undefined)
    })))

  test("by a job of the pool dies with PoolDeadlock", () =>
    run(Effect.gen(function*() {
      const pool: WorkerPool.WorkerPool<unknown, void> = yield* WorkerPool.make({
        size: 2,
        run: (): Effect.Effect<void> => Effect.suspend(() => WorkerPool.idle(pool))
      })
      expect(yield* defectOf(WorkerPool.run(pool, undefined))).toMatchObject({
        _tag: "PoolDeadlock",
        operation: "idle"
      })
    })))
})

test("catchRunError handles what the pool fails with, and lets the job's errors and defects pass", () =>
  run(Effect.gen(function*() {
    const pool = yield* WorkerPool.make({
      size: 1,
      deadlines: { run: "1 millis" },
      run: (end: "fail" | "die" | "hang") =>
        end === "fail" ? Effect.fail("planned") : end === "die" ? Effect.die("a bug") : Effect.never
    })
    const handled = (end: "fail" | "die" | "hang") =>
      WorkerPool.run(pool, end).pipe(WorkerPool.catchRunError((error) => Effect.succeed(error._tag)))
    expect(yield* Effect.flip(handled("fail"))).toBe("planned")
    expect(yield* defectOf(handled("die"))).toBe("a bug")
    expect(yield* handled("hang")).toBe("JobTimeout")
    yield* WorkerPool.shutdown(pool)
    expect(yield* handled("hang")).toBe("PoolClosed")
    const first = WorkerPool.catchRunError(WorkerPool.tryRun(pool, "fail"), ({ _tag }) => Effect.succeed(_tag))
    expect(yield* first).toBe("PoolClosed")
  })))

test("mapStream is map on the side of the stream", () =>
  run(Effect.gen(function*() {
    const pool = yield* WorkerPool.make({
      size: 2,
      run: (n: number) => n === 3 ? Effect.fail(`${n}`) : Effect.succeed(n * 2)
    })
    expect(yield* Stream.make(1, 2).pipe(WorkerPool.mapStream(pool), Stream.runCollect)).toEqual([2, 4])
    const exit = yield* Effect.exit(
      Stream.make(1, 3).pipe(WorkerPool.mapStream(pool, { ordered: false }), Stream.runDrain)
    )
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBe("3")
  })))

lawsOf(verbs, { bounds: () => ({ preemptions: 1, cancels: 1 }), runs: 200 })
