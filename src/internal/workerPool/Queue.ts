import * as Exit from "effect/Exit"
import { Callers, type Request } from "../Callers.js"
import type { PoolJob } from "./Job.js"
import type { Lane, Waiting } from "./Lane.js"
import type { Ledger } from "./Ledger.js"
import type { Order } from "./Order.js"
import type { Deadlines } from "./parts.js"
import { jobPhases } from "./states.js"

/** The queue's bound, its strategy and its order. */
export interface Discipline<in Job> {
  /** How many later jobs may go first for each level of priority. Undefined without priorities. */
  readonly aging: number | undefined
  /** The option by which the user's functions are asked about jobs, if any. A task needs a job that stands for it. */
  readonly asksAbout: string | undefined
  /** How many jobs may wait, of each key where there are keys. */
  readonly capacity: number
  readonly strategy: "suspend" | "dropping" | "sliding"
  readonly order: <J extends Waiting<Job, J>>() => Order<Job, J>
}

/** How the queue lets callers go on: in the next turn of the pool, or in one that is requested then. */
export interface Turns {
  readonly soon: Request
  readonly later: Request
}

/**
 * The jobs that wait for a worker, at most `capacity` of them, and behind them the callers who wait for room (P3).
 *
 * The order is that of their ranks, which count the arrivals; a handicap puts a job behind so many that come later, and
 * no more (P14). Where there are keys, each has a lane of its own, and they take turns (P15).
 *
 * A caller's job is let in the moment there is room. Its fiber may go on a turn later, as `Callers` says.
 *
 * Only `wake` runs fibers.
 */
export class Queue<Job, A, E> {
  readonly capacity: number
  readonly order: Order<Job, PoolJob<Job, A, E>>
  /** How many wait for a worker. */
  size = 0
  /** How many callers wait for room. */
  blocked = 0
  /** How many jobs have found the queue full, though another worker could have taken one. */
  overflows = 0

  /** Callers whose jobs were let in. */
  private readonly admitted = new Callers<PoolJob<Job, A, E>>((job) => job.callerGoesOn(Exit.succeed(job)))
  /** Counts those who come, in order. */
  private arrivals = 0

  constructor(
    private readonly discipline: Discipline<Job>,
    private readonly ledger: Ledger,
    private readonly deadlines: Deadlines<Job, A, E> | undefined,
    private readonly turns: Turns,
    /** Whether a worker will come for one more job: then there is room for it, whatever the capacity (P19). */
    private readonly hasTaker: ((job: PoolJob<Job, A, E>) => boolean) | undefined
  ) {
    this.capacity = discipline.capacity
    this.order = discipline.order<PoolJob<Job, A, E>>()
  }

  /** Whether a job that comes may drop one that waits here. */
  get slides(): boolean {
    return this.discipline.strategy === "sliding"
  }

  isFull(job: PoolJob<Job, A, E>): boolean {
    return this.order.queuedWith(job) >= this.capacity && this.hasTaker?.(job) !== true
  }

  /** Whether the job would be dropped for want of room, rather than have to wait. */
  drops(job: PoolJob<Job, A, E>): boolean {
    const { capacity, discipline: { strategy } } = this
    return this.isFull(job) && (strategy === "dropping" || (strategy === "sliding" && capacity === 0))
  }

  /** The job that would be dropped to make room for this one. */
  oldestToDrop(job: PoolJob<Job, A, E>): PoolJob<Job, A, E> | undefined {
    const isFull = this.discipline.strategy === "sliding" && this.order.queuedWith(job) > 0 && this.isFull(job)
    return isFull ? this.order.laneOf(job).queued.head : undefined
  }

  private accept(job: PoolJob<Job, A, E>): void {
    job.id = this.ledger.accept()
  }

  /** A worker takes the job as it comes. It has a rank all the same: it may be put back. */
  pass(job: PoolJob<Job, A, E>): void {
    this.accept(job)
    this.rank(job)
  }

  /**
   * A worker cannot run the job after all. It has been first in line before, and may be one more than there is room.
   */
  putBack(job: PoolJob<Job, A, E>): void {
    job.assigned(undefined)
    this.enter(job, "first")
  }

  /** A job comes that had a place, and has to wait: it may be one more than there is room. */
  enlist(job: PoolJob<Job, A, E>): void {
    this.pass(job)
    this.enter(job, "last")
  }

  /** A job wants another attempt. It comes as if it came now; but for the bound. */
  comeBack(job: PoolJob<Job, A, E>): void {
    this.rank(job)
    this.enter(job, "last")
  }

  private rank(job: PoolJob<Job, A, E>): void {
    job.rank = ++this.arrivals + job.handicap
  }

