import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { Option } from "effect/Option"
import type { AdaptiveLimit, Stats } from "./model.js"

/**
 * A class that is the key of an adaptive limit, with its layer, and with operations as effects that require the class.
 *
 * **Details**
 *
 * The class itself is an effect that returns the limit.
 *
 * @category models
 * @since 0.1.0
 */
export interface AdaptiveLimitService<in out Self, in out Id extends string>
  extends Context.ServiceClass<Self, Id, AdaptiveLimit>
{
  /**
   * The layer that makes the limit. Each build makes one of its own. Options with wrong values are a defect of the
   * build.
   */
  readonly layer: Layer.Layer<Self>
  /**
   * Runs an effect when there is room within the limit in context, and learns from how it ends and how long it took.
   */
  readonly withPermit: {
    /**
     * Runs an effect when there is room within the limit in context, and learns from how it ends and how long it took.
     * Suspends until every earlier call has been let in and a permit is free. Returns the effect's value, and fails
     * only as the effect fails.
     */
    <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Self>
  }
  /**
   * Runs an effect if there is room within the limit in context now, with its value in a `Some`, and learns from it.
   */
  readonly tryWithPermit: {
    /**
     * Runs an effect if there is room within the limit in context now, with its value in a `Some`, and learns from it.
     * Never suspends for a permit. Returns `None`, and runs nothing, when it would have to wait. Fails only as the
     * effect fails.
     */
    <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Option<A>, E, R | Self>
  }
  /**
   * Runs an effect immediately, without a permit, counts it as in flight, and learns from how it ends and how long it
   * took.
   */
  readonly measure: {
    /**
     * Runs an effect immediately, without a permit, counts it as in flight, and learns from how it ends and how long it
     * took. Returns the effect's value, and fails only as the effect fails.
     */
    <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Self>
  }
  /** Returns the limit in context, and the calls within it, as a snapshot. Never suspends, never fails. */
  readonly stats: Effect.Effect<Stats, never, Self>
}
