import type * as Effect from "effect/Effect"
import type { Inspectable } from "effect/Inspectable"
import type { Option } from "effect/Option"
import type { Pipeable } from "effect/Pipeable"
import type * as Scope from "effect/Scope"

/** The public types of a semaphore, but for its options. `Semaphore.ts` exports them. */
export const TypeId = "~sluice/Semaphore"

/**
 * A number of permits, and the queue of the requests that wait for some.
 *
 * **Details**
 *
 * The methods are those of Effect's semaphores that return permits by themselves. They have no error of their own: a
 * request for more than the capacity dies with `CapacityExceeded`. The functions of the module fail with it instead.
 *
 * @category models
 * @since 0.1.0
 */
export interface Semaphore extends Pipeable, Inspectable {
  readonly [TypeId]: typeof TypeId
  readonly name: string | undefined
  /** Runs an effect with one permit, and returns the permit as it ends. Suspends until the permit is granted. */
  withPermit<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R>
  /** Runs an effect with so many permits. Suspends until they are granted; dies where they never could be. */
  withPermits(permits: number): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Runs an effect with so many permits if they are free now, with its value in a `Some`; else returns `None`. */
  withPermitsIfAvailable(
    permits: number
  ): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Option<A>, E, R>
  /** Takes so many permits, until the scope closes. Suspends until they are granted; dies where they never could be. */
  takeScoped(permits: number): Effect.Effect<void, never, Scope.Scope>
  /** Changes the capacity, an integer >= 0; anything else is a defect. Never suspends. */
  resize(capacity: number): Effect.Effect<void>
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