  /**
   * Takes the job in, at the expense of an older one, or of itself, where the strategy has one dropped: then it returns
   * that one. Returns "full", and changes nothing, when the job has to wait for room.
   */
  offer(job: PoolJob<Job, A, E>): "queued" | "full" | PoolJob<Job, A, E> {
    const { discipline: { strategy }, order } = this
    // Where there is room nobody waits for it, so there is no one to be overtaken.
    const isFull = this.isFull(job)
    if (isFull && order.mayRun(job)) this.overflows++
    if (isFull && strategy === "suspend") return "full"
    this.accept(job)
    const oldest = isFull && strategy === "sliding" ? this.oldestToDrop(job) : undefined
    if (isFull && oldest === undefined) return job
    if (oldest !== undefined) this.leave(oldest)
    this.rank(job)
    this.enter(job, "last")
    return oldest ?? "queued"
  }

  /** Lets the job's caller wait for room. */
  block(job: PoolJob<Job, A, E>): void {
    this.rank(job)
    job.become(jobPhases.blocked)
    job.keepContext()
    const lane = this.order.laneOf(job)
    lane.blocked.push(job)
    this.blocked++
    this.order.changed(lane)
  }

  /** The job whose turn it is, for a worker to run. */
  take(): PoolJob<Job, A, E> | undefined {
    const lane = this.order.next
    const job = lane?.head
    if (lane === undefined || job === undefined) return undefined
    // One that waits for room goes before those in the queue where the queue holds none, or only less urgent ones.
    if (job.phase === "blocked") {
      lane.blocked.remove(job)
      this.blocked--
      this.letIn(job)
    } else {
      this.leave(job)
    }
    this.order.spent(lane)
    this.admit(lane)
    return job
  }

  /** A job leaves, and another one may come in. */
  remove(job: PoolJob<Job, A, E>): void {
    const lane = this.order.laneOf(job)
    if (job.phase === "blocked") {
      lane.blocked.remove(job)
      this.blocked--
      this.order.changed(lane)
    } else {
      this.leave(job)
      this.admit(lane)
    }
  }

  /** The job has another handicap from now on, as if it had come with it. */
  rerank(job: PoolJob<Job, A, E>, handicap: number): void {
    // The lane of a job that does not wait here is not to be known for it.
    const line = job.phase === "queued" ? this.order.laneOf(job).lineOf(job) : undefined
    line?.remove(job)
    job.rank += handicap - job.handicap
    job.handicap = handicap
    line?.push(job)
  }

  /** Takes all that wait in the queue, in order. Callers that wait for room are let in. */
  clear(): Array<PoolJob<Job, A, E>> {
    const jobs = this.takeQueued()
    for (const lane of this.order.lanes) this.admit(lane)
    return jobs
  }

  /** All callers that wait for room: nobody is let in any more. */
  takeBlocked(): Array<PoolJob<Job, A, E>> {
    this.blocked = 0
    return this.takeFrom((lane) => lane.blocked.takeAll())
  }

  /** All that wait in the queue. */
  takeQueued(): Array<PoolJob<Job, A, E>> {
    this.size = 0
    const jobs = this.takeFrom((lane) => lane.queued.takeAll().concat(lane.unbounded.takeAll()))
    if (this.deadlines !== undefined) { for (const job of jobs) this.deadlines.dequeued(job) }
    return jobs
  }

  private takeFrom(
    take: (lane: Lane<Job, PoolJob<Job, A, E>>) => Array<PoolJob<Job, A, E>>
  ): Array<PoolJob<Job, A, E>> {
    const all: Array<PoolJob<Job, A, E>> = []
    for (const lane of this.order.lanes) {
      for (const job of take(lane)) all.push(job)
      this.order.changed(lane)
    }
    return all.sort((one, other) => one.rank - other.rank)
  }

  private enter(job: PoolJob<Job, A, E>, where: "first" | "last"): void {
    job.become(jobPhases.queued)
    job.keepContext()
    const lane = this.order.laneOf(job)
    const line = lane.lineOf(job)
    if (where === "first") line.unshift(job)
    else line.push(job)
    this.size++
    this.deadlines?.queued(job)
    this.order.changed(lane)
  }

  private leave(job: PoolJob<Job, A, E>): void {
    const lane = this.order.laneOf(job)
    lane.lineOf(job).remove(job)
    this.size--
    this.deadlines?.dequeued(job)
    this.order.changed(lane)
  }

  private admit(lane: Lane<Job, PoolJob<Job, A, E>>): void {
    while (lane.queued.size < this.capacity) {
      const job = lane.blocked.shift()
      if (job === undefined) break
      this.blocked--
      this.letIn(job)
      this.enter(job, "last")
    }
  }

  private letIn(job: PoolJob<Job, A, E>): void {
    this.accept(job)
    if (job.callerServed()) this.admitted.add(job)
  }

  /** Lets those go on whose jobs were let in: now if the queue is half empty, else in the next turn. Runs fibers. */
  wake(): void {
    this.admitted.wake(this.size * 2 <= this.capacity, this.turns.soon)
  }

  /** Lets them go on in a later turn, since an interrupt made room for them. */
  wakeLater(): void {
    this.admitted.defer(this.turns.later)
  }
}
