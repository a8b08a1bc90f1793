import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { AnyFiber } from "../stack.js"
import type { Hold, Line, Wait } from "../view.js"
import type { Tended } from "./Care.js"
import type { PoolClosed } from "./errors.js"
import type { PoolJob, Settled } from "./Job.js"
import type { Reservation } from "./Reservation.js"
import type { Outcome } from "./states.js"
import type { Worker } from "./Worker.js"

/**
 * The interfaces of a pool's parts: deadlines, retries, upkeep, sharing and reservations. The pool knows them by these
 * types alone. A pool without a part executes no code of it. A part is made with the pool's `Controls`.
 */
export interface Controls<Job, A, E> {
  readonly name: string | undefined
  readonly context: Context.Context<never>
  /** No worker takes another job. */
  readonly isEnding: boolean
  /** Milliseconds of a clock that nobody sets back. */
  now(): number
  /**
   * Ends a job that has waited for too long, in the books. `exit` makes its exit at the first read. Returns a function
   * that notifies the job's waiters: that one runs fibers.
   */
  expire(job: PoolJob<Job, A, E>, exit: () => Exit.Exit<never, E>): () => void
  /** Marks a job that has run for too long. Returns a function that interrupts it as fiber `by`, and so runs fibers. */
  interruptLate(job: PoolJob<Job, A, E>, by: number): () => void
  /** Ends a job that is between two attempts. Runs fibers. */
  end(job: PoolJob<Job, A, E>, outcome: Outcome, exit: Settled<A, E>): void
  /**
   * Ends a job that is between two attempts, since the pool ends: its last attempt's result is its own. Runs fibers.
   */
  cutOff(job: PoolJob<Job, A, E>): void
  /** Brings a job that is between two attempts back for the next one. Runs fibers. */
  comeBack(job: PoolJob<Job, A, E>): void
}

/** P11. Called at each step of a job, after the books have changed. Only its timer runs fibers. */
export interface Deadlines<Job, A, E> {
  /** Whether waiting for a worker has a deadline, and running on one. */
  readonly limits: { readonly wait: boolean; readonly run: boolean }
  /** The time of waits stands still. */
  pause(): void
  /** It goes on. Runs a fiber that does nothing before its first suspension. */
  resume(): void
  /** The job waits for a worker. */
  queued(job: PoolJob<Job, A, E>): void
  /** The job waits no more. */
  dequeued(job: PoolJob<Job, A, E>): void
  /** The job has come to its first operation. */
  began(job: PoolJob<Job, A, E>): void
  /** The job is no longer assigned to a worker. */
  released(job: PoolJob<Job, A, E>): void
  /** How a job ends that has taken too long. */
  timeout(job: PoolJob<Job, A, E>, phase: "wait" | "run"): Exit.Exit<never, E>
  /** The fibers that sleep until deadlines, for the pool's end to interrupt. No timer fires afterwards. */
  takeSleepers(): ReadonlyArray<AnyFiber>
}

/** P12, P13, R1. The jobs between two attempts are this part's: outside the workers, and outside the queue. */
export interface Retries<Job, A, E> {
  /** How many jobs are between two attempts. */
  readonly size: number
  /** A new job. The user's functions are asked now, before anything has changed. */
  arrives(job: PoolJob<Job, A, E>): void
  /** How the attempt ends that is about to begin, if the budget has nothing left for it (R1). */
  refusal(job: PoolJob<Job, A, E>): Exit.Exit<never, unknown> | undefined
  /** Whether the part takes the job, whose attempt has ended: then `decide` has to follow. */
  takes(job: PoolJob<Job, A, E>, outcome: Outcome, exit: Exit.Exit<A, E>): boolean
  /** Decides what becomes of the job, and calls the controls once that is known. Runs a fiber. */
  decide(job: PoolJob<Job, A, E>): void
  /** The fiber that decides, or sleeps until the next attempt. */
  fiberOf(job: PoolJob<Job, A, E>): AnyFiber | undefined
  readonly fibers: Array<AnyFiber>
  /** The jobs between two attempts. */
  readonly jobs: Iterable<PoolJob<Job, A, E>>
}

