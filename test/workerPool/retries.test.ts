/** P12 and P13: jobs that are tried again, and those that have had their last attempt. */
import { Cause, Deferred, Effect, Exit, Schedule, Stream } from "effect"
import * as fc from "fast-check"
import { WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import { RetryBudget } from "../../src/internal/workerPool/RetryBudget.js"
import { after, expectEnded, expectPending, runTimed, start, turns } from "../support/effect.js"
import { times } from "../support/seed.js"
import { balanced, make, type Options } from "../support/workerPool.js"

/** A pool whose jobs are the number of attempts that they fail. */
const failing = (options: Omit<Options, "run"> = {}) =>
  WorkerPool.make({
    size: 1,
    ...options,
    queue: { capacity: options.queue?.capacity ?? 8 },
    deadlines: undefined,
    retry: options.retry as never,
    run: (times: number, { attempt }) => attempt <= times ? Effect.fail(`attempt ${attempt}`) : Effect.succeed(attempt)
  })

describe("a retry (P12)", () => {
  test("gives the result of the attempt that succeeds", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* failing({ retry: { schedule: Schedule.recurs(3) } })
      expect(yield* WorkerPool.run(pool, 3)).toBe(4)
      expect(WorkerPool.stats(pool)).toMatchObject({ submitted: 1, succeeded: 1, failed: 0, retrying: 0 })
    })))

  test("that fails as often as the schedule allows gives the last failure", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* failing({ retry: { schedule: Schedule.recurs(2) } })
      expect(yield* Effect.flip(WorkerPool.run(pool, 9))).toBe("attempt 3")
      expect(WorkerPool.stats(pool)).toMatchObject({ submitted: 1, failed: 1, deadLettered: 0 })
    })))

  test("waits outside the worker, which serves others, and outside the queue's bound", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* failing({ retry: { schedule: Schedule.spaced("1 second") }, queue: { capacity: 1 } })
      const slow = yield* WorkerPool.submit(pool, 1)
      yield* turns(4)
      expect(slow.state).toBe("retrying")
      expect(WorkerPool.stats(pool)).toMatchObject({ idle: 1, running: 0, queued: 0, retrying: 1 })
      expect(yield* WorkerPool.run(pool, 0)).toBe(1)
      balanced(pool)
      yield* after(1_000)
      expect(yield* slow.await).toEqual(Exit.succeed(2))
    })))

  test("comes back behind those that are there, ahead of those who come later", () =>
    runTimed(Effect.gen(function*() {
      const order: Array<string> = []
      const gate = yield* Deferred.make<void>()
      const pool = yield* WorkerPool.make({
        size: 1,
        queue: { capacity: 1 },
        retry: { schedule: Schedule.spaced(100) },
        run: (name: string, { attempt }) =>
          name === "gate"
            ? Deferred.await(gate)
            : Effect.suspend(() => {
              order.push(`${name} ${attempt}`)
              return name === "retried" && attempt === 1 ? Effect.fail("not yet") : Effect.void
            })
      })
      yield* WorkerPool.submit(pool, "retried")
      yield* turns(2)
      for (const name of ["gate", "before"]) yield* WorkerPool.submit(pool, name)
      yield* after(100)
      // The queue was full, and the bound is not about it.
      expect(WorkerPool.stats(pool)).toMatchObject({ queued: 2, waiting: 0 })
      const late = yield* start(WorkerPool.submit(pool, "after"))
      expect(WorkerPool.stats(pool).waiting).toBe(1)
      yield* Deferred.succeed(gate, undefined)
      yield* turns(6)
      expect(order).toEqual(["retried 1", "before 1", "retried 2", "after 1"])
      expectEnded(late)
    })))

  test("that waits for a worker again takes nobody's room in the queue", () =>
    runTimed(Effect.gen(function*() {
      const gates = yield* Effect.forEach([1, 2], () => Deferred.make<void>())
      const pool = yield* WorkerPool.make({
        size: 1,
        queue: { capacity: 1 },
        retry: { schedule: Schedule.spaced(100) },
        run: (gate: Deferred.Deferred<void> | undefined, { attempt }) =>
          gate !== undefined ? Deferred.await(gate) : attempt === 1 ? Effect.fail("not yet") : Effect.void
      })
      yield* WorkerPool.submit(pool, undefined)
      yield* turns(2)
      for (const gate of gates) yield* WorkerPool.submit(pool, gate)
      yield* after(100)
      const blocked = yield* start(WorkerPool.submit(pool, undefined))
      expect(WorkerPool.stats(pool)).toMatchObject({ running: 1, queued: 2, waiting: 1 })
      // The second gate's worker is held: of the two places in line that are left, the queue's is free.
      yield* Deferred.succeed(gates[0]!, undefined)
      yield* turns(3)
      expect(WorkerPool.stats(pool)).toMatchObject({ running: 1, queued: 2, waiting: 0 })
      expectEnded(blocked)
    })))

  test("that waits for a worker again takes nobody's room in the queue of its key", () =>
    runTimed(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool = yield* WorkerPool.make({
        size: 1,
        queue: { capacity: 1, key: () => "one" },
        retry: { schedule: Schedule.spaced(100) },
        run: (name: string, { attempt }) =>
          name === "gate" ? Deferred.await(gate) : attempt === 1 ? Effect.fail("not yet") : Effect.void
      })
      yield* WorkerPool.submit(pool, "retried")
      yield* turns(2)
      yield* WorkerPool.submit(pool, "gate")
      yield* after(100)
      expect(WorkerPool.stats(pool).queued).toBe(1)
      yield* WorkerPool.trySubmit(pool, "fits")
      expect(WorkerPool.stats(pool)).toMatchObject({ queued: 2, waiting: 0 })
      expect((yield* Effect.flip(WorkerPool.trySubmit(pool, "does not fit")))._tag).toBe("QueueFull")
    })))

  test("is for failures and timeouts only, not for defects and interrupts", () =>
    runTimed(Effect.gen(function*() {
      let runs = 0
      const pool = yield* WorkerPool.make({
        size: 1,
        retry: { schedule: Schedule.recurs(2) },
        deadlines: { run: 100 },
        run: (job: Effect.Effect<void, string>) => Effect.andThen(Effect.sync(() => runs++), job)
      })
      const runsOf = (job: Effect.Effect<void, string>) =>
        Effect.gen(function*() {
          runs = 0
          const handle = yield* WorkerPool.submit(pool, job)
          for (let n = 0; n < 4; n++) yield* after(100)
          return [handle.state, runs]
        })
      expect(yield* runsOf(Effect.fail("planned"))).toEqual(["failed", 3])
      expect(yield* runsOf(Effect.never)).toEqual(["timedOut", 3])
      expect(yield* runsOf(Effect.die("bug"))).toEqual(["died", 1])
      expect(yield* runsOf(Effect.interrupt)).toEqual(["interrupted", 1])
      balanced(pool)
    })))

  test("asks the schedule of the job, and gives it the error", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({
        size: 1,
        retry: {
          schedule: (job: { readonly tries: number }) =>
            job.tries === 1 ? undefined : Schedule.recurs(job.tries - 1).pipe(
              Schedule.while(({ input }: { readonly input: unknown }) => Effect.succeed(input !== "hopeless"))
            )
        },
        run: (job: { readonly tries: number; readonly error: string }, { attempt }) =>
          Effect.fail(attempt === 2 ? job.error : "again")
      })
      const attempts = (tries: number, error: string) =>
        Effect.flip(WorkerPool.run(pool, { tries, error })) as Effect.Effect<unknown>
      expect(yield* attempts(1, "x")).toBe("again")
      expect(yield* attempts(3, "hopeless")).toBe("hopeless")
      expect(yield* attempts(2, "x")).toBe("x")
    })))

  test("is ended by cancel and by the interrupt of its caller", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* failing({ retry: { schedule: Schedule.spaced("1 hour") } })
      const handle = yield* WorkerPool.submit(pool, 9)
      const caller = yield* start(WorkerPool.run(pool, 9))
      yield* turns(5)
      expect(WorkerPool.stats(pool)).toMatchObject({ retrying: 2 })
      expect(yield* handle.cancel).toBe(true)
      caller.interruptUnsafe()
      yield* turns(5)
      expectEnded(caller)
      expect(handle.state).toBe("interrupted")
      expect(WorkerPool.stats(pool)).toMatchObject({ retrying: 0, interrupted: 2 })
    })))

  test("is waited for by shutdown, and cut off at its deadline with the last failure", () =>
    runTimed(Effect.gen(function*() {
      const soon = yield* failing({ retry: { schedule: Schedule.spaced("1 second") } })
      const first = yield* WorkerPool.submit(soon, 1)
      const end = yield* start(WorkerPool.shutdown(soon))
      yield* after(500)
      expectPending(end)
      yield* after(500)
      expect(end.pollUnsafe()).toMatchObject({ value: { counts: { succeeded: 1 } } })
      expect(yield* first.await).toEqual(Exit.succeed(2))

      const late = yield* failing({ retry: { schedule: Schedule.spaced("1 second") } })
      const second = yield* WorkerPool.submit(late, 1)
      const cut = yield* start(WorkerPool.shutdown(late, { deadline: 500 }))
      yield* after(500)
      expect(cut.pollUnsafe()).toMatchObject({ value: { counts: { failed: 1 }, aborted: [1], returned: [] } })
      expect(yield* second.await).toEqual(Exit.fail("attempt 1"))
    })))

  test("leaves nothing of its own when the pool fails", () =>
    runTimed(Effect.gen(function*() {
      let acquired = 0
      const pool = yield* make({
        size: 1,
        retry: { schedule: Schedule.spaced("1 hour") },
        restart: Schedule.recurs(0),
        worker: () => ++acquired === 1 ? Effect.void : Effect.fail("refused")
      })
      const handle = yield* WorkerPool.submit(pool, Effect.fail("planned"))
      yield* turns(4)
      yield* WorkerPool.submit(pool, Effect.die("poison"))
      yield* turns(6)
      expect(WorkerPool.stats(pool)).toMatchObject({ state: "failed", retrying: 0 })
      expect(yield* handle.await).toEqual(Exit.fail("planned"))
      expect((yield* WorkerPool.shutdown(pool)).aborted).toHaveLength(1)
    })))

  test("of a schedule that dies is the job's defect", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({
        retry: {
          schedule: () => {
            throw new Error("no schedule")
          }
        }
      })
      const handle = yield* WorkerPool.submit(pool, Effect.fail("planned"))
      expect(String(yield* handle.await)).toContain("no schedule")
      expect(handle.state).toBe("died")
    })))

  test("of ten thousand jobs, all at once, with jitter", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* failing({
        size: 8,
        queue: { capacity: "unbounded" },
        retry: { schedule: Schedule.jittered(Schedule.exponential("100 millis")) }
      })
      for (let n = 0; n < 10_000; n++) yield* WorkerPool.submit(pool, 2)
      for (let n = 0; n < 10; n++) yield* after(100)
      expect(WorkerPool.stats(pool)).toMatchObject({ succeeded: 10_000, retrying: 0 })
    })))
})

