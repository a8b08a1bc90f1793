/** R1 over real pools, on the test clock: retries are charged when they begin. */
import { Clock, Deferred, Effect, Exit, Schedule, Stream } from "effect"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { Watch, WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import { RetryBudget } from "../../src/internal/workerPool/RetryBudget.js"
import { after, runTimed, start } from "../support/effect.js"
import { histogramOf, into, makeRegistry } from "../support/metrics.js"
import { times } from "../support/property.js"
import { balanced, make } from "../support/workerPool.js"

const down = Effect.fail("down")
const budget = { ratio: 0, perSecond: 1, window: "10 seconds" } as const

describe("a retry budget (R1)", () => {
  test("holds where all retries fall due at once, though their jobs failed at different times", () =>
    runTimed(Effect.gen(function*() {
      const began: Array<number> = []
      const pool = yield* WorkerPool.make({
        size: 1,
        retry: {
          schedule: (job: { readonly at: number }) =>
            Schedule.spaced(30_000 - job.at).pipe(Schedule.upTo({ times: 1 })),
          budget: budget,
          deadLetters: {}
        },
        run: (_, { attempt }) =>
          Effect.flatMap(Clock.currentTimeMillis, (now) => {
            if (attempt > 1) began.push(now)
            return down
          })
      })
      for (let at = 0; at < 30_000; at += 1_000) {
        yield* WorkerPool.submit(pool, { at })
        yield* after(1_000)
      }
      expect(began).toEqual(Array.from({ length: 10 }, () => 30_000))
      yield* WorkerPool.shutdown(pool)
      const letters = yield* Stream.runCollect(WorkerPool.deadLetters(pool))
      const of = (reason: string) => letters.filter((letter) => letter.reason === reason).map((it) => it.attempts)
      expect(of("exhausted")).toEqual(Array.from({ length: 10 }, () => 2))
      expect(of("budget")).toEqual(Array.from({ length: 20 }, () => 1))
    })))

  test("holds where retries wait for a worker, and begin all at once", () =>
    runTimed(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const began: Array<string> = []
      const pool = yield* WorkerPool.make({
        size: 1,
        queue: { capacity: "unbounded" },
        retry: {
          schedule: Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 1 })),
          budget: { ...budget, perSecond: 0.2 },
          deadLetters: {}
        },
        run: (name: string, { attempt }) =>
          name === "gate" ? Deferred.await(gate) : Effect.suspend(() => {
            if (attempt > 1) began.push(name)
            return down
          })
      })
      const handles = yield* Effect.forEach(["a", "b", "c", "d", "e", "f"], (name) => WorkerPool.submit(pool, name))
      yield* after(500)
      yield* WorkerPool.submit(pool, "gate")
      for (let n = 0; n < 60; n++) yield* after(1_000)
      // None has begun. All of them have come back, and wait.
      expect([began, WorkerPool.stats(pool).queued]).toEqual([[], 6])
      yield* Deferred.succeed(gate, undefined)
      yield* after(0)
      expect(began).toEqual(["a", "b"])
      for (const handle of handles) expect(yield* handle.await).toEqual(Exit.fail("down"))
      expect(WorkerPool.stats(pool)).toMatchObject({ deadLettered: 6, succeeded: 1, retrying: 0 })
      const letters = yield* Stream.runCollect(Stream.take(WorkerPool.deadLetters(pool), 6))
      expect(letters.map(({ attempts, job, reason }) => `${job} ${attempts} ${reason}`).sort()).toEqual([
        "a 2 exhausted",
        "b 2 exhausted",
        "c 1 budget",
        "d 1 budget",
        "e 1 budget",
        "f 1 budget"
      ])
    })))

  test("refuses a retry without cost to the worker: its resource is kept, and the next job begins", () =>
    runTimed(Effect.gen(function*() {
      const registry = makeRegistry()
      const pool = yield* into(registry)(make({
        size: 1,
        queue: { capacity: 8 },
        retry: { schedule: Schedule.spaced("1 second"), budget: { ...budget, perSecond: 0.1 } },
        watch: [Watch.metrics()]
      }))
      const handles = [yield* WorkerPool.submit(pool, down), yield* WorkerPool.submit(pool, down)]
      yield* after(500)
      yield* WorkerPool.submit(pool, Effect.sleep("2 seconds"))
      yield* after(1_000)
      expect(WorkerPool.stats(pool)).toMatchObject({ running: 1, queued: 2 })
      const next = yield* WorkerPool.submit(pool, Effect.succeed("next"))
      yield* after(1_000)
      expect(yield* next.await).toEqual(Exit.succeed("next"))
      expect(handles.map(({ state }) => state)).toEqual(["failed", "failed"])
      expect(WorkerPool.stats(pool)).toMatchObject({ replaced: 0, idle: 1 })
      // Two first attempts, one retry, and two other jobs: the retry that was refused has not begun.
      expect(histogramOf(registry, "job_run_seconds").count).toBe(5)
      balanced(pool)
    })))

  test("ends a job at once, where nothing is left as it fails", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({
        retry: { schedule: Schedule.spaced("1 second"), budget: { ...budget, perSecond: 0.1 } }
      })
      const first = yield* WorkerPool.submit(pool, down)
      yield* after(1_000)
      // It has made the one retry there is, and had to fail for good.
      expect(first.state).toBe("failed")
      const second = yield* WorkerPool.submit(pool, down)
      yield* after(0)
      expect(second.state).toBe("failed")
    })))

  test("ends a job as its time comes, where nothing is left by then, also while no worker is free", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({
        size: 2,
        retry: { schedule: Schedule.spaced("1 second"), budget: { ...budget, perSecond: 0.1 }, deadLetters: {} }
      })
      const first = yield* WorkerPool.submit(pool, down)
      yield* after(500)
      const second = yield* WorkerPool.submit(pool, down)
      yield* after(400)
      yield* WorkerPool.submit(pool, Effect.never)
      yield* after(100)
      expect([first.state, second.state]).toEqual(["deadLettered", "retrying"])
      yield* WorkerPool.submit(pool, Effect.never)
      yield* after(500)
      expect(second.state).toBe("deadLettered")
      const letters = yield* Stream.runCollect(Stream.take(WorkerPool.deadLetters(pool), 2))
      expect(letters.map(({ attempts, id, reason }) => [id, attempts, reason])).toEqual([
        [1, 2, "budget"],
        [2, 1, "budget"]
      ])
    })))

  test("leaves a refused job its last failure, also as the pool ends", () =>
    runTimed(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool: WorkerPool.WorkerPool<string, unknown, string> = yield* WorkerPool.make({
        size: 1,
        queue: { capacity: "unbounded" },
        retry: { schedule: Schedule.spaced("1 second"), budget: { ...budget, perSecond: 0.1 } },
        run: (name: string, { attempt }): Effect.Effect<unknown, string> =>
          name === "gate" ? Deferred.await(gate) : Effect.fail(`${name} ${attempt}`)
      })
      const jobs = yield* Effect.forEach(["a", "b"], (name) => WorkerPool.submit(pool, name))
      yield* after(500)
      yield* WorkerPool.submit(pool, "gate")
      yield* after(1_000)
      const end = yield* start(WorkerPool.shutdown(pool))
      yield* Deferred.succeed(gate, undefined)
      yield* after(0)
      expect(yield* jobs[0]!.await).toEqual(Exit.fail("a 2"))
      expect(yield* jobs[1]!.await).toEqual(Exit.fail("b 1"))
      expect(end.pollUnsafe()).toMatchObject({ value: { counts: { failed: 2, succeeded: 1 }, aborted: [] } })
    })))

  test("is not for jobs that died, and are tried on another resource", () =>
    runTimed(Effect.gen(function*() {
      let attempts = 0
      const pool = yield* make({
        retry: { schedule: Schedule.recurs(1), budget: { ...budget, perSecond: 0 }, poison: { kills: 3 } }
      })
      const handle = yield* WorkerPool.submit(
        pool,
        Effect.suspend(() => {
          attempts++
          return Effect.die("poison")
        })
      )
      yield* handle.await
      expect(attempts).toBe(3)
    })))
})

