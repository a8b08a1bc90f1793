import { List } from "../List.js"
import { Ranked } from "../Ranked.js"

/** A job, as the lanes know it: `J` is its own type, and `Job` that of its input. */
export interface Waiting<Job, J extends Waiting<Job, J>> {
  prev: J | undefined
  next: J | undefined
  readonly input: Job
  /** Its place among those that wait: the lower, the sooner. */
  readonly rank: number
  /** Its place in the heap, where that orders them. */
  slot: number
  /** How many later jobs may go before it. */
  handicap: number
  lane: Lane<Job, J> | undefined
  /** No bound keeps it out, and no other job drops it: it comes for another attempt, or had a place. */
  readonly isUnbounded: boolean
}

/** A `List`, in the order in which they have come, or `Ranked`. */
export interface Line<J> extends Iterable<J> {
  readonly size: number
  readonly head: J | undefined
  push(job: J): void
  /** Puts a job back that has been first. */
  unshift(job: J): void
  remove(job: J): void
  shift(): J | undefined
  takeAll(): Array<J>
}

/** The jobs that wait under one key; without keys, all that wait. */
export class Lane<Job, J extends Waiting<Job, J>> {
  prev: Lane<Job, J> | undefined = undefined
  next: Lane<Job, J> | undefined = undefined
  readonly queued: Line<J>
  /** Jobs that come for another attempt or had a place, which no bound keeps out. */
  readonly unbounded: Line<J>
  /** Jobs whose callers wait for room. */
  readonly blocked: Line<J>
  running = 0
  /** "turn": it waits for its turn. */
  state: "apart" | "turn" = "apart"
  /** How many jobs it may still start in this turn. */
  credit = 0
  /** How many of its jobs could begin, were there enough workers; and then, how many of its callers wait for room. */
  ready = 0
  callers = 0

  /**
   * `weight`: how many jobs it may start in its next turn; `limit`: how many may run at a time. `line` makes each of
   * its three lines.
   */
  constructor(readonly key: unknown, public weight: number, public limit: number, line: () => Line<J>) {
    this.queued = line()
    this.unbounded = line()
    this.blocked = line()
  }

  get size(): number {
    return this.queued.size + this.unbounded.size + this.blocked.size
  }

  /** The job that comes next, of those in the queue and those whose callers wait for room. */
  get head(): J | undefined {
    return sooner(sooner(this.queued.head, this.blocked.head), this.unbounded.head)
  }

  /** The line in which the job waits for a worker. */
  lineOf(job: J): Line<J> {
    return job.isUnbounded ? this.unbounded : this.queued
  }
}

/**
 * Jobs in the order in which they came, as each of their ranks is higher than those before. A job that is put back goes
 * before all that came later: jobs that lost their resources together are put back in any order.
 */
export class Arrivals<J extends Waiting<unknown, J>> extends List<J> {
  override unshift(job: J): void {
    let next = this.head
    while (next !== undefined && next.rank < job.rank) next = next.next
    this.insert(job, next)
  }
}

/** Lines in the order in which jobs come; or of their ranks, where a handicap makes these differ. */
export const lineOf = <J extends Waiting<unknown, J>>(isRanked: boolean): Line<J> =>
  isRanked ? new Ranked<J>() : new Arrivals<J>()

/** The first of the two where both are as soon. */
const sooner = <J extends { readonly rank: number }>(one: J | undefined, other: J | undefined): J | undefined =>
  one === undefined || (other !== undefined && other.rank < one.rank) ? other : one
