import * as Exit from "effect/Exit"
import { List } from "../List.js"
import type { Deadline } from "./Deadline.js"
import type { PoolJob } from "./Job.js"

/**
 * The jobs that wait for a worker, at most `capacity` of them, and behind them the callers who wait for room (P3).
 *
 * A caller's job is let in the moment there is room. That its fiber goes on is another matter, and may be a turn later:
 * woken for each job that ends, one that submits in a loop would suspend again each time, where a turn later it brings
 * several.
 *
 * Only `wake` runs fibers.
 */
export class Admission<Job, A, E> {
  /** How many have been accepted. The number of each is its job's id. */
  accepted = 0

  private readonly queued = new List<PoolJob<Job, A, E>>()
  /** Jobs that come for another attempt, which no bound keeps out. */
  private readonly returning = new List<PoolJob<Job, A, E>>()
  private readonly blocked = new List<PoolJob<Job, A, E>>()
  /** Let in, and not woken yet. */
  private admitted: Array<PoolJob<Job, A, E>> = []
  private wakeUp: "none" | "scheduled" = "none"
  /** Counts those who come, in order. */
  private arrivals = 0

  /** `later` runs a task in the next turn. */
  constructor(
    readonly capacity: number,
    readonly strategy: "suspend" | "dropping" | "sliding",
    private readonly later: (task: () => void) => void,
    private readonly deadline: Deadline<PoolJob<Job, A, E>> | undefined
  ) {}

  get size(): number {
    return this.queued.size + this.returning.size
  }

  /** How many callers wait for room. */
  get waiting(): number {
    return this.blocked.size
  }

  /** Whether a job would be dropped for want of room, rather than have to wait. */
  get drops(): boolean {
    const { capacity, strategy } = this
    return this.queued.size >= capacity && (strategy === "dropping" || (strategy === "sliding" && capacity === 0))
  }

  /** The job that the next one would have dropped to make room. */
  get oldestToDrop(): PoolJob<Job, A, E> | undefined {
    return this.strategy === "sliding" && this.queued.size >= this.capacity ? this.queued.head : undefined
  }

  accept(job: PoolJob<Job, A, E>): void {
    job.id = ++this.accepted
  }

  /** A worker cannot run the job after all. It has been first in line before, and may be one more than there is room. */
  putBack(job: PoolJob<Job, A, E>): void {
    job.worker = undefined
    this.lineOf(job).unshift(job)
    this.waits(job)
  }

  /** A job wants another attempt. It comes behind all that are here by now. */
  comeBack(job: PoolJob<Job, A, E>): void {
    job.rank = ++this.arrivals
    this.returning.push(job)
    this.waits(job)
  }

  private lineOf(job: PoolJob<Job, A, E>): List<PoolJob<Job, A, E>> {
    return job.past === undefined ? this.queued : this.returning
  }

  /**
   * Takes the job in, at the expense of an older one, or of itself, where the strategy has one dropped: then it answers
   * that one. Answers "full", and changes nothing, when the job has to wait for room.
   */
  offer(job: PoolJob<Job, A, E>): "queued" | "full" | PoolJob<Job, A, E> {
    job.rank = ++this.arrivals
    // Where there is room nobody waits for it, so there is no one to be overtaken.
    if (this.queued.size < this.capacity) {
      this.accept(job)
      this.enqueue(job)
      return "queued"
    }
    if (this.strategy === "suspend") return "full"
    this.accept(job)
    const oldest = this.strategy === "sliding" ? this.queued.shift() : undefined
    if (oldest === undefined) return job
    this.left(oldest)
    this.enqueue(job)
    return oldest
  }

  /** Lets the job's caller wait for room. */
  block(job: PoolJob<Job, A, E>): void {
    job.phase = "blocked"
    this.blocked.push(job)
  }

  /** The job that waits longest, for a worker to run. */
  take(): PoolJob<Job, A, E> | undefined {
    const fresh = this.queued.head ?? this.blocked.head
    const again = this.returning.head
    const isNext = again !== undefined && (fresh === undefined || again.rank < fresh.rank)
    const job = isNext ? this.returning.shift() : this.queued.shift() ?? this.blocked.shift()
    if (job !== undefined) this.left(job)
    // A queue of capacity 0 never holds one: whoever waits for room waits for a worker.
    if (job?.phase === "blocked") this.letIn(job)
    this.admit()
    return job
  }

  /** A job leaves, and another one may come in. */
  remove(job: PoolJob<Job, A, E>): void {
    if (job.phase === "blocked") {
      this.blocked.remove(job)
    } else {
      this.lineOf(job).remove(job)
      this.left(job)
      this.admit()
    }
  }

  /** All callers that wait for room: nobody is let in any more. */
  takeBlocked(): Array<PoolJob<Job, A, E>> {
    return this.blocked.takeAll()
  }

  takeQueued(): Array<PoolJob<Job, A, E>> {
    const jobs = this.queued.takeAll().concat(this.returning.takeAll())
    for (const job of jobs) this.left(job)
    return jobs
  }

  private enqueue(job: PoolJob<Job, A, E>): void {
    this.queued.push(job)
    this.waits(job)
  }

  private waits(job: PoolJob<Job, A, E>): void {
    job.phase = "queued"
    if (this.deadline !== undefined) job.timing = this.deadline.start(job)
  }

  private left(job: PoolJob<Job, A, E>): void {
    if (job.timing === undefined) return
    this.deadline?.stop(job.timing)
    job.timing = undefined
  }

  private admit(): void {
    while (this.queued.size < this.capacity) {
      const job = this.blocked.shift()
      if (job === undefined) return
      this.letIn(job)
      this.enqueue(job)
    }
  }

  private letIn(job: PoolJob<Job, A, E>): void {
    this.accept(job)
    if (job.submitter === undefined) return
    job.submitter.served()
    this.admitted.push(job)
  }

  /** Lets those go on whose jobs were let in: now if the queue is half empty, else in the next turn. */
  wake(): void {
    if (this.admitted.length === 0) return
    if (this.queued.size * 2 <= this.capacity) return this.wakeAll()
    if (this.wakeUp === "scheduled") return
    this.wakeUp = "scheduled"
    this.later(this.wakeLater)
  }

  private readonly wakeLater = (): void => {
    this.wakeUp = "none"
    this.wakeAll()
  }

  private wakeAll(): void {
    const { admitted } = this
    this.admitted = []
    for (const job of admitted) {
      const { submitter } = job
      // None, when it was interrupted meanwhile.
      if (submitter === undefined) continue
      job.submitter = undefined
      submitter.wake(Exit.succeed(job))
    }
  }
}