describe("a retry budget (R1)", () => {
  test("lets no more retries through than its floor, when nothing succeeds", () =>
    runTimed(Effect.gen(function*() {
      let runs = 0
      const pool = yield* make({
        size: 8,
        queue: { capacity: "unbounded" },
        retry: { schedule: Schedule.spaced(10), budget: { perSecond: 2, window: "5 seconds" } }
      })
      const job = Effect.andThen(Effect.sync(() => runs++), Effect.fail("down"))
      for (let n = 0; n < 1_000; n++) yield* WorkerPool.submit(pool, job)
      for (let n = 0; n < 100; n++) yield* after(10)
      expect(runs).toBe(1_000 + 10)
      expect(WorkerPool.stats(pool)).toMatchObject({ failed: 1_000, retrying: 0 })
    })))

  test("over any sequence spends at most what the window has earned", () => {
    const step = fc.record({ after: fc.nat(400), kind: fc.constantFrom("success", "retry") })
    const property = fc.property(
      fc.array(step, { maxLength: 200 }),
      fc.constantFrom(0, 0.1, 0.5, 1),
      fc.constantFrom(0, 0.5, 2),
      (steps, ratio, perSecond) => {
        const budget = new RetryBudget(ratio, perSecond, 1_000)
        const events: Array<{ readonly at: number; readonly kind: string }> = []
        let now = 10_000
        for (const { after, kind } of steps) {
          now += after
          if (kind === "success") budget.succeeded(now)
          if (kind === "retry" && !budget.withdraw(now)) continue
          events.push({ at: now, kind })
          if (kind === "success") continue
          const retries = events.filter(({ at, kind }) => kind === "retry" && at > now - 1_000).length
          const successes = events.filter(({ at, kind }) => kind === "success" && at > now - 1_100).length
          if (retries > ratio * successes + perSecond + 1e-9) return false
        }
        return true
      }
    )
    fc.assert(property, { numRuns: times(2_000) })
  })

  test("gives more where more succeeds", () => {
    const budget = new RetryBudget(0.2, 0, 1_000)
    for (let n = 0; n < 10; n++) budget.succeeded(n)
    expect([1, 2, 3].map((now) => budget.withdraw(now))).toEqual([true, true, false])
    expect(budget.withdraw(5_000)).toBe(false)
  })
})

