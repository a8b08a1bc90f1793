/** The verbs that come with run and submit: tryRun, join, idle, pause, clear, setPriority and others. */
import { Cause, Deferred, Effect, Exit, Fiber, Schedule, Scope, Stream } from "effect"
import * as fc from "fast-check"
import { WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import { pauses, verbs } from "../scenarios/workerPool.js"
import {
  after,
  collectGarbage,
  defectOf,
  isInterrupted,
  run,
  runTimed,
  settle,
  squash,
  start,
  turns
} from "../support/effect.js"
import { holdsByChance, holdsWithin, lawsOf } from "../support/property.js"
import { times } from "../support/seed.js"

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
      yield* collectGarbage
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

describe("pause and resume (P20)", () => {
  /** A pool that notes which jobs begin. A job of a name with "long" in it does not end by itself. */
  const noted = (options: { readonly size?: number; readonly capacity?: number; readonly wait?: number } = {}) =>
    Effect.gen(function*() {
      const begun: Array<string> = []
      const pool = yield* WorkerPool.make({
        size: options.size ?? 1,
        queue: { capacity: options.capacity ?? 9 },
        deadlines: { wait: options.wait ?? Infinity },
        run: (name: string) =>
          Effect.suspend(() => {
            begun.push(name)
            return name.includes("long") ? Effect.never : Effect.yieldNow
          })
      })
      return { begun, pool }
    })

  test("no job begins meanwhile, jobs that run go on, and all begin in their order afterwards", () =>
    run(Effect.gen(function*() {
      const { begun, pool } = yield* noted()
      const first = yield* WorkerPool.submit(pool, "a")
      yield* WorkerPool.submit(pool, "b")
      yield* WorkerPool.pause(pool)
      yield* WorkerPool.pause(pool)
      yield* WorkerPool.submit(pool, "c")
      expect(yield* first.await).toEqual(Exit.succeed(undefined))
      yield* settle
      expect(begun).toEqual(["a"])
      expect(WorkerPool.stats(pool)).toMatchObject({ state: "paused", idle: 1, queued: 2 })
      yield* WorkerPool.resume(pool)
      yield* WorkerPool.idle(pool)
      yield* WorkerPool.resume(pool)
      expect(begun).toEqual(["a", "b", "c"])
      expect(WorkerPool.stats(pool).state).toBe("running")
    })))

  test("a job that a worker was given and has not begun is first in line again", () =>
    run(Effect.gen(function*() {
      const { begun, pool } = yield* noted()
      const long = yield* WorkerPool.submit(pool, "long")
      for (const name of ["a", "b"]) yield* WorkerPool.submit(pool, name)
      // An interrupt gives the worker its next job, for a later turn.
      yield* Effect.andThen(Effect.forkChild(long.cancel, { startImmediately: true }), WorkerPool.pause(pool))
      yield* settle
      expect(begun).toEqual(["long"])
      expect(WorkerPool.stats(pool)).toMatchObject({ running: 0, queued: 2, idle: 1 })
      yield* WorkerPool.resume(pool)
      yield* WorkerPool.idle(pool)
      expect(begun).toEqual(["long", "a", "b"])
    })))

  test("the queue's bound holds, and who waits for room goes on afterwards", () =>
    run(Effect.gen(function*() {
      const { pool } = yield* noted({ capacity: 1 })
      yield* WorkerPool.pause(pool)
      yield* WorkerPool.submit(pool, "a")
      expect(yield* Effect.flip(WorkerPool.trySubmit(pool, "b"))).toMatchObject({ _tag: "QueueFull" })
      const blocked = yield* start(WorkerPool.run(pool, "c"))
      expect(WorkerPool.stats(pool)).toMatchObject({ queued: 1, waiting: 1 })
      yield* WorkerPool.resume(pool)
      yield* Fiber.join(blocked)
    })))

  test("shutdown ends the pause and runs what was accepted, shutdownNow returns it", () =>
    run(Effect.gen(function*() {
      const one = yield* noted()
      yield* WorkerPool.pause(one.pool)
      yield* WorkerPool.submit(one.pool, "a")
      expect((yield* WorkerPool.shutdown(one.pool)).counts).toMatchObject({ succeeded: 1, returned: 0 })
      const other = yield* noted()
      yield* WorkerPool.pause(other.pool)
      yield* WorkerPool.submit(other.pool, "a")
      expect((yield* WorkerPool.shutdownNow(other.pool)).returned).toEqual(["a"])
      yield* WorkerPool.pause(other.pool)
      yield* WorkerPool.resume(other.pool)
      expect(WorkerPool.stats(other.pool).state).toBe("stopped")
    })))

  test("the time of waits stands still, however often, and goes on from where it stood", () =>
    runTimed(Effect.gen(function*() {
      const { pool } = yield* noted({ wait: 100 })
      yield* WorkerPool.submit(pool, "long")
      const early = yield* WorkerPool.submit(pool, "early")
      yield* after(60)
      for (let n = 0; n < 3; n++) {
        yield* WorkerPool.pause(pool)
        yield* after(500)
        yield* WorkerPool.resume(pool)
      }
      yield* WorkerPool.pause(pool)
      const late = yield* WorkerPool.submit(pool, "late")
      yield* after(500)
      yield* WorkerPool.resume(pool)
      yield* after(39)
      expect([early.state, late.state]).toEqual(["queued", "queued"])
      yield* after(1)
      expect([early.state, late.state]).toEqual(["expired", "queued"])
      yield* after(59)
      expect(late.state).toBe("queued")
      yield* after(1)
      expect(late.state).toBe("expired")
    })))

  test("an autoscaler keeps the size meanwhile, whatever waits", () =>
    runTimed(Effect.gen(function*() {
      const { pool } = yield* noted({ size: 2, capacity: 99 })
      yield* WorkerPool.autoscale(pool, { min: 1, max: 8, dwell: 100 })
      yield* WorkerPool.pause(pool)
      yield* after(1_000)
      expect(WorkerPool.stats(pool).size).toBe(2)
      for (let n = 0; n < 50; n++) yield* WorkerPool.submit(pool, `long ${n}`)
      yield* after(1_000)
      expect(WorkerPool.stats(pool).size).toBe(2)
      yield* WorkerPool.resume(pool)
      yield* after(1_000)
      expect(WorkerPool.stats(pool).size).toBe(8)
    })))

  test("another worker gets no job meanwhile: one that is added, or whose resource is replaced, or a retry's", () =>
    runTimed(Effect.gen(function*() {
      const begun: Array<number> = []
      const pool = yield* WorkerPool.make({
        size: 1,
        retry: { times: 1 },
        run: (n: number, { attempt }) =>
          Effect.suspend(() => {
            begun.push(n * 10 + attempt)
            return attempt === 1 ? Effect.fail("planned") : Effect.void
          })
      })
      yield* WorkerPool.submit(pool, 1)
      yield* WorkerPool.pause(pool)
      yield* WorkerPool.submit(pool, 2)
      yield* WorkerPool.resize(pool, 3)
      yield* after(1_000)
      expect(begun).toEqual([11])
      expect(WorkerPool.stats(pool)).toMatchObject({ queued: 2, retrying: 0, idle: 3 })
      yield* WorkerPool.resume(pool)
      yield* after(1_000)
      expect(begun.toSorted()).toEqual([11, 12, 21, 22])
    })))
})

describe("clear", () => {
  test("takes the jobs out of the queue, in order, and lets callers in that wait for room", () =>
    run(Effect.gen(function*() {
      const { open, pool } = yield* gated(2)
      yield* WorkerPool.submit(pool, 0)
      const handles = [yield* WorkerPool.submit(pool, 1), yield* WorkerPool.submit(pool, 2)]
      const blocked = yield* start(WorkerPool.run(pool, 3))
      const submitting = yield* start(WorkerPool.submit(pool, 4))
      expect(yield* WorkerPool.clear(pool)).toEqual([1, 2])
      expect((yield* Fiber.join(submitting)).state).toBe("queued")
      expect(handles.map(({ state }) => state)).toEqual(["returned", "returned"])
      expect(squash(yield* handles[0]!.await.pipe(Effect.flatten, Effect.exit))).toMatchObject({ reason: "returned" })
      expect(WorkerPool.stats(pool)).toMatchObject({ submitted: 5, returned: 2, queued: 2, waiting: 0 })
      yield* open
      expect(yield* Fiber.join(blocked)).toBe(3)
      expect(yield* WorkerPool.clear(pool)).toEqual([])
      expect((yield* WorkerPool.shutdown(pool)).returned).toEqual([])
      expect(yield* WorkerPool.clear(pool)).toEqual([])
    })))

  test("goes by urgency and keys, lets a drain end, and lets go who waits for idle", () =>
    run(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({
        size: 1,
        queue: { capacity: 9, priority: (n: number) => n % 3, key: (n) => n % 2 },
        run: () => Effect.never
      })
      const handle = yield* WorkerPool.submit(pool, 9)
      for (const n of [1, 2, 3, 4, 5, 6]) yield* WorkerPool.submit(pool, n)
      const idle = yield* start(WorkerPool.idle(pool))
      const end = yield* start(WorkerPool.shutdown(pool))
      expect(yield* WorkerPool.clear(pool)).toEqual([3, 6, 1, 4, 2, 5])
      yield* handle.cancel
      expect((yield* Fiber.join(end)).counts).toMatchObject({ returned: 6, interrupted: 1 })
      yield* Fiber.join(idle)
    })))

  test("a job that waits for another attempt ends as its last one did", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({
        size: 1,
        retry: { times: 1, schedule: Schedule.spaced(100) },
        run: (n: number) => n === 1 ? Effect.fail("planned") : Effect.never
      })
      const failing = yield* WorkerPool.submit(pool, 1)
      yield* turns(4)
      yield* WorkerPool.submit(pool, 2)
      yield* after(100)
      expect(failing.state).toBe("queued")
      expect(yield* WorkerPool.clear(pool)).toEqual([1])
      expect(yield* failing.await).toEqual(Exit.fail("planned"))
      expect(WorkerPool.stats(pool)).toMatchObject({ failed: 1, returned: 0 })
    })))
})

