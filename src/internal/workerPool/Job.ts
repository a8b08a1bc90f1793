import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { StackFrame } from "effect/References"
import { type AsyncContext, capture, release } from "../asyncContext.js"
import { type Annotations, interruptedBy } from "../cancellation.js"
import { Described } from "../Described.js"
import { List } from "../List.js"
import * as stack from "../stack.js"
import type { AnyFiber } from "../stack.js"
import type { Brought } from "./callers.js"
import type { Timing } from "./Deadline.js"
import { JobLost, type PoolClosed, type PoolFailed } from "./errors.js"
import type { Lane, Waiting } from "./Lane.js"
import type { JobHandle, RunError } from "./model.js"
import { type JobPhase, jobPhases, type Outcome, type State, step } from "./states.js"
import type { Observer, Suspended } from "./Suspended.js"
import type { Task, Worker } from "./Worker.js"

/** The exit of a job's handle. */
export type Settled<A, E> = Exit.Exit<A, E | JobLost | PoolFailed>

/** The exit for a caller without a handle. Its job may not have been accepted at all. */
export type Told<A, E> = Exit.Exit<A, E | RunError>

/** A job's attempts so far, once one has failed where there may be another. Written by `Retries` alone. */
export interface Past<A, E> {
  readonly attempts: number
  /** Of the last attempt. */
  readonly outcome: Outcome
  readonly exit: Exit.Exit<A, E>
}

/** Why a job is interrupted: by its handle or its caller, by the pool's end, or by its deadline. */
export interface Cancelled {
  readonly by: number | undefined
  readonly reason: "cancelled" | "aborted" | "timedOut"
  /** Of its interrupts, if somebody watches. */
  readonly annotations: Annotations | undefined
}

/**
 * The fields that few jobs need, in an object of their own: each field of a job costs every job, and a pool may hold a
 * million.
 */
class Seldom<Job, A, E> {
  past: Past<A, E> | undefined = undefined
  /** The job has been interrupted, or its interrupt is on its way. */
  cancelled: Cancelled | undefined = undefined
  interrupts = 0
  /** Of its wait or its run, where there is a deadline. */
  timing: Timing<PoolJob<Job, A, E>> | undefined = undefined
  /** The notes of the pool's watchers, in their order. */
  notes: ReadonlyArray<unknown> | undefined = undefined
  /** The call of `submit` that waits for room, until it goes on. */
  submitter: Suspended<Exit.Exit<PoolJob<Job, A, E>, PoolClosed>> | undefined = undefined
  hadPlace = false
  others: List<Observer<Told<A, E>>> | undefined = undefined
}

/** The pool, as a job's handle uses it. */
export interface Owner<Job, A, E> {
  readonly name: string | undefined
  awaitJob(job: PoolJob<Job, A, E>): Effect.Effect<Settled<A, E>>
  cancel(job: PoolJob<Job, A, E>): Effect.Effect<boolean>
  setPriority(job: PoolJob<Job, A, E>, level: number): boolean
}

/**
 * One job: its place in the queue, its handle and its result.
 *
 *     offered ──▶ queued ◀──▶ running ──▶ succeeded | failed | died | interrupted | timedOut
 *      │ │ │        │          ▲   └──▶ returned       before it began: the pool ended
 *      │ │ │        └──▶ interrupted (cancelled) | expired | dropped (made room) | returned (the pool ended)
 *      │ │ └──▶ running, dropped        a worker was idle, or the queue was full
 *      │ └──▶ blocked ──▶ queued, running              there is room
 *      │           └──▶ withdrawn       its caller was interrupted or rejected: never accepted
 *
 *     running ──▶ retrying ──▶ queued, running     another attempt, when its time has come
 *                     └──▶ failed | died | timedOut | deadLettered, interrupted (cancelled)
 *
 * A job is `running` as soon as it is assigned to a worker. It returns to the queue if that worker loses its resource
 * before the job has begun.
 */
export class PoolJob<Job, A, E> extends Described implements JobHandle<A, E>, Task, Waiting<Job, PoolJob<Job, A, E>> {
  /** Given when it is accepted. */
  id = 0
  rank = 0
  slot = 0
  handicap = 0
  lane: Lane<Job, PoolJob<Job, A, E>> | undefined = undefined
  /** The task and the context that its caller brought, if any: in one field, since each field costs every job. */
  brought: Brought | undefined = undefined
  prev: PoolJob<Job, A, E> | undefined = undefined
  next: PoolJob<Job, A, E> | undefined = undefined
  private current: State<JobPhase> = jobPhases.offered
  private servedBy: Worker | undefined = undefined
  private told: Told<A, E> | (() => Told<A, E>) | undefined = undefined
  /** Nearly every job has one observer at most. */
  private observer: Observer<Told<A, E>> | undefined = undefined
  private seldom: Seldom<Job, A, E> | undefined = undefined

