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
 * The methods are the methods of Effect's semaphores that return permits by themselves. They have no error of their
 * own: a request for more than the capacity dies with `CapacityExceeded`. The functions of the module fail with it
 * instead.
 *
 * @category models
 * @since 0.1.0
 */
export interface Semaphore extends Pipeable, Inspectable {
  readonly [TypeId]: typeof TypeId
  /**
   * The `name` that the semaphore was made with. `undefined` without one. The semaphore of a key has the name of its
   * keyed semaphore.
   */
  readonly name: string | undefined
  /**
   * Runs an effect with one permit, and returns the permit when the effect ends, however it ends. Suspends until every
   * earlier request has been granted and a permit is free. Fails only as the effect fails. Dies with `CapacityExceeded`
   * at a capacity of 0.
   */
  withPermit<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R>
  /**
   * Runs an effect with `permits` permits, and returns them when the effect ends, however it ends. Suspends until every
   * earlier request has been granted and that many are free. Fails only as the effect fails. Dies with
   * `CapacityExceeded` when that is more than the capacity, at once or after a `resize`. Anything but an integer >= 0
   * is a defect.
   */
  withPermits(permits: number): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Runs an effect with `permits` permits if they are free now, and returns its value in a `Some`. Never suspends for a
   * permit. Returns `None`, and runs nothing, when the request would have to wait, or asks for more than the capacity.
   * Fails only as the effect fails. Anything but an integer >= 0 is a defect.
   */
  withPermitsIfAvailable(
    permits: number
  ): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Option<A>, E, R>
  /**
   * Takes `permits` permits, and holds them until the scope closes. Suspends until every earlier request has been
   * granted and that many are free. Never fails. Dies with `CapacityExceeded` when that is more than the capacity, at
   * once or after a `resize`. Anything but an integer >= 0 is a defect.
   */
  takeScoped(permits: number): Effect.Effect<void, never, Scope.Scope>
  /**
   * Changes the capacity, an integer >= 0; anything else is a defect. Never suspends, never fails, and revokes no
   * permit. The semaphore of a key cannot be resized: there this is a defect.
   */
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
  /** The `name` that the semaphore was made with. `undefined` without one. */
  readonly name: string | undefined
}

/**
 * A snapshot of a keyed semaphore. A key is in use while someone holds permits of it or waits for some.
 *
 * @category models
 * @since 0.1.0
 */
export interface KeyedStats {
  /** How many keys are in use. */
  readonly keys: number
  /** The permits that exist, summed over the keys in use. */
  readonly capacity: number
  /** The permits that are taken, summed over the keys in use. */
  readonly held: number
  /** The requests that wait, summed over the keys in use. It counts requests, not permits. */
  readonly waiting: number
}

/**
 * A snapshot of a semaphore. `held + available = capacity` always.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats {
  /** How many permits there are in all. `resize` changes it. */
  readonly capacity: number
  /** How many permits are taken. More than `capacity` after a shrink, until enough have been returned. */
  readonly held: number
  /** How many permits are free. Negative after a shrink, until enough have been returned. */
  readonly available: number
  /** How many requests wait. It counts requests, not permits. */
  readonly waiting: number
}