describe("dead letters (P13)", () => {
  test("get the jobs that have had their last attempt, with cause and attempts", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* failing({ retry: { schedule: Schedule.recurs(1), deadLetters: {} } })
      const handle = yield* WorkerPool.submit(pool, 9)
      expect(yield* handle.await).toEqual(Exit.fail("attempt 2"))
      expect(handle.state).toBe("deadLettered")
      expect(yield* handle.cancel).toBe(false)
      const letters = yield* Stream.runCollect(Stream.take(WorkerPool.deadLetters(pool), 1))
      expect(letters).toEqual([{ job: 9, id: 1, attempts: 2, cause: Cause.fail("attempt 2"), reason: "exhausted" }])
      expect(WorkerPool.stats(pool)).toMatchObject({ failed: 0, deadLettered: 1 })
      balanced(pool)
    })))

  test("say when the budget was at its end", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({
        size: 1,
        retry: { schedule: Schedule.recurs(9), budget: { perSecond: 0, ratio: 0 }, deadLetters: {} },
        run: (job: string) => Effect.fail(`${job} is down`)
      })
      yield* Effect.exit(WorkerPool.run(pool, "job"))
      yield* WorkerPool.shutdown(pool)
      const [letter] = yield* Stream.runCollect(WorkerPool.deadLetters(pool))
      expect(letter).toMatchObject({ attempts: 1, reason: "budget" })
    })))

  test("go to a sink, which is waited for, and not interrupted", () =>
    runTimed(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const written: Array<number> = []
      const pool = yield* make({
        retry: {
          times: 0,
          deadLetters: { sink: ({ id }) => Effect.andThen(Deferred.await(gate), Effect.sync(() => written.push(id))) }
        }
      })
      const handle = yield* WorkerPool.submit(pool, Effect.fail("planned"))
      yield* turns(4)
      expect(handle.state).toBe("retrying")
      const end = yield* start(WorkerPool.shutdownNow(pool))
      yield* turns(4)
      expectPending(end)
      yield* Deferred.succeed(gate, undefined)
      yield* turns(4)
      expect(written).toEqual([1])
      expect(end.pollUnsafe()).toMatchObject({ value: { counts: { deadLettered: 1 }, aborted: [] } })
    })))

  test("that their sink cannot take leave the job as it ended, and are logged", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({ retry: { times: 0, deadLetters: { sink: () => Effect.die("disk full") } } })
      const handle = yield* WorkerPool.submit(pool, Effect.fail("planned"))
      expect(yield* handle.await).toEqual(Exit.fail("planned"))
      expect(handle.state).toBe("failed")
    })))

  test("in memory are bounded, the oldest gives way, and the stream ends with the pool", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({ queue: { capacity: 8 }, retry: { times: 0, deadLetters: { capacity: 2 } } })
      for (let n = 1; n <= 3; n++) yield* WorkerPool.submit(pool, Effect.fail(`${n}`))
      yield* WorkerPool.shutdown(pool)
      const letters = yield* Stream.runCollect(WorkerPool.deadLetters(pool))
      expect(letters.map(({ id }) => id)).toEqual([2, 3])
    })))

  test("wake a reader that waits", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({ retry: { times: 0, deadLetters: {} } })
      const reader = yield* start(Stream.runCollect(Stream.take(WorkerPool.deadLetters(pool), 2)))
      yield* WorkerPool.submit(pool, Effect.fail("one"))
      yield* turns(6)
      yield* WorkerPool.submit(pool, Effect.fail("two"))
      yield* turns(6)
      expect(reader.pollUnsafe()).toMatchObject({ value: [{ id: 1 }, { id: 2 }] })
    })))
})

