/** The recipes of docs/rates-and-breakers.md: Effect's own RateLimiter and CircuitBreaker around a WorkerPool. */
import { Cause, Data, Deferred, Duration, Effect, Exit, Fiber, Layer, Option, Schedule, type Scope } from "effect"
import { CircuitBreaker, RateLimiter } from "effect/persistence"
import { TestClock } from "effect/testing"
import * as assert from "node:assert/strict"
import { WorkerPool } from "sluice"
import { type Scenario, scenario } from "sluice/testing"
import { describe, test } from "vitest"
import { interrupted, isInterrupted, settle, start } from "./support/effect.js"
import { holdsWithin } from "./support/property.js"
import { balanced } from "./support/workerPool.js"

const limiterInMemory = Layer.provide(RateLimiter.layer, RateLimiter.layerStoreMemory)

type Limits = RateLimiter.RateLimiter | CircuitBreaker.CircuitBreakerStore

const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope | Limits>): Promise<A> =>
  effect.pipe(
    Effect.scoped,
    Effect.provide([limiterInMemory, CircuitBreaker.layerStoreMemory(), TestClock.layer()]),
    Effect.runPromise
  )

class Down extends Data.TaggedError("Down") {}
class NoSuchAddress extends Data.TaggedError("NoSuchAddress") {}

type Job = Effect.Effect<string, Down | NoSuchAddress>
type Pool = WorkerPool.WorkerPool<Job, string, Down | NoSuchAddress>

type Options = WorkerPool.Options<Job, string, Down | NoSuchAddress, never, void, never, never>

const makePool = (options: Omit<Partial<Options>, "deadlines">) =>
  WorkerPool.make({ size: 1, run: (job: Job) => job, ...options })

/** Nothing of the pool is in use, and nothing has been. */
const untouched = (pool: Pool, submitted: number): void => {
  const stats = WorkerPool.stats(pool)
  const { idle, queued, running, size, waiting } = stats
  assert.deepEqual({ idle, queued, running, waiting }, { idle: size, queued: 0, running: 0, waiting: 0 })
  assert.equal(stats.submitted, submitted)
  balanced(pool)
}

const ok: Job = Effect.succeed("ok")
const token = (key: string) => ({ key, limit: 2, window: "2 seconds", algorithm: "token-bucket" }) as const

