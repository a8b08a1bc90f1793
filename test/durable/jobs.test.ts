import {
  Cause,
  Clock,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Logger,
  Option,
  Schedule,
  Schema,
  type Scope
} from "effect"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import { TestClock } from "effect/testing"
import { WorkerPool } from "sluice"
import { Admin, DurableJob, DurablePool, DurableStore, Results } from "sluice/durable"
import { describe, expect, test } from "vitest"
import { collectGarbage } from "../support/effect.js"

const layer = Layer.mergeAll(DurableStore.layerMemory, Results.layerMemory).pipe(Layer.provideMerge(TestClock.layer()))

const run = <A, E>(
  effect: Effect.Effect<A, E, Scope.Scope | Layer.Success<typeof layer>>
) => Effect.runPromise(Effect.provide(Effect.scoped(effect), layer))

const turns = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow, { discard: true })

const Job = DurableJob.make("job", {
  payload: Schema.String,
  success: Schema.String,
  error: Schema.String,
  id: (name) => name,
  attempts: 3,
  retry: Schedule.spaced("1 second")
})

const Other = DurableJob.make("other", { payload: Schema.String, success: Schema.String, error: Schema.String })

type Run = (name: string, attempt: number) => Effect.Effect<string, string>

const makePool = (run: Run, size = 1) => WorkerPool.make({ size, run: (name: string) => run(name, 1) })

describe("submit, serve, await", () => {
  test("a job that was stored before anybody served is run, and its value can be awaited (D1)", () =>
    run(Effect.gen(function*() {
      const id = yield* DurableJob.submit(Job, "ada")
      const pool = yield* makePool((name) => Effect.succeed(`hello, ${name}`))
      const serving = yield* DurablePool.serve(Job, pool, { grace: 0 })
      expect(yield* DurableJob.await(Job, id)).toBe("hello, ada")
      yield* turns
      expect(DurablePool.stats(serving)).toEqual({
        phase: "serving",
        waiting: 1,
        running: 0,
        claimed: 1,
        succeeded: 1,
        failed: 0,
        dead: 0,
        givenBack: 0,
        skipped: 0,
        lost: 0
      })
    })))

  test("a job with the same id is the same job", () =>
    run(Effect.gen(function*() {
      let runs = 0
      const pool = yield* makePool(() => Effect.sync(() => String(++runs)))
      yield* DurablePool.serve(Job, pool, { grace: 0 })
      expect(yield* DurableJob.execute(Job, "ada")).toBe("1")
      expect(yield* DurableJob.execute(Job, "ada")).toBe("1")
    })))

  test("a payload with the fields of a kind of job is a payload, also data-last", () => {
    const Mail = DurableJob.make("mail", { payload: Schema.Struct({ payload: Schema.String, attempts: Schema.Int }) })
    const mail = { payload: "hello", attempts: 1 }
    return run(Effect.gen(function*() {
      const received: Array<unknown> = []
      const pool = yield* WorkerPool.make({
        size: 1,
        run: (mail: typeof Mail.payload.Type) => Effect.sync(() => void received.push(mail))
      })
      yield* DurablePool.serve(Mail, pool, { grace: 0 })
      const id = yield* DurableJob.submit(mail)(Mail)
      yield* DurableJob.await(Mail, id)
      yield* DurableJob.execute(mail, { id: "second" })(Mail)
      expect(received).toEqual([mail, mail])
    }))
  })

  test("a failed job is tried again, and its last exit is recorded (D2, D8)", () =>
    run(Effect.gen(function*() {
      let runs = 0
      const pool = yield* makePool(() => Effect.suspend(() => Effect.fail(`no. ${++runs}`)))
      const serving = yield* DurablePool.serve(Job, pool, { grace: 0 })
      const exit = yield* Effect.forkScoped(Effect.exit(DurableJob.execute(Job, "ada")), { startImmediately: true })
      for (let i = 0; i < 5; i++) {
        yield* turns
        yield* TestClock.adjust("10 seconds")
      }
      expect(yield* Fiber.join(exit)).toStrictEqual(Exit.fail("no. 3"))
      expect(DurablePool.stats(serving)).toMatchObject({ claimed: 3, failed: 2, dead: 1 })
    })))

  test("no more jobs are claimed than there are workers, and each begins at once (D3)", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const begun: Array<string> = []
      const pool = yield* makePool((name) => {
        begun.push(name)
        return Effect.as(Deferred.await(gate), name)
      }, 2)
      const serving = yield* DurablePool.serve(Job, pool, { grace: 0 })
      for (const name of ["a", "b", "c", "d"]) yield* DurableJob.submit(Job, name)
      yield* turns
      expect(begun).toEqual(["a", "b"])
      expect(DurablePool.stats(serving)).toMatchObject({ claimed: 2, running: 2 })
      yield* Deferred.succeed(gate, undefined)
      yield* turns
      expect(begun).toEqual(["a", "b", "c", "d"])
    })))

  test("a job of the pool itself takes the worker that waits for a job of the store", () =>
    run(Effect.gen(function*() {
      const pool = yield* makePool((name) => Effect.succeed(name))
      yield* DurablePool.serve(Job, pool, { grace: 0 })
      yield* turns
      expect(yield* WorkerPool.run(pool, "local")).toBe("local")
      expect(yield* DurableJob.execute(Job, "stored")).toBe("stored")
    })))
})

