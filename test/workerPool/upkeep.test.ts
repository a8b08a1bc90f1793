/** Resources that are checked, have limits, or take long to be released: the option `resource` (P2, P17, P18). */
import { Deferred, Effect, Exit, Fiber, Schedule } from "effect"
import type { Scope } from "effect"
import { TestClock } from "effect/testing"
import { Watch, WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import { after, runTimed, settle, start, withRandom } from "../support/effect.js"

type Job = (n: number) => Effect.Effect<unknown, string>
type Some = Omit<
  Partial<WorkerPool.Options<Job, unknown, string, never, number, string, Scope.Scope, Scope.Scope>>,
  "deadlines"
>

/** A pool whose resources are numbers. The log has each acquisition, check, job and release. */
class Site {
  readonly log: Array<string> = []
  private acquired = 0
  /** How the check of a resource ends. */
  check: (n: number) => Effect.Effect<unknown, unknown> = () => Effect.void
  release: (n: number) => Effect.Effect<unknown> = () => Effect.void
  readonly invalidate: Array<Effect.Effect<void>> = []

  readonly checked = (n: number) => {
    this.log.push(`check ${n}`)
    return this.check(n)
  }

  readonly make = (resource: Some["resource"], options: Some = {}) =>
    WorkerPool.make({
      size: 1,
      worker: ({ invalidate }): Effect.Effect<number, string, Scope.Scope> =>
        Effect.acquireRelease(
          Effect.sync(() => {
            this.log.push(`acquire ${++this.acquired}`)
            this.invalidate[this.acquired] = invalidate
            return this.acquired
          }),
          (n) => Effect.andThen(this.release(n), Effect.sync(() => this.log.push(`release ${n}`)))
        ),
      run: (job: Job, { resource }) => job(resource),
      ...options,
      resource
    })

  take(): ReadonlyArray<string> {
    return this.log.splice(0)
  }
}

const number: Job = (n) => Effect.succeed(n)
const forever: Job = () => Effect.never

describe("a check (P17)", () => {
  test("runs before a job on a resource that was idle for checkAfter, and on no other", () =>
    runTimed(Effect.gen(function*() {
      const site = new Site()
      const pool = yield* site.make({ check: site.checked, checkAfter: 100 })
      expect(yield* WorkerPool.run(pool, number)).toBe(1)
      yield* after(99)
      yield* WorkerPool.run(pool, number)
      expect(site.take()).toEqual(["acquire 1"])
      yield* after(100)
      yield* WorkerPool.run(pool, number)
      expect(site.take()).toEqual(["check 1"])
      // The second job waits while the first one runs, and the resource is not idle in between.
      yield* Effect.all([WorkerPool.run(pool, () => Effect.sleep(500)), WorkerPool.run(pool, number), after(500)], {
        concurrency: 3
      })
      expect(site.take()).toEqual([])
    })))

  test("with a checkAfter of 0 runs before each job on a resource that was idle at all", () =>
    runTimed(Effect.gen(function*() {
      const site = new Site()
      const pool = yield* site.make({ check: site.checked, checkAfter: 0 })
      yield* WorkerPool.run(pool, number)
      yield* WorkerPool.run(pool, number)
      expect(site.take()).toEqual(["acquire 1", "check 1", "check 1"])
      // A new resource that is given a job at once is not checked.
      const poison = yield* WorkerPool.submit(pool, () => Effect.andThen(Effect.yieldNow, Effect.die("poison")))
      expect(yield* WorkerPool.run(pool, number)).toBe(2)
      expect(poison.state).toBe("died")
      expect(site.take()).toEqual(["check 1", "release 1", "acquire 2"])
    })))

  test.each([
    ["fails", Effect.fail("dead")],
    ["dies", Effect.die("a bug")],
    ["interrupts itself", Effect.interrupt],
    ["never ends", Effect.never]
  ])(
    "that %s costs the resource, and its job runs on another one in its first attempt",
    (_, end) =>
      runTimed(Effect.gen(function*() {
        const site = new Site()
        const attempts: Array<number> = []
        const pool = yield* site.make({ check: site.checked, checkAfter: 100, checkTimeout: 50 }, {
          run: (job, { attempt, resource }) => Effect.andThen(Effect.sync(() => attempts.push(attempt)), job(resource))
        })
        yield* after(100)
        site.check = () => end
        const result = yield* start(WorkerPool.run(pool, number))
        yield* after(50)
        expect(yield* Fiber.join(result)).toBe(2)
        expect(attempts).toEqual([1])
        expect(site.take()).toEqual(["acquire 1", "check 1", "release 1", "acquire 2"])
        expect(WorkerPool.stats(pool)).toMatchObject({
          replaced: 1,
          succeeded: 1,
          died: 0,
          interrupted: 0,
          submitted: 1
        })
      }))
  )

  test("that fails gives the job to a worker that is idle", () =>
    runTimed(Effect.gen(function*() {
      const site = new Site()
      const pool = yield* site.make({ check: site.checked }, { size: 2 })
      yield* after(30_000)
      site.check = (n) => n === 1 ? Effect.fail("dead") : Effect.void
      expect(yield* WorkerPool.run(pool, number)).toBe(2)
      expect(site.take().slice(2, 4)).toEqual(["check 1", "release 1"])
    })))

  test("that fails keeps the place of its job, whichever check fails first", () =>
    runTimed(Effect.gen(function*() {
      const site = new Site()
      const gates = yield* Effect.all([1, 2, 3].map(() => Deferred.make<void>()))
      const begun: Array<string> = []
      const pool = yield* site.make({ check: site.checked }, { size: 3, queue: { capacity: 9 } })
      const job = (name: string): Job => () => Effect.sync(() => begun.push(name))
      yield* after(30_000)
      site.check = (n) => Effect.andThen(Deferred.await(gates[n - 1]!), Effect.fail("dead"))
      site.release = () => Effect.sleep(1)
      for (const name of ["a", "b", "c", "d"]) yield* WorkerPool.submit(pool, job(name))
      for (const i of [1, 0, 2]) yield* Deferred.succeed(gates[i]!, undefined)
      yield* settle
      expect(WorkerPool.stats(pool)).toMatchObject({ queued: 4, running: 0 })
      site.release = () => Effect.void
      yield* after(1)
      expect(begun).toEqual(["a", "b", "c", "d"])
    })))

  test("is interrupted as its job is cancelled, and the resource is checked before the next job (P7)", () =>
    runTimed(Effect.gen(function*() {
      const site = new Site()
      let interrupts = 0
      const pool = yield* site.make({ check: site.checked })
      yield* after(30_000)
      site.check = () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupts++))
      const handle = yield* WorkerPool.submit(pool, number)
      expect(handle.state).toBe("running")
      expect(yield* handle.cancel).toBe(true)
      expect([handle.state, interrupts]).toEqual(["interrupted", 1])
      site.check = () => Effect.void
      expect(yield* WorkerPool.run(pool, number)).toBe(1)
      expect(site.take()).toEqual(["acquire 1", "check 1", "check 1"])
      expect(WorkerPool.stats(pool)).toMatchObject({ interrupted: 1, replaced: 0 })
    })))

  test("that fails as its job is cancelled costs the resource, and the job stays cancelled", () =>
    runTimed(Effect.gen(function*() {
      const site = new Site()
      const pool = yield* site.make({ check: site.checked, checkTimeout: Infinity })
      yield* after(30_000)
      site.check = () => Effect.onInterrupt(Effect.never, () => Effect.die("a bug"))
      const handle = yield* WorkerPool.submit(pool, number)
      expect(yield* handle.cancel).toBe(true)
      yield* settle
      expect(handle.state).toBe("interrupted")
      expect(WorkerPool.stats(pool)).toMatchObject({ interrupted: 1, replaced: 1, died: 0, idle: 1 })
    })))

  test("that the end of the pool interrupts returns the job as not begun (P8)", () =>
    runTimed(Effect.gen(function*() {
      const site = new Site()
      const pool = yield* site.make({ check: site.checked })
      yield* after(30_000)
      site.check = () => Effect.never
      const handle = yield* WorkerPool.submit(pool, number)
      const { aborted, returned } = yield* WorkerPool.shutdownNow(pool)
      expect({ aborted, returned, state: handle.state }).toEqual({ aborted: [], returned: [number], state: "returned" })
    })))

  test("that ends the pool itself returns its job", () =>
    runTimed(Effect.gen(function*() {
      const site = new Site()
      const pool: WorkerPool.WorkerPool<Job, unknown, string> = yield* site.make({ check: site.checked })
      yield* after(30_000)
      site.check = () => WorkerPool.shutdownNow(pool)
      const exit = yield* Effect.exit(WorkerPool.run(pool, number))
      expect(String(exit)).toContain("JobLost")
      expect(WorkerPool.stats(pool)).toMatchObject({ state: "stopped", returned: 1 })
      expect(site.take()).toEqual(["acquire 1", "check 1", "release 1"])
    })))

  test("during which the resource is invalidated counts as failed", () =>
    runTimed(Effect.gen(function*() {
      const site = new Site()
      const pool = yield* site.make({ check: site.checked })
      yield* after(30_000)
      site.check = (n) => site.invalidate[n]!
      expect(yield* WorkerPool.run(pool, number)).toBe(2)
      expect(site.take()).toEqual(["acquire 1", "check 1", "release 1", "acquire 2"])
    })))

  test("is not part of the run: its deadline and its watchers begin after it (P11)", () =>
    runTimed(Effect.gen(function*() {
      const site = new Site()
      const seen: Array<string> = []
      const watcher = Watch.make(() => ({
        offered: () => {},
        began: () => void seen.push("began"),
        attempted: (_, outcome) => void seen.push(`attempted ${outcome}`),
        ended: (_, outcome) => void seen.push(outcome)
      }))
      const pool = yield* WorkerPool.make({
        size: 1,
        deadlines: { run: 100 },
        watch: [watcher],
        worker: () => Effect.succeed(1),
        resource: { check: site.checked },
        run: (job: Job, { resource }) => job(resource)
      })
      yield* after(30_000)
      site.check = () => Effect.andThen(Effect.sleep(90), Effect.fail("dead"))
      const handle = yield* WorkerPool.submit(pool, () => Effect.sleep(90))
      yield* after(90)
      expect(seen).toEqual(["attempted undefined", "began"])
      yield* after(90)
      expect(handle.state).toBe("succeeded")
      expect(seen).toEqual(["attempted undefined", "began", "succeeded"])
    })))

  test("closes its own scope as it ends", () =>
    runTimed(Effect.gen(function*() {
      const site = new Site()
      const log = site.log
      const check = (n: number) =>
        Effect.acquireRelease(Effect.sync(() => log.push(`open ${n}`)), () => Effect.sync(() => log.push(`close ${n}`)))
      const pool = yield* site.make({ check })
      yield* after(30_000)
      yield* WorkerPool.run(pool, number)
      expect(site.take()).toEqual(["acquire 1", "open 1", "close 1"])
    })))
})

