/** Small scenarios for `AdaptiveLimit`, to be explored to the last schedule. */
import { Effect, Fiber, Logger } from "effect"
import { AdaptiveLimit } from "sluice"
import { type Scenario, scenario } from "sluice/testing"
import { start } from "../support/actors.js"

interface Setup {
  readonly initial: number
  readonly max?: number
  readonly increase?: number
  /** What the listener does before it has heard a limit. */
  readonly hear?: (limit: number) => Effect.Effect<void>
  readonly calls: (limit: AdaptiveLimit.AdaptiveLimit) => ReadonlyArray<Effect.Effect<unknown, unknown>>
}

const quiet = Logger.layer([])

/**
 * Each call in a fiber of its own, where "busy" is an overload. Afterwards nothing is in flight, the listener has heard
 * every change, and the limit lets in as many as it says.
 */
const calls = ({ calls, hear = () => Effect.void, increase = 1, initial, max = initial }: Setup): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const told: Array<number> = []
      let listening = 0
      const limit = yield* AdaptiveLimit.make({
        algorithm: AdaptiveLimit.aimd({ initial, max, increase, backoff: 0.5 }),
        classify: (exit) => exit.toString().includes("busy") ? "overload" : AdaptiveLimit.classify(exit),
        onChange: (n) =>
          Effect.suspend(() => {
            told.push(n)
            listening++
            return Effect.ensuring(hear(n), Effect.sync(() => listening--))
          })
      })
      yield* t.always(() => listening <= 1, "the listener is told two changes at a time (A6)")
      yield* start(t, calls(limit))
      yield* t.settled
      const stats = AdaptiveLimit.stats(limit)
      yield* t.expect(stats.inFlight === 0 && stats.waiting === 0, `${JSON.stringify(stats)} in the end (A5)`)
      yield* t.expect(told.length === stats.changes, `${told.length} of ${stats.changes} changes told (A6)`)
      yield* t.expect(told.length === 0 || told.at(-1) === stats.limit, `${told.join()} told (A6)`)
      yield* t.expect(told.every((n, i) => n !== (told[i - 1] ?? initial)), `${told.join()} told (A6)`)
      const more = yield* Effect.forEach(Array.from({ length: stats.limit + 1 }), () =>
        Effect.forkChild(AdaptiveLimit.withPermit(limit, Effect.never), { startImmediately: true }))
      const { inFlight, waiting } = AdaptiveLimit.stats(limit)
      yield* t.expect(inFlight === stats.limit && waiting === 1, `${inFlight} let in by a limit of ${stats.limit} (A5)`)
      yield* Fiber.interruptAll(more)
    })
  )

const busy = Effect.fail("busy")

export const exhausted: Record<string, Scenario> = {
  "withPermit, lowered": calls({
    initial: 2,
    calls: (limit) => [busy, Effect.void, Effect.yieldNow].map((effect) => AdaptiveLimit.withPermit(limit, effect))
  }),
  "withPermit, raised": calls({
    initial: 1,
    max: 3,
    increase: 3,
    calls: (limit) => {
      const call = AdaptiveLimit.withPermit(limit, Effect.void)
      return [call, call]
    }
  }),
  "withPermit, raised and lowered": calls({
    initial: 1,
    max: 2,
    calls: (limit) => [Effect.yieldNow, busy].map((effect) => AdaptiveLimit.withPermit(limit, effect))
  }),
  "withPermit, dying": calls({
    initial: 1,
    calls: (limit) => [Effect.die("planned"), Effect.void].map((effect) => AdaptiveLimit.withPermit(limit, effect))
  }),
  measure: calls({
    initial: 4,
    calls: (limit) =>
      [busy, Effect.andThen(Effect.yieldNow, busy)].map((effect) => AdaptiveLimit.measure(limit, effect))
  }),
  "a listener that yields": calls({
    initial: 4,
    hear: () => Effect.yieldNow,
    calls: (limit) => {
      const call = AdaptiveLimit.withPermit(limit, busy)
      return [call, Effect.andThen(Effect.exit(call), call)]
    }
  }),
  "a listener that dies": calls({
    initial: 2,
    hear: () => Effect.die("planned"),
    calls: (limit) =>
      [busy, Effect.void].map((effect) => Effect.provide(AdaptiveLimit.withPermit(limit, effect), quiet))
  })
}