describe("the end", () => {
  test("drain lets jobs end that are under way, and claims no more (D4)", () =>
    run(Effect.gen(function*() {
      const pool = yield* makePool((name) => Effect.as(Effect.sleep("5 seconds"), name))
      const serving = yield* DurablePool.serve(Job, pool, { grace: 0 })
      yield* DurableJob.submit(Job, "a")
      yield* DurableJob.submit(Job, "b")
      yield* turns
      const drained = yield* Effect.forkScoped(DurablePool.drain(serving), { startImmediately: true })
      yield* TestClock.adjust("5 seconds")
      yield* turns
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(drained)
      expect(DurablePool.stats(serving)).toMatchObject({ phase: "drained", claimed: 1, succeeded: 1, waiting: 0 })
    })))

  test("a job that the deadline cuts off is given back, and its attempt does not count (D4)", () =>
    run(Effect.gen(function*() {
      const pool = yield* makePool(() => Effect.never)
      const serving = yield* DurablePool.serve(Job, pool, { grace: 0 })
      yield* DurableJob.submit(Job, "a")
      yield* turns
      yield* DurablePool.drain(serving, { deadline: 0 })
      expect(DurablePool.stats(serving)).toMatchObject({ claimed: 1, givenBack: 1 })
      const { take } = yield* PersistedQueue.PersistedQueueStore
      const { attempts, id } = yield* take({ name: "job", maxAttempts: 3, retryDelay: () => Effect.die("") })
      expect([id, attempts]).toEqual(["a", 1])
    })))

  test("the deadline counts from the call, also while a claim that waits is slow to end (D4)", () =>
    run(Effect.gen(function*() {
      const ends = yield* Deferred.make<void>()
      const store = yield* PersistedQueue.PersistedQueueStore
      const slow = PersistedQueue.PersistedQueueStore.of({
        ...store,
        take: (options) =>
          Effect.onExitPrimitive(
            store.take(options),
            ({ _tag }) => _tag === "Failure" ? Effect.uninterruptible(Deferred.await(ends)) : undefined
          )
      })
      const factory = yield* Effect.provideService(PersistedQueue.makeFactory, PersistedQueue.PersistedQueueStore, slow)
      const cutOff = yield* Deferred.make<void>()
      const pool = yield* makePool(() => Effect.onInterrupt(Effect.never, () => Deferred.succeed(cutOff, undefined)), 2)
      const serving = yield* DurablePool.serve(Job, pool, { grace: 0 }).pipe(
        Effect.provideService(PersistedQueue.PersistedQueueFactory, factory)
      )
      yield* DurableJob.submit(Job, "a")
      yield* turns
      const drain = yield* Effect.forkScoped(DurablePool.drain(serving, { deadline: "10 seconds" }))
      yield* turns
      yield* TestClock.adjust("10 seconds")
      yield* turns
      expect([yield* Deferred.isDone(cutOff), drain.pollUnsafe()]).toEqual([true, undefined])
      yield* Deferred.succeed(ends, undefined)
      yield* Fiber.join(drain)
    })))

  test("of two drains the earlier deadline counts (D4)", () =>
    run(Effect.gen(function*() {
      const pool = yield* makePool(() => Effect.never)
      const serving = yield* DurablePool.serve(Job, pool, { grace: 0 })
      yield* DurableJob.submit(Job, "a")
      yield* turns
      const first = yield* Effect.forkScoped(DurablePool.drain(serving, { deadline: "1 hour" }))
      yield* turns
      yield* DurablePool.drain(serving, { deadline: 0 })
      yield* Fiber.join(first)
      expect(DurablePool.stats(serving)).toMatchObject({ claimed: 1, givenBack: 1 })
    })))

  test("the end of the pool is no failure of its jobs (D5)", () =>
    run(Effect.gen(function*() {
      const pool = yield* makePool(() => Effect.never)
      const serving = yield* DurablePool.serve(Job, pool, { grace: 0 })
      yield* DurableJob.submit(Job, "a")
      yield* turns
      yield* WorkerPool.shutdownNow(pool)
      yield* turns
      expect(DurablePool.stats(serving)).toMatchObject({ claimed: 1, givenBack: 1, failed: 0 })
    })))

  test.each(["shutdown", "shutdownNow"] as const)(
    "a pool that has ended by %s claims no job (D3)",
    (end) =>
      run(Effect.gen(function*() {
        const pool = yield* makePool((name) => Effect.succeed(name), 3)
        const serving = yield* DurablePool.serve(Job, pool, { grace: 0 })
        yield* turns
        expect(DurablePool.stats(serving).waiting).toBe(3)
        yield* WorkerPool[end](pool)
        yield* turns
        yield* DurableJob.submit(Job, "a")
        yield* turns
        expect(DurablePool.stats(serving)).toMatchObject({ waiting: 0, claimed: 0 })
      }))
  )

  test.each(["a", "a, b and c"])(
    "a drain with a grace ends while the store has %s (D4)",
    (names) =>
      run(Effect.gen(function*() {
        const pool = yield* makePool(() => Effect.never)
        yield* Effect.forkScoped(WorkerPool.run(pool, "another one"), { startImmediately: true })
        const serving = yield* DurablePool.serve(Job, pool)
        for (const name of names.split(/, | and /)) yield* DurableJob.submit(Job, name)
        const draining = yield* Effect.forkScoped(DurablePool.drain(serving), { startImmediately: true })
        yield* TestClock.adjust("1 minute")
        yield* turns
        expect(draining.pollUnsafe()).toBeDefined()
        const { claimed, givenBack, phase } = DurablePool.stats(serving)
        expect([phase, givenBack]).toEqual(["drained", claimed])
        expect(yield* Admin.counts(Job)).toMatchObject({ ready: names.split(/, | and /).length, claimed: 0 })
      }))
  )

  test("a job whose finalizer fails as it is cut off is given back (D4, D5)", () =>
    run(Effect.gen(function*() {
      const Once = DurableJob.make("once", { ...Other, attempts: 1 })
      const makeStuck = WorkerPool.make({
        size: 1,
        run: (name: string) => Effect.ensuring(Effect.as(Effect.never, name), Effect.die("the finalizer has failed"))
      })
      yield* DurableJob.submit(Once, "a")
      const drained = yield* DurablePool.serve(Once, yield* makeStuck, { grace: 0 })
      yield* turns
      yield* DurablePool.drain(drained, { deadline: 0 })
      expect(DurablePool.stats(drained)).toMatchObject({ claimed: 1, givenBack: 1, dead: 0 })
      const pool = yield* makeStuck
      const ended = yield* DurablePool.serve(Once, pool, { grace: 0 })
      yield* turns
      yield* WorkerPool.shutdownNow(pool)
      yield* turns
      expect(DurablePool.stats(ended)).toMatchObject({ claimed: 1, givenBack: 1, dead: 0 })
    })))

  test.each([undefined, "mail"])(
    "the end of another pool of the name %s is a failure (D5)",
    (name) =>
      run(Effect.gen(function*() {
        const other = yield* WorkerPool.make({ name, size: 1, run: (name: string) => Effect.succeed(name) })
        yield* WorkerPool.shutdownNow(other)
        let runs = 0
        const pool = yield* WorkerPool.make({
          name,
          size: 1,
          // Its error is none of the job's.
          run: (job: string) =>
            Effect.suspend(() => ++runs < 9 ? WorkerPool.run(other, job) as Effect.Effect<string> : Effect.never)
        })
        const serving = yield* DurablePool.serve(Job, pool, { grace: 0 })
        yield* DurableJob.submit(Job, "a")
        yield* turns
        expect([runs, DurablePool.stats(serving)]).toMatchObject([1, { claimed: 1, failed: 1, givenBack: 0 }])
      }))
  )

  test("a job that interrupts itself has failed (D6)", () =>
    run(Effect.gen(function*() {
      const pool = yield* makePool(() => Effect.interrupt)
      const serving = yield* DurablePool.serve(Job, pool, { grace: 0 })
      yield* DurableJob.submit(Job, "a")
      yield* turns
      expect(DurablePool.stats(serving)).toMatchObject({ claimed: 1, failed: 1, givenBack: 0 })
    })))

  test("a job that interrupts itself in its last attempt is recorded as a defect (D6)", () =>
    run(Effect.gen(function*() {
      const Once = DurableJob.make("once", { payload: Schema.String, attempts: 1, id: (name) => name })
      const pool = yield* WorkerPool.make({
        size: 1,
        run: (name: string): Effect.Effect<void> => Effect.andThen(Effect.logDebug(name), Effect.interrupt)
      })
      yield* DurablePool.serve(Once, pool, { grace: 0 })
      yield* DurableJob.submit(Once, "a")
      const exit = yield* DurableJob.exit(Once, "a")
      expect(Exit.isFailure(exit) && Cause.hasDies(exit.cause) && !Cause.hasInterrupts(exit.cause)).toBe(true)
      expect(String(Exit.isFailure(exit) && Cause.squash(exit.cause))).toContain("the job interrupted itself")
    })))

  test("a recorded success is not begun again (D7)", () =>
    run(Effect.gen(function*() {
      const results = yield* Results.Results
      yield* DurableJob.submit(Job, "a")
      const { take } = yield* PersistedQueue.PersistedQueueStore
      const options = { name: "job", maxAttempts: 3, retryDelay: () => Effect.succeed(Duration.zero) }
      // Another process records the result, and dies before it says so.
      yield* results.record("job", "a", "{\"_tag\":\"Success\",\"value\":\"there\"}")
      yield* Effect.exit(Effect.scoped(Effect.andThen(take(options), Effect.die("killed"))))
      const pool = yield* makePool(() => Effect.succeed("here"))
      const serving = yield* DurablePool.serve(Job, pool, { grace: 0 })
      yield* turns
      expect(DurablePool.stats(serving)).toMatchObject({ claimed: 1, skipped: 1 })
      expect(yield* DurableJob.await(Job, "a")).toBe("there")
    })))
})