describe("a token, and then a worker", () => {
  const limited = (pool: Pool) =>
    Effect.map(
      RateLimiter.RateLimiter,
      (limiter) => (job: Job, key = "mail") =>
        Effect.andThen(RateLimiter.sleep(limiter, token(key)), WorkerPool.run(pool, job))
    )

  test("a caller that waits for a token holds no worker", () =>
    run(Effect.gen(function*() {
      const pool = yield* makePool({})
      const send = yield* limited(pool)
      const fibers = yield* Effect.forEach([1, 2, 3, 4, 5], () => start(send(ok)))
      yield* settle
      for (const submitted of [2, 3, 4, 5]) {
        untouched(pool, submitted)
        assert.equal(fibers.filter((fiber) => fiber.pollUnsafe() !== undefined).length, submitted)
        yield* TestClock.adjust("1 second")
      }
      assert.deepEqual(yield* Effect.forEach(fibers, Fiber.join), Array.from({ length: 5 }, () => "ok"))
    })))

  test("a token waiter who is interrupted takes nothing from the pool", () =>
    run(Effect.gen(function*() {
      const pool = yield* makePool({})
      const send = yield* limited(pool)
      yield* Effect.forEach([1, 2], () => send(ok))
      const waiting = yield* start(send(Effect.die("never to run")))
      yield* TestClock.adjust("999 millis")
      untouched(pool, 2)
      assert.ok(isInterrupted(yield* interrupted(waiting)))
      yield* TestClock.adjust("1 hour")
      untouched(pool, 2)
      assert.equal(yield* send(ok), "ok")
    })))

  test("the token of a waiter who is interrupted stays spent: those behind wait as long as before", () =>
    run(Effect.gen(function*() {
      const pool = yield* makePool({})
      const send = yield* limited(pool)
      yield* Effect.forEach([1, 2], () => send(ok))
      const first = yield* start(send(ok))
      const second = yield* start(send(ok))
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("1999 millis")
      assert.equal(second.pollUnsafe(), undefined)
      yield* TestClock.adjust("1 millis")
      assert.equal(yield* Fiber.join(second), "ok")
    })))

  test("a token taken only when there is one costs nothing to who gives up before", () =>
    run(Effect.gen(function*() {
      const limiter = yield* RateLimiter.RateLimiter
      const isExceeded = (error: unknown): error is { readonly reason: RateLimiter.RateLimitExceeded } =>
        error instanceof RateLimiter.RateLimiterError && error.reason._tag === "RateLimitExceeded"
      const schedule = Schedule.forever.pipe(
        Schedule.setInputType<RateLimiter.RateLimiterError>(),
        Schedule.modifyDelay(({ input }) => Effect.succeed(isExceeded(input) ? input.reason.retryAfter : Duration.zero))
      )
      const pool = yield* makePool({})
      const send = (job: Job) =>
        limiter.consume(token("mail")).pipe(
          Effect.retry({ schedule, while: isExceeded }),
          Effect.andThen(WorkerPool.run(pool, job))
        )
      yield* Effect.forEach([1, 2], () => send(ok))
      for (let n = 0; n < 10; n++) yield* Fiber.interrupt(yield* start(send(ok)))
      untouched(pool, 2)
      const fiber = yield* start(send(ok))
      yield* TestClock.adjust("999 millis")
      assert.equal(fiber.pollUnsafe(), undefined)
      yield* TestClock.adjust("1 millis")
      assert.equal(yield* Fiber.join(fiber), "ok")
    })))

  test("keys are independent: one that has tokens is not held up by one that has none", () =>
    run(Effect.gen(function*() {
      const pool = yield* makePool({})
      const send = yield* limited(pool)
      const red = yield* Effect.forEach([1, 2, 3, 4], () => start(send(ok, "red")))
      assert.equal(yield* send(ok, "blue"), "ok")
      assert.equal(yield* send(ok, "blue"), "ok")
      assert.deepEqual(red.map((fiber) => fiber.pollUnsafe() !== undefined), [true, true, false, false])
      untouched(pool, 4)
    })))

  const startsIn = (send: Effect.Effect<unknown, unknown, Scope.Scope | Limits>, starts: () => number) =>
    Effect.gen(function*() {
      const fibers = yield* Effect.forEach(Array.from({ length: 6 }), () => start(send))
      const seen: Array<number> = []
      for (let second = 0; second < 6; second++) {
        yield* settle
        seen.push(starts())
        yield* TestClock.adjust("1 second")
      }
      yield* TestClock.adjust("1 hour")
      yield* Effect.forEach(fibers, Fiber.join)
      return seen
    })

  test("jobs that have their tokens and find no worker start all at once when one comes free", () =>
    run(Effect.gen(function*() {
      let started = 0
      const pool = yield* makePool({ queue: { capacity: 2 } })
      const send = yield* limited(pool)
      yield* WorkerPool.submit(pool, Effect.as(Effect.sleep("3500 millis"), "slow"))
      const count: Job = Effect.sync(() => String(++started))
      assert.deepEqual(yield* startsIn(send(count), () => started), [0, 0, 0, 0, 6, 6])
    })))

  test("a token taken inside run is one for each start, and a worker that waits", () =>
    run(Effect.gen(function*() {
      let started = 0
      const limiter = yield* RateLimiter.RateLimiter
      const pool = yield* makePool({
        run: (job) => Effect.andThen(Effect.orDie(RateLimiter.sleep(limiter, token("mail"))), job)
      })
      yield* WorkerPool.submit(pool, Effect.as(Effect.sleep("3500 millis"), "slow"))
      const count: Job = Effect.sync(() => String(++started))
      assert.deepEqual(yield* startsIn(WorkerPool.run(pool, count), () => started), [0, 0, 0, 0, 2, 3])
    })))

  test("a store that cannot be asked fails the caller, and nothing is submitted", () => {
    const reason = new RateLimiter.RateLimitStoreError({ message: "away" })
    const refuse = Effect.fail(new RateLimiter.RateLimiterError({ reason }))
    const store = Layer.succeed(RateLimiter.RateLimiterStore, {
      fixedWindow: () => refuse,
      tokenBucket: () => refuse,
      adaptiveConsume: () => refuse,
      adaptiveFeedback: () => refuse
    })
    return run(
      Effect.gen(function*() {
        const pool = yield* makePool({})
        const send = yield* limited(pool)
        const error = yield* Effect.flip(send(ok))
        assert.equal(error.message, "away")
        untouched(pool, 0)
      }).pipe(Effect.provide(Layer.provide(Layer.fresh(RateLimiter.layer), store)))
    )
  })
})

