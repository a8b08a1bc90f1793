/** The interface between a run and the strategies that decide its schedule. */
import type { Entry, Lane } from "./Lane.js"
import type { Realism } from "./Schedule.js"
import type { Timer } from "./VirtualClock.js"

/** The part of a run that a chooser may read. The run keeps it up to date, from `begin` to its end. */
export interface Situation {
  readonly realism: Realism
  /** In order of appearance. The list stays as it is at the end of the run, when the situation has another one. */
  readonly lanes: ReadonlyArray<Lane>
  /** In the order in which the tasks became ready. */
  readonly ready: ReadonlyArray<Entry>
  /** In the order in which the timers are due. */
  readonly timers: ReadonlyArray<Timer>
  /** The fiber that was asked last. */
  readonly last: Lane | undefined
  /** The fiber that was asked first in this turn. */
  readonly first: Lane | undefined
  /** Whether `first` yields straight to the driver. In a task that runs fibers, the rest of the task comes before. */
  readonly alone: boolean
  /** The number of ways to go on, without interrupts: first the ready tasks, then the timers that may fire. */
  readonly options: number
  /** The number of ways to go on without the running fiber, if that yields: it is ready then. */
  readonly others: number
}

/** Decides whatever the runtime leaves open. A chooser may keep the situation, and changes nothing in it. */
export interface Chooser {
  /** Called at the begin of each run, before any other question. */
  readonly begin: (situation: Situation) => void
  /** Whether this fiber yields before the operation that it has come to. */
  readonly preempt: (lane: Lane) => boolean
  /**
   * Whether `outer` is interrupted as `inner` begins, which `outer`, or a fiber that ran before it in this turn, has
   * resumed.
   */
  readonly nested: (outer: Lane, inner: Lane) => boolean
  /**
   * The next turn: `i` is the i-th ready task, or, counted on from there, the i-th timer; `~lane` interrupts that lane.
   * If nothing is ready and no timer is set, 0 ends the exploration.
   */
  readonly next: () => number
  readonly choose: (options: number) => number
}
