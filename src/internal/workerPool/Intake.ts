import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { runIn, share, type SharedContext } from "../asyncContext.js"
import type { Annotations } from "../cancellation.js"
import { List } from "../List.js"
import * as stack from "../stack.js"
import type { AnyFiber } from "../stack.js"
import type { PoolClosed } from "./errors.js"
import type { PoolJob, Told } from "./Job.js"
import type { Pool } from "./Pool.js"
import { type Call, currentFiber, type Observer, Suspended } from "./Suspended.js"

/** The owner of an intake, who takes the results. */
export interface Host<Job, A, E> extends Call {
  /** No further job is to be taken from the source. */
  readonly hasEnough: boolean
  /** How many results nobody has taken yet. They count towards the window. */
  readonly held: number
  /** A job has ended, in the books: for a host whose fiber may be a job of the pool (P9). Runs no fiber. */
  settled?(item: Item<Job, A, E>): void
  /** A job has ended. It stays in `open` until the host removes it. Runs fibers. */
  ended(item: Item<Job, A, E>, exit: Told<A, E>): void
  /** The fiber that brings jobs is suspended, with new ones in the pool. For the same hosts. Runs that fiber only. */
  brought?(): void
  /** The pool refuses a job. Returns whether the next one is taken all the same. */
  refused(item: Item<Job, A, E>, exit: Exit.Exit<never, PoolClosed>): boolean
}

/** A job on its way from the source to its result. */
export class Item<Job, A, E> implements Observer<Told<A, E>> {
  /** In the intake's list: the first observer of a job is in no list of the job. */
  prev: Item<Job, A, E> | undefined = undefined
  next: Item<Job, A, E> | undefined = undefined
  state: "waiting" | "served" = "waiting"
  exit: Told<A, E> | undefined = undefined

  constructor(
    private readonly intake: Intake<Job, A, E>,
    readonly job: PoolJob<Job, A, E>,
    /** Its place in the source, from 0. */
    readonly index: number
  ) {}

  get by(): Call {
    return this.intake.host
  }

  served(): void {
    if (this.state === "served") return
    this.state = "served"
    this.intake.host.settled?.(this)
  }

  wake(exit: Told<A, E>): void {
    this.served()
    // The pool has refused the job, and resumes the fiber that brought it with that.
    if (this.job.id === 0) return
    this.exit = this.job.result(exit)
    this.intake.wake(this)
  }
}

const take = <Job, A, E>(intake: Intake<Job, A, E>): void => intake.take()

type State = "idle" | "taking" | "full" | "blocked" | "postponed"

/** How many jobs it brings in one turn: a few milliseconds, as long as a fiber runs at a stretch. */
const turn = 1024

/**
 * Brings jobs to the pool from an iterator, in a plain loop, each once (L3, P21), and never more than a window of them:
 * as many as run and wait in the pool when all of them are of this source (L1). The loop goes on when a job has ended,
 * a result was taken, or the pool has grown.
 *
 *     idle ──bring──▶ taking ──▶ full         no room in the window ──fill──▶ taking
 *                       │──▶ blocked          no room in the pool, for others have taken it ──▶ taking
 *                       │──▶ postponed        to a later turn, after so many jobs ──▶ taking
 *                       └──▶ idle             no item is left, the iterator throws, or the pool refuses a job
 *     each of them ──stop──▶ idle
 *
 * A fiber brings the iterator, and is suspended meanwhile. The jobs have its context and its `AsyncLocalStorage`. It
 * may bring several iterators one after the other, such as the chunks of a stream.
 */
export class Intake<in out Job, in out A, in out E> {
  /** The jobs that the host has not removed, in the order of the source. */
  readonly open = new List<Item<Job, A, E>>()
  private state: State = "idle"
  private taken = 0
  private items: Iterator<Job, unknown> = [].values()
  /** The fiber that brings the jobs; until then, the one that makes the intake. */
  private fiber = currentFiber()
  private resume: (exit: Exit.Exit<void, PoolClosed>) => void = () => {}
  /** The last one, which waits for room in the pool while `blocked`. */
  private last: Item<Job, A, E> | undefined = undefined
  private context: SharedContext | undefined = undefined

  constructor(readonly host: Host<Job, A, E>, private readonly pool: Pool<Job, A, E>) {}

  /** It grows and shrinks with the pool. */
  private get window(): number {
    const { config: { discipline: { capacity } }, size } = this.pool
    return size + (capacity === Infinity ? 2 * size : capacity)
  }

  get hasRoom(): boolean {
    // A pool that is closed refuses the next job at once.
    return !this.host.hasEnough && (this.open.size + this.host.held < this.window || !this.pool.isOpen)
  }

  /** The fiber that brings jobs is suspended until a job ends, or begins. */
  get waits(): boolean {
    return this.state === "full" || this.isBlocked
  }

  get caller(): AnyFiber {
    return this.fiber
  }

  /** The jobs that have not ended. */
  get jobs(): ReadonlyArray<PoolJob<Job, A, E>> {
    return [...this.open].flatMap(({ job, state }) => state === "waiting" ? [job] : [])
  }

