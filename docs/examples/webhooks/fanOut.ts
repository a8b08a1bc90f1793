import * as Effect from "effect/Effect"
import { layerStoreMemory } from "effect/persistence/CircuitBreaker"
import { WorkerPool } from "sluice"
import { type Delivery, makePool, type Pool, type Settings as PoolSettings } from "./pool.js"
import type { Tally } from "./tally.js"

export interface Settings extends PoolSettings {
  readonly events: number
  /** Between two events, in milliseconds. */
  readonly interval: number
  /** How long what is under way may take to end, once it is to stop. */
  readonly deadline: number
}

/** How it ended: each delivery there was to be is in one of these. */
export interface Ended {
  readonly delivered: number
  readonly deadLetters: number
  /** There was no room for it in the queue. */
  readonly full: number
  /** It was being sent, or was to be sent again. */
  readonly aborted: number
  /** It waited for a sender. */
  readonly returned: number
  /** Its event had not come yet. */
  readonly left: number
}

/** Sends every event to every subscriber, until they have it, or have had their chance; or until `stop`. */
export const fanOut = (
  settings: Settings,
  port: number,
  tally: Tally,
  stop: Effect.Effect<void>,
  onPool: (pool: Pool) => void = () => {}
): Effect.Effect<Ended> =>
  Effect.gen(function*() {
    const pool = yield* makePool(settings, port, tally)
    onPool(pool)
    const shutdown = WorkerPool.shutdown(pool, { deadline: settings.deadline })
    yield* Effect.forkScoped(Effect.andThen(stop, shutdown))
    yield* Effect.raceFirst(publish(pool, settings, tally), stop)
    // The same report, if it has been shut down already.
    const { aborted, counts, returned } = yield* WorkerPool.shutdown(pool)
    const refused = Object.values(tally.rows).reduce((sum, row) => sum + row.full, 0)
    return {
      delivered: counts.succeeded,
      deadLetters: counts.deadLettered,
      full: refused,
      aborted: aborted.length,
      returned: returned.length,
      left: settings.events * settings.subscribers - refused - counts.submitted
    }
  }).pipe(Effect.scoped, Effect.provide(layerStoreMemory()))

const publish = (pool: Pool, { events, interval, subscribers }: Settings, tally: Tally) =>
  Effect.gen(function*() {
    for (let event = 1; event <= events; event++) {
      if (event > 1) yield* Effect.sleep(interval)
      const at = performance.now()
      for (let subscriber = 0; subscriber < subscribers; subscriber++) {
        yield* publishTo(pool, { subscriber, event, at }, tally)
      }
    }
  }).pipe(Effect.catchTag("PoolClosed", () => Effect.void))

/** Does not wait for room: the next subscriber's is another queue, and it has nothing to do with this one. */
const publishTo = (pool: Pool, delivery: Delivery, tally: Tally): Effect.Effect<unknown, WorkerPool.PoolClosed> =>
  WorkerPool.trySubmit(pool, delivery).pipe(
    Effect.catchTag("QueueFull", () => Effect.sync(() => tally.full(delivery.subscriber)))
  )
