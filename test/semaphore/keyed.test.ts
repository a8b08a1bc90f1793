/** A keyed semaphore: a semaphore for each key that is in use, and for no other (S9, S10). */
import { Deferred, Effect, Exit, Fiber, Option } from "effect"
import { Semaphore, Watch } from "sluice"
import { describe, expect, test } from "vitest"
import { collectGarbage, defectOf, interrupted, run, settle, start } from "../support/effect.js"
import { into, makeRegistry, snapshotOf } from "../support/metrics.js"

const { forKey, makeKeyed, stats } = Semaphore
const idle = { keys: 0, capacity: 0, held: 0, waiting: 0 }

describe("each key has a semaphore of its own (S9)", () => {
  test("keys do not wait for each other, and views of one key share its permits", () =>
    run(Effect.gen(function*() {
      const keyed = yield* makeKeyed<string>({ permits: 1 })
      const first = yield* start(Semaphore.withPermit(forKey(keyed, "a"), Effect.never))
      const second = yield* start(Semaphore.withPermit(forKey(keyed, "a"), Effect.succeed("a")))
      expect(yield* Semaphore.withPermit(forKey(keyed, "b"), Effect.succeed("b"))).toBe("b")
      expect(yield* Semaphore.tryWithPermits(keyed.pipe(forKey("a")), 1, Effect.void)).toEqual(Option.none())
      expect(stats(forKey(keyed, "a"))).toEqual({ capacity: 1, held: 1, available: 0, waiting: 1 })
      yield* Fiber.interrupt(first)
      expect(yield* Fiber.join(second)).toBe("a")
      expect(stats(keyed)).toEqual(idle)
    })))

  test("the number of permits may depend on the key, and is asked as the key comes into use", () =>
    run(Effect.gen(function*() {
      let permits = 1
      const keyed = yield* makeKeyed({ permits: (n: number) => n * permits })
      expect(stats(forKey(keyed, 3))).toEqual({ capacity: 3, held: 0, available: 3, waiting: 0 })
      const error = yield* Effect.flip(Semaphore.withPermits(forKey(keyed, 3), 4, Effect.void))
      expect(error).toMatchObject({ requested: 4, capacity: 3 })
      yield* Effect.scoped(Effect.gen(function*() {
        yield* Semaphore.acquire(forKey(keyed, 3), 1)
        permits = 2
        expect(yield* Semaphore.tryAcquire(forKey(keyed, 3), 3)).toBe(false)
      }))
      expect(stats(forKey(keyed, 3)).capacity).toBe(6)
      expect(yield* defectOf(Semaphore.withPermit(forKey(keyed, 0), Effect.void))).toMatchObject({ requested: 1 })
      expect(stats(keyed)).toEqual(idle)
    })))

  test("keys are compared as in a Map", () =>
    run(Effect.gen(function*() {
      const keyed = yield* makeKeyed<unknown>({ permits: 1 })
      const isFree = (key: unknown) => Semaphore.tryWithPermits(forKey(keyed, key), 1, Effect.void)
      yield* Semaphore.withPermit(
        forKey(keyed, NaN),
        Effect.gen(function*() {
          expect(yield* isFree(NaN)).toEqual(Option.none())
          expect(yield* isFree({})).toEqual(Option.some(undefined))
        })
      )
      yield* Semaphore.withPermit(
        forKey(keyed, 0),
        Effect.gen(function*() {
          expect(yield* isFree(-0)).toEqual(Option.none())
        })
      )
    })))

  test("withAll takes the sum of a key that occurs twice, and permits of other semaphores", () =>
    run(Effect.gen(function*() {
      const keyed = yield* makeKeyed<string>({ permits: 2 })
      const other = yield* Semaphore.make(1)
      const held = Effect.sync(() => [stats(keyed), stats(other).held])
      const all = [[forKey(keyed, "a"), 1], [other, 1], [forKey(keyed, "a"), 1], [forKey(keyed, "b"), 1]] as const
      expect(yield* Semaphore.withAll(all, held)).toEqual([{ keys: 2, capacity: 4, held: 3, waiting: 0 }, 1])
      expect(stats(keyed)).toEqual(idle)
    })))
})