describe("a quota for each tenant", () => {
  const answering = (pool: Pool) =>
    Effect.map(
      RateLimiter.RateLimiter,
      (limiter) => (tenant: string, job: Job) =>
        limiter.consume({ key: tenant, limit: 2, window: "1 minute" }).pipe(
          Effect.andThen(WorkerPool.trySubmit(pool, job)),
          Effect.map(() => "202"),
          Effect.catchReason(
            "RateLimiterError",
            "RateLimitExceeded",
            ({ key, retryAfter }) => Effect.succeed(`429 ${key} ${Duration.toSeconds(retryAfter)}`)
          ),
          Effect.catchTag("QueueFull", () => Effect.succeed("429 full"))
        )
    )

  test("a tenant without quota learns when to come again, and submits nothing; the others go on", () =>
    run(Effect.gen(function*() {
      const pool = yield* makePool({})
      const request = yield* answering(pool)
      const answers = yield* Effect.forEach(
        ["red", "red", "red", "blue", "red", "blue", "blue"],
        (tenant) => request(tenant, ok)
      )
      assert.deepEqual(answers, ["202", "202", "429 red 60", "202", "429 red 60", "202", "429 blue 60"])
      assert.equal(WorkerPool.stats(pool).submitted, 4)
      yield* TestClock.adjust("1 minute")
      assert.equal(yield* request("red", ok), "202")
    })))

  test("a full queue is a 429 of its own, and has cost the quota", () =>
    run(Effect.gen(function*() {
      const pool = yield* makePool({ queue: { capacity: 0 } })
      const request = yield* answering(pool)
      const gate = yield* Deferred.make<string>()
      assert.equal(yield* request("red", Deferred.await(gate)), "202")
      assert.equal(yield* request("blue", ok), "429 full")
      assert.equal(yield* request("blue", ok), "429 full")
      assert.equal(yield* request("blue", ok), "429 blue 60")
      yield* Deferred.succeed(gate, "done")
    })))
})

const down: Job = Effect.fail(new Down())

const classify = (exit: Exit.Exit<string, Down | NoSuchAddress | WorkerPool.RunError>) => {
  if (Exit.isSuccess(exit)) return CircuitBreaker.success
  switch (Option.getOrUndefined(Exit.findErrorOption(exit))?._tag) {
    case "PoolClosed":
    case "JobLost":
    case "PoolFailed":
      return CircuitBreaker.ignored
    case "NoSuchAddress":
      return CircuitBreaker.success
    case "Down":
    case undefined:
      return CircuitBreaker.failure()
  }
}

const makeBreaker = CircuitBreaker.make({ tripPolicy: CircuitBreaker.consecutive(2), openDuration: "30 seconds" })

const stateOf = (breaker: CircuitBreaker.CircuitBreaker, key = "mail") =>
  Effect.map(breaker.state(key), ({ _tag }) => _tag)

const reasonOf = (error: unknown): unknown =>
  error instanceof CircuitBreaker.CircuitBreakerError ? error.reason._tag : error

