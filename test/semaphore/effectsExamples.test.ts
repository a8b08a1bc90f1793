/**
 * The examples of Effect's own `Semaphore` module, with its import changed. `takeIfAvailable`, whose release can be
 * forgotten, is `tryAcquire` here.
 */
import { Effect, Fiber, Option } from "effect"
import { Semaphore } from "sluice"
import { describe, expect, test } from "vitest"
import { defectOf, run, start } from "../support/effect.js"

describe("Effect's examples", () => {
  test("of the interface", async () => {
    const program = Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(2)
      return yield* semaphore.withPermits(1)(
        Effect.succeed("Resource accessed")
      )
    })
    expect(await Effect.runPromise(program)).toBe("Resource accessed")
  })

  test("of makeUnsafe", async () => {
    const semaphore = Semaphore.makeUnsafe(3)
    const task = (id: number) =>
      semaphore.withPermits(1)(
        Effect.gen(function*() {
          yield* Effect.yieldNow
          return id
        })
      )
    const program = Effect.all([task(1), task(2), task(3), task(4), task(5)], { concurrency: "unbounded" })
    expect(await Effect.runPromise(program)).toEqual([1, 2, 3, 4, 5])
  })

  test("of make", async () => {
    const program = Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(2)
      const task = (id: number) =>
        semaphore.withPermits(1)(
          Effect.gen(function*() {
            yield* Effect.yieldNow
            return id
          })
        )
      return yield* Effect.all([task(1), task(2), task(3), task(4)])
    })
    expect(await Effect.runPromise(program)).toEqual([1, 2, 3, 4])
  })

  test("of takeScoped", () => {
    const program = Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(1)
      yield* Effect.scoped(Semaphore.takeScoped(semaphore, 1))
      return yield* Effect.scoped(Semaphore.tryAcquire(semaphore, 1))
    })
    expect(Effect.runSync(program)).toBe(true)
  })
})

describe.each<readonly [string, () => Semaphore.Semaphore]>([
  ["a semaphore", () => Semaphore.makeUnsafe(2)],
  ["a key's semaphore", () => Semaphore.forKey(Semaphore.makeKeyedUnsafe<string>({ permits: 2 }), "a")]
])("the methods of %s", (_, make) => {
  test("take permits, wait for them, do without, and return them", () =>
    run(Effect.gen(function*() {
      const semaphore = make()
      const held = Effect.sync(() => Semaphore.stats(semaphore).held)
      expect(yield* semaphore.withPermit(held)).toBe(1)
      expect(yield* semaphore.withPermits(2)(held)).toBe(2)
      expect(yield* semaphore.withPermitsIfAvailable(2)(held)).toEqual(Option.some(2))
      const waiting = yield* Effect.scoped(Effect.gen(function*() {
        yield* semaphore.takeScoped(2)
        expect(yield* semaphore.withPermitsIfAvailable(1)(held)).toEqual(Option.none())
        expect(yield* Semaphore.withPermitsIfAvailable(semaphore, 1, held)).toEqual(Option.none())
        return yield* start(semaphore.withPermits(1)(held))
      }))
      expect(yield* Fiber.join(waiting)).toBe(1)
      expect(Semaphore.stats(semaphore)).toEqual({ capacity: 2, held: 0, available: 2, waiting: 0 })
    })))

  test("die where a request could never be granted, and of no integer", () =>
    run(Effect.gen(function*() {
      const semaphore = make()
      const exceeded = { _tag: "CapacityExceeded", requested: 3, capacity: 2 }
      expect(yield* defectOf(semaphore.withPermits(3)(Effect.void))).toMatchObject(exceeded)
      expect(yield* defectOf(Effect.scoped(semaphore.takeScoped(3)))).toMatchObject(exceeded)
      expect(yield* semaphore.withPermitsIfAvailable(3)(Effect.void)).toEqual(Option.none())
      const defects = yield* Effect.all([
        defectOf(semaphore.withPermits(-1)(Effect.void)),
        defectOf(semaphore.withPermitsIfAvailable(-1)(Effect.void)),
        defectOf(Effect.scoped(semaphore.takeScoped(-1)))
      ])
      expect(defects.map(String)).toEqual(
        ["withPermits", "withPermitsIfAvailable", "takeScoped"].map((method) =>
          `RangeError: Semaphore.${method}: permits must be an integer >= 0, got -1`
        )
      )
      expect(Semaphore.stats(semaphore)).toEqual({ capacity: 2, held: 0, available: 2, waiting: 0 })
    })))
})

test("resize, as a method, changes the capacity", () =>
  run(Effect.gen(function*() {
    const semaphore = yield* Semaphore.make(1)
    yield* semaphore.resize(3)
    expect(Semaphore.stats(semaphore).capacity).toBe(3)
  })))