  /** It holds a window of jobs, and would bring more. */
  get isFull(): boolean {
    return this.state === "full"
  }

  /** One of its jobs waits for room in the pool, which has to refuse that job if it closes. */
  get isBlocked(): boolean {
    // One that was let in has its number, though the fiber goes on a turn later.
    return this.state === "blocked" && this.last?.job.id === 0
  }

  /**
   * Suspends until each item of the iterator is a job of the pool, and there is room for one more. Fails with
   * `PoolClosed` if the pool refuses a job. An iterator that throws is a defect.
   */
  bring(items: Iterator<Job, unknown>): Effect.Effect<void, PoolClosed> {
    return Effect.callback((resume) => {
      this.fiber = currentFiber()
      this.items = items
      this.resume = resume
      this.context ??= share()
      this.state = "full"
      this.fill()
      return Effect.sync(() => this.stop())
    })
  }

  /** Brings as many jobs as there is room for. Runs fibers. */
  fill(): void {
    if (this.state === "full" && this.hasRoom) runIn(this.context, take, this)
  }

  take(): void {
    this.state = "taking"
    for (let left = turn; this.isTaking; left--) {
      if (!this.hasRoom) this.state = "full"
      else if (left === 0) this.postpone()
      else this.takeOne()
    }
    if (!this.isIdle) this.host.brought?.()
  }

  private get isTaking(): boolean {
    return this.state === "taking"
  }

  private get isIdle(): boolean {
    return this.state === "idle"
  }

  private postpone(): void {
    this.state = "postponed"
    stack.later(this.fiber, () => {
      if (this.state === "postponed") runIn(this.context, take, this)
    })
  }

  private takeOne(): void {
    let item: Item<Job, A, E> | undefined
    try {
      const next = this.items.next()
      item = next.done === true ? undefined : this.newItem(next.value)
    } catch (error) {
      return this.end(Exit.die(error))
    }
    if (item === undefined) return this.end(Exit.void)
    // The user's functions may have interrupted the fiber, or ended the pool.
    if (!this.isTaking || this.host.hasEnough) return void this.open.remove(item)
    const accepted = this.pool.bring(this.fiber.context, item.job)
    if (accepted === undefined) this.block(item)
    else if (Exit.isFailure(accepted)) this.refuse(item, accepted)
  }

  /** The item is in the books before the pool has the job, so that no interrupt can leave it behind. */
  private newItem(input: Job): Item<Job, A, E> {
    const job = this.pool.newJob(this.fiber.context, input, undefined, this.context)
    const item = new Item(this, job, this.taken++)
    job.observe(item)
    this.open.push(item)
    return item
  }

  private block(item: Item<Job, A, E>): void {
    this.state = "blocked"
    this.last = item
    this.pool.block(
      item.job,
      new Suspended(this.fiber, (exit) => {
        if (this.state !== "blocked" || this.last !== item) return
        this.state = "taking"
        if (Exit.isFailure(exit)) this.refuse(item, exit)
        if (this.isTaking) runIn(this.context, take, this)
      })
    )
  }

  private refuse(item: Item<Job, A, E>, { cause }: Exit.Failure<unknown, PoolClosed>): void {
    const exit = Exit.failCause(cause)
    this.open.remove(item)
    if (!this.host.refused(item, exit)) this.end(exit)
  }

  /** A job has ended. Runs fibers. */
  wake(item: Item<Job, A, E>): void {
    stack.resume(this.fiber, this.onEnded, item)
  }

  private readonly onEnded = (item: Item<Job, A, E>): void => {
    if (item.exit !== undefined) this.host.ended(item, item.exit)
  }

  /** Brings no more jobs. Runs the fiber that does. */
  end(exit: Exit.Exit<void, PoolClosed>): void {
    if (this.state === "idle") return
    this.withdraw()
    stack.resume(this.fiber, this.resume, exit)
  }

  /** Brings no more jobs, and its fiber is not to be resumed. */
  stop(): void {
    this.withdraw()
    this.context?.end()
    this.context = undefined
  }

  /** A job that waits for room leaves. */
  private withdraw(): void {
    const { last, state } = this
    this.state = "idle"
    if (state !== "blocked" || last?.job.phase !== "blocked") return
    this.open.remove(last)
    last.job.callerLeft()
    this.pool.withdraw(last.job, this.fiber)
  }

  /**
   * Cancels every job that has not ended, and returns when all have. The newest goes first, and those that wait go
   * before those that run, so that none begins in the place of another.
   */
  cancel(by: AnyFiber, annotations: Annotations | undefined): Effect.Effect<void> {
    this.stop()
    const jobs: Array<PoolJob<Job, A, E>> = []
    for (let item = this.open.tail; item !== undefined; item = item.prev) jobs.push(item.job)
    jobs.sort((one, other) => Number(one.worker !== undefined) - Number(other.worker !== undefined))
    return Effect.asVoid(Effect.all(jobs.map((job) => this.pool.cancelBy(job, by, annotations))))
  }
}
