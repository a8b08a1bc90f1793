import * as Exit from "effect/Exit"
import type { Deadline } from "./Deadline.js"
import type { PoolJob } from "./Job.js"
import { Lane } from "./Lane.js"
import { type Keys, Lanes } from "./Lanes.js"

/** What decides who is next, and who may come in. */
export interface Discipline<in Job> {
  /** How many jobs may wait, of each key where there are keys. */
  readonly capacity: number
  readonly strategy: "suspend" | "dropping" | "sliding"
  /** How many later jobs may go before a job: 0 for the most urgent ones. Undefined where all are equal. */
  readonly handicap: ((job: Job) => number) | undefined
  readonly keys: Keys<Job> | undefined
}

/**
 * The jobs that wait for a worker, at most `capacity` of them, and behind them the callers who wait for room (P3).
 *
 * The order is that of their ranks, which count the arrivals; a handicap puts a job behind so many that come later, and
 * no more (P14). Where there are keys, each has a lane of its own, and they take turns (P15).
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
  /** How many wait for a worker. */
  size = 0
  /** How many callers wait for room. */
  waiting = 0
  /** How many jobs have found the queue full, though another worker could have taken one. */
  overflows = 0

  readonly capacity: number
  private readonly only: Lane<Job, A, E>
  private readonly lanes: Lanes<Job, A, E> | undefined
  /** Let in, and not woken yet. */
  private admitted: Array<PoolJob<Job, A, E>> = []
  private wakeUp: "none" | "scheduled" = "none"
  /** Counts those who come, in order. */
  private arrivals = 0

  /** `soon` runs a task in the next turn of the pool, `later` in one that is requested then. */
  constructor(
    private readonly discipline: Discipline<Job>,
    private readonly soon: (task: () => void) => void,
    private readonly later: (task: () => void) => void,
    private readonly deadline: Deadline<PoolJob<Job, A, E>> | undefined
  ) {
    const isRanked = discipline.handicap !== undefined
    this.capacity = discipline.capacity
    this.only = new Lane(undefined, 1, isRanked)
    this.lanes = discipline.keys && new Lanes(discipline.keys, isRanked)
  }

  /** How many keys have jobs that wait or run. */
  get keys(): number {
    return this.lanes === undefined ? 0 : this.lanes.size
  }

  /** How many jobs could begin, were there enough workers: all that wait, unless their key's limit holds them back. */
  get ready(): number {
    return this.lanes === undefined ? this.size + this.waiting : this.lanes.ready
  }

  /** How many callers wait for room that another worker would make. */
  get callers(): number {
    return this.lanes === undefined ? this.waiting : this.lanes.callers
  }

  /** A new job. What the user's functions say of it is asked now, before anything has changed. */
  arrives(job: PoolJob<Job, A, E>): void {
    const { handicap } = this.discipline
    if (this.lanes !== undefined) job.lane = this.lanes.laneFor(job.input)
    if (handicap !== undefined) job.handicap = handicap(job.input)
  }

  private laneOf(job: PoolJob<Job, A, E>): Lane<Job, A, E> {
    return this.lanes === undefined || job.lane === undefined ? this.only : this.lanes.current(job.lane)
  }

  /** Whether it could run if a worker were idle. */
  mayRun(job: PoolJob<Job, A, E>): boolean {
    return this.lanes === undefined || job.lane === undefined || this.lanes.hasTurn(job.lane)
  }

  isFull(job: PoolJob<Job, A, E>): boolean {
    return this.queuedWith(job) >= this.capacity
  }

  /** Whether the job would be dropped for want of room, rather than have to wait. */
  drops(job: PoolJob<Job, A, E>): boolean {
    const { capacity, discipline: { strategy } } = this
    return this.isFull(job) && (strategy === "dropping" || (strategy === "sliding" && capacity === 0))
  }

  /** The job that would be dropped to make room for this one. */
  oldestToDrop(job: PoolJob<Job, A, E>): PoolJob<Job, A, E> | undefined {
    const queued = this.queuedWith(job)
    const isFull = this.discipline.strategy === "sliding" && queued > 0 && queued >= this.capacity
    return isFull ? this.laneOf(job).queued.head : undefined
  }

  private queuedWith(job: PoolJob<Job, A, E>): number {
    return this.lanes === undefined || job.lane === undefined ? this.only.queued.size : this.lanes.queuedIn(job.lane)
  }

  private accept(job: PoolJob<Job, A, E>): void {
    job.id = ++this.accepted
  }

  /** A worker takes the job as it comes. It has a rank all the same: it may be put back. */
  pass(job: PoolJob<Job, A, E>): void {
    this.accept(job)
    this.rank(job)
  }

  /** It has begun: the user may be asked what its key is worth now. */
  weigh(job: PoolJob<Job, A, E>): void {
    this.lanes?.weigh(this.laneOf(job))
  }

  /** It has a worker. */
  began(job: PoolJob<Job, A, E>): void {
    if (this.lanes === undefined) return
    const lane = this.laneOf(job)
    lane.running++
    this.lanes.refresh(lane)
  }

  /** It has none any more. */
  ended(job: PoolJob<Job, A, E>): void {
    if (this.lanes === undefined) return
    const lane = this.laneOf(job)
    lane.running--
    this.lanes.refresh(lane)
  }

  /** A worker cannot run the job after all. It has been first in line before, and may be one more than there is room. */
  putBack(job: PoolJob<Job, A, E>): void {
    job.worker = undefined
    this.enter(job, "first")
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
   * Takes the job in, at the expense of an older one, or of itself, where the strategy has one dropped: then it answers
   * that one. Answers "full", and changes nothing, when the job has to wait for room.
   */
  offer(job: PoolJob<Job, A, E>): "queued" | "full" | PoolJob<Job, A, E> {
    const { capacity, discipline: { strategy } } = this
    // Where there is room nobody waits for it, so there is no one to be overtaken.
    const isFull = this.queuedWith(job) >= capacity
    if (isFull && this.mayRun(job)) this.overflows++
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
    job.phase = "blocked"
    job.keepContext()
    const lane = this.laneOf(job)
    lane.blocked.push(job)
    this.waiting++
    this.lanes?.refresh(lane)
  }

  /** The job whose turn it is, for a worker to run. */
  take(): PoolJob<Job, A, E> | undefined {
    const lane = this.lanes === undefined ? this.only : this.lanes.next
    const job = lane?.head
    if (lane === undefined || job === undefined) return undefined
    // One that waits for room goes before those in the queue where the queue holds none, or only less urgent ones.
    if (job.phase === "blocked") {
      lane.blocked.remove(job)
      this.waiting--
      this.letIn(job)
    } else {
      this.leave(job)
    }
    this.lanes?.spend(lane)
    this.admit(lane)
    return job
  }

  /** A job leaves, and another one may come in. */
  remove(job: PoolJob<Job, A, E>): void {
    const lane = this.laneOf(job)
    if (job.phase === "blocked") {
      lane.blocked.remove(job)
      this.waiting--
      this.lanes?.refresh(lane)
    } else {
      this.leave(job)
      this.admit(lane)
    }
  }

  /** All callers that wait for room: nobody is let in any more. */
  takeBlocked(): Array<PoolJob<Job, A, E>> {
    this.waiting = 0
    return this.takeFrom((lane) => lane.blocked.takeAll())
  }

  /** All that wait in the queue. */
  takeQueued(): Array<PoolJob<Job, A, E>> {
    this.size = 0
    const jobs = this.takeFrom((lane) => lane.queued.takeAll().concat(lane.returning.takeAll()))
    for (const job of jobs) this.stopTiming(job)
    return jobs
  }

  private takeFrom(take: (lane: Lane<Job, A, E>) => Array<PoolJob<Job, A, E>>): Array<PoolJob<Job, A, E>> {
    if (this.lanes === undefined) return take(this.only)
    const all: Array<PoolJob<Job, A, E>> = []
    for (const lane of [...this.lanes.all]) {
      for (const job of take(lane)) all.push(job)
      this.lanes.refresh(lane)
    }
    return all.sort((one, other) => one.rank - other.rank)
  }

  private enter(job: PoolJob<Job, A, E>, where: "first" | "last"): void {
    job.phase = "queued"
    job.keepContext()
    const lane = this.laneOf(job)
    const line = lane.lineOf(job)
    if (where === "first") line.unshift(job)
    else line.push(job)
    this.size++
    if (this.deadline !== undefined) job.timing = this.deadline.start(job)
    this.lanes?.refresh(lane)
  }

  private leave(job: PoolJob<Job, A, E>): void {
    const lane = this.laneOf(job)
    lane.lineOf(job).remove(job)
    this.size--
    this.stopTiming(job)
    this.lanes?.refresh(lane)
  }

  private stopTiming(job: PoolJob<Job, A, E>): void {
    if (job.timing === undefined) return
    this.deadline?.stop(job.timing)
    job.timing = undefined
  }

  private admit(lane: Lane<Job, A, E>): void {
    while (lane.queued.size < this.capacity) {
      const job = lane.blocked.shift()
      if (job === undefined) break
      this.waiting--
      this.letIn(job)
      this.enter(job, "last")
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
    if (this.size * 2 <= this.capacity) return this.wakeAll()
    if (this.wakeUp === "scheduled") return
    this.wakeUp = "scheduled"
    this.soon(this.wakeSoon)
  }

  private readonly wakeSoon = (): void => {
    this.wakeUp = "none"
    this.wakeAll()
  }

  private wakeAll(): void {
    const { admitted } = this
    this.admitted = []
    for (const job of admitted) goOn(job)
  }

  /** Lets them go on in a later turn: what made room for them was an interrupt, which they may be about to get, too. */
  wakeLater(): void {
    const { admitted } = this
    if (admitted.length === 0) return
    this.admitted = []
    this.later(() => {
      for (const job of admitted) goOn(job)
    })
  }
}

const goOn = <Job, A, E>(job: PoolJob<Job, A, E>): void => {
  const { submitter } = job
  // None, when it was interrupted meanwhile.
  if (submitter === undefined) return
  job.submitter = undefined
  submitter.wake(Exit.succeed(job))
}