describe("the limits of a resource (P18)", () => {
  test("after maxJobs a resource is replaced, and an attempt that never began does not count", () =>
    runTimed(Effect.gen(function*() {
      const site = new Site()
      const pool = yield* site.make({ maxJobs: 2, jitter: 0 })
      const blocker = yield* WorkerPool.submit(pool, forever)
      const waits = yield* WorkerPool.submit(pool, number)
      yield* waits.cancel
      yield* blocker.cancel
      yield* settle
      expect(yield* Effect.exit(WorkerPool.run(pool, () => Effect.fail("no")))).toEqual(Exit.fail("no"))
      yield* settle
      expect(yield* WorkerPool.run(pool, number)).toBe(2)
      expect(site.take()).toEqual(["acquire 1", "release 1", "acquire 2"])
    })))

  test("a retry that its budget refuses as it begins counts for no limit", () =>
    runTimed(Effect.gen(function*() {
      const site = new Site()
      const budget = { ratio: 0, perSecond: 0.1, window: "10 seconds" } as const
      const pool = yield* site.make({ maxJobs: 5, jitter: 0 }, {
        retry: { schedule: Schedule.upTo(Schedule.spaced("1 second"), { times: 1 }), budget }
      })
      // The budget has one retry for both, which wait for the worker together.
      yield* Effect.forEach([1, 2], () => WorkerPool.submit(pool, () => Effect.fail("no")))
      yield* WorkerPool.submit(pool, () => Effect.sleep("5 seconds"))
      yield* after(60_000)
      expect([site.take(), WorkerPool.stats(pool).failed]).toEqual([["acquire 1"], 2])
    })))

  test("an idle resource is replaced at maxAge, and a busy one after its job", () =>
    runTimed(Effect.gen(function*() {
      const site = new Site()
      const pool = yield* site.make({ maxAge: 1_000, jitter: 0 }, { size: 2 })
      const busy = yield* WorkerPool.submit(pool, () => Effect.sleep(1_500))
      yield* after(999)
      expect(site.take()).toEqual(["acquire 1", "acquire 2"])
      yield* after(1)
      expect(site.take()).toEqual(["release 2", "acquire 3"])
      expect(busy.state).toBe("running")
      yield* after(500)
      expect(busy.state).toBe("succeeded")
      expect(site.take()).toEqual(["release 1", "acquire 4"])
      expect(WorkerPool.stats(pool)).toMatchObject({ replaced: 2, interrupted: 0 })
    })))

  test.each([
    [0, 10, 1_000],
    [0.999, 5, 500.5]
  ])(
    "jitter lowers the limits of each resource at random (%d)",
    (random, jobs, age) =>
      runTimed(
        withRandom(random)(Effect.gen(function*() {
          const site = new Site()
          const pool = yield* site.make({ maxJobs: 10, maxAge: 1_000, jitter: 0.5 })
          for (let n = 1; n < jobs; n++) yield* WorkerPool.run(pool, number)
          yield* settle
          expect(site.take()).toEqual(["acquire 1"])
          yield* WorkerPool.run(pool, number)
          yield* settle
          expect(site.take()).toEqual(["release 1", "acquire 2"])
          yield* TestClock.adjust(Math.floor(age))
          yield* TestClock.adjust(1)
          expect(site.take()).toEqual(["release 2", "acquire 3"])
        }))
      )
  )

  test("a maxJobs of 1 serves one job, whatever the jitter", () =>
    runTimed(
      withRandom(0.999)(Effect.gen(function*() {
        const site = new Site()
        const pool = yield* site.make({ maxJobs: 1, jitter: 1 })
        expect(yield* WorkerPool.run(pool, number)).toBe(1)
        expect(yield* WorkerPool.run(pool, number)).toBe(2)
      }))
    ))
})

