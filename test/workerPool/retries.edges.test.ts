/** P12 and P13: when a pool asks what becomes of a job, and what it remembers of the attempts. */
import { Cause, Deferred, Effect, Exit, Logger, Schedule } from "effect"
import { WorkerPool } from "sluice"
import { expect, test } from "vitest"
import { DeadLetters } from "../../src/internal/workerPool/DeadLetters.js"
import { after, run, runTimed, start, turns } from "../support/effect.js"
import { balanced, make } from "../support/workerPool.js"

test("a pool asks for the schedule of a job in a later turn than that in which the job failed", () =>
  runTimed(Effect.gen(function*() {
    const asked: Array<unknown> = []
    const pool = yield* make({
      size: 2,
      retry: {
        schedule: () => {
          balanced(pool)
          asked.push(WorkerPool.stats(pool))
          return undefined
        }
      }
    })
    const handle = yield* WorkerPool.submit(pool, Effect.fail("planned"))
    expect([handle.state, asked.length]).toEqual(["retrying", 0])
    yield* turns(5)
    expect(asked).toMatchObject([{ running: 0, retrying: 1, idle: 2 }])
    expect(handle.state).toBe("failed")
  })))

test("a job that dies is tried on another worker in a later turn than that in which it died", () =>
  runTimed(Effect.gen(function*() {
    const attempts: Array<number> = []
    const pool = yield* WorkerPool.make({
      size: 2,
      worker: () => Effect.void,
      retry: { times: 0, poison: { kills: 2 } },
      run: (_: string, { attempt }) => {
        attempts.push(attempt)
        return Effect.die("planned")
      }
    })
    yield* WorkerPool.submit(pool, "job")
    expect(attempts).toEqual([1])
    yield* turns(10)
    expect(attempts).toEqual([1, 2])
  })))

test("cancel ends a job whose schedule waits before it says how long the job has to", () =>
  runTimed(Effect.gen(function*() {
    const schedule = Schedule.forever.pipe(Schedule.tap(() => Effect.sleep("1 hour")))
    const pool = yield* make({ retry: { schedule: schedule as Schedule.Schedule<unknown> } })
    const handle = yield* WorkerPool.submit(pool, Effect.fail("planned"))
    yield* turns(5)
    expect(handle.state).toBe("retrying")
    const cancel = yield* start(handle.cancel)
    yield* turns(5)
    expect([cancel.pollUnsafe(), handle.state]).toEqual([Exit.succeed(true), "interrupted"])
  })))

test("the resources that a job has killed count together, whatever its attempts between them came to", () =>
  runTimed(Effect.gen(function*() {
    const letters: Array<unknown> = []
    const pool = yield* WorkerPool.make({
      size: 1,
      worker: () => Effect.void,
      retry: {
        schedule: Schedule.forever,
        poison: { kills: 2 },
        deadLetters: { sink: (letter: unknown) => Effect.sync(() => letters.push(letter)) }
      },
      run: (_: string, { attempt }) => attempt % 2 === 1 ? Effect.die("planned") : Effect.fail("planned")
    })
    const handle = yield* WorkerPool.submit(pool, "job")
    for (let n = 0; n < 5; n++) yield* after(1)
    expect(handle.state).toBe("deadLettered")
    expect(letters).toMatchObject([{ attempts: 3, reason: "poison" }])
  })))

test("a dead letter that takes the place of the oldest is logged with the job whose letter that was", () => {
  const logged: Array<unknown> = []
  const logger = Logger.make(({ logLevel, message }) => void logged.push([logLevel, message]))
  const letters = new DeadLetters<string, string>(1)
  const add = (id: number) =>
    letters.add({ job: `${id}`, id, attempts: 1, cause: Cause.die("planned"), reason: "exhausted" })
  return run(
    Effect.gen(function*() {
      yield* add(1)
      expect(logged).toEqual([])
      yield* add(2)
      expect(logged).toEqual([
        ["Warn", ["WorkerPool: 1 dead letters wait to be read, so that of job 1 was dropped"]]
      ])
    }).pipe(Effect.provide(Logger.layer([logger])))
  )
})

test.each<[string, () => Effect.Effect<unknown>]>([
  ["dies", () => Effect.die("disk full")],
  ["throws", () => {
    throw new Error("disk full")
  }],
  ["interrupts itself", () => Effect.interrupt]
])("a sink that %s leaves the job as it ended, and that is logged as an error", (_, sink) => {
  const logged: Array<unknown> = []
  const logger = Logger.make(({ cause, logLevel, message }) =>
    void logged.push([logLevel, message, cause.reasons.length])
  )
  return runTimed(
    Effect.gen(function*() {
      const pool = yield* make({ retry: { times: 0, deadLetters: { sink } } })
      const handle = yield* WorkerPool.submit(pool, Effect.fail("planned"))
      expect([yield* handle.await, handle.state]).toEqual([Exit.fail("planned"), "failed"])
      expect(logged).toEqual([["Error", ["WorkerPool: the dead letter of job 1 could not be delivered"], 1]])
    }).pipe(Effect.provide(Logger.layer([logger])))
  )
})

test("a job that succeeds at once pays for retries of others (R1)", () =>
  runTimed(Effect.gen(function*() {
    const pool = yield* make({
      retry: {
        schedule: Schedule.recurs(9) as Schedule.Schedule<unknown>,
        budget: { ratio: 0.5, perSecond: 0, window: "10 seconds" }
      }
    })
    let attempts = 0
    const down = Effect.suspend(() => Effect.fail(`attempt ${++attempts}`))
    for (let n = 0; n < 4; n++) yield* WorkerPool.run(pool, Effect.void)
    const handle = yield* WorkerPool.submit(pool, down)
    for (let n = 0; n < 5; n++) yield* after(1)
    expect([handle.state, attempts]).toEqual(["failed", 3])
  })))

test("a job may wait for another one that is between two attempts, and had run where it runs itself (P9)", () =>
  runTimed(Effect.gen(function*() {
    const gate = yield* Deferred.make<void>()
    const pool = yield* make({
      size: 2,
      retry: { schedule: Schedule.spaced("1 second") as Schedule.Schedule<unknown> }
    })
    let attempts = 0
    const first = yield* WorkerPool.submit(
      pool,
      Effect.suspend(() => ++attempts > 1 ? Effect.succeed("done") : Effect.andThen(Effect.yieldNow, Effect.fail("no")))
    )
    yield* WorkerPool.submit(pool, Deferred.await(gate))
    yield* turns(10)
    expect(first.state).toBe("retrying")
    const waits = yield* WorkerPool.submit(pool, Effect.orDie(first.await))
    yield* turns(10)
    expect(waits.state).toBe("running")
    yield* Deferred.succeed(gate, undefined)
    yield* after(1_000)
    expect(yield* waits.await).toEqual(Exit.succeed(Exit.succeed("done")))
  })))
