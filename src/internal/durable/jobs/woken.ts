/**
 * A store of the engine whose pollers are woken.
 *
 * The engine (4.1) asks its store when an offer of its own process says so, and each `pollInterval`. Nothing else makes
 * it ask. But its poller sleeps by the `Clock` of the first taker, and for the very duration that the store was made
 * with. So a taker brings a clock on which this sleep ends early, and no other one does.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import { Signal } from "../Signal.js"
import { none, Wake } from "../wake.js"

/** The topic of a queue: it may have a job that is due. */
export const queueTopic = (name: string): string => `queue ${name}`

/** `pollInterval`: the very value that the store was made with, and nothing else was. */
export const woken = Effect.fnUntraced(function*(
  store: PersistedQueue.PersistedQueueStore["Service"],
  pollInterval: Duration.Duration
) {
  const wake = yield* Wake
  if (wake === none) return store
  const self = globalThis.crypto.randomUUID()
  const clocks = new Map<string, Clock.Clock>()
  const listening = new Set<() => void>()
  yield* Effect.addFinalizer(() => Effect.sync(() => listening.forEach((stop) => stop())))

  const clockOf = (name: string, clock: Clock.Clock): Clock.Clock => {
    const known = clocks.get(name)
    if (known !== undefined) return known
    const signal = new Signal()
    // The engine's own poller knows of the offers of its own process.
    listening.add(wake.listen(queueTopic(name), (from) => from === self ? undefined : signal.set()))
    const waking = wakingClock(clock, pollInterval, signal)
    clocks.set(name, waking)
    return waking
  }

  const notify = (name: string): Effect.Effect<void, PersistedQueue.PersistedQueueError> =>
    Effect.mapError(
      wake.notify(queueTopic(name), self),
      (cause) => new PersistedQueue.PersistedQueueError({ message: "Failed to wake the queue's processes", cause })
    )

  return PersistedQueue.PersistedQueueStore.of({
    ...store,
    offer: (options) => {
      const { delay, name } = options
      // A job that is due later is found by polling.
      return delay === undefined ? Effect.andThen(store.offer(options), notify(name)) : store.offer(options)
    },
    take: (options) =>
      Effect.suspend(() => {
        let isTaken = false
        // After that of the store: the job is there again.
        const givenBack = Effect.addFinalizer((exit) =>
          isTaken && Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
            ? Effect.ignore(notify(options.name))
            : Effect.void
        )
        const taking = Effect.clockWith((clock) =>
          Effect.provideService(store.take(options), Clock.Clock, clockOf(options.name, clock))
        )
        return Effect.andThen(
          givenBack,
          Effect.tap(taking, () => {
            isTaken = true
            return Effect.void
          })
        )
      })
  })
})

/** A clock on which sleeps for `interval`, that very value, end when the signal is set. */
const wakingClock = (clock: Clock.Clock, interval: Duration.Duration, signal: Signal): Clock.Clock => ({
  currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe(),
  currentTimeMillis: clock.currentTimeMillis,
  currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
  currentTimeNanos: clock.currentTimeNanos,
  monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
  monotonicTimeNanos: clock.monotonicTimeNanos,
  // A signal that comes while the poller asks its store is kept for its next sleep.
  sleep: (duration) =>
    duration === interval
      ? Effect.andThen(Effect.raceFirst(clock.sleep(duration), signal.wait), Effect.sync(signal.clear))
      : clock.sleep(duration)
})
