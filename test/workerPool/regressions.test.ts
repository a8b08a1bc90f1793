/** Where a deadline, a retry, a dead letter or a resize once went wrong. */
import { Deferred, Duration, Effect, Exit, Schedule } from "effect"
import { WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import { after, expectEnded, run, runTimed, settle, start } from "../support/effect.js"
import { balanced, type Job, make, type Pool } from "../support/workerPool.js"

describe("a deadline", () => {
  test("that is due before its watch has begun is followed by others", () =>
    run(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({
        size: 1,
        deadlines: { run: Duration.nanos(100n) },
        run: (millis: number) => Effect.andThen(Effect.sleep(millis), Effect.never)
      })
      const handles = yield* Effect.forEach([1, 2, 3], (n) => WorkerPool.submit(pool, n))
      for (const handle of handles) yield* handle.await
      expect(handles.map(({ state }) => state)).toEqual(["timedOut", "timedOut", "timedOut"])
    })))

  test("of an attempt ends with it", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({
        size: 1,
        deadlines: { run: 100 },
        retry: { schedule: Schedule.spaced(10) },
        run: (_job: string, { attempt }) =>
          attempt === 1
            ? Effect.andThen(Effect.sleep(50), Effect.fail("planned"))
            : Effect.as(Effect.sleep(90), attempt)
      })
      const handle = yield* WorkerPool.submit(pool, "job")
      for (let n = 0; n < 15; n++) yield* after(10)
      expect(yield* handle.await).toEqual(Exit.succeed(2))
    })))

  test("does not keep a cancel from being the end", () =>
    runTimed(Effect.gen(function*() {
      let attempts = 0
      const pool = yield* WorkerPool.make({
        size: 1,
        deadlines: { run: 10 },
        retry: { schedule: Schedule.spaced(10) },
        run: (name: string) => {
          attempts += name.length
          return Effect.onExit(Effect.never, () => Effect.sleep(5))
        }
      })
      const caller = yield* start(WorkerPool.run(pool, "j"))
      yield* after(12)
      caller.interruptUnsafe()
      for (let n = 0; n < 10; n++) yield* after(10)
      expect(attempts).toBe(1)
      expectEnded(caller)
    })))
})

describe("a job that awaits one between two attempts", () => {
  const awaited = (options: Parameters<typeof make>[0]) =>
    Effect.gen(function*() {
      const pool = yield* make({ queue: { capacity: 4 }, ...options })
      const first = yield* WorkerPool.submit(pool, Effect.fail("planned"))
      const second = yield* WorkerPool.submit(pool, first.await)
      yield* after(200)
      expect(second.state).toBe("succeeded")
      return first.state
    })

  test("does not die of a deadlock while a dead letter is on its way", () =>
    runTimed(Effect.gen(function*() {
      expect(yield* awaited({ retry: { times: 0, deadLetters: { sink: () => Effect.sleep(100) } } })).toBe(
        "deadLettered"
      )
    })))

  test("does not die of a deadlock when there is no other attempt", () =>
    runTimed(Effect.gen(function*() {
      expect(yield* awaited({ retry: { schedule: Schedule.recurs(0) } })).toBe("failed")
    })))

  test("nor is one that shuts the pool down", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({
        queue: { capacity: 4 },
        retry: { times: 0, deadLetters: { sink: () => Effect.sleep(100) } }
      })
      yield* WorkerPool.submit(pool, Effect.fail("planned"))
      const second = yield* WorkerPool.submit(pool, Effect.suspend(() => WorkerPool.shutdown(pool)))
      yield* after(200)
      expect(second.state).toBe("succeeded")
    })))
})

describe("a job that fails", () => {
  test("is not tried again once it has been cancelled", () =>
    runTimed(Effect.gen(function*() {
      let attempts = 0
      const pool = yield* make({ retry: { schedule: Schedule.recurs(3) } })
      const stubborn = Effect.andThen(Effect.sync(() => attempts++), Effect.never)
      const handle = yield* WorkerPool.submit(pool, Effect.catchCause(stubborn, () => Effect.fail("anyway")))
      const job: Job = Effect.onInterrupt(stubborn, () => Effect.die("anyway"))
      const other = yield* WorkerPool.submit(pool, job)
      yield* handle.cancel
      yield* settle
      yield* other.cancel
      yield* settle
      expect(attempts).toBe(2)
      expect(WorkerPool.stats(pool)).toMatchObject({ retrying: 0, running: 0 })
    })))

  test("in a pool that has failed is a dead letter all the same", () =>
    runTimed(Effect.gen(function*() {
      let acquired = 0
      const letters: Array<number> = []
      const gate = yield* Deferred.make<void>()
      const pool = yield* make({
        size: 2,
        restart: Schedule.recurs(0),
        worker: () => Effect.suspend(() => ++acquired <= 2 ? Effect.void : Effect.fail("refused")),
        retry: { times: 0, deadLetters: { sink: ({ id }) => Effect.sync(() => letters.push(id)) } }
      })
      yield* WorkerPool.submit(pool, Effect.andThen(Deferred.await(gate), Effect.fail("planned")))
      yield* WorkerPool.submit(pool, Effect.die("poison"))
      yield* settle
      expect(WorkerPool.stats(pool).state).toBe("failed")
      yield* Deferred.succeed(gate, undefined)
      yield* WorkerPool.shutdown(pool)
      expect(letters).toEqual([2, 1])
    })))

  test("just before the pool stops is one too", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({ retry: { times: 0, deadLetters: {} } })
      yield* WorkerPool.submit(pool, Effect.fail("planned"))
      const { aborted, counts } = yield* WorkerPool.shutdownNow(pool)
      expect([counts.deadLettered, aborted]).toEqual([1, []])
    })))

  test("is not among the aborted of a pool that goes on, when its schedule interrupts itself", () =>
    runTimed(Effect.gen(function*() {
      const retry = Schedule.recurs(3).pipe(Schedule.while(() => Effect.interrupt))
      const pool = yield* make({ retry: { schedule: retry } })
      const handle = yield* WorkerPool.submit(pool, Effect.fail("planned"))
      expect(yield* handle.await).toEqual(Exit.fail("planned"))
      expect((yield* WorkerPool.shutdown(pool)).aborted).toEqual([])
    })))
})

