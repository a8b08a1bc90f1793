import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"
import { WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import { reservations } from "../scenarios/workerPool.js"
import { lawsOf } from "../support/property.js"

const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) =>
  Effect.runPromise(Effect.provide(Effect.scoped(effect), TestClock.layer()))

/** A pool whose jobs are their own effects. */
const makePool = (options: { readonly size: number; readonly capacity?: number }) =>
  WorkerPool.make({
    size: options.size,
    queue: { capacity: options.capacity ?? 9 },
    run: (job: Effect.Effect<string>) => job
  })

/** Lets every fiber that is ready have its turns. */
const turns = Effect.forEach(Array.from({ length: 10 }), () => Effect.yieldNow, { discard: true })

describe("reserve (P22)", () => {
  test("returns a place in which a job begins immediately", () =>
    run(Effect.gen(function*() {
      const pool = yield* makePool({ size: 1 })
      const slot = yield* WorkerPool.reserve(pool)
      expect(WorkerPool.stats(pool)).toMatchObject({ idle: 1, reserved: 1, submitted: 0 })
      expect(yield* slot.run(Effect.succeed("done"))).toBe("done")
      expect(WorkerPool.stats(pool)).toMatchObject({ idle: 1, reserved: 0, succeeded: 1 })
    })))

  test("keeps an idle worker from other jobs until the place is given back", () =>
    run(Effect.gen(function*() {
      const pool = yield* makePool({ size: 1 })
      const scope = yield* Scope.make()
      yield* Scope.provide(WorkerPool.reserve(pool), scope)
      const handle = yield* WorkerPool.submit(pool, Effect.succeed("done"))
      yield* turns
      expect(handle.state).toBe("queued")
      yield* Scope.close(scope, Exit.void)
      expect(yield* handle.join).toBe("done")
    })))

  test("recalls the youngest place for a job that waits", () =>
    run(Effect.gen(function*() {
      const pool = yield* makePool({ size: 2 })
      const [first, second] = [yield* WorkerPool.reserve(pool), yield* WorkerPool.reserve(pool)]
      const told: Array<string> = []
      yield* Effect.forkScoped(Effect.tap(first.recalled, () => Effect.sync(() => told.push("first"))))
      yield* Effect.forkScoped(Effect.tap(second.recalled, () => Effect.sync(() => told.push("second"))))
      yield* turns
      yield* WorkerPool.submit(pool, Effect.succeed("done"))
      yield* turns
      expect(told).toEqual(["second"])
    })))

  test("waits while jobs wait, first come, first served", () =>
    run(Effect.gen(function*() {
      const pool = yield* makePool({ size: 1 })
      const gate = yield* Deferred.make<void>()
      const order: Array<string> = []
      const noted = (name: string) => Effect.as(Effect.sync(() => order.push(name)), name)
      const running = yield* WorkerPool.submit(pool, Effect.as(Deferred.await(gate), ""))
      const placed = (name: string) =>
        Effect.scoped(Effect.flatMap(WorkerPool.reserve(pool), (slot) => slot.run(noted(name))))
      const one = yield* Effect.forkScoped(placed("one"), { startImmediately: true })
      const two = yield* Effect.forkScoped(placed("two"), { startImmediately: true })
      const three = yield* WorkerPool.submit(pool, noted("job"))
      yield* Deferred.succeed(gate, undefined)
      yield* Effect.all([running.await, three.await, Fiber.join(one), Fiber.join(two)])
      expect(order).toEqual(["job", "one", "two"])
    })))

  test("fails with PoolClosed, and recalls places, at the end of the pool", () =>
    run(Effect.gen(function*() {
      const pool = yield* makePool({ size: 1 })
      const slot = yield* WorkerPool.reserve(pool)
      const waiting = yield* Effect.forkScoped(Effect.exit(WorkerPool.reserve(pool)), { startImmediately: true })
      yield* WorkerPool.shutdown(pool)
      yield* slot.recalled
      expect(yield* Fiber.join(waiting)).toStrictEqual(
        Exit.fail(new WorkerPool.PoolClosed({ pool: undefined, state: "draining", cause: undefined }))
      )
      expect(yield* Effect.flip(slot.run(Effect.succeed("")))).toBeInstanceOf(WorkerPool.PoolClosed)
    })))
})

/** Scenarios of three actors, which have tens of thousands of schedules with a preemption. */
const long = [
  "a place, and shutdown",
  "places, and resize to less",
  "a place whose worker is lost",
  "a place, and a pause",
  "places on demand",
  "places and a job on demand",
  "a place for a key with a limit"
]

lawsOf(reservations, { bounds: (name) => ({ preemptions: long.includes(name) ? 0 : 1, cancels: 1 }), runs: 500 })
