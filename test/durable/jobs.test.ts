import { Deferred, Duration, Effect, Exit, Fiber, Layer, Schedule, Schema, type Scope } from "effect"
import { PersistedQueueStore } from "effect/persistence/PersistedQueue"
import { TestClock } from "effect/testing"
import { WorkerPool } from "sluice"
import { DurableJob, DurablePool, DurableStore, Results } from "sluice/durable"
import { describe, expect, test } from "vitest"

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
        skipped: 0
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
      const { take } = yield* PersistedQueueStore
      const { attempts, id } = yield* take({ name: "job", maxAttempts: 3, retryDelay: () => Effect.die("") })
      expect([id, attempts]).toEqual(["a", 1])
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

  test("a job that interrupts itself has failed (D6)", () =>
    run(Effect.gen(function*() {
      const pool = yield* makePool(() => Effect.interrupt)
      const serving = yield* DurablePool.serve(Job, pool, { grace: 0 })
      yield* DurableJob.submit(Job, "a")
      yield* turns
      expect(DurablePool.stats(serving)).toMatchObject({ claimed: 1, failed: 1, givenBack: 0 })
    })))

  test("a recorded success is not begun again (D7)", () =>
    run(Effect.gen(function*() {
      const results = yield* Results.Results
      yield* DurableJob.submit(Job, "a")
      const { take } = yield* PersistedQueueStore
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
  test.each([0, -1, 1.5, NaN, Infinity])("attempts: %d", (attempts) => {
    expect(() => DurableJob.make("job", { payload: Schema.String, attempts })).toThrow(/DurableJob.make: attempts/)
  })

  test("an empty name", () => {
    expect(() => DurableJob.make("", { payload: Schema.String })).toThrow(/DurableJob.make: name/)
  })
})
