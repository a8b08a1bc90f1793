import { Lane, lineOf, type Waiting } from "./Lane.js"

/**
 * The order in which waiting jobs go: in which lane a job waits, and which lane is next. Within a lane the rank
 * decides. The queue moves the jobs, and tells the order of each step after it.
 */
export interface Order<Job, J extends Waiting<Job, J>> {
  /** How many keys have jobs that wait or run. */
  readonly keys: number
  /** How many jobs could begin, were there enough workers. */
  readonly ready: number
  /** How many callers wait for room that another worker would make. */
  readonly callers: number
  /** The lane whose turn it is. */
  readonly next: Lane<Job, J> | undefined
  readonly lanes: Iterable<Lane<Job, J>>
  /**
   * A new job. The user's functions are asked now, before anything has changed. Returns whether a limit was raised, so
   * that jobs which wait may begin.
   */
  arrives(job: J): boolean
  /** The lane in which the job waits, or is about to. `changed` has to follow. */
  laneOf(job: J): Lane<Job, J>
  /** Whether the job could run if a worker were idle. */
  mayRun(job: J): boolean
  /** Whether the job, which does not wait yet, could run if there were a worker for each job that waits. */
  couldRun(job: J): boolean
  /** How many jobs share the queue's bound with this one. */
  queuedWith(job: J): number
  /** The lane has handed a job to a worker. */
  spent(lane: Lane<Job, J>): void
  /** A job of the lane has come, or gone. */
  changed(lane: Lane<Job, J>): void
  /** A worker has the job. */
  began(job: J): void
  /** The job is no longer assigned to a worker. */
  ended(job: J): void
  /** Asks the user for the limits of all keys. A mistake of the user's functions is thrown, before anything changes. */
  refresh(): void
  /** The job has come to its first operation: the user may be asked for its key's limits. As `arrives`. */
  weigh(job: J): boolean
}

/** How many later jobs may go before a job: 0 for the most urgent ones. Undefined where all are equal. */
export type Handicap<Job> = ((job: Job) => number) | undefined

const nothing = (): void => {}
const never = (): boolean => false

/** One lane: first come, first served, but for what a handicap allows (P14). */
export class OneLane<Job, J extends Waiting<Job, J>> implements Order<Job, J> {
  readonly keys = 0
  readonly lanes: ReadonlyArray<Lane<Job, J>>

  constructor(
    private readonly handicap: Handicap<Job>,
    readonly next: Lane<Job, J> = new Lane<Job, J>(undefined, 1, Infinity, () => lineOf<J>(handicap !== undefined))
  ) {
    this.lanes = [next]
  }

  get ready(): number {
    return this.next.size
  }

  get callers(): number {
    return this.next.blocked.size
  }

  arrives(job: J): boolean {
    if (this.handicap !== undefined) job.handicap = this.handicap(job.input)
    return false
  }

  laneOf(): Lane<Job, J> {
    return this.next
  }

  mayRun(): boolean {
    return true
  }

  couldRun(): boolean {
    return true
  }

  queuedWith(): number {
    return this.next.queued.size
  }

  // One lane has no turns to count.
  readonly spent = nothing
  readonly changed = nothing
  readonly began = nothing
  readonly ended = nothing
  readonly weigh = never
  readonly refresh = nothing
}