describe("poison", () => {
  test("is counted for each job, however many there are", () =>
    runTimed(Effect.gen(function*() {
      let runs = 0
      const count = 10_001
      const gate = yield* Deferred.make<void>()
      const pool = yield* WorkerPool.make({
        size: 1,
        queue: { capacity: "unbounded" },
        retry: { times: 0, poison: { kills: 2 } },
        run: (n: number) => {
          if (n < 0) return Deferred.await(gate)
          // So that it ends, should it not be noticed.
          return ++runs > 4 * count ? Effect.void : Effect.die("poison")
        }
      })
      for (let n = -1; n < count; n++) yield* WorkerPool.submit(pool, n)
      yield* Deferred.succeed(gate, undefined)
      const { counts } = yield* WorkerPool.shutdown(pool)
      expect([runs, counts.died]).toEqual([2 * count, count])
    })))

  test("whose key function throws refuses the job, before anything has changed", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({
        retry: {
          times: 0,
          poison: {
            key: () => {
              throw new Error("no key")
            }
          }
        }
      })
      expect(String(yield* Effect.exit(WorkerPool.submit(pool, Effect.void)))).toContain("no key")
      expect(WorkerPool.stats(pool)).toMatchObject({ submitted: 0, idle: 1 })
      balanced(pool)
    })))
})

describe("resize", () => {
  const pooled = (options: (pool: () => Pool) => Parameters<typeof make>[0]) =>
    Effect.gen(function*() {
      const known: Array<Pool> = []
      known.push(yield* make(options(() => known[0]!)))
      return known[0]!
    })

  test("from within an acquisition that never returns gives that one up", () =>
    runTimed(Effect.gen(function*() {
      let acquired = 0
      const pool = yield* pooled((pool) => ({
        worker: () =>
          Effect.suspend(() =>
            ++acquired === 2 ? Effect.andThen(WorkerPool.resize(pool(), 1), Effect.never) : Effect.void
          )
      }))
      yield* WorkerPool.resize(pool, 2)
      yield* settle
      yield* WorkerPool.resize(pool, 2)
      yield* settle
      expect(WorkerPool.stats(pool)).toMatchObject({ size: 2, idle: 2 })
    })))

  test("from within a release keeps those that were about to leave", () =>
    runTimed(Effect.gen(function*() {
      let released = 0
      const pool = yield* pooled((pool) => ({
        size: 3,
        worker: () =>
          Effect.acquireRelease(Effect.void, () =>
            Effect.suspend(() => ++released === 1 ? WorkerPool.resize(pool(), 3) : Effect.void))
      }))
      yield* WorkerPool.resize(pool, 1)
      yield* settle
      expect(WorkerPool.stats(pool)).toMatchObject({ size: 3, idle: 3 })
      expect(released).toBe(1)
    })))

  test("to more than can be had fails the pool, when those that are left wait for it", () =>
    runTimed(Effect.gen(function*() {
      let acquired = 0
      const gate = yield* Deferred.make<void>()
      const pool = yield* make({
        size: 1,
        queue: { capacity: 4 },
        restart: Schedule.recurs(0),
        worker: () =>
          Effect.suspend(() =>
            ++acquired === 1 ? Effect.void : Effect.andThen(Deferred.await(gate), Effect.fail("refused"))
          )
      })
      yield* WorkerPool.resize(pool, 2)
      const inner = Effect.mapError(WorkerPool.run(pool, Effect.void), String)
      const outer = yield* WorkerPool.submit(pool, inner)
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      expect(WorkerPool.stats(pool).state).toBe("failed")
      expect(String(yield* outer.await)).toContain("PoolFailed")
    })))
})
