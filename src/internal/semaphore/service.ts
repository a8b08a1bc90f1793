import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { Option } from "effect/Option"
import type * as Scope from "effect/Scope"
import type { CapacityExceeded } from "./errors.js"
import type { Semaphore, Stats } from "./model.js"

/**
 * A class that is the key of a semaphore, with its layer, and with operations as effects that require the class.
 *
 * **Details**
 *
 * The class itself is an effect that returns the semaphore, for all other operations.
 *
 * @category models
 * @since 0.1.0
 */
export interface SemaphoreService<in out Self, in out Id extends string>
  extends Context.ServiceClass<Self, Id, Semaphore>
{
  /**
   * The layer that makes the semaphore. Each build makes one of its own. `permits` with a wrong value is a defect of
   * the build.
   */
  readonly layer: Layer.Layer<Self>
  /** Runs an effect with one permit of the semaphore in context, and returns the permit when the effect ends. */
  readonly withPermit: {
    /**
     * Runs an effect with one permit of the semaphore in context, and returns the permit when the effect ends. Suspends
     * until every earlier request has been granted and a permit is free. Fails only as the effect fails. Dies with
     * `CapacityExceeded` at a capacity of 0.
     */
    <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Self>
  }
  /**
   * Returns a function that runs an effect with `permits` permits of the semaphore in context, and returns them when
   * the effect ends.
   */
  readonly withPermits: {
    /**
     * Returns a function that runs an effect with `permits` permits of the semaphore in context, and returns them when
     * the effect ends. Suspends until every earlier request has been granted and that many are free. Fails as the
     * effect fails, or with `CapacityExceeded` when `permits` is more than the capacity. Anything but an integer >= 0
     * is a defect.
     */
    (permits: number): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CapacityExceeded, R | Self>
  }
  /**
   * Returns a function that runs an effect with `permits` permits of the semaphore in context if they are free now,
   * with its value in a `Some`.
   */
  readonly tryWithPermits: {
    /**
     * Returns a function that runs an effect with `permits` permits of the semaphore in context if they are free now,
     * with its value in a `Some`. Never suspends for a permit. Returns `None`, and runs nothing, when the request would
     * have to wait, or asks for more than the capacity. Anything but an integer >= 0 is a defect.
     */
    (permits: number): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Option<A>, E, R | Self>
  }
  /** Takes `permits` permits of the semaphore in context, and holds them until the scope closes. */
  readonly acquire: {
    /**
     * Takes `permits` permits of the semaphore in context, and holds them until the scope closes. Suspends until every
     * earlier request has been granted and that many are free. Fails with `CapacityExceeded` when `permits` is more
     * than the capacity. Anything but an integer >= 0 is a defect.
     */
    (permits: number): Effect.Effect<void, CapacityExceeded, Self | Scope.Scope>
  }
  /** Returns what the semaphore in context holds now, a snapshot. Never suspends, never fails. */
  readonly stats: Effect.Effect<Stats, never, Self>
}