describe("bad options", () => {
  // 2 ** 31: a column of PostgreSQL counts the attempts, and refuses each claim of a queue with more.
  test.each([0, -1, 1.5, NaN, Infinity, 2 ** 31])("attempts: %d", (attempts) => {
    expect(() => DurableJob.make("job", { payload: Schema.String, attempts })).toThrow(/DurableJob.make: attempts/)
  })

  test.each([["id", "a function"], ["retry", "a Schedule"]])("%s is no %s", (option, requirement) => {
    // As JavaScript may call it.
    const options = { payload: Schema.String, [option]: 5 } as never
    expect(() => DurableJob.make("job", options)).toThrow(`DurableJob.make: ${option} must be ${requirement}, got 5`)
  })

  test("an empty name", () => {
    expect(() => DurableJob.make("", { payload: Schema.String })).toThrow(/DurableJob.make: name/)
  })

  test.each(["", "x".repeat(256), "a\0", "a\ud800"])("a name or an id of $length characters", (name) => {
    expect(() => DurableJob.make(name, { payload: Schema.String })).toThrow(/DurableJob.make: name must be .* 1 to 255/)
    return run(Effect.gen(function*() {
      const exit = yield* Effect.exit(DurableJob.submit(Job, "ada", { id: name }))
      expect(Exit.isFailure(exit) && String(Cause.squash(exit.cause))).toMatch(
        /DurableJob.submit: id must be .* 1 to 255/
      )
    }))
  })

  test.each(["payload", "success", "error"])("%s is no schema", (option) => {
    // As JavaScript may call it.
    const options = { payload: Schema.String, [option]: 5 } as never
    expect(() => DurableJob.make("job", options)).toThrow(`DurableJob.make: ${option} must be a schema, got 5`)
  })

  test("a pool that is none", () =>
    run(Effect.gen(function*() {
      const exit = yield* Effect.exit(DurablePool.serve(Job, {} as never))
      expect(Exit.isFailure(exit) && String(Cause.squash(exit.cause))).toBe(
        "RangeError: DurablePool.serve: pool must be a WorkerPool, got {}"
      )
    })))

  test.each([-1, NaN, Infinity, 1e300])("delay: %d", (delay) =>
    run(Effect.gen(function*() {
      const exit = yield* Effect.exit(DurableJob.submit(Job, "ada", { delay }))
      expect(Exit.isFailure(exit) && String(Cause.squash(exit.cause))).toMatch(
        /DurableJob.submit: delay must be a duration of 0 to 100 years, got/
      )
    })))

  test.each([0, NaN, 1e300])("timeToLive: %d", (timeToLive) => {
    expect(() => Results.layerRedis({ timeToLive })).toThrow(/timeToLive must be .* 100 years, or Infinity, got/)
  })

  test.each([-1, NaN, Infinity])("grace: %d", (grace) =>
    run(Effect.gen(function*() {
      const pool = yield* makePool((name) => Effect.succeed(name))
      const exit = yield* Effect.exit(DurablePool.serve(Job, pool, { grace }))
      expect(Exit.isFailure(exit) && String(Cause.squash(exit.cause))).toMatch(
        /DurablePool.serve: grace must be a finite/
      )
    })))
})