const workload = fc.record({
  size: fc.integer({ min: 1, max: 4 }),
  ratio: fc.constantFrom(0, 0.2, 0.5),
  perSecond: fc.constantFrom(0, 0.5, 2),
  window: fc.constantFrom(2_000, 5_000),
  jobs: fc.array(
    fc.record({
      wait: fc.oneof(fc.constant(0), fc.nat(1_500)),
      takes: fc.oneof(fc.constant(0), fc.nat(3_000)),
      fails: fc.nat(3),
      delay: fc.oneof(fc.constant(0), fc.nat(6_000))
    }),
    { minLength: 1, maxLength: 40 }
  )
})

test("whenever a retry begins, it and those of the window before are within the budget (R1)", () => {
  interface Job {
    readonly takes: number
    readonly fails: number
    readonly delay: number
  }
  const property = fc.asyncProperty(
    workload,
    ({ jobs, perSecond, ratio, size, window }) =>
      runTimed(Effect.gen(function*() {
        const retries: Array<number> = []
        const successes: Array<number> = []
        const pool = yield* WorkerPool.make({
          size,
          queue: { capacity: "unbounded" },
          retry: { schedule: ({ delay }: Job) => Schedule.spaced(delay), budget: { ratio, perSecond, window } },
          run: ({ fails, takes }: Job, { attempt }) =>
            Effect.gen(function*() {
              const now = yield* Clock.currentTimeMillis
              if (attempt > 1) {
                retries.push(now)
                const made = retries.filter((at) => at > now - window).length
                const earned = successes.filter((at) => at > now - 1.1 * window).length
                assert.ok(made <= perSecond * window / 1_000 + ratio * earned + 1e-9, `${made} for ${earned} successes`)
              }
              yield* Effect.sleep(takes)
              if (attempt <= fails) return yield* down
              successes.push(now + takes)
            })
        })
        for (const { wait, ...job } of jobs) {
          yield* after(wait)
          yield* WorkerPool.submit(pool, job)
        }
        for (let n = 0; n < 300 && WorkerPool.stats(pool).queued + WorkerPool.stats(pool).running > 0; n++) {
          yield* after(1_000)
        }
        for (let n = 0; n < 40; n++) yield* after(1_000)
        // No assertion above has made a job die.
        expect(WorkerPool.stats(pool)).toMatchObject({ died: 0, queued: 0, running: 0, retrying: 0 })
        balanced(pool)
      }))
  )
  return fc.assert(property, { numRuns: times(100) })
})