describe("a breaker around WorkerPool.run", () => {
  const guarded = (options: Parameters<typeof makePool>[0] = {}) =>
    Effect.gen(function*() {
      const pool = yield* makePool(options)
      const breaker = yield* makeBreaker
      const send = (job: Job, key = "mail") => breaker.execute(WorkerPool.run(pool, job), { key, classify })
      const trip = (key = "mail") =>
        Effect.gen(function*() {
          for (let n = 0; n < 2; n++) assert.ok((yield* Effect.flip(send(down, key))) instanceof Down)
          assert.equal(yield* stateOf(breaker, key), "Open")
        })
      return { pool, breaker, send, trip }
    })

  test("opens after the configured number of failures, and then costs neither a worker nor a place in the queue", () =>
    run(Effect.gen(function*() {
      const { breaker, pool, send, trip } = yield* guarded()
      yield* Effect.flip(send(down))
      assert.equal(yield* stateOf(breaker), "Closed")
      yield* send(ok)
      yield* trip()
      const { submitted } = WorkerPool.stats(pool)
      for (let n = 0; n < 100; n++) assert.equal(reasonOf(yield* Effect.flip(send(ok))), "CircuitOpen")
      untouched(pool, submitted)
    })))

  test("fails at once when it is open, also when every worker is busy and the queue is full", () =>
    run(Effect.gen(function*() {
      const { pool, send, trip } = yield* guarded({ queue: { capacity: 1 } })
      yield* trip()
      yield* Effect.forEach([1, 2], () => WorkerPool.submit(pool, Effect.never))
      const fiber = yield* start(send(ok))
      assert.equal(reasonOf(Cause.squash(yield* Effect.flip(Effect.sandbox(Fiber.join(fiber))))), "CircuitOpen")
      assert.equal(WorkerPool.stats(pool).waiting, 0)
    })))

  test("half open, it lets one through, and the others when that has succeeded", () =>
    run(Effect.gen(function*() {
      const { breaker, pool, send, trip } = yield* guarded({ size: 4 })
      yield* trip()
      yield* TestClock.adjust("30 seconds")
      const gate = yield* Deferred.make<string>()
      const probe = yield* start(send(Deferred.await(gate)))
      for (let n = 0; n < 3; n++) assert.equal(reasonOf(yield* Effect.flip(send(ok))), "CircuitHalfOpen")
      assert.equal(WorkerPool.stats(pool).running, 1)
      yield* Deferred.succeed(gate, "ok")
      yield* Fiber.join(probe)
      assert.equal(yield* stateOf(breaker), "Closed")
      assert.equal(yield* send(ok), "ok")
    })))

  test("a probe that fails opens it again; one that is interrupted makes room for another", () =>
    run(Effect.gen(function*() {
      const { breaker, pool, send, trip } = yield* guarded()
      yield* trip()
      yield* TestClock.adjust("30 seconds")
      const probe = yield* start(send(Effect.never))
      assert.ok(isInterrupted(yield* interrupted(probe)))
      assert.equal(WorkerPool.stats(pool).idle, 1)
      assert.ok((yield* Effect.flip(send(down))) instanceof Down)
      assert.equal(yield* stateOf(breaker), "Open")
    })))

  test("keys are independent", () =>
    run(Effect.gen(function*() {
      const { send, trip } = yield* guarded()
      yield* trip("red")
      assert.equal(reasonOf(yield* Effect.flip(send(ok, "red"))), "CircuitOpen")
      assert.equal(yield* send(ok, "blue"), "ok")
    })))

  test("the end of the pool is no failure of the service: PoolClosed, and JobLost", () =>
    run(Effect.gen(function*() {
      const { breaker, pool, send } = yield* guarded({ queue: { capacity: 5 } })
      const fibers = yield* Effect.forEach([1, 2, 3], () => start(send(Effect.never)))
      yield* WorkerPool.shutdownNow(pool)
      for (const fiber of fibers) assert.ok((yield* Effect.flip(Fiber.join(fiber))) instanceof WorkerPool.JobLost)
      for (let n = 0; n < 3; n++) assert.ok((yield* Effect.flip(send(ok))) instanceof WorkerPool.PoolClosed)
      assert.equal(yield* stateOf(breaker), "Closed")
    })))

  test("nor is a pool that has failed", () =>
    run(Effect.gen(function*() {
      const replaced = yield* Deferred.make<never, string>()
      let acquired = 0
      const pool = yield* WorkerPool.make({
        size: 1,
        queue: { capacity: 5 },
        restart: Schedule.recurs(0),
        worker: () => Effect.suspend(() => ++acquired === 1 ? Effect.void : Deferred.await(replaced)),
        run: (job: Job) => job
      })
      const breaker = yield* makeBreaker
      const send = (job: Job) => breaker.execute(WorkerPool.run(pool, job), { key: "mail", classify })
      yield* WorkerPool.submit(pool, Effect.die("poison"))
      const fibers = yield* Effect.forEach([1, 2, 3], () => start(send(ok)))
      yield* Deferred.fail(replaced, "refused")
      for (const fiber of fibers) assert.ok((yield* Effect.flip(Fiber.join(fiber))) instanceof WorkerPool.PoolFailed)
      assert.equal(yield* stateOf(breaker), "Closed")
    })))

  test("an answer that the caller does not like is a success: it ends a row of failures", () =>
    run(Effect.gen(function*() {
      const { breaker, send } = yield* guarded()
      for (const job of [down, Effect.fail(new NoSuchAddress()), down]) yield* Effect.exit(send(job))
      assert.equal(yield* stateOf(breaker), "Closed")
    })))

  test("a defect is a failure", () =>
    run(Effect.gen(function*() {
      const { breaker, send } = yield* guarded()
      for (let n = 0; n < 2; n++) yield* Effect.exit(send(Effect.die("a rejected promise")))
      assert.equal(yield* stateOf(breaker), "Open")
    })))

  test("a timeout counts when it is inside, in the job, and does not when it is outside", () =>
    run(Effect.gen(function*() {
      const { breaker, send } = yield* guarded()
      const hangs: Job = Effect.never
      const outside = Effect.exit(Effect.timeout(send(hangs), "1 second"))
      const inside = Effect.exit(
        send(Effect.timeoutOrElse(hangs, { duration: "1 second", orElse: () => Effect.fail(new Down()) }))
      )
      for (const [call, state] of [[outside, "Closed"], [inside, "Open"]] as const) {
        for (let n = 0; n < 2; n++) {
          const fiber = yield* start(call)
          yield* TestClock.adjust("1 second")
          yield* Fiber.join(fiber)
        }
        assert.equal(yield* stateOf(breaker), state)
      }
    })))

  test("a retry outside waits as long as the circuit is open, and holds no worker meanwhile", () =>
    run(Effect.gen(function*() {
      const { pool, send, trip } = yield* guarded()
      yield* trip()
      const schedule = Schedule.exponential("100 millis").pipe(
        Schedule.modifyDelay(({ duration, input }) =>
          Effect.succeed(
            input instanceof CircuitBreaker.CircuitBreakerError && input.reason._tag === "CircuitOpen"
              ? Duration.sum(duration, input.reason.retryAfter)
              : duration
          )
        )
      )
      const fiber = yield* start(Effect.retry(send(ok), { schedule, times: 1 }))
      yield* TestClock.adjust("30 seconds")
      untouched(pool, 2)
      yield* TestClock.adjust("100 millis")
      assert.equal(yield* Fiber.join(fiber), "ok")
    })))
})

