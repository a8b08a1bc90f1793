/** A run step by step, to show a failure with. */
import type { Source } from "../source/Source.js"

export type { Source } from "../source/Source.js"

/**
 * One event of a run.
 *
 * @since 0.1.0
 */
export interface Event {
  /**
   * - `start`: the fiber's first operation.
   * - `operation`: the fiber goes through one operation.
   * - `preempt`: the kit makes the fiber yield before its next operation.
   * - `suspend`: the fiber waits, or yields by itself; `source` is where.
   * - `resume`: the fiber continues; `by` is the fiber that resumed it inline, if one did.
   * - `interrupt`: the fiber is interrupted; `by` is the fiber within whose turn that happened, if one did.
   * - `end`: the fiber has ended, as `detail` says.
   * - `timer`: the virtual clock moved on; `detail` is the time.
   * - `choice`: the result of `Kit.choose`.
   * - `failure`: the run failed here.
   */
  readonly kind:
    | "start"
    | "operation"
    | "preempt"
    | "suspend"
    | "resume"
    | "interrupt"
    | "end"
    | "timer"
    | "choice"
    | "failure"
  /** The fiber, as an index into `fibers`. `undefined` for an event of no fiber. */
  readonly fiber: number | undefined
  /** How many operations all fibers together had gone through. */
  readonly at: number
  /** How many operations this fiber had gone through. */
  readonly operation: number
  /**
   * The operation's own name, such as "Sync", "Suspend" or "Async"; or the exit, the time, the choice or the message.
   */
  readonly detail: string
  /**
   * The fiber that caused a `resume` or an `interrupt` within its own turn, as an index into `fibers`. Absent
   * otherwise.
   */
  readonly by?: number | undefined
  /** The place in the source. Absent if it is not known. */
  readonly source?: Source | undefined
}

/**
 * A fiber of a run.
 *
 * @since 0.1.0
 */
export interface TracedFiber {
  /**
   * The name of the fiber: `main` for the body of the scenario, `close` for the close of its scope, the name of an
   * actor, and `a/1` for the first fiber that `a` has forked. The second actor of the name `a` is `a#2`.
   */
  readonly name: string
  /** Whether `Kit.actor` started the fiber. */
  readonly actor: boolean
}

/**
 * A run step by step.
 *
 * @since 0.1.0
 */
export interface Trace {
  /** The fibers, in order of appearance. The first is the body of the scenario. */
  readonly fibers: ReadonlyArray<TracedFiber>
  /** The events, in the order in which they happened. */
  readonly events: ReadonlyArray<Event>
}
