import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { Option } from "effect/Option"
import type * as Scope from "effect/Scope"
import type { CapacityExceeded } from "./errors.js"
import type { Semaphore, Stats } from "./model.js"

/**
 * A class that is the key of a semaphore, has its layer, and its operations as effects that require the class.
 *
 * **Details**
 *
 * - `layer`: makes the semaphore as it is built.
 * - `withPermit`, `withPermits`, `tryWithPermits`, `acquire` and `stats`: as the functions of the module, of the
 *   semaphore in context.
 *
 * The class itself is an effect of the semaphore, for all other operations.
 *
 * @category models
 * @since 0.1.0
 */
export interface SemaphoreService<in out Self, in out Id extends string>
  extends Context.ServiceClass<Self, Id, Semaphore>
{
  /** Makes the semaphore as it is built. */
  readonly layer: Layer.Layer<Self>
  /** Runs an effect with one permit of the semaphore in context. */
  readonly withPermit: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | Self>
  /** Returns a function that runs an effect with so many permits of the semaphore in context. */
  readonly withPermits: (
    permits: number
  ) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CapacityExceeded, R | Self>
  /** Returns a function that runs an effect with so many permits if they are free now. */
  readonly tryWithPermits: (
    permits: number
  ) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Option<A>, E, R | Self>
  /** Takes so many permits, and holds them until the scope closes. */
  readonly acquire: (permits: number) => Effect.Effect<void, CapacityExceeded, Self | Scope.Scope>
  /** Tells what the semaphore in context holds now. */
  readonly stats: Effect.Effect<Stats, never, Self>
}