describe("a key that is not in use is forgotten (S10)", () => {
  test.each<readonly [string, (semaphore: Semaphore.Semaphore) => Effect.Effect<unknown, unknown>]>([
    ["a success", (s) => Semaphore.withPermit(s, Effect.void)],
    ["a failure", (s) => Semaphore.withPermits(s, 2, Effect.fail("no"))],
    ["a defect", (s) => Semaphore.withPermits(s, 2, Effect.die("bug"))],
    ["a request for nothing", (s) => Semaphore.withPermits(s, 0, Effect.void)],
    ["a request for too much", (s) => Semaphore.withPermits(s, 3, Effect.void)],
    ["tryWithPermits", (s) => Semaphore.tryWithPermits(s, 1, Effect.void)],
    ["tryWithPermits for too much", (s) => Semaphore.tryWithPermits(s, 3, Effect.void)],
    ["acquire", (s) => Effect.scoped(Semaphore.acquire(s, 2))],
    ["acquire for too much", (s) => Effect.scoped(Semaphore.acquire(s, 3))],
    ["tryAcquire", (s) => Effect.scoped(Semaphore.tryAcquire(s, 2))],
    ["tryAcquire for too much", (s) => Effect.scoped(Semaphore.tryAcquire(s, 3))],
    ["withAll", (s) => Semaphore.withAll([[s, 1], [s, 1]], Effect.void)],
    ["withAll for too much", (s) => Semaphore.withAll([[s, 2], [s, 1]], Effect.void)]
  ])("after %s", (_, use) =>
    run(Effect.gen(function*() {
      const keyed = yield* makeKeyed<string>({ permits: 2 })
      yield* Effect.exit(use(forKey(keyed, "a")))
      expect(stats(keyed)).toEqual(idle)
    })))

  test("when the only one that waits is interrupted, and its holder has gone before", () =>
    run(Effect.gen(function*() {
      const keyed = yield* makeKeyed<string>({ permits: 1 })
      const a = forKey(keyed, "a")
      const gate = Deferred.makeUnsafe<void>()
      yield* start(Semaphore.withPermit(a, Effect.andThen(Deferred.await(gate), Effect.fail("no"))))
      const waiting = yield* start(Semaphore.withPermit(a, Effect.void))
      yield* Deferred.succeed(gate, undefined)
      // The permit is free, and goes to the waiter in a later turn (S7): the key is in use until then.
      yield* interrupted(waiting)
      yield* settle
      expect(stats(keyed)).toEqual(idle)
    })))

  test("a million keys leave nothing", () =>
    run(Effect.gen(function*() {
      const keyed = yield* makeKeyed<number>({ permits: 1 })
      let key = 0
      yield* Effect.whileLoop({
        while: () => key < 1_000_000,
        body: () => Semaphore.withPermit(forKey(keyed, key++), Effect.void),
        step: () => {}
      })
      expect(stats(keyed)).toEqual(idle)
    })))

  test("the key itself is garbage then", () =>
    run(Effect.gen(function*() {
      const keyed = yield* makeKeyed<object>({ permits: 1 })
      const key = yield* Effect.suspend(() => {
        const key = {}
        return Effect.as(Semaphore.withPermit(forKey(keyed, key), Effect.void), new WeakRef(key))
      })
      yield* collectGarbage
      expect(key.deref()).toBe(undefined)
      expect(stats(keyed)).toEqual(idle)
    })))
})