describe("values that do not fit", () => {
  test("a payload for which the id cannot be made is a defect of submit", () =>
    run(Effect.gen(function*() {
      const Upper = DurableJob.make("upper", { payload: Schema.String, id: (name) => name.toUpperCase() })
      const exit = yield* Effect.exit(DurableJob.submit(Upper, 5 as unknown as string))
      expect(Exit.hasDies(exit)).toBe(true)
    })))

  test("a stored payload is a failed attempt, and its callers see the last one (D8)", () =>
    run(Effect.gen(function*() {
      const Older = DurableJob.make("job", { payload: Schema.Number })
      const id = yield* DurableJob.submit(Older, 5)
      const pool = yield* makePool((name) => Effect.succeed(name))
      const serving = yield* DurablePool.serve(Job, pool, { grace: 0 })
      const exit = yield* Effect.forkScoped(DurableJob.exit(Job, id), { startImmediately: true })
      for (let i = 0; i < 3; i++) {
        yield* turns
        yield* TestClock.adjust("1 second")
      }
      yield* turns
      expect(Exit.hasDies(yield* Fiber.join(exit))).toBe(true)
      expect(DurablePool.stats(serving)).toMatchObject({ waiting: 1, claimed: 3, failed: 2, dead: 1 })
      expect((yield* Admin.deadLetters(Job)).letters).toMatchObject([{ id, payload: 5, attempts: 3 }])
    })))

  test("a payload is a defect of submit, and nothing is stored", () =>
    run(Effect.gen(function*() {
      const exit = yield* Effect.exit(DurableJob.submit(Job, 5 as unknown as string, { id: "a" }))
      expect(Exit.hasDies(exit)).toBe(true)
      const pool = yield* makePool((name) => Effect.succeed(name))
      yield* DurablePool.serve(Job, pool, { grace: 0 })
      expect(yield* DurableJob.execute(Job, "ada", { id: "a" })).toBe("ada")
    })))

  test("a value is a defect of the job, which its callers see", () =>
    run(Effect.gen(function*() {
      const pool = yield* makePool(() => Effect.succeed(5 as unknown as string))
      const serving = yield* DurablePool.serve(Job, pool, { grace: 0 })
      expect(Exit.hasDies(yield* Effect.exit(DurableJob.execute(Job, "ada")))).toBe(true)
      yield* turns
      expect(DurablePool.stats(serving)).toMatchObject({ succeeded: 0, dead: 1 })
    })))
})

