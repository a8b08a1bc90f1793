import { List } from "../List.js"
import { Ranked } from "../Ranked.js"
import type { PoolJob } from "./Job.js"

/** A `List`, in the order in which they have come, or `Ranked`. */
export interface Line<Job, A, E> {
  readonly size: number
  readonly head: PoolJob<Job, A, E> | undefined
  push(job: PoolJob<Job, A, E>): void
  unshift(job: PoolJob<Job, A, E>): void
  remove(job: PoolJob<Job, A, E>): void
  shift(): PoolJob<Job, A, E> | undefined
  takeAll(): Array<PoolJob<Job, A, E>>
}

/** What waits under one key; without keys, all that waits. */
export class Lane<Job, A, E> {
  prev: Lane<Job, A, E> | undefined = undefined
  next: Lane<Job, A, E> | undefined = undefined
  readonly queued: Line<Job, A, E>
  /** Jobs that come for another attempt, which no bound keeps out. */
  readonly returning: Line<Job, A, E>
  /** Jobs whose callers wait for room. */
  readonly blocked: Line<Job, A, E>
  running = 0
  /** "turn": it waits for its turn. */
  state: "apart" | "turn" = "apart"
  /** How many jobs it may still start in this turn. */
  credit = 0
  /** How many of its jobs could begin, were there enough workers; and then, how many of its callers wait for room. */
  ready = 0
  callers = 0

  /** `weight`: how many jobs it may start in its next turn. */
  constructor(readonly key: unknown, public weight: number, isRanked: boolean) {
    const line = (): Line<Job, A, E> => isRanked ? new Ranked<PoolJob<Job, A, E>>() : new List<PoolJob<Job, A, E>>()
    this.queued = line()
    this.returning = line()
    this.blocked = line()
  }

  get size(): number {
    return this.queued.size + this.returning.size + this.blocked.size
  }

  /** Of those that wait in the queue or for room, the one that comes next. */
  get head(): PoolJob<Job, A, E> | undefined {
    return sooner(sooner(this.queued.head, this.blocked.head), this.returning.head)
  }

  /** Where it waits for a worker. */
  lineOf(job: PoolJob<Job, A, E>): Line<Job, A, E> {
    return job.past === undefined ? this.queued : this.returning
  }
}

/** The first of the two where both are as soon. */
const sooner = <Job, A, E>(
  one: PoolJob<Job, A, E> | undefined,
  other: PoolJob<Job, A, E> | undefined
): PoolJob<Job, A, E> | undefined => one === undefined || (other !== undefined && other.rank < one.rank) ? other : one
