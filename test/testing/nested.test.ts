/** Interrupts that come from within a fiber that was resumed inline: where Effect lets them happen, nowhere else. */
import { Effect } from "effect"
import { check, scenario } from "sluice/testing"
import { expect, test } from "vitest"

test("no interrupt hits a fiber between being asked whether it yields and its next operation", () => {
  const self = scenario((t) =>
    Effect.gen(function*() {
      let entered = 0
      let left = 0
      let open = false
      const waiting: Array<() => void> = []
      // No other fiber runs within the operation that enters the region, so that no interrupt can take effect there.
      const region = Effect.uninterruptibleMask(() => {
        entered++
        return Effect.onExitPrimitive(Effect.void, () => {
          left++
          return undefined
        }, true)
      })
      const woken = Effect.callback<void>((resume) => {
        if (open) resume(region)
        else waiting.push(() => resume(region))
      })
      yield* t.actor("a", woken)
      yield* t.actor("b", woken)
      const wakeBoth = Effect.sync(() => {
        open = true
        for (const wake of waiting) wake()
      })
      yield* t.actor("c", Effect.andThen(Effect.yieldNow, wakeBoth), { cancel: false })
      yield* t.settled
      yield* t.expect(() => entered === left, "a fiber was cut off in the operation that makes it uninterruptible")
    })
  )
  expect(check(self, { strategy: { exhaustive: { preemptions: 1, cancels: 2 } } }).exhausted).toBe(true)
})