describe("an argument that makes no sense", () => {
  test("permits that are no integer are refused as it is made", () =>
    run(Effect.gen(function*() {
      expect(() => Semaphore.makeKeyedUnsafe({ permits: -1 })).toThrow(
        "Semaphore.makeKeyedUnsafe: permits must be an integer >= 0, got -1"
      )
      expect(String(yield* defectOf(makeKeyed({ permits: 0.5 })))).toContain("Semaphore.makeKeyed: permits must be")
    })))

  test("permits of one key that are no integer are the defect of its request, which leaves no trace", () =>
    run(Effect.gen(function*() {
      const keyed = yield* makeKeyed({ permits: (key: string) => key === "bad" ? NaN : 1 })
      const [good, bad] = [forKey(keyed, "good"), forKey(keyed, "bad")]
      const uses = [
        Semaphore.withPermit(bad, Effect.void),
        Semaphore.tryWithPermits(bad, 1, Effect.void),
        Semaphore.withAll([[good, 1], [bad, 1]], Effect.void),
        Effect.scoped(Semaphore.acquire(bad, 1)),
        Effect.scoped(Semaphore.tryAcquire(bad, 1))
      ]
      for (const use of uses) {
        expect(String(yield* defectOf(use))).toContain("Semaphore.makeKeyed: permits must be an integer >= 0, got NaN")
      }
      expect(stats(keyed)).toEqual(idle)
    })))

  test("resize of a key is refused", () =>
    run(Effect.gen(function*() {
      const keyed = yield* makeKeyed({ permits: 1 })
      const defect = yield* defectOf(Semaphore.resize(forKey(keyed, "a"), 2))
      expect(String(defect)).toContain("Semaphore.resize: self must be a semaphore of its own, and not that of a key")
    })))
})

test("shows its state, and that of a key", () =>
  run(Effect.gen(function*() {
    const keyed = yield* makeKeyed<string>({ permits: 2, name: "hosts" })
    yield* Semaphore.withPermit(
      forKey(keyed, "a"),
      Effect.sync(() => {
        expect(JSON.parse(JSON.stringify(keyed))).toEqual({
          _id: "Semaphore.Keyed",
          name: "hosts",
          keys: 1,
          capacity: 2,
          held: 1,
          waiting: 0
        })
        expect(JSON.parse(JSON.stringify(forKey(keyed, "a")))).toEqual({
          _id: "Semaphore",
          name: "hosts",
          key: "a",
          capacity: 2,
          held: 1,
          available: 1,
          waiting: 0
        })
      })
    )
    expect(Semaphore.isSemaphore(forKey(keyed, "a"))).toBe(true)
    expect(Semaphore.isSemaphore(keyed)).toBe(false)
  })))

test("a watched one shows the sums over its keys, and each wait", () =>
  run(Effect.gen(function*() {
    const registry = makeRegistry()
    const keyed = yield* makeKeyed<string>({ permits: 2, name: "hosts", watch: [Watch.metrics(), Watch.spans()] }).pipe(
      into(registry)
    )
    const of = (id: string) => snapshotOf(registry).find((one) => one.id === `sluice_semaphore_${id}`)?.state
    yield* Effect.scoped(Effect.gen(function*() {
      yield* Semaphore.acquire(forKey(keyed, "a"), 2)
      yield* Semaphore.acquire(forKey(keyed, "b"), 1)
      const waiting = yield* start(Semaphore.withPermit(forKey(keyed, "a"), Effect.void))
      yield* Semaphore.tryWithPermits(forKey(keyed, "a"), 1, Effect.void)
      expect([of("capacity"), of("permits_held"), of("waiting")]).toEqual([{ value: 4 }, { value: 3 }, { value: 1 }])
      expect(of("rejected_total")).toMatchObject({ count: 1 })
      return waiting
    })).pipe(Effect.flatMap(Fiber.await), Effect.map((exit) => expect(Exit.isSuccess(exit)).toBe(true)))
    expect(of("wait_seconds")).toMatchObject({ count: 1 })
    expect(stats(keyed)).toEqual(idle)
  })))