describe("a breaker inside run", () => {
  test("refuses what is in the queue when it opens, and leaves the service alone", () =>
    run(Effect.gen(function*() {
      const breaker = yield* makeBreaker
      let calls = 0
      const gate = yield* Deferred.make<void>()
      const call = Effect.suspend(() => {
        calls++
        return Effect.andThen(Deferred.await(gate), down)
      })
      const pool = yield* WorkerPool.make({
        size: 1,
        queue: { capacity: 10 },
        run: (job: Job) => breaker.execute(job, { key: "mail" })
      })
      const handles = yield* Effect.forEach(Array.from({ length: 10 }), () => WorkerPool.submit(pool, call))
      yield* Deferred.succeed(gate, undefined)
      const ends = yield* Effect.forEach(handles, ({ await: end }) => end)
      const reasons = ends.map((exit) => reasonOf(Exit.isFailure(exit) && Cause.squash(exit.cause)))
      assert.equal(calls, 2)
      assert.deepEqual(reasons.slice(2), Array.from({ length: 8 }, () => "CircuitOpen"))
      assert.equal(WorkerPool.stats(pool).failed, 10)
      balanced(pool)
    })))

  test("around WorkerPool.run, the queue still goes to the service", () =>
    run(Effect.gen(function*() {
      const breaker = yield* makeBreaker
      let calls = 0
      const pool = yield* makePool({ queue: { capacity: 10 } })
      const gate = yield* Deferred.make<void>()
      const call = Effect.suspend(() => {
        calls++
        return Effect.andThen(Deferred.await(gate), down)
      })
      const fibers = yield* Effect.forEach(
        Array.from({ length: 10 }),
        () => start(breaker.execute(WorkerPool.run(pool, call), { key: "mail", classify }))
      )
      yield* Deferred.succeed(gate, undefined)
      for (const fiber of fibers) yield* Fiber.await(fiber)
      assert.equal(calls, 10)
    })))
})