  /** `input`: that of a call of `use` stands for it in the user's functions. */
  constructor(
    readonly owner: Owner<Job, A, E>,
    readonly input: Job,
    /** Its caller's, where an attempt does not begin in the turn in which the caller brought it. */
    public asyncContext: AsyncContext | undefined
  ) {
    super()
  }

  toJSON(): unknown {
    const { id, owner, state } = this
    return { _id: "JobHandle", pool: owner.name, id, state }
  }

  get frame(): StackFrame | undefined {
    return this.brought?.frame
  }

  get phase(): JobPhase {
    return this.current.name
  }

  become(next: State<JobPhase>): void {
    this.current = step("job", this.current, next)
  }

  get state(): "queued" | "running" | "retrying" | Outcome {
    // A handle exists only of a job that was accepted, so it is never in one of the earlier phases.
    return this.phase as "queued" | "running" | "retrying" | Outcome
  }

  /** The worker that the job is assigned to. */
  get worker(): Worker | undefined {
    return this.servedBy
  }

  assigned(worker: Worker | undefined): void {
    this.servedBy = worker
  }

  // The fields that few jobs need

  private get few(): Seldom<Job, A, E> {
    return this.seldom ??= new Seldom()
  }

  get past(): Past<A, E> | undefined {
    return this.seldom?.past
  }

  set past(past: Past<A, E> | undefined) {
    this.few.past = past
  }

  get cancelled(): Cancelled | undefined {
    return this.seldom?.cancelled
  }

  set cancelled(cancelled: Cancelled | undefined) {
    this.few.cancelled = cancelled
  }

  get interrupts(): number {
    return this.seldom === undefined ? 0 : this.seldom.interrupts
  }

  /** Written by the deadlines alone. */
  get timing(): Timing<PoolJob<Job, A, E>> | undefined {
    return this.seldom?.timing
  }

  set timing(timing: Timing<PoolJob<Job, A, E>> | undefined) {
    if (timing !== undefined || this.seldom !== undefined) this.few.timing = timing
  }

  /** Written by `Watchers` alone. */
  get notes(): ReadonlyArray<unknown> | undefined {
    return this.seldom?.notes
  }

  set notes(notes: ReadonlyArray<unknown> | undefined) {
    this.few.notes = notes
  }

  /** It had a place that was reserved for it (P22). Set before it may wait. */
  get hadPlace(): boolean {
    return this.seldom?.hadPlace === true
  }

  set hadPlace(hadPlace: boolean) {
    this.few.hadPlace = hadPlace
  }

  get isUnbounded(): boolean {
    return this.past !== undefined || this.hadPlace
  }

  /** The number of the attempt that runs, or that is to come. */
  get attempt(): number {
    return (this.past?.attempts ?? 0) + 1
  }

  get await(): Effect.Effect<Settled<A, E>> {
    return this.owner.awaitJob(this)
  }

  get join(): Effect.Effect<A, E | JobLost | PoolFailed> {
    return Effect.flatMap(this.await, (exit) => this.settled(this.result(exit)))
  }

  get cancel(): Effect.Effect<boolean> {
    return this.owner.cancel(this)
  }

  setPriority(level: number): Effect.Effect<boolean> {
    return Effect.sync(() => this.owner.setPriority(this, level))
  }

  /** It may begin in another turn than its caller's, in which it is called. */
  keepContext(): void {
    this.asyncContext ??= capture()
  }

  // Its interrupts

  /** Interrupts its fiber; where the stack is deep, in a later turn. Runs fibers. */
  interrupt(fiber: AnyFiber, by: number | undefined, annotations: Annotations | undefined): void {
    if (!stack.isDeep()) return stack.interrupt(fiber, by, annotations)
    this.few.interrupts++
    stack.later(fiber, () => {
      this.few.interrupts--
      stack.interrupt(fiber, by, annotations)
    })
  }

  // Its caller, if that waits for room

  waitsForRoom(caller: Suspended<Exit.Exit<PoolJob<Job, A, E>, PoolClosed>>): void {
    this.few.submitter = caller
  }

