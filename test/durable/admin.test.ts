import { Effect, Exit, Layer, Schedule, Schema, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { WorkerPool } from "sluice"
import { Admin, DurableJob, DurablePool, DurableStore, Results, Wake } from "sluice/durable"
import { describe, expect, test } from "vitest"

const layer = Layer.mergeAll(DurableStore.layerMemory, Results.layerMemory).pipe(Layer.provideMerge(TestClock.layer()))

const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope | Layer.Success<typeof layer>>) =>
  Effect.runPromise(Effect.provide(Effect.scoped(effect), layer))

const turns = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow, { discard: true })

const Job = DurableJob.make("job", {
  payload: Schema.String,
  success: Schema.String,
  error: Schema.String,
  id: (name) => name,
  attempts: 2,
  retry: Schedule.spaced("1 second")
})

/** A pool that fails until `mend` is called, and never ends the job `stuck`. */
const failing = Effect.gen(function*() {
  let isDown = true
  const pool = yield* WorkerPool.make({
    size: 2,
    run: (name: string) =>
      name === "stuck" ? Effect.never : Effect.suspend(() => isDown ? Effect.fail("down") : Effect.succeed(name))
  })
  yield* DurablePool.serve(Job, pool, { grace: 0 })
  return { mend: () => void (isDown = false) }
})

/** Both attempts. */
const attempts = Effect.andThen(turns, Effect.andThen(TestClock.adjust("1 second"), turns))

test("the counts of a snapshot add up to what is stored (D9)", () =>
  run(Effect.gen(function*() {
    expect(yield* Admin.counts(Job)).toEqual({ stored: 0, ready: 0, delayed: 0, claimed: 0, completed: 0, failed: 0 })
    yield* DurableJob.submit(Job, "later", { delay: "1 hour" })
    const { mend } = yield* failing
    yield* DurableJob.submit(Job, "dead")
    yield* turns
    expect(yield* Admin.counts(Job)).toMatchObject({ stored: 2, delayed: 2 })
    yield* attempts
    mend()
    yield* DurableJob.execute(Job, "good")
    for (const id of ["s-1", "s-2", "s-3"]) yield* DurableJob.submit(Job, "stuck", { id })
    yield* turns
    expect(yield* Admin.counts(Job)).toEqual({ stored: 6, ready: 1, delayed: 1, claimed: 2, completed: 1, failed: 1 })
  })))

describe("a dead letter (D10)", () => {
  test("is listed with its payload and its failure, the oldest first, in pages", () =>
    run(Effect.gen(function*() {
      yield* failing
      for (const name of ["a", "b", "c"]) yield* DurableJob.submit(Job, name)
      yield* attempts
      const first = yield* Admin.deadLetters(Job, { limit: 2 })
      const second = yield* Admin.deadLetters(Job, { limit: 2, after: first.next })
      expect([...first.letters, ...second.letters].map(({ id }) => id)).toEqual(["a", "b", "c"])
      expect(first.letters[0]).toMatchObject({ payload: "a", attempts: 2, failedAt: 1_000 })
      expect(first.letters[0]?.failure).toContain("down")
      expect(second.next).toBe(undefined)
    })))

  test("that is requeued has all its attempts again, and its new exit is recorded", () =>
    run(Effect.gen(function*() {
      const { mend } = yield* failing
      yield* DurableJob.submit(Job, "a")
      yield* attempts
      expect(yield* DurableJob.exit(Job, "a")).toEqual(Exit.fail("down"))
      expect(yield* Admin.requeue(Job, "a")).toBe(true)
      expect(yield* Admin.requeue(Job, "a")).toBe(false)
      yield* turns
      expect(yield* Admin.counts(Job)).toMatchObject({ delayed: 1, failed: 0 })
      mend()
      yield* attempts
      expect(yield* DurableJob.await(Job, "a")).toBe("a")
      // A job that has ended well is no dead letter.
      expect(yield* Admin.requeue(Job, "a")).toBe(false)
      expect(yield* Admin.remove(Job, "a")).toBe(false)
    })))

  test("with a recorded success is not begun again (D7)", () =>
    run(Effect.gen(function*() {
      yield* failing
      yield* DurableJob.submit(Job, "a")
      yield* attempts
      // Another process records a success, and its claim is over before it says so.
      const results = yield* Results.Results
      yield* results.forget("job", "a", (yield* results.get("job", "a")) ?? "")
      yield* results.record("job", "a", "{\"_tag\":\"Success\",\"value\":\"a\"}")
      expect(yield* Admin.requeue(Job, "a")).toBe(false)
      expect(yield* Admin.counts(Job)).toMatchObject({ failed: 1 })
      expect(yield* DurableJob.await(Job, "a")).toBe("a")
    })))

  test("that is removed is a new job when it is submitted again", () =>
    run(Effect.gen(function*() {
      const { mend } = yield* failing
      yield* DurableJob.submit(Job, "a")
      yield* attempts
      expect(yield* Admin.remove(Job, "a")).toBe(true)
      expect(yield* Admin.remove(Job, "a")).toBe(false)
      expect(yield* Admin.counts(Job)).toMatchObject({ stored: 0 })
      mend()
      expect(yield* DurableJob.execute(Job, "a")).toBe("a")
    })))
})

describe("bad options", () => {
  test.each([0, -1, 1.5, NaN, 1_001])("limit: %d", (limit) =>
    run(Effect.gen(function*() {
      const exit = yield* Effect.exit(Admin.deadLetters(Job, { limit }))
      expect(String(Exit.isFailure(exit) && exit.cause)).toContain("Admin.deadLetters: limit must be")
    })))

  test.each<readonly [string, () => unknown]>([
    ["DurableStore.layerSql: pollInterval", () => DurableStore.layerSql({ pollInterval: 0 })],
    ["DurableStore.layerRedis: lockExpiration", () => DurableStore.layerRedis({ lockExpiration: Infinity })],
    ["Wake.layerPg: channel", () => Wake.layerPg({ channel: "a b" })],
    ["Wake.layerRedis: channel", () => Wake.layerRedis({ channel: "" })]
  ])("%s", (message, make) => expect(make).toThrow(message))
})
