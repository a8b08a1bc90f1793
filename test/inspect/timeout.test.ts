/** `Inspect.timeout` under every schedule with an interrupt at any operation: nothing leaks, and finalizers run. */
import { Effect, Exit } from "effect"
import { Semaphore } from "sluice"
import { Inspect } from "sluice/inspect"
import { explore, type Scenario, scenario } from "sluice/testing"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { startWatch } from "../../src/internal/inspect/look.js"

// Without a watch each look would search the heap.
let stop: () => void
beforeAll(() => {
  stop = startWatch(() => 0, false).stop
})
afterAll(() => stop())

interface Books {
  begun: number
  ended: number
}

/** Holds a permit; acquires and releases a resource, in some turns. */
const working = (semaphore: Semaphore.Semaphore, books: Books, work: Effect.Effect<void>) =>
  Semaphore.withPermit(
    semaphore,
    Effect.acquireUseRelease(
      Effect.sync(() => books.begun++),
      () => work,
      () => Effect.andThen(Effect.yieldNow, Effect.sync(() => books.ended++))
    )
  )

/** Fibers with a timeout each. Nobody interrupts the last, which ends as `expected`. */
const bounded = (fibers: 1 | 2, work: Effect.Effect<void>, expected: ReadonlyArray<string>): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const semaphore = Semaphore.makeUnsafe(1)
      const books: Books = { begun: 0, ended: 0 }
      const effect = Inspect.timeout(working(semaphore, books, work), "1 second")
      yield* t.actor("a", effect)
      const last = fibers === 1 ? undefined : yield* t.actor("b", Effect.flip(effect), { cancel: false })
      yield* t.settled
      yield* t.expect(books.begun === books.ended, `${books.begun} begun, ${books.ended} ended`)
      const { held, waiting } = Semaphore.stats(semaphore)
      yield* t.expect(held + waiting === 0, `${held} held, ${waiting} waiting in the end`)
      if (last === undefined) return
      const exit = last.pollUnsafe()!
      const outcome = Exit.isSuccess(exit) ? exit.value._tag : "value"
      yield* t.expect(expected.includes(outcome), `b ends with ${outcome}`)
    })
  )

describe("an interrupt at any operation of Inspect.timeout leaves nothing behind", () => {
  const works: Readonly<Record<string, readonly [Effect.Effect<void>, ReadonlyArray<string>]>> = {
    "in time": [Effect.yieldNow, ["value"]],
    "forever": [Effect.never, ["TimeoutError"]],
    "up to the timeout": [Effect.sleep("1 second"), ["value", "TimeoutError"]]
  }

  test.each(Object.entries(works))("of an effect that works %s", (_, [work, expected]) => {
    for (const [fibers, preemptions] of [[1, 1], [2, 0]] as const) {
      const strategy = { exhaustive: { preemptions, cancels: 1 } }
      const { exhausted, failure, runs } = explore(bounded(fibers, work, expected), { strategy })
      expect(failure?.message).toBe(undefined)
      expect([exhausted, runs > 20]).toEqual([true, true])
    }
  })
})