/** Errors whose text, or whose encoding, cannot be made. */
const untold: Record<string, () => unknown> = {
  "a message that throws": () =>
    Object.defineProperty(new Error(), "message", {
      get: () => {
        throw new Error("no message")
      }
    }),
  "a method toJSON that throws": () => ({
    toJSON: () => {
      throw new Error("no JSON")
    }
  }),
  "more causes than the stack takes": () => {
    let error = new Error("first")
    for (let i = 0; i < 20_000; i++) error = new Error("next", { cause: error })
    return error
  }
}

test.each(Object.entries(untold))(
  "a defect with %s is recorded, and its job is a dead letter (D8)",
  (_, error) =>
    run(Effect.gen(function*() {
      const job = { ...Other, attempts: 1 }
      const pool = yield* makePool(() => Effect.die(error()))
      const serving = yield* DurablePool.serve(job, pool, { grace: 0 })
      const id = yield* DurableJob.submit(job, "ada")
      const exit = yield* Effect.timeoutOption(DurableJob.exit(job, id), 1_000).pipe(TestClock.withLive)
      expect(Option.map(exit, Exit.hasDies)).toEqual(Option.some(true))
      yield* turns
      expect(DurablePool.stats(serving)).toMatchObject({ failed: 0, dead: 1 })
      const { letters } = yield* Admin.deadLetters(job)
      expect(letters.map(({ id }) => id)).toEqual([id])
    }))
)

test("a claim whose exit cannot be recorded is counted as a failed attempt", () =>
  run(Effect.gen(function*() {
    const results = yield* Results.Results
    const away = new DurableJob.StoreError({ operation: "record", of: "job", cause: "away" })
    const pool = yield* makePool((name) => Effect.succeed(name))
    const serving = yield* DurablePool.serve(Job, pool, { grace: 0 }).pipe(
      Effect.provideService(Results.Results, { ...results, record: () => Effect.fail(away) })
    )
    yield* DurableJob.submit(Job, "a")
    for (let i = 0; i < 20; i++) {
      yield* turns
      yield* TestClock.adjust("10 seconds")
    }
    yield* turns
    expect(DurablePool.stats(serving)).toMatchObject({ running: 0, claimed: 3, failed: 3, succeeded: 0, dead: 0 })
  })))

