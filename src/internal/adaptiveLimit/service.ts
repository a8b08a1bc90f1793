import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { Option } from "effect/Option"
import type { AdaptiveLimit, Stats } from "./model.js"

/**
 * A class that is the key of an adaptive limit, has its layer, and its operations as effects that require the class.
 *
 * **Details**
 *
 * - `layer`: makes the limit as it is built.
 * - `withPermit`, `tryWithPermit`, `measure` and `stats`: as the functions of the module, of the limit in context.
 *
 * The class itself is an effect of the limit.
 *
 * @category models
 * @since 0.1.0
 */
export interface AdaptiveLimitService<in out Self, in out Id extends string>
  extends Context.ServiceClass<Self, Id, AdaptiveLimit>
{
  /** Makes the limit as it is built. */
  readonly layer: Layer.Layer<Self>
  /** Runs an effect within the limit in context, and learns from it. */
  readonly withPermit: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | Self>
  /** As `withPermit` if there is room now, with its value in a `Some`. */
  readonly tryWithPermit: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Option<A>, E, R | Self>
  /** Runs an effect at once, and learns from it. */
  readonly measure: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | Self>
  /** Tells what the limit in context is, and who runs within it now. */
  readonly stats: Effect.Effect<Stats, never, Self>
}
