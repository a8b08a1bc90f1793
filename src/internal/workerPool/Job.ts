import * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { type AsyncContext, capture, release } from "../asyncContext.js"
import { Described } from "../Described.js"
import { List } from "../List.js"
import type { Timing } from "./Deadline.js"
import { JobLost, type PoolClosed, type PoolFailed } from "./errors.js"
import type { Lane } from "./Lane.js"
import type { JobHandle, RunError } from "./model.js"
import type { Observation } from "./Observer.js"
import type { Pool } from "./Pool.js"
import type { Past } from "./Retries.js"
import type { Outcome } from "./states.js"
import type { Suspended } from "./Suspended.js"
import type { Worker } from "./Worker.js"

/** What a job's handle settles with. */
export type Settled<A, E> = Exit.Exit<A, E | JobLost | PoolFailed>

/** What a caller is told that has no handle: its job may not have been accepted at all. */
export type Told<A, E> = Exit.Exit<A, E | RunError>

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
 * It is `running` from the moment a worker has it, and goes back into the queue if that worker's resource turns out to
 * be no good before it has begun.
 */
export class PoolJob<Job, A, E> extends Described implements JobHandle<A, E> {
  /** Given when it is accepted. */
  id = 0
  phase: "offered" | "blocked" | "withdrawn" | "queued" | "running" | "retrying" | Outcome = "offered"
  /** Its place among those that wait: the lower, the sooner; and in the heap, where that is what orders them. */
  rank = 0
  slot = 0
  /** How many later jobs may go before it. */
  handicap = 0
  /** That of its key. */
  lane: Lane<Job, A, E> | undefined = undefined
  poisonKey: unknown = undefined
  /** Once an attempt has failed, where there may be another one. */
  past: Past<A, E> | undefined = undefined
  /** Where it runs. */
  worker: Worker | undefined = undefined
  /** It has been interrupted; by the pool itself as that stopped, by its deadline, or by its handle or its caller. */
  cancelled: { readonly by: number | undefined; readonly reason: "cancelled" | "aborted" | "timedOut" } | undefined =
    undefined
  /** How many interrupts are on their way to its fiber. */
  interrupts = 0
  /** The call of `submit` that waits for room, until it goes on. */
  submitter: Suspended<Exit.Exit<PoolJob<Job, A, E>, PoolClosed>> | undefined = undefined
  /** Its caller's, where an attempt does not begin in the turn in which the caller brought it. */
  asyncContext: AsyncContext | undefined = undefined
  /** Of its wait or its run, where there is a deadline. */
  timing: Timing<PoolJob<Job, A, E>> | undefined = undefined
  /** What the pool's observer remembers of it, where there is one. */
  observed: Observation | undefined = undefined
  prev: PoolJob<Job, A, E> | undefined = undefined
  next: PoolJob<Job, A, E> | undefined = undefined
  private told: Told<A, E> | undefined = undefined
  private observers: List<Suspended<Told<A, E>>> | undefined = undefined

  constructor(readonly pool: Pool<Job, A, E>, readonly input: Job) {
    super()
  }

  toJSON(): unknown {
    const { id, pool, state } = this
    return { _id: "JobHandle", pool: pool.name, id, state }
  }

  get state(): "queued" | "running" | "retrying" | Outcome {
    // A handle exists only of a job that was accepted, so it is never in one of the earlier phases.
    return this.phase as "queued" | "running" | "retrying" | Outcome
  }

  /** The number of the attempt that runs, or that is to come. */
  get attempt(): number {
    return (this.past?.attempts ?? 0) + 1
  }

  /**
   * Present once it has ended. An error takes its stack trace when it is made, and of a million jobs that are returned or
   * have expired few are asked: so that of such a job is made when somebody is told.
   */
  get exit(): Told<A, E> | undefined {
    if (this.told !== undefined) return this.told
    if (this.phase === "expired") this.told = this.pool.timeout(this, "wait")
    if (this.phase === "dropped" || this.phase === "returned") {
      this.told = Exit.fail(new JobLost({ pool: this.pool.name, job: this.id, reason: this.phase }))
    }
    return this.told
  }

  get await(): Effect.Effect<Settled<A, E>> {
    return this.pool.awaitJob(this)
  }

  get cancel(): Effect.Effect<boolean> {
    return this.pool.cancel(this)
  }

  /** It may begin in another turn than its caller's, in which it is called. */
  keepContext(): void {
    this.asyncContext ??= capture()
  }

  observe(observer: Suspended<Told<A, E>>): void {
    this.observers ??= new List()
    this.observers.push(observer)
  }

  forget(observer: Suspended<Told<A, E>>): void {
    if (observer.state === "served") return
    observer.served()
    this.observers?.remove(observer)
  }

  /** The books of its end. `tell` has to follow. A job that was lost, or has expired, has no exit yet. */
  settle(outcome: Outcome | "withdrawn", exit: Told<A, E> | undefined): void {
    this.phase = outcome
    this.told = exit
    this.worker = undefined
    release(this.asyncContext)
    this.asyncContext = undefined
    for (let observer = this.observers?.head; observer !== undefined; observer = observer.next) observer.served()
  }

  /** Lets those go on who wait for its end. Runs fibers. */
  tell(): void {
    const { observers } = this
    if (observers === undefined || observers.size === 0) return
    const { exit } = this
    if (exit === undefined) return
    for (let observer = observers.shift(); observer !== undefined; observer = observers.shift()) observer.wake(exit)
  }

  /** Whoever has a handle has that of a job that was accepted, and such a one never ends with `PoolClosed`. */
  settled(exit: Told<A, E>): Settled<A, E> {
    return exit as Settled<A, E>
  }

  /**
   * What its end is to those who wait for the result itself. They have not been interrupted, and must not look as if
   * they were.
   */
  result(exit: Told<A, E>): Told<A, E> {
    return this.cancelled?.reason === "aborted" && Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
      ? Exit.fail(new JobLost({ pool: this.pool.name, job: this.id, reason: "aborted" }))
      : exit
  }
}

/** A column of the ledger for each way a job can end by itself (P4). A defect counts most: it condemns the resource. */
export const outcomeOf = (exit: Exit.Exit<unknown, unknown>): Outcome => {
  if (Exit.isSuccess(exit)) return "succeeded"
  if (exit.cause.reasons.some(Cause.isDieReason)) return "died"
  return Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "failed"
}

// A worker does not care what its jobs are, and hands on what the pool gave it.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyJob = PoolJob<any, any, any>
