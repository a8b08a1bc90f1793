/** What a limit counts of its calls, under every schedule. */
import { Clock, Effect } from "effect"
import { AdaptiveLimit } from "sluice"
import { check, scenario } from "sluice/testing"
import { expect, test } from "vitest"

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
  expect(check(counted, { strategy: { exhaustive: { preemptions: 1, cancels: 1 } } }).exhausted).toBe(true)
})