test("a job that comes again is not begun while nobody knows whether it has succeeded (D7)", () =>
  run(Effect.gen(function*() {
    const results = yield* Results.Results
    const away = new DurableJob.StoreError({ operation: "get", of: "job", cause: "away" })
    let isAway = true
    let begun = 0
    const pool = yield* makePool((name) => ++begun === 1 ? Effect.fail("again") : Effect.succeed(name))
    const serving = yield* DurablePool.serve(Job, pool, { grace: 0 }).pipe(
      Effect.provideService(Results.Results, {
        ...results,
        get: (...args) => Effect.suspend(() => isAway ? Effect.fail(away) : results.get(...args))
      })
    )
    yield* DurableJob.submit(Job, "a")
    yield* TestClock.adjust("1 second")
    expect(DurablePool.stats(serving)).toMatchObject({ claimed: 2, failed: 2 })
    expect(begun).toBe(1)
    isAway = false
    yield* TestClock.adjust("1 second")
    expect(DurablePool.stats(serving)).toMatchObject({ claimed: 3, succeeded: 1 })
    expect(begun).toBe(2)
  })))

test("a store that fails is asked again after a second", () =>
  run(Effect.gen(function*() {
    const store = yield* PersistedQueue.PersistedQueueStore
    let asked = 0
    const failing = Layer.succeed(PersistedQueue.PersistedQueueStore)({
      ...store,
      take: () =>
        Effect.suspend(() => {
          asked++
          return Effect.fail(new PersistedQueue.PersistedQueueError({ message: "away" }))
        })
    })
    const engine = Layer.provide(Layer.fresh(PersistedQueue.layer), failing)
    const pool = yield* makePool((name) => Effect.succeed(name))
    yield* Effect.provide(DurablePool.serve(Job, pool, { grace: 0 }), engine)
    yield* turns
    for (const times of [1, 2, 3]) {
      expect(asked).toBe(times)
      yield* TestClock.adjust("999 millis")
      expect(asked).toBe(times)
      yield* TestClock.adjust("1 millis")
      yield* turns
    }
  })))

test("an exit that cannot be recorded is tried at least each second, and for 30 seconds", () =>
  run(Effect.gen(function*() {
    const results = yield* Results.Results
    const away = new DurableJob.StoreError({ operation: "record", of: "job", cause: "away" })
    const times: Array<number> = []
    const pool = yield* makePool((name) => Effect.succeed(name))
    const Once = DurableJob.make("once", { ...Other, attempts: 1 })
    const serving = yield* DurablePool.serve(Once, pool, { grace: 0 }).pipe(
      Effect.provideService(Results.Results, {
        ...results,
        record: () =>
          Effect.flatMap(Clock.currentTimeMillis, (now) => {
            times.push(now)
            return Effect.fail(away)
          })
      })
    )
    yield* DurableJob.submit(Once, "a")
    for (let seconds = 0; seconds < 60; seconds++) yield* TestClock.adjust("1 second")
    const pauses = times.slice(1).map((time, i) => time - (times[i] ?? 0))
    const [, , second = 0] = times
    expect(second, "soon, for an outage of a moment").toBeLessThan(1_000)
    expect(Math.max(...pauses)).toBe(1_000)
    expect(times.at(-1)).toBeGreaterThan(29_000)
    expect(times.at(-1)).toBeLessThan(31_000)
    expect(DurablePool.stats(serving)).toMatchObject({ running: 0, claimed: 1, failed: 1 })
  })))

test("a claim that the store cannot settle is logged", () => {
  const logged: Array<string> = []
  const logger = Logger.layer([Logger.make(({ message }) => void logged.push(String(message)))])
  return run(
    Effect.gen(function*() {
      const store = yield* PersistedQueue.PersistedQueueStore
      const unsettling = Layer.succeed(PersistedQueue.PersistedQueueStore)({
        ...store,
        take: (options) => Effect.tap(store.take(options), () => Effect.addFinalizer(() => Effect.die("no connection")))
      })
      const engine = Layer.provide(Layer.fresh(PersistedQueue.layer), unsettling)
      const pool = yield* makePool((name) => name === "bad" ? Effect.fail(name) : Effect.succeed(name))
      yield* Effect.provide(DurablePool.serve(Other, pool, { grace: 0 }), engine)
      yield* DurableJob.submit(Other, "good")
      yield* DurableJob.submit(Other, "bad")
      yield* turns
      expect(logged.filter((line) => line.includes("could not be settled"))).toHaveLength(2)
    }).pipe(Effect.provide(logger))
  )
})

test("a claim that has failed or is given back is not logged", () => {
  const logged: Array<unknown> = []
  return run(
    Effect.gen(function*() {
      const pool = yield* makePool((name) => name === "bad" ? Effect.fail(name) : Effect.never)
      const serving = yield* DurablePool.serve(Job, pool, { grace: 0 })
      yield* DurableJob.submit(Job, "bad")
      yield* DurableJob.submit(Job, "long")
      yield* turns
      yield* DurablePool.drain(serving, { deadline: 0 })
      expect(DurablePool.stats(serving)).toMatchObject({ claimed: 2, failed: 1, givenBack: 1 })
      expect(logged).toEqual([])
    }).pipe(Effect.provide(Logger.layer([Logger.make(({ message }) => void logged.push(message))])))
  )
})