describe("a poison job (P13)", () => {
  test("is tried on so many resources, and is then at fault itself", () =>
    runTimed(Effect.gen(function*() {
      const used: Array<number> = []
      let acquired = 0
      const pool = yield* WorkerPool.make({
        size: 2,
        worker: () => Effect.sync(() => ++acquired),
        retry: { times: 0, poison: { kills: 3 }, deadLetters: {} },
        run: (_: string, { resource }) => {
          used.push(resource)
          return Effect.die("poison")
        }
      })
      const handle = yield* WorkerPool.submit(pool, "bad")
      yield* handle.await
      expect(handle.state).toBe("deadLettered")
      expect(new Set(used).size).toBe(3)
      yield* turns(4)
      expect(WorkerPool.stats(pool)).toMatchObject({ idle: 2, replaced: 3, died: 0, deadLettered: 1 })
      yield* WorkerPool.shutdown(pool)
      const [letter] = yield* Stream.runCollect(WorkerPool.deadLetters(pool))
      expect(letter).toMatchObject({ job: "bad", attempts: 3, reason: "poison" })
    })))

  test("is at fault together with others of its key", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({
        size: 2,
        queue: { capacity: 8 },
        retry: { times: 0, poison: { kills: 2, key: () => "the same" }, deadLetters: {} },
        run: (name: string) => Effect.andThen(Effect.yieldNow, Effect.die(name))
      })
      const handles = yield* Effect.forEach(["one", "other"], (name) => WorkerPool.submit(pool, name))
      for (const handle of handles) yield* handle.await
      yield* WorkerPool.shutdown(pool)
      const letters = yield* Stream.runCollect(WorkerPool.deadLetters(pool))
      // Each has killed one; the second of those was one too many, and so was the first one's next.
      expect(letters.map(({ attempts, job }) => [job, attempts])).toEqual([["other", 1], ["one", 2]])
    })))

  test("is known by its key, and forgiven when it succeeds", () =>
    runTimed(Effect.gen(function*() {
      let deaths = 0
      const pool = yield* WorkerPool.make({
        size: 1,
        queue: { capacity: 8 },
        retry: {
          times: 0,
          poison: { kills: 2, key: (job: { readonly user: string; readonly dies: boolean }) => job.user }
        },
        run: ({ dies }: { readonly user: string; readonly dies: boolean }) =>
          dies ? Effect.andThen(Effect.sync(() => deaths++), Effect.die("poison")) : Effect.void
      })
      const deathsOf = (user: string, dies = true) =>
        Effect.gen(function*() {
          deaths = 0
          yield* Effect.exit(WorkerPool.run(pool, { user, dies }))
          return deaths
        })
      expect(yield* deathsOf("ada")).toBe(2)
      // It is at fault already.
      expect(yield* deathsOf("ada")).toBe(1)
      expect(yield* deathsOf("bob")).toBe(2)
      expect(yield* deathsOf("ada", false)).toBe(0)
      expect(yield* deathsOf("ada")).toBe(2)
    })))
})