/** P17, P18. Called at each step of a resource, which it never ends itself: the pool replaces it. Runs no fiber. */
export interface Upkeep {
  /** The last step of an acquisition, in the scope of the resource. */
  begin(tended: Tended): Effect.Effect<void>
  /** Its worker is idle. */
  rests(tended: Tended): void
  /** The check of the resource that has to succeed before a job begins on it. */
  due(tended: Tended): Effect.Effect<unknown, unknown> | undefined
  /** A job begins on it. */
  began(tended: Tended): void
  /** Whether the job that has ended on it was its last. */
  isSpent(tended: Tended): boolean
}

/** P19. A pool that has a worker only when there is a job for it. Only its timer runs fibers. */
export interface OnDemand {
  /** How many workers there always are. */
  readonly min: number
  /** The worker is idle. */
  rests(worker: Worker): void
  /** The worker is no longer idle. */
  ends(worker: Worker): void
  /** The fiber that sleeps until a worker has been idle for too long, for the pool's end to interrupt. */
  takeSleepers(): ReadonlyArray<AnyFiber>
}

/**
 * A resource of which several workers have a part each, as of a thread. The pool asks about the parts: their workers'
 * resources. None of these functions runs a fiber.
 */
export interface Sharing {
  /** The thing that it is a part of: workers with the same one leave together. */
  whole(part: unknown): unknown
  /** How much the whole has to do: an idle worker with less is given the next job. */
  load(part: unknown): number
  /** The worker is about to run a job on the part. */
  begins(part: unknown): void
  /**
   * Whether that job has ended without having begun on the resource: "lost", since the resource was; "withdrawn", since
   * its fiber was interrupted.
   */
  unbegun(part: unknown): "lost" | "withdrawn" | undefined
}

/** P22. Idle workers that are kept for jobs to come. Made by the first call of `reserve`. */
export interface Reservations {
  /** How many places are held: so many idle workers take no other job. */
  readonly count: number
  /** How many calls wait for a place. */
  readonly wanted: number
  wait(reservation: Reservation): void
  /** A call gets a place without a wait. */
  hold(reservation: Reservation): void
  /** So many workers are idle, and no job may have them: calls that wait get a place, in order. */
  grant(workers: number): void
  /** At least so many places are wanted back: those that were granted last. */
  recall(count: number): void
  /** The place is used or given back, or its caller waits no more. Returns whether it was held. */
  remove(reservation: Reservation): boolean
  /** The pool takes no more jobs. The returned function runs fibers: it notifies the calls that wait. */
  close(exit: Exit.Exit<never, PoolClosed>): () => void
  /** The fibers that hold a place, as `sluice/inspect` sees them. */
  readonly holds: ReadonlyArray<Hold>
  /** The fibers that wait for one of the `workers`; `ends`: until when at the latest. */
  waits(workers: Line, ends: string | undefined): ReadonlyArray<Wait>
}

/** How each part is made; undefined for a part that the pool does not have. */
export interface Parts<Job, A, E> {
  readonly deadlines: ((controls: Controls<Job, A, E>) => Deadlines<Job, A, E>) | undefined
  readonly retries: ((controls: Controls<Job, A, E>) => Retries<Job, A, E>) | undefined
  readonly upkeep: ((now: () => number) => Upkeep) | undefined
  /** `expire` lets a worker leave that has been idle for too long. */
  readonly onDemand:
    | ((context: Context.Context<never>, expire: (worker: Worker) => () => void) => OnDemand)
    | undefined
  readonly sharing: Sharing | undefined
}

/** The pool's load, for an autoscaler. No count has jobs that the limit of their key holds back. */
export interface Sample {
  /** In milliseconds, of a clock that nobody sets. */
  readonly now: number
  readonly size: number
  readonly running: number
  readonly idle: number
  /** Jobs that another worker could take, were there one: from the queue, or from a caller who waits for room. */
  readonly ready: number
  /** Callers who wait for room; or for a place, while no worker is idle. */
  readonly callers: number
  /** How many jobs have ever found the queue full. */
  readonly overflows: number
  /** Workers whose job waits for the pool itself. */
  readonly stuck: number
}