describe("setPriority", () => {
  const leveled = Effect.gen(function*() {
    const begun: Array<number> = []
    const gate = yield* Deferred.make<void>()
    const pool = yield* WorkerPool.make({
      size: 1,
      queue: { capacity: "unbounded", priority: (n: number) => n < 0 ? 0 : 5, aging: 100 },
      run: (n: number) => Effect.andThen(Effect.sync(() => begun.push(n)), Deferred.await(gate))
    })
    yield* WorkerPool.submit(pool, -1)
    return { begun, pool, open: Effect.andThen(Deferred.succeed(gate, undefined), WorkerPool.idle(pool)) }
  })

  test("moves a job that waits, as if it had come with that level", () =>
    run(Effect.gen(function*() {
      const { begun, open, pool } = yield* leveled
      const handles = yield* Effect.forEach([1, 2, 3, 4], (n) => WorkerPool.submit(pool, n))
      expect(yield* handles[2]!.setPriority(0)).toBe(true)
      expect(yield* handles[0]!.setPriority(9)).toBe(true)
      expect(yield* handles[3]!.setPriority(0)).toBe(true)
      expect(yield* handles[3]!.setPriority(5)).toBe(true)
      yield* open
      expect(begun).toEqual([-1, 3, 2, 4, 1])
      expect(yield* handles[0]!.setPriority(0)).toBe(false)
    })))

  // With an aging above the number of jobs no two of them are equally urgent.
  test("is as the same levels from the beginning would be (P14)", () => {
    const levels = fc.array(fc.tuple(fc.nat(3), fc.array(fc.nat(3), { maxLength: 3 })), { minLength: 1, maxLength: 20 })
    const property = fc.asyncProperty(levels, fc.constantFrom(0, 100), (jobs, aging) => {
      const orderOf = (changes: boolean) =>
        Effect.gen(function*() {
          const begun: Array<number> = []
          const gate = yield* Deferred.make<void>()
          const last = ([first, later]: readonly [number, ReadonlyArray<number>]) => later.at(-1) ?? first
          const pool = yield* WorkerPool.make({
            size: 1,
            queue: {
              capacity: "unbounded",
              aging,
              priority: (n: number) => n < 0 ? 0 : changes ? jobs[n]![0] : last(jobs[n]!)
            },
            run: (n: number) => Effect.andThen(Effect.sync(() => begun.push(n)), Deferred.await(gate))
          })
          yield* WorkerPool.submit(pool, -1)
          const handles = yield* Effect.forEach(jobs.keys(), (n) => WorkerPool.submit(pool, n))
          if (changes) {
            for (const [n, [, later]] of jobs.entries()) {
              for (const level of later) expect(yield* handles[n]!.setPriority(level)).toBe(true)
            }
          }
          yield* Deferred.succeed(gate, undefined)
          yield* WorkerPool.idle(pool)
          return begun
        })
      return run(Effect.gen(function*() {
        expect(yield* orderOf(true)).toEqual(yield* orderOf(false))
      }))
    })
    return fc.assert(property, { numRuns: times(100) })
  })

  test("is a defect where the level is none, or the pool has no priorities, and changes nothing", () =>
    run(Effect.gen(function*() {
      const { pool } = yield* leveled
      const handle = yield* WorkerPool.submit(pool, 1)
      for (const level of [-1, 0.5, NaN, 1_000_001, "1" as never]) {
        expect(String(yield* defectOf(handle.setPriority(level)))).toMatch(/setPriority: level must be/)
      }
      const plain = yield* gated(1)
      const other = yield* WorkerPool.submit(plain.pool, 1)
      expect(String(yield* defectOf(other.setPriority(1)))).toMatch(/no queue.priority/)
    })))

  test("of a job between two attempts leaves no key behind (P15)", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({
        size: 1,
        queue: { capacity: 9, priority: () => 5, key: (n) => n },
        retry: { times: 1, schedule: Schedule.spaced(100) },
        run: (n: number) => Effect.fail(n)
      })
      const handle = yield* WorkerPool.submit(pool, 1)
      yield* turns(4)
      expect(yield* handle.setPriority(0)).toBe(true)
      yield* handle.cancel
      expect(WorkerPool.stats(pool)).toMatchObject({ interrupted: 1, keys: 0 })
    })))

  test("counts for a retry", () =>
    runTimed(Effect.gen(function*() {
      const begun: Array<number> = []
      const pool = yield* WorkerPool.make({
        size: 1,
        queue: { capacity: 9, priority: () => 5 },
        retry: { times: 1, schedule: Schedule.spaced(100) },
        run: (n: number, { attempt }) =>
          Effect.suspend(() => {
            begun.push(n)
            return n === 1 && attempt === 1 ? Effect.fail("planned") : Effect.sleep(150)
          })
      })
      const first = yield* WorkerPool.submit(pool, 1)
      yield* turns(4)
      expect(first.state).toBe("retrying")
      expect(yield* first.setPriority(0)).toBe(true)
      for (const n of [2, 3]) yield* WorkerPool.submit(pool, n)
      yield* after(1_000)
      expect(begun).toEqual([1, 2, 1, 3])
    })))
})

lawsOf(verbs, { bounds: () => ({ preemptions: 1, cancels: 1 }), runs: 200 })

describe("pause, clear and use", () => {
  // The others have tens of thousands of schedules.
  const short = [
    "pause, and shutdown",
    "pause, and the end",
    "pause, and a resource that breaks",
    "use",
    "use, and the end"
  ]

  test.each(Object.entries(pauses).filter(([name]) => short.includes(name)))(
    "over every schedule with an interrupt: %s",
    (_, scenario) => holdsWithin(scenario, { preemptions: 0, cancels: 1 })
  )

  test.each(Object.entries(pauses))(
    "over schedules by chance: %s",
    (_, scenario) => holdsByChance(scenario, { runs: 500, cancels: 3 })
  )
})
