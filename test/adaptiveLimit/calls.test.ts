/** The counts of a limit, under every schedule. */
import { Clock, Effect } from "effect"
import { AdaptiveLimit } from "sluice"
import { scenario } from "sluice/testing"
import { test } from "vitest"
import { holdsWithin } from "../support/property.js"

test("a call that is interrupted before it begins is not counted, and one that has begun is timed twice", () => {
  const counted = scenario((t) =>
    Effect.gen(function*() {
      const limit = yield* AdaptiveLimit.make({ algorithm: AdaptiveLimit.aimd({ initial: 1 }) })
      const clock = yield* Clock.Clock
      let reads = 0
      const counting = Object.assign(Object.create(clock) as Clock.Clock, {
        monotonicTimeNanosUnsafe: () => {
          reads++
          return clock.monotonicTimeNanosUnsafe()
        }
      })
      for (const name of ["a", "b"]) {
        yield* t.actor(
          name,
          Effect.provideService(AdaptiveLimit.withPermit(limit, Effect.yieldNow), Clock.Clock, counting)
        )
      }
      yield* t.settled
      const { ignored, samples } = AdaptiveLimit.stats(limit)
      yield* t.expect(reads === 2 * (ignored + samples), `${reads} for ${ignored} ignored and ${samples} samples`)
    })
  )
  holdsWithin(counted, { preemptions: 1, cancels: 1 })
})

test("a limit shows the limit of its last change at every moment, though its semaphore hears of it afterwards", () => {
  const shown = scenario((t) =>
    Effect.gen(function*() {
      const algorithm = AdaptiveLimit.aimd({ initial: 8, backoff: 0.5 })
      const limit = yield* AdaptiveLimit.make({ algorithm, classify: () => "overload" })
      const look = Effect.suspend(() => {
        const { changes, limit: now } = AdaptiveLimit.stats(limit)
        return t.expect(now === 8 / 2 ** changes, `${now} after ${changes} changes`)
      })
      yield* t.actor("a", AdaptiveLimit.withPermit(limit, Effect.yieldNow))
      yield* t.actor("b", look)
      yield* t.settled
      yield* t.expect(AdaptiveLimit.stats(limit).changes === 1, "no change")
    })
  )
  holdsWithin(shown, { preemptions: 1, cancels: 0 })
})
