/** The records of `Kit.op`: which operations overlapped, and what each returned. */
import type * as Exit from "effect/Exit"

/** One operation of one actor, from its call to its return. */
export interface Call<Argument = unknown, Result = unknown> {
  readonly actor: string
  readonly name: string
  readonly argument: Argument
  /**
   * The times of the call and of its return, on the run's own clock of events. Without a return, `ended` is `Infinity`.
   */
  readonly started: number
  readonly ended: number
  /** How it returned; undefined while it has not. */
  readonly exit: Exit.Exit<Result, unknown> | undefined
}

export type History = ReadonlyArray<Call>