test.each([
  [{ retry: { schedule: 3 } }, "retry.schedule must be a Schedule, or a function that returns one, got 3"],
  [{ retry: { times: 1, budget: { ratio: -1 } } }, "retry.budget.ratio must be a number >= 0, got -1"],
  [{ retry: { times: 1, budget: { perSecond: NaN } } }, "retry.budget.perSecond must be a number >= 0, got NaN"],
  [{ retry: { times: 1, budget: { window: 0 } } }, "retry.budget.window must be a finite duration above zero, got 0"],
  [{ retry: { times: 0, poison: { kills: 0 } } }, "retry.poison.kills must be an integer >= 1, got 0"],
  [{ retry: { times: 0, poison: {} }, onDefect: "keep" }, "retry.poison must be absent with onDefect"],
  [
    { retry: { times: 0, deadLetters: { capacity: 1.5 } } },
    "retry.deadLetters.capacity must be an integer >= 1, got 1.5"
  ],
  [{ retry: { times: 0, deadLetters: { sink: "file" } } }, "retry.deadLetters.sink must be a function, got"]
])("refuses %j", (options, message) =>
  runTimed(Effect.gen(function*() {
    const exit = yield* Effect.exit(make(options as Options))
    expect(String(exit)).toContain(`WorkerPool.make: ${message}`)
  })))