describe("every schedule of token, run and cancel", () => {
  /** Two callers with a token each at most, and a pool of one worker; either may be interrupted, anywhere. */
  const callers = (tokens: number): Scenario =>
    scenario((t) =>
      Effect.gen(function*() {
        const limiter = yield* RateLimiter.RateLimiter
        let running = 0
        let started = 0
        const pool = yield* WorkerPool.make({
          size: 1,
          queue: { capacity: 0 },
          run: () =>
            Effect.uninterruptibleMask((restore) => {
              running++
              started++
              return Effect.onExit(restore(Effect.yieldNow), () => Effect.sync(() => running--))
            })
        })
        yield* t.always(() => running <= 1 && started <= tokens, "more jobs started than there are tokens")
        const take = limiter.consume({ key: "mail", limit: tokens, window: "1 hour" })
        const call = Effect.exit(Effect.andThen(take, WorkerPool.run(pool, undefined)))
        yield* t.actor("a", call)
        yield* t.actor("b", call)
        yield* t.settled
        const { idle, interrupted, submitted, succeeded, waiting } = WorkerPool.stats(pool)
        yield* t.expect(submitted === succeeded + interrupted, "a job is unaccounted for")
        yield* t.expect(idle === 1 && waiting === 0, "a worker or a waiter was left")
        yield* t.expect(submitted <= tokens, "a job without a token")
      }).pipe(Effect.scoped, Effect.provide(limiterInMemory))
    )

  test.each([1, 2])("with %d tokens for two callers, no job goes without one, and no worker is lost", (tokens) => {
    holdsWithin(callers(tokens), { preemptions: 1, cancels: 1 })
  })

  test("a caller that waits for a token, asleep on the kit's clock, may be interrupted anywhere", () => {
    holdsWithin(
      scenario((t) =>
        Effect.gen(function*() {
          const limiter = yield* RateLimiter.RateLimiter
          const pool = yield* WorkerPool.make({ size: 1, run: () => Effect.yieldNow })
          const call = Effect.andThen(
            RateLimiter.sleep(limiter, { ...token("mail"), limit: 1 }),
            WorkerPool.run(pool, undefined)
          )
          const a = yield* t.actor("a", call)
          const b = yield* t.actor("b", call)
          yield* t.settled
          for (const fiber of [a, b]) yield* t.expect(fiber.pollUnsafe() !== undefined, "a caller waits forever")
          const { idle, interrupted, submitted, succeeded } = WorkerPool.stats(pool)
          yield* t.expect(submitted === succeeded + interrupted && idle === 1, "a job is unaccounted for")
        }).pipe(Effect.scoped, Effect.provide(limiterInMemory))
      ),
      { preemptions: 1, cancels: 1 }
    )
  })

  test("a probe that is interrupted anywhere leaves the circuit able to close, and the worker free", () => {
    holdsWithin(
      scenario((t) =>
        Effect.gen(function*() {
          const breaker = yield* CircuitBreaker.make({
            tripPolicy: CircuitBreaker.consecutive(1),
            openDuration: Duration.zero
          })
          const pool = yield* makePool({})
          const send = (job: Job) => breaker.execute(WorkerPool.run(pool, job), { key: "mail", classify })
          yield* Effect.exit(send(down))
          yield* t.actor("probe", Effect.exit(send(Effect.as(Effect.yieldNow, "ok"))))
          yield* t.settled
          yield* t.expect((yield* Effect.exit(send(ok)))._tag === "Success", "the circuit is stuck")
          yield* t.expect((yield* stateOf(breaker)) === "Closed", "the circuit does not close")
          yield* t.expect(WorkerPool.stats(pool).idle === 1, "a worker was left")
        }).pipe(Effect.scoped, Effect.provide(CircuitBreaker.layerStoreMemory()))
      ),
      { preemptions: 1, cancels: 1 }
    )
  })
})
