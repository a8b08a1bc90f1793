import type { Inspectable } from "effect/Inspectable"
import type { Pipeable } from "effect/Pipeable"

/** The public types of an adaptive limit, but for its options. `AdaptiveLimit.ts` exports them. */
export const TypeId = "~sluice/AdaptiveLimit"
export const AlgorithmTypeId = "~sluice/AdaptiveLimit/Algorithm"

/**
 * A limit that adapts, the calls that run within it, and the queue of calls that wait.
 *
 * @category models
 * @since 0.1.0
 */
export interface AdaptiveLimit extends Pipeable, Inspectable {
  readonly [TypeId]: typeof TypeId
  /** The `name` that the limit was made with. `undefined` without one. */
  readonly name: string | undefined
}

/**
 * A description of how a limit is found: `AdaptiveLimit.aimd()` or `AdaptiveLimit.gradient()`. It has no state, so one
 * description may serve many limits.
 *
 * @category models
 * @since 0.1.0
 */
export interface Algorithm {
  readonly [AlgorithmTypeId]: typeof AlgorithmTypeId
  /** The function that made the description. */
  readonly kind: "aimd" | "gradient"
  /** The limit at the beginning, an integer from `min` to `max`. The default of the option is filled in. */
  readonly initial: number
  /** The smallest limit, an integer >= 1. The default of the option is filled in. */
  readonly min: number
  /** The largest limit, an integer >= `min`. The default of the option is filled in. */
  readonly max: number
}

/**
 * The outcome of a call, as a sign of the load of the called server.
 *
 * - `"success"`: the server has served the call. Its latency counts.
 * - `"overload"`: the server has too much to do. It lowers the limit.
 * - `"ignore"`: the call says nothing about the load. It changes nothing.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome = "success" | "overload" | "ignore"

/**
 * A snapshot of an adaptive limit.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats {
  /** The limit now, an integer from `min` to `max`. */
  readonly limit: number
  /** How many calls run. More than `limit` after a fall of the limit, and with calls of `measure`. */
  readonly inFlight: number
  /** How many calls wait for a permit. */
  readonly waiting: number
  /** How many calls have ended as a `"success"` or an `"overload"` so far, and were counted. */
  readonly samples: number
  /**
   * How many calls `classify` has called an overload so far. Calls that only took longer than `timeout` are not
   * counted.
   */
  readonly overloads: number
  /** How many calls have ended without a sign of the load so far, those whose `classify` failed included. */
  readonly ignored: number
  /** How often the limit has changed so far. */
  readonly changes: number
}

/**
 * The limit at the beginning, and its bounds. A wrong value is a defect: `aimd` and `gradient` throw a `RangeError`.
 *
 * @category models
 * @since 0.1.0
 */
export interface BoundsOptions {
  /** The limit at the beginning, an integer from `min` to `max`. Default: 20, or the bound nearest to 20. */
  readonly initial?: number | undefined
  /** The smallest limit, an integer >= 1. Default: 1. */
  readonly min?: number | undefined
  /** The largest limit, an integer >= `min`. Default: 200, or `min` if that is larger. */
  readonly max?: number | undefined
}
