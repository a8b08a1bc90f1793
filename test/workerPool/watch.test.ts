/** A watcher of one's own: what the pool calls, when, and in which order. */
import { Deferred, Effect, Exit, Logger, References, Schedule, Scope } from "effect"
import * as fc from "fast-check"
import { Watch, WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import { after, run, runTimed, settle, start } from "../support/effect.js"
import { times } from "../support/property.js"
import { balanced, balances } from "../support/workerPool.js"

/** What a watcher has been told of one job, in order. */
interface Told {
  readonly job: Watch.Job
  readonly by: string
  readonly events: Array<string>
}

/** Notes every call, and that the pool's ledger balances as it comes. */
const recording = (all: Array<Told>, pools: Array<string> = []): Watch.Watcher =>
  Watch.make((pool) => {
    const note = (told: Told, event: string) => {
      balances(pool.stats())
      told.events.push(event)
    }
    return {
      offered: (job, _fiber, by) => {
        const told: Told = { job, by, events: [] }
        all.push(told)
        return told
      },
      rejected: (reason, jobs) => void pools.push(`${reason} ${jobs}`),
      began: (told, { number, worker, workerName }) => {
        expect(workerName).toBe(`mail/worker-${worker}`)
        note(told, `began ${number}`)
      },
      attempted: (told, outcome) => note(told, `attempted ${String(outcome)}`),
      retried: (told) => note(told, "retried"),
      ended: (told, outcome) => note(told, `ended ${outcome}`),
      closed: () => void pools.push("closed")
    }
  })

/** Attempts take 50 ms at most, and waits between them 20. */
const passing = (steps: number) => Effect.forEach(Array.from({ length: steps }), () => after(20), { discard: true })

describe("a watcher", () => {
  test("hears of each job what happens to it, in order", () =>
    runTimed(Effect.gen(function*() {
      const all: Array<Told> = []
      const pools: Array<string> = []
      const scope = yield* Scope.make()
      const pool = yield* WorkerPool.make({
        size: 1,
        name: "mail",
        queue: { capacity: 1 },
        retry: { schedule: Schedule.recurs(1) },
        watch: [recording(all, pools)],
        run: (job: Effect.Effect<void, string>) => job
      }).pipe(Scope.provide(scope))
      yield* start(Effect.exit(WorkerPool.run(pool, Effect.fail("no"))))
      yield* settle
      yield* after(1)
      const gate = yield* Deferred.make<void>()
      yield* WorkerPool.submit(pool, Deferred.await(gate))
      const queued = yield* WorkerPool.submit(pool, Effect.void)
      yield* Effect.exit(WorkerPool.trySubmit(pool, Effect.void))
      yield* queued.cancel
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      yield* Scope.close(scope, Exit.void)
      yield* Effect.exit(WorkerPool.submit(pool, Effect.void))
      expect(all.map(({ by, events, job }) => [job.id, by, events])).toEqual([
        [1, "run", ["began 1", "attempted failed", "retried", "began 2", "attempted failed", "ended failed"]],
        [2, "submit", ["began 1", "ended succeeded"]],
        [3, "submit", ["ended interrupted"]],
        [0, "submit", []],
        [0, "submit", []]
      ])
      expect(pools).toEqual(["QueueFull 1", "closed", "PoolClosed 1"])
    })))

  const attempt = fc.constantFrom("succeeds", "fails", "dies", "hangs", "invalidates")
  const workload = fc.record({
    size: fc.integer({ min: 1, max: 2 }),
    capacity: fc.nat(2),
    strategy: fc.constantFrom("suspend" as const, "dropping" as const, "sliding" as const),
    letters: fc.boolean(),
    jobs: fc.array(fc.record({ attempts: fc.array(attempt, { maxLength: 3 }), by: fc.constantFrom("run", "submit") })),
    end: fc.constantFrom("shutdown", "shutdownNow", "close")
  })

  test("hears of one end of each job that was accepted, and of one end of each attempt that has begun", () =>
    fc.assert(
      fc.asyncProperty(workload, ({ capacity, end, jobs, letters, size, strategy }) =>
        runTimed(Effect.gen(function*() {
          const all: Array<Told> = []
          const scope = yield* Scope.make()
          const pool = yield* WorkerPool.make({
            size,
            name: "mail",
            queue: { capacity, strategy },
            worker: () => Effect.void,
            deadlines: { run: 50, wait: 500 },
            retry: { schedule: Schedule.upTo(Schedule.spaced(20), { times: 2 }), ...(letters && { deadLetters: {} }) },
            watch: [recording(all)],
            run: (attempts: ReadonlyArray<string>, { attempt, invalidate }): Effect.Effect<void, string> => {
              const what = attempts[attempt - 1] ?? "succeeds"
              return what === "fails"
                ? Effect.fail("no")
                : what === "dies"
                ? Effect.die("no")
                : what === "hangs"
                ? Effect.never
                : what === "invalidates"
                ? Effect.andThen(Effect.yieldNow, invalidate)
                : Effect.yieldNow
            }
          }).pipe(Scope.provide(scope))
          for (const { attempts, by } of jobs) {
            yield* start(Effect.exit(by === "run" ? WorkerPool.run(pool, attempts) : WorkerPool.submit(pool, attempts)))
          }
          yield* settle
          yield* passing(5)
          yield* start(end === "shutdown" ? WorkerPool.shutdown(pool, { deadline: 200 }) : WorkerPool.shutdownNow(pool))
          yield* settle
          yield* Scope.close(scope, Exit.void)
          balanced(pool)
          // offered, then attempts, then one end: each attempt is over before the next begins.
          const grammar = /^(began \d+;attempted \w+;(retried;)?)*(began \d+;)?ended \w+;$/
          for (const { events, job } of all) {
            const story = events.map((event) => `${event};`).join("")
            if (job.id === 0) expect(story).toBe("")
            else expect(story).toMatch(grammar)
          }
          expect(all.filter(({ job }) => job.id > 0)).toHaveLength(WorkerPool.stats(pool).submitted)
        }))),
      { numRuns: times(100) }
    ))

  test("that throws is called no more, and harms neither the pool nor another watcher", () =>
    run(Effect.gen(function*() {
      const logged: Array<unknown> = []
      const all: Array<Told> = []
      let calls = 0
      const broken = Watch.make(() => ({
        offered: () => {
          calls++
          return undefined
        },
        began: () => {
          throw new Error("broken")
        }
      }))
      const pool = yield* WorkerPool.make({
        size: 1,
        name: "mail",
        watch: [broken, recording(all)],
        run: (n: number) => Effect.succeed(n)
      }).pipe(Effect.provide(Logger.layer([Logger.make(({ message }) => void logged.push(message))])))
      expect([yield* WorkerPool.run(pool, 1), yield* WorkerPool.run(pool, 2)]).toEqual([1, 2])
      yield* settle
      expect(calls).toBe(1)
      expect(all.map(({ events }) => events)).toEqual([["began 1", "ended succeeded"], ["began 1", "ended succeeded"]])
      expect(JSON.stringify(logged)).toContain("a watcher threw, and is called no more")
      balanced(pool)
    })))

  test("wraps the attempts, the first one outermost, and learns what the pool makes of each exit", () =>
    runTimed(Effect.gen(function*() {
      const log: Array<string> = []
      const wrapping = (name: string) =>
        Watch.make(() => ({
          offered: () => name,
          around: (note, { judge, number }, effect) =>
            Effect.onExit(
              Effect.andThen(Effect.sync(() => log.push(`${note} begins ${number}`)), effect),
              (exit) => Effect.sync(() => log.push(`${note} ends ${judge(exit).outcome}`))
            )
        }))
      const pool = yield* WorkerPool.make({
        size: 1,
        deadlines: { run: 10 },
        watch: [wrapping("outer"), wrapping("inner")],
        run: (job: Effect.Effect<void>) => job
      })
      yield* WorkerPool.run(pool, Effect.void)
      const late = yield* start(WorkerPool.run(pool, Effect.never))
      yield* after(10)
      expect(String(late.pollUnsafe())).toContain("JobTimeout")
      const once = (
        outcome: string
      ) => ["outer begins 1", "inner begins 1", `inner ends ${outcome}`, `outer ends ${outcome}`]
      expect(log).toEqual([...once("succeeded"), ...once("timedOut")])
    })))

  test("sees the services of the caller of make", () =>
    run(Effect.gen(function*() {
      const seen: Array<unknown> = []
      const watcher = Watch.make(({ context, name, releasesFailed }) => {
        seen.push(name, releasesFailed(), context.mapUnsafe.get(References.MinimumLogLevel.key))
        return { offered: () => undefined }
      })
      yield* WorkerPool.make({ size: 1, name: "mail", watch: [watcher], run: () => Effect.void }).pipe(
        Effect.provideService(References.MinimumLogLevel, "Debug")
      )
      expect(seen).toEqual(["mail", 0, "Debug"])
    })))
})
