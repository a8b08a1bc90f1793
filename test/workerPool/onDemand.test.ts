/** Workers that come when there is a job for them, and leave when they are idle: the option `resource.min` (P19). */
import { Clock, Deferred, Effect, type Exit, Fiber, Schedule } from "effect"
import type { Scope } from "effect"
import { WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import { after, run, runTimed, settle, start } from "../support/effect.js"
import { verdictOf } from "../support/workerPool.js"

type Job = Effect.Effect<unknown, string>
type Some = Partial<Omit<WorkerPool.Options<Job, unknown, string, never, number, string, Scope.Scope>, "deadlines">>

/** A pool of up to three, whose n-th acquisition is `acquire(n)`. */
const make = (
  resource: Some["resource"],
  options: Some = {},
  acquire: (n: number) => Effect.Effect<unknown, string> = () => Effect.void
) => {
  let acquired = 0
  return WorkerPool.make({
    size: 3,
    restart: Schedule.recurs(0),
    worker: (): Effect.Effect<number, string, Scope.Scope> =>
      Effect.suspend(() => {
        const n = ++acquired
        return Effect.as(acquire(n), n)
      }),
    run: (job: Job) => job,
    ...options,
    resource
  })
}

/** How many workers are idle, run a job, acquire a resource and release one. */
const census = (pool: WorkerPool.WorkerPool<Job, unknown, string>) => {
  const { acquiring, idle, releasing, running } = WorkerPool.stats(pool)
  return [idle, running, acquiring, releasing]
}

const slow = () => Effect.sleep(10)

describe("workers on demand (P19)", () => {
  test("make acquires min resources, and a job that would wait has another worker come", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({ min: 1 })
      expect(census(pool)).toEqual([1, 0, 0, 0])
      for (const running of [1, 2, 3, 3]) {
        yield* WorkerPool.submit(pool, Effect.never)
        yield* settle
        expect(census(pool)).toEqual([0, running, 0, 0])
      }
      expect(WorkerPool.stats(pool)).toMatchObject({ queued: 1, size: 3 })
    })))

  test("as many come as jobs are ready that no coming worker will take", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({ min: 0 }, {}, slow)
      for (const acquiring of [1, 2, 3, 3]) {
        yield* WorkerPool.submit(pool, Effect.sleep(5))
        expect(census(pool)).toEqual([0, 0, acquiring, 0])
      }
      yield* after(10)
      expect(census(pool)).toEqual([0, 3, 0, 0])
      yield* after(10)
      expect(census(pool)).toEqual([3, 0, 0, 0])
      yield* WorkerPool.submit(pool, Effect.void)
      expect(census(pool)).toEqual([3, 0, 0, 0])
    })))

  test("workers that are idle for idleTimeout leave while there are more than min, and numbers are used again", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({ min: 1, idleTimeout: 100 })
      const job = Effect.sleep(10)
      for (let n = 0; n < 3; n++) yield* WorkerPool.submit(pool, job)
      yield* after(10)
      expect(census(pool)).toEqual([3, 0, 0, 0])
      // The same worker serves a low load, and the others are idle.
      for (let n = 0; n < 9; n++) {
        yield* after(9)
        yield* WorkerPool.run(pool, Effect.void)
      }
      yield* after(20)
      expect(census(pool)).toEqual([1, 0, 0, 0])
      yield* after(1_000)
      expect(census(pool)).toEqual([1, 0, 0, 0])
      const names: Array<number> = []
      const other = yield* make({ min: 0, idleTimeout: 1 }, { run: (job, { id }) => (names.push(id), job) })
      for (let n = 0; n < 3; n++) {
        yield* WorkerPool.run(other, Effect.void)
        yield* after(1)
      }
      expect(names).toEqual([1, 1, 1])
    })))

  test.each(["suspend", "dropping", "sliding"] as const)(
    "with a capacity of 0, a job that a worker will come for is accepted (%s)",
    (strategy) =>
      runTimed(Effect.gen(function*() {
        const pool = yield* make({ min: 0 }, { size: 2, queue: { capacity: 0, strategy } }, slow)
        const handles = yield* Effect.all([1, 2].map(() => WorkerPool.trySubmit(pool, Effect.sleep(5))))
        expect(handles.map(({ state }) => state)).toEqual(["queued", "queued"])
        const third = yield* Effect.exit(WorkerPool.trySubmit(pool, Effect.void))
        if (strategy === "suspend") expect(String(third)).toContain("QueueFull")
        else expect(WorkerPool.stats(pool)).toMatchObject({ dropped: 1 })
        yield* after(15)
        expect(WorkerPool.stats(pool)).toMatchObject({ succeeded: 2, idle: 2 })
      }))
  )

  test("a job whose key is at its limit has no worker come, and no room", () =>
    runTimed(Effect.gen(function*() {
      const keyed = { capacity: 0, key: () => "one", perKey: { concurrency: 1 } }
      const pool = yield* make({ min: 0 }, { queue: keyed }, slow)
      yield* WorkerPool.trySubmit(pool, Effect.sleep(5))
      expect(String(yield* Effect.exit(WorkerPool.trySubmit(pool, Effect.void)))).toContain("QueueFull")
      const waits = yield* start(WorkerPool.run(pool, Effect.succeed("second")))
      expect(census(pool)).toEqual([0, 0, 1, 0])
      yield* after(15)
      expect(yield* Fiber.join(waits)).toBe("second")
      expect(census(pool)).toEqual([1, 0, 0, 0])
    })))

  test("while a worker releases its resource another one comes for the job that waits", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({
        size: 2,
        worker: () => Effect.acquireRelease(Effect.void, () => Effect.sleep(1_000)),
        resource: { min: 0, releaseTimeout: 2_000 },
        run: (job: Job) => job
      })
      yield* WorkerPool.submit(pool, Effect.die("poison"))
      yield* settle
      expect(yield* WorkerPool.run(pool, Effect.succeed("served"))).toBe("served")
      expect(census(pool)).toEqual([1, 0, 0, 1])
      // Nobody needs the first one any more.
      yield* after(1_000)
      expect(census(pool)).toEqual([1, 0, 0, 0])
      const ending = yield* start(WorkerPool.shutdown(pool))
      yield* after(1_000)
      yield* Fiber.join(ending)
    })))

  test("a resource that cannot be had while another worker serves is tried for with the next job (P5)", () =>
    runTimed(Effect.gen(function*() {
      let attempts = 0
      const gate = yield* Deferred.make<void>()
      const pool = yield* make({ min: 1 }, {}, (n) => {
        attempts = n
        return n === 2 || n === 3 ? Effect.fail("refused") : Effect.void
      })
      yield* WorkerPool.submit(pool, Deferred.await(gate))
      yield* WorkerPool.submit(pool, Effect.never)
      yield* settle
      expect([attempts, WorkerPool.stats(pool).state, WorkerPool.stats(pool).queued]).toEqual([2, "running", 1])
      yield* WorkerPool.submit(pool, Effect.never)
      yield* settle
      expect(WorkerPool.stats(pool)).toMatchObject({ state: "running", size: 3 })
      yield* WorkerPool.submit(pool, Effect.never)
      yield* settle
      expect(census(pool)[1]).toBe(3)
    })))

  test("a resource that cannot be had fails the pool when no other worker could serve (P5)", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({ min: 0 }, {}, () => Effect.fail("refused"))
      const exit = yield* Effect.exit(WorkerPool.run(pool, Effect.void))
      expect(String(exit)).toContain("PoolFailed")
      expect(WorkerPool.stats(pool).state).toBe("failed")
    })))

  test("a pool without a worker drains, also between two attempts, and ends", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({ min: 0, idleTimeout: 1 }, {
        retry: {
          schedule: Schedule.recurs(1).pipe(
            Schedule.addDelay(() => Effect.succeed(100))
          )
        }
      })
      yield* WorkerPool.submit(pool, Effect.fail("once more"))
      yield* after(10)
      expect(census(pool)).toEqual([0, 0, 0, 0])
      const ending = yield* start(WorkerPool.shutdown(pool, { deadline: 1_000 }))
      yield* after(100)
      expect(yield* Fiber.join(ending)).toMatchObject({ counts: { failed: 1, submitted: 1 } })
      const empty = yield* make({ min: 0 })
      expect(yield* WorkerPool.shutdown(empty)).toMatchObject({ counts: { submitted: 0 } })
    })))

  test("the deadline of a drain holds while there is no worker", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({ min: 0, idleTimeout: 1 }, { retry: { schedule: Schedule.spaced(10_000), times: 1 } })
      yield* WorkerPool.submit(pool, Effect.fail("once more"))
      yield* after(10)
      const ending = yield* start(WorkerPool.shutdown(pool, { deadline: 50 }))
      yield* after(50)
      expect(ending.pollUnsafe()).toBeDefined()
    })))

  test("jobs that wait for their own pool have workers come, and the last that could wait dies (P9)", () =>
    runTimed(Effect.gen(function*() {
      const exits: Array<Exit.Exit<unknown, unknown>> = []
      const pool: WorkerPool.WorkerPool<Job, unknown, string> = yield* make({ min: 0 }, {}, slow)
      const nest = (n: number): Job =>
        n === 0 ? Effect.void : Effect.tap(
          Effect.exit(WorkerPool.run(pool, nest(n - 1))),
          (exit) => Effect.sync(() => exits.push(exit))
        )
      const all = yield* start(WorkerPool.run(pool, nest(3)))
      yield* after(40)
      yield* Fiber.join(all)
      expect(exits.map((exit) => verdictOf(exit) !== undefined)).toEqual([true, false, false])
    })))

  test("resize bounds the workers that come", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({ min: 2 })
      yield* WorkerPool.resize(pool, 1)
      yield* settle
      expect(census(pool)).toEqual([1, 0, 0, 0])
      for (let n = 0; n < 4; n++) yield* WorkerPool.submit(pool, Effect.never)
      yield* settle
      expect(census(pool)).toEqual([0, 1, 0, 0])
      yield* WorkerPool.resize(pool, 2)
      yield* settle
      expect(census(pool)).toEqual([0, 2, 0, 0])
    })))

  test("an idle worker stays while there are no more than min, and until idleTimeout after its last job", () =>
    runTimed(Effect.gen(function*() {
      let acquired = 0
      const count = (n: number) => Effect.sync(() => (acquired = n))
      const least = yield* make({ min: 1, idleTimeout: 100 }, {}, count)
      yield* after(1_000)
      expect([acquired, ...census(least)]).toEqual([1, 1, 0, 0, 0])
      const pool = yield* make({ min: 0, idleTimeout: 100 })
      yield* WorkerPool.run(pool, Effect.void)
      yield* after(60)
      yield* WorkerPool.run(pool, Effect.void)
      yield* after(99)
      expect(census(pool)).toEqual([1, 0, 0, 0])
      yield* after(1)
      expect(census(pool)).toEqual([0, 0, 0, 0])
    })))

  test("a job that is put back, or that its key's limit lets go, does not wait for a slow release", () =>
    runTimed(Effect.gen(function*() {
      const worker = () => Effect.acquireRelease(Effect.void, () => Effect.sleep(1_000))
      const checked = yield* WorkerPool.make({
        size: 2,
        worker,
        resource: { min: 1, check: () => Effect.fail("dead"), checkAfter: 1 },
        run: (job: Job) => job
      })
      yield* after(1)
      expect(yield* WorkerPool.run(checked, Effect.succeed("checked"))).toBe("checked")
      const keyed = yield* WorkerPool.make({
        size: 2,
        worker,
        queue: { key: () => "one", perKey: { concurrency: 1 } },
        resource: { min: 0 },
        run: (job: Job) => job
      })
      yield* WorkerPool.submit(keyed, Effect.andThen(Effect.yieldNow, Effect.die("poison")))
      expect(yield* WorkerPool.run(keyed, Effect.succeed("keyed"))).toBe("keyed")
      const seen = [census(checked), census(keyed)]
      const ending = yield* start(Effect.all([WorkerPool.shutdown(checked), WorkerPool.shutdown(keyed)]))
      yield* after(1_000)
      yield* after(1_000)
      yield* Fiber.join(ending)
      expect(seen).toEqual([[1, 0, 0, 1], [1, 0, 0, 1]])
    })))

  test("no timer is left after the end, of idleness or of a release (P8)", () =>
    run(Effect.gen(function*() {
      const clock = yield* Clock.Clock
      let sleeping = 0
      const sleep = () =>
        Effect.acquireUseRelease(Effect.sync(() => sleeping++), () => Effect.never, () => Effect.sync(() => sleeping--))
      const counting = new Proxy(clock, {
        get: (of, name) => name === "sleep" ? sleep : Reflect.get(of, name) as unknown
      })
      const pool = yield* Effect.provideService(
        WorkerPool.make({
          size: 2,
          worker: () => Effect.acquireRelease(Effect.void, () => Effect.yieldNow),
          resource: { min: 1, releaseTimeout: 1_000, maxAge: 1_000 },
          run: (job: Job) => job
        }),
        Clock.Clock,
        counting
      )
      yield* settle
      expect(sleeping).toBe(2)
      yield* WorkerPool.shutdown(pool)
      yield* settle
      expect(sleeping).toBe(0)
    })))
})