describe("a release with a releaseTimeout (P2)", () => {
  test("that takes longer is detached: the worker gets its next resource, and the release goes on", () =>
    runTimed(Effect.gen(function*() {
      const site = new Site()
      const pool = yield* site.make({ releaseTimeout: 100 })
      site.release = () => Effect.sleep(1_000)
      yield* Effect.exit(WorkerPool.run(pool, () => Effect.die("poison")))
      yield* after(99)
      expect(site.take()).toEqual(["acquire 1"])
      expect(WorkerPool.stats(pool)).toMatchObject({ releasing: 1, releasesDetached: 0 })
      yield* after(1)
      expect(site.take()).toEqual(["acquire 2"])
      expect(WorkerPool.stats(pool)).toMatchObject({ releasing: 0, idle: 1, releasesDetached: 1 })
      expect(yield* WorkerPool.run(pool, number)).toBe(2)
      site.release = () => Effect.void
      yield* after(900)
      expect(site.take()).toEqual(["release 1"])
    })))

  test("that hangs does not hold up the end of the pool", () =>
    runTimed(Effect.gen(function*() {
      const site = new Site()
      const pool = yield* site.make({ releaseTimeout: 100 }, { size: 3 })
      site.release = (n) => n === 2 ? Effect.never : Effect.void
      const ending = yield* start(WorkerPool.shutdown(pool))
      yield* after(100)
      expect(yield* Fiber.join(ending)).toMatchObject({ releasesDetached: 1, releasesFailed: 0 })
      expect(site.take().slice(3)).toEqual(["release 1", "release 3"])
    })))

  test("that dies in time, or after it was detached, is a failure of a release", () =>
    runTimed(Effect.gen(function*() {
      const site = new Site()
      const pool = yield* site.make({ releaseTimeout: 100 })
      site.release = (n) => Effect.andThen(Effect.sleep(n === 1 ? 200 : 0), Effect.die(`${n} is stuck`))
      yield* Effect.exit(WorkerPool.run(pool, () => Effect.die("poison")))
      yield* after(100)
      expect(yield* WorkerPool.run(pool, number)).toBe(2)
      yield* after(100)
      const ending = yield* start(WorkerPool.shutdown(pool))
      yield* after(1)
      const report = yield* Fiber.join(ending)
      expect(report).toMatchObject({ releasesDetached: 1, releasesFailed: 2 })
      expect(report.releaseFailures.map(String).join()).toMatch(/1 is stuck.*2 is stuck/)
    })))

  test("that ends its own pool does so, also after it was detached", () =>
    runTimed(Effect.gen(function*() {
      const site = new Site()
      const pool: WorkerPool.WorkerPool<Job, unknown, string> = yield* site.make({ releaseTimeout: 100 }, { size: 2 })
      site.release = (n) => n === 1 ? Effect.andThen(Effect.sleep(150), WorkerPool.shutdown(pool)) : Effect.void
      yield* Effect.exit(WorkerPool.run(pool, () => Effect.die("poison")))
      yield* after(150)
      expect(WorkerPool.stats(pool)).toMatchObject({ state: "stopped", releasesDetached: 1 })
      expect(site.take().toSorted()).toEqual([
        ...["acquire 1", "acquire 2", "acquire 3", "release 1", "release 2", "release 3"]
      ])
    })))

  test("of an acquisition that failed is bounded, too", () =>
    runTimed(Effect.gen(function*() {
      const making = yield* start(Effect.exit(WorkerPool.make({
        size: 1,
        worker: () => Effect.andThen(Effect.addFinalizer(() => Effect.never), Effect.fail("refused")),
        resource: { releaseTimeout: 100 },
        run: () => Effect.void
      })))
      yield* after(100)
      expect(yield* Fiber.join(making)).toEqual(Exit.fail("refused"))
    })))

  test("leaves no timer when the release is in time", () =>
    runTimed(Effect.gen(function*() {
      const site = new Site()
      const pool = yield* site.make({ releaseTimeout: 100 })
      site.release = () => Effect.sleep(10)
      const ending = yield* start(WorkerPool.shutdown(pool))
      yield* after(10)
      expect(yield* Fiber.join(ending)).toMatchObject({ releasesDetached: 0 })
      yield* after(1_000)
      expect(WorkerPool.stats(pool).releasesDetached).toBe(0)
    })))
})
