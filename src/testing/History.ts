/** The records of `Kit.op`: which operations overlapped, and what each returned. */
import type * as Exit from "effect/Exit"

/**
 * One operation of one actor, from its call to its return.
 *
 * @since 0.1.0
 */
export interface Call<Argument = unknown, Result = unknown> {
  /** The name of the actor that made the call. */
  readonly actor: string
  /** The name of the operation, as `op` received it. */
  readonly name: string
  /** The argument of the operation, as `op` received it. */
  readonly argument: Argument
  /** The time of the call, on the run's own clock: each call and each return takes one tick. */
  readonly started: number
  /** The time of the return, on the same clock. `Infinity` for a call that has not returned. */
  readonly ended: number
  /** How the call returned. `undefined` for a call that has not returned. */
  readonly exit: Exit.Exit<Result, unknown> | undefined
}

/**
 * The calls that `Kit.op` has recorded, in the order in which they started.
 *
 * @since 0.1.0
 */
export type History = ReadonlyArray<Call>
