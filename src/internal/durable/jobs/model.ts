import type * as Schedule from "effect/Schedule"
import type * as Schema from "effect/Schema"

/**
 * A schema without services, whose values are stored as JSON.
 *
 * @category models
 * @since 0.1.0
 */
export type Stored<T> = Schema.ConstraintCodec<T, unknown> & Schema.Constraint

/**
 * A kind of job that outlives its process: its name, the schemas of its payload and its result, and its attempts.
 *
 * @category models
 * @since 0.1.0
 */
export interface DurableJob<in out Payload, in out A = void, in out E = never> {
  /** The name of its queue in the store. Processes that share it share the jobs. */
  readonly name: string
  /** The schema of a job's payload. */
  readonly payload: Stored<Payload>
  /** The schema of a job's value. */
  readonly success: Stored<A>
  /** The schema of a job's typed error. */
  readonly error: Stored<E>
  /** How often a job is begun at most, >= 1. A claim that is given back does not count. */
  readonly attempts: number
  /** When a failed job is tried again. Undefined: as the engine does by default. */
  readonly retry: Schedule.Schedule<unknown, number> | undefined
  /** The id of a payload's job. Undefined where each submission is a job of its own. */
  readonly id: ((payload: Payload) => string) | undefined
}
