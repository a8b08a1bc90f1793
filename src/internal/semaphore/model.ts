import type { Inspectable } from "effect/Inspectable"
import type { Pipeable } from "effect/Pipeable"

/** The public types of a semaphore, but for its options. `Semaphore.ts` exports them. */
export const TypeId = "~sluice/Semaphore"

/**
 * A number of permits, and the queue of the requests that wait for some.
 *
 * @category models
 * @since 0.1.0
 */
export interface Semaphore extends Pipeable, Inspectable {
  readonly [TypeId]: typeof TypeId
  readonly name: string | undefined
}

export const KeyedTypeId = "~sluice/Semaphore/Keyed"

/**
 * A semaphore for each key, and nothing for a key that is not in use.
 *
 * @category models
 * @since 0.1.0
 */
export interface Keyed<in K> extends Pipeable, Inspectable {
  readonly [KeyedTypeId]: (key: K) => void
  readonly name: string | undefined
}

/**
 * A snapshot of a keyed semaphore.
 *
 * **Details**
 *
 * `keys` are in use: someone holds permits of each, or waits for some. `capacity`, `held` and `waiting` are the sums
 * over these keys.
 *
 * @category models
 * @since 0.1.0
 */
export interface KeyedStats {
  readonly keys: number
  readonly capacity: number
  readonly held: number
  readonly waiting: number
}

/**
 * A snapshot of a semaphore.
 *
 * **Details**
 *
 * `held + available = capacity` always, so `available` is negative after a shrink, until enough has been returned.
 * `waiting` counts requests, not permits.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats {
  readonly capacity: number
  readonly held: number
  readonly available: number
  readonly waiting: number
}
