/** Many of everything: no operation of `Semaphore` recurses with the number of waiters or semaphores (S6). */
import { Effect, type Fiber } from "effect"
import { Semaphore } from "sluice"
import { expect, test } from "vitest"
import { run, settle } from "../support/effect.js"
import { isWhole } from "../support/seed.js"
import { holder } from "../support/semaphore.js"

const { stats } = Semaphore

test("a million waiters that complete synchronously on one release", () =>
  run(Effect.gen(function*() {
    const n = 1_000_000
    const semaphore = yield* Semaphore.make(1)
    const first = yield* holder(semaphore, 1)
    let done = 0
    const waiter = Semaphore.withPermit(semaphore, Effect.sync(() => done++))
    for (let i = 0; i < n; i++) yield* Effect.forkDetach(waiter, { startImmediately: true })
    expect(stats(semaphore).waiting).toBe(n)
    yield* first.release
    expect(done).toBe(n)
    expect(stats(semaphore)).toEqual({ capacity: 1, held: 0, available: 1, waiting: 0 })
  })))

if (isWhole) {
  test("a hundred thousand waiters leave from the middle, in any order", () =>
    run(Effect.gen(function*() {
      const n = 100_000
      const semaphore = yield* Semaphore.make(1)
      const first = yield* holder(semaphore, 1)
      const waiter = Semaphore.withPermit(semaphore, Effect.void)
      const fibers: Array<Fiber.Fiber<void>> = []
      for (let i = 0; i < n; i++) fibers.push(yield* Effect.forkDetach(waiter, { startImmediately: true }))
      // 7919 is prime to n: every waiter once, from all over the queue.
      for (let i = 0; i < n; i++) fibers[(i * 7919) % n]?.interruptUnsafe()
      expect(stats(semaphore)).toEqual({ capacity: 1, held: 1, available: 0, waiting: 0 })
      yield* first.release
    })))

  test("a chain of a hundred thousand semaphores, each released inside the hand-over of the one before", () =>
    run(Effect.gen(function*() {
      const n = 100_000
      const semaphores = Array.from({ length: n + 1 }, () => Semaphore.makeUnsafe(1))
      const first = yield* holder(semaphores[0]!, 1)
      let done = 0
      for (let i = 0; i < n; i++) {
        yield* Effect.forkDetach(
          Semaphore.withPermit(
            semaphores[i + 1]!,
            Semaphore.withPermit(semaphores[i]!, Effect.sync(() => done++))
          ),
          { startImmediately: true }
        )
      }
      yield* first.release
      while (done < n) yield* Effect.yieldNow
      yield* settle
      expect(semaphores.every((semaphore) => stats(semaphore).held === 0)).toBe(true)
    })))
}