test("a serving keeps nothing of a job that has ended", () =>
  run(Effect.gen(function*() {
    const Boxed = DurableJob.make("boxed", { payload: Schema.Int, success: Schema.Struct({ n: Schema.Int }) })
    const values: Array<WeakRef<object>> = []
    const boxed = (n: number) =>
      Effect.sync(() => {
        const value = { n }
        values.push(new WeakRef(value))
        return value
      })
    const pool = yield* WorkerPool.make({ size: 1, run: boxed })
    const serving = yield* DurablePool.serve(Boxed, pool, { grace: 0 })
    for (let n = 0; n < 10; n++) yield* DurableJob.submit(Boxed, n)
    yield* Effect.repeat(Effect.yieldNow, { until: () => DurablePool.stats(serving).succeeded === 10 })
    yield* collectGarbage
    expect(values.length).toBe(10)
    // A stack may keep the last one.
    expect(values.filter((value) => value.deref() !== undefined).length).toBeLessThanOrEqual(1)
  })))

test("an exit that is recorded right after a caller has looked for it is heard of", () =>
  run(Effect.gen(function*() {
    const results = yield* Results.Results
    let looks = 0
    const exit = JSON.stringify({ _tag: "Success", value: "hello" })
    const awaiting = Effect.provideService(DurableJob.await(Job, "ada"), Results.Results, {
      ...results,
      get: (...args) =>
        Effect.tap(results.get(...args), () => ++looks === 1 ? results.record(...args, exit) : Effect.void)
    })
    const caller = yield* Effect.forkChild(awaiting)
    yield* turns
    expect(caller.pollUnsafe()).toEqual(Exit.succeed("hello"))
  })))

test("a drain that has returned has no timer for its deadline", () =>
  run(Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const timers = { begun: 0, ended: 0 }
    const counted = Object.assign(Object.create(clock) as Clock.Clock, {
      sleep: (duration: Duration.Duration) => {
        timers.begun++
        return Effect.ensuring(clock.sleep(duration), Effect.sync(() => timers.ended++))
      }
    })
    const gate = yield* Deferred.make<string>()
    const pool = yield* makePool(() => Deferred.await(gate))
    const serving = yield* DurablePool.serve(Job, pool, { grace: 0 })
    yield* DurableJob.submit(Job, "ada")
    yield* turns
    const drain = Effect.provideService(DurablePool.drain(serving, { deadline: "1 hour" }), Clock.Clock, counted)
    const draining = yield* Effect.forkChild(drain)
    yield* turns
    expect(timers).toEqual({ begun: 1, ended: 0 })
    yield* Deferred.succeed(gate, "done")
    yield* Fiber.join(draining)
    expect(timers).toEqual({ begun: 1, ended: 1 })
  })))

test("a job that the pool has cleared before it began is given back, uncounted (D5)", () =>
  run(Effect.gen(function*() {
    const gate = yield* Deferred.make<void>()
    const pool = yield* WorkerPool.make({
      size: 2,
      queue: { key: () => "key", perKey: { concurrency: 1 } },
      run: (name: string) => Effect.as(Deferred.await(gate), name)
    })
    const serving = yield* DurablePool.serve(Job, pool, { grace: 0 })
    yield* DurableJob.submit(Job, "ada")
    yield* DurableJob.submit(Job, "bob")
    yield* turns
    expect((yield* WorkerPool.clear(pool)).length).toBe(1)
    yield* turns
    expect(DurablePool.stats(serving)).toMatchObject({ claimed: 3, givenBack: 1, failed: 0, running: 2 })
    yield* Deferred.succeed(gate, undefined)
    expect(yield* DurableJob.await(Job, "bob")).toBe("bob")
  })))

test("a job that is about to begin as the deadline of a drain comes is given back (D4)", () =>
  run(Effect.gen(function*() {
    const results = yield* Results.Results
    const gate = yield* Deferred.make<void>()
    let begun = 0
    const pool = yield* makePool(() => ++begun === 1 ? Effect.fail("again") : Effect.never)
    // A job that comes again is looked up first, which takes a while.
    const serving = yield* DurablePool.serve(Job, pool, { grace: 0 }).pipe(
      Effect.provideService(Results.Results, {
        ...results,
        get: (...args) => Effect.andThen(Deferred.await(gate), results.get(...args))
      })
    )
    yield* DurableJob.submit(Job, "ada")
    yield* TestClock.adjust("1 second")
    expect(DurablePool.stats(serving)).toMatchObject({ claimed: 2, failed: 1, running: 1 })
    const draining = yield* Effect.forkChild(DurablePool.drain(serving, { deadline: 0 }))
    yield* turns
    yield* Deferred.succeed(gate, undefined)
    yield* turns
    expect(draining.pollUnsafe()).toEqual(Exit.void)
    expect(DurablePool.stats(serving)).toMatchObject({ phase: "drained", givenBack: 1, running: 0 })
    expect(yield* Admin.counts(Job)).toMatchObject({ stored: 1, claimed: 0, failed: 0 })
  })))