  /** Its caller waits no more, in the books. Returns whether there is one, which has to be let go on. */
  callerServed(): boolean {
    const submitter = this.seldom?.submitter
    submitter?.served()
    return submitter !== undefined
  }

  /** Its caller has gone. */
  callerLeft(): void {
    if (this.seldom !== undefined) this.seldom.submitter = undefined
  }

  /** Lets its caller go on, unless it was interrupted meanwhile. Runs fibers. */
  callerGoesOn(exit: Exit.Exit<PoolJob<Job, A, E>, PoolClosed>): void {
    const submitter = this.seldom?.submitter
    this.callerLeft()
    submitter?.wake(exit)
  }

  // Its end

  /**
   * Defined once the job has ended. An error takes its stack trace when it is constructed, and few of a million
   * returned or expired jobs are read: so the exit of such a job is made at the first read.
   */
  get exit(): Told<A, E> | undefined {
    if (typeof this.told === "function") this.told = this.told()
    if (this.told === undefined && (this.phase === "dropped" || this.phase === "returned")) {
      this.told = Exit.fail(new JobLost({ pool: this.owner.name, job: this.id, reason: this.phase }))
    }
    return this.told
  }

  observe(observer: Observer<Told<A, E>>): void {
    if (this.observer === undefined) {
      this.observer = observer
      return
    }
    this.few.others ??= new List()
    this.few.others.push(observer)
  }

  /** The fibers, calls and promises that wait for its end. */
  get observers(): ReadonlyArray<Observer<Told<A, E>>> {
    const { observer, seldom } = this
    return observer === undefined ? [] : [observer, ...seldom?.others ?? []]
  }

  /** The caller that waits for room. */
  get submitter(): Observer<never> | undefined {
    return this.seldom?.submitter
  }

  forget(observer: Observer<Told<A, E>>): void {
    if (observer.state === "served") return
    observer.served()
    const others = this.seldom?.others
    if (this.observer === observer) this.observer = others?.shift()
    else others?.remove(observer)
  }

  /**
   * The books of its end. `tell` has to follow. A job that was lost has no exit yet; that of another may be made later.
   */
  settle(outcome: Outcome | "withdrawn", exit: Told<A, E> | (() => Told<A, E>) | undefined): void {
    this.become(jobPhases[outcome])
    this.told = exit
    this.servedBy = undefined
    release(this.asyncContext)
    this.asyncContext = undefined
    this.observer?.served()
    for (let other = this.seldom?.others?.head; other !== undefined; other = other.next) other.served()
  }

  /** Lets those go on who wait for its end. Runs fibers. */
  tell(): void {
    const exit = this.observer && this.exit
    if (exit === undefined) return
    const { observer } = this
    const others = this.seldom?.others
    this.observer = undefined
    if (this.seldom !== undefined) this.seldom.others = undefined
    observer?.wake(exit)
    for (let other = others?.shift(); other !== undefined; other = others?.shift()) other.wake(exit)
  }

  /** A handle belongs to an accepted job, which never ends with `PoolClosed`. */
  settled(exit: Told<A, E>): Settled<A, E> {
    return exit as Settled<A, E>
  }

  /**
   * The exit for callers that wait for the result itself. They were not interrupted, so a job that the pool aborted is
   * a `JobLost` for them.
   */
  result(exit: Told<A, E>): Told<A, E> {
    return this.cancelled?.reason === "aborted" && Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
      ? Exit.fail(new JobLost({ pool: this.owner.name, job: this.id, reason: "aborted" }))
      : exit
  }
}

/** The exit of a job that ends since it is cancelled; or since its resource is lost. */
export const interruptionOf = ({ cancelled }: { readonly cancelled: Cancelled | undefined }): Exit.Exit<never> =>
  interruptedBy(cancelled?.by, cancelled?.annotations)

/** A column of the ledger for each way a job can end by itself (P4). A defect counts most: it condemns the resource. */
export const outcomeOf = (exit: Exit.Exit<unknown, unknown>): Outcome => {
  if (Exit.isSuccess(exit)) return "succeeded"
  if (exit.cause.reasons.some(Cause.isDieReason)) return "died"
  return Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "failed"
}

/** Whether it is a job of the user's, rather than a call of `use`. */
export const isOwn = ({ brought }: { readonly brought: Brought | undefined }): boolean => brought?.task === undefined

// A worker does not care what its jobs are, and hands on what the pool gave it.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyJob = PoolJob<any, any, any>
