/** A run step by step, to show a failure with. */

/** A place in the source, of a function or of a generator's current `yield*`. */
export interface Source {
  /** A path, relative to the working folder if it is beneath that. */
  readonly file: string
  readonly line: number
  readonly column: number
  /** The line itself, without its indentation, where it can be read. */
  readonly text: string | undefined
}

/** One thing that happened, in the order in which it happened. */
export interface Event {
  /**
   * - `start`: the fiber's first operation.
   * - `operation`: the fiber goes through one operation.
   * - `preempt`: it is made to yield before its next operation.
   * - `suspend`: it waits, or yields by itself; `source` is where.
   * - `resume`: it goes on; `by` is the fiber that resumed it inline, if one did.
   * - `interrupt`: the fiber is interrupted; `by` is the fiber within whose turn that happened, if one did.
   * - `end`: it has ended, as `detail` says.
   * - `timer`: the virtual clock moved on; `detail` is the time.
   * - `choice`: the test's own `choose`.
   * - `failure`: this is where it went wrong.
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
  /** Which fiber, an index into `fibers`; undefined for what no fiber did. */
  readonly fiber: number | undefined
  /** How many operations all fibers together had gone through. */
  readonly at: number
  /** How many operations this fiber had gone through. */
  readonly operation: number
  /** The operation's own name: "Sync", "Suspend", "Async" ... or the exit, the choice, the message. */
  readonly detail: string
  readonly by?: number | undefined
  readonly source?: Source | undefined
}

export interface TracedFiber {
  readonly name: string
  /** Whether `Kit.actor` started it; the scenario's own body is `main`. */
  readonly actor: boolean
}

export interface Trace {
  readonly fibers: ReadonlyArray<TracedFiber>
  readonly events: ReadonlyArray<Event>
}