test("a job that comes in the turn in which a drain begins is not begun (D4)", () =>
  run(Effect.gen(function*() {
    let begun = 0
    const pool = yield* makePool((name) => Effect.sync(() => `${name} ${++begun}`))
    const serving = yield* DurablePool.serve(Job, pool, { grace: 0 })
    yield* turns
    const draining = yield* Effect.forkChild(DurablePool.drain(serving), { startImmediately: true })
    const submitting = yield* Effect.forkChild(DurableJob.submit(Job, "ada"), { startImmediately: true })
    yield* Fiber.joinAll([draining, submitting])
    expect(begun).toBe(0)
    expect(yield* Admin.counts(Job)).toMatchObject({ ready: 1 })
  })))

test("a retry whose step throws loses no claim (D2)", () => {
  const thrown = Schedule.fromStep<unknown, number, never, never, never, never>(Effect.succeed(() => {
    throw new Error("no delay")
  }))
  const Thrown = DurableJob.make("thrown", { ...Other, attempts: 3, retry: thrown })
  return run(Effect.gen(function*() {
    const pool = yield* makePool(() => Effect.fail("no"))
    const serving = yield* DurablePool.serve(Thrown, pool, { grace: 0 })
    yield* DurableJob.submit(Thrown, "ada")
    yield* turns
    expect(DurablePool.stats(serving)).toMatchObject({ claimed: 3, failed: 2, dead: 1, running: 0 })
    expect(yield* Admin.counts(Thrown)).toMatchObject({ claimed: 0, failed: 1 })
  }))
})

test("a drained pool runs no job, and another serve on it does", () =>
  run(Effect.gen(function*() {
    const pool = yield* makePool((name) => Effect.succeed(name))
    const first = yield* DurablePool.serve(Job, pool, { grace: 0 })
    yield* DurablePool.drain(first)
    yield* DurablePool.drain(first)
    yield* DurableJob.submit(Job, "ada")
    yield* turns
    expect(DurablePool.stats(first)).toMatchObject({ phase: "drained", claimed: 0 })
    yield* DurablePool.serve(Job, pool, { grace: 0 })
    expect(yield* DurableJob.await(Job, "ada")).toBe("ada")
  })))

test.each([1_000, 0])(
  "a serving whose pool has ended drains, with a grace of %d, and leaves jobs in the store",
  (grace) =>
    run(Effect.gen(function*() {
      const pool = yield* makePool(Effect.succeed)
      const serving = yield* DurablePool.serve(Job, pool, { grace })
      yield* turns
      expect(DurablePool.stats(serving)).toMatchObject({ phase: "serving", waiting: 1 })
      yield* WorkerPool.shutdown(pool)
      yield* turns
      expect(DurablePool.stats(serving).phase).toBe(grace === 0 ? "drained" : "draining")
      yield* DurableJob.submit(Job, "ada")
      yield* TestClock.adjust(grace)
      yield* TestClock.adjust(grace)
      yield* turns
      expect(DurablePool.stats(serving)).toMatchObject({ phase: "drained", waiting: 0, running: 0 })
      expect(yield* Admin.counts(Job)).toMatchObject({ ready: 1, claimed: 0 })
    }))
)

test("a second serving of a pool is warned of, and one after a drain is not", () => {
  const logged: Array<unknown> = []
  return run(
    Effect.gen(function*() {
      const pool = yield* makePool((name) => Effect.succeed(name))
      const first = yield* DurablePool.serve(Job, pool, { grace: 0 })
      expect(logged).toEqual([])
      yield* Effect.scoped(DurablePool.serve(Other, pool, { grace: 0 }))
      expect(logged.map(String)).toEqual([
        expect.stringMatching(/^DurablePool\.serve: .* so jobs of other may wait without end\. Give each kind/)
      ])
      yield* DurablePool.drain(first)
      yield* DurablePool.serve(Other, pool, { grace: 0 })
      yield* turns
      expect(logged.length).toBe(1)
      expect(yield* DurableJob.execute(Other, "ada")).toBe("ada")
    }).pipe(Effect.provide(Logger.layer([Logger.make(({ message }) => void logged.push(...[message].flat()))])))
  )
})