describe("the books of a budget", () => {
  test("over any sequence lets through what a window has earned, and no less", () => {
    const step = fc.record({ after: fc.nat(400), kind: fc.constantFrom("success", "look", "retry", "retry") })
    const property = fc.property(
      fc.array(step, { maxLength: 200 }),
      fc.constantFrom(0, 0.1, 0.5, 1),
      fc.constantFrom(0, 0.5, 2),
      (steps, ratio, perSecond) => {
        const budget = new RetryBudget(ratio, perSecond, 1_000)
        const events: Array<{ readonly at: number; readonly kind: string }> = []
        const within = (kind: string, since: number) => events.filter((it) => it.kind === kind && it.at > since).length
        let now = 10_000
        for (const { after, kind } of steps) {
          now += after
          const earned = (successes: number) => perSecond + ratio * successes + 1e-9
          // A slot is a tenth of the window, and its first one may lie within it in part.
          const most = earned(within("success", now - 1_100)) - within("retry", now - 1_000)
          const least = earned(within("success", now - 1_000)) - within("retry", now - 1_100)
          if (kind === "success") budget.succeeded(now)
          else {
            const allowed = kind === "look" ? budget.allows(now) : budget.withdraw(now)
            if (allowed) assert.ok(most >= 1, "more than the window has earned")
            else assert.ok(least < 1 + 2e-9, "less than the window has earned")
            if (kind === "look" || !allowed) continue
          }
          events.push({ at: now, kind })
        }
      }
    )
    fc.assert(property, { numRuns: times(2_000) })
  })

  test("a window keeps no more than its slots, however much comes", () => {
    const budget = new RetryBudget(1, 0, 1_000)
    for (let now = 0; now < 10_000; now += 7) budget.succeeded(now)
    const { counts } = budget as unknown as { readonly counts: ReadonlyArray<unknown> }
    expect(counts.length).toBe(11)
  })
})
