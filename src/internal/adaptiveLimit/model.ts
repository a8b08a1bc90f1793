import type { Inspectable } from "effect/Inspectable"
import type { Pipeable } from "effect/Pipeable"

/** The public types of an adaptive limit, but for its options. `AdaptiveLimit.ts` exports them. */
export const TypeId = "~sluice/AdaptiveLimit"
export const AlgorithmTypeId = "~sluice/AdaptiveLimit/Algorithm"

/**
 * A limit that adapts, the calls that run within it, and the queue of those that wait.
 *
 * @category models
 * @since 0.1.0
 */
export interface AdaptiveLimit extends Pipeable, Inspectable {
  readonly [TypeId]: typeof TypeId
  readonly name: string | undefined
}

/**
 * How a limit is found: a description without a state, so that one may serve many limits.
 *
 * @category models
 * @since 0.1.0
 */
export interface Algorithm {
  readonly [AlgorithmTypeId]: typeof AlgorithmTypeId
  readonly kind: "aimd" | "gradient"
  readonly initial: number
  readonly min: number
  readonly max: number
}

/**
 * The outcome of a call, as a sign of the load of the called server.
 *
 * - `"success"`: the server has served it; its latency counts.
 * - `"overload"`: there is too much to do. It lowers the limit.
 * - `"ignore"`: nothing.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome = "success" | "overload" | "ignore"

/**
 * A snapshot of an adaptive limit.
 *
 * **Details**
 *
 * `inFlight` calls run, `waiting` ones wait for a permit. Of the calls that have ended, `ignored` ones said nothing and
 * `samples` were counted. `overloads` counts the calls that `classify` called an overload, without calls that only took
 * longer than a `timeout`. `changes` is how often the limit has changed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats {
  readonly limit: number
  readonly inFlight: number
  readonly waiting: number
  readonly samples: number
  readonly overloads: number
  readonly ignored: number
  readonly changes: number
}

/**
 * Where a limit begins and how far it may go.
 *
 * **Details**
 *
 * Integers >= 1: `min` is 1 and `max` is 200 by default. `initial` is 20, or what of `min` and `max` is nearest to it.
 *
 * @category models
 * @since 0.1.0
 */
export interface BoundsOptions {
  readonly initial?: number | undefined
  readonly min?: number | undefined
  readonly max?: number | undefined
}
