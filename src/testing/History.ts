/** What `Kit.op` records: which operations overlapped, and what each returned. */
import type * as Exit from "effect/Exit"

/** One operation of one actor, from its call to its return. */
export interface Call<Argument = unknown, Result = unknown> {
  readonly actor: string
  readonly name: string
  readonly argument: Argument
  /** When it was called and when it returned, on the run's own clock of events; `Infinity` for one that never returned. */
  readonly started: number
  readonly ended: number
  /** How it returned; undefined while it has not. */
  readonly exit: Exit.Exit<Result, unknown> | undefined
}

export type History = ReadonlyArray<Call>
