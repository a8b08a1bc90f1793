import type * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Inspectable } from "effect/Inspectable"
import type { Pipeable } from "effect/Pipeable"
import type { Covariant, Invariant } from "effect/Types"
import type { JobLost, PoolClosed, PoolFailed } from "./errors.js"
import type { Outcome, PoolState } from "./states.js"

/** The public types of a pool, but for its options. `WorkerPool.ts` exports them. */
export const TypeId = "~sluice/WorkerPool"

/**
 * A pool that takes jobs of type `Job`, each of which returns an `A` or fails with an `E`. Its workers have resources
 * of type `W`.
 *
 * @category models
 * @since 0.1.0
 */
export interface WorkerPool<in out Job, out A, out E = never, out W = unknown> extends Pipeable, Inspectable {
  readonly [TypeId]: {
    readonly _Job: Invariant<Job>
    readonly _A: Covariant<A>
    readonly _E: Covariant<E>
    readonly _W: Covariant<W>
  }
  /** The `name` that the pool was made with. `undefined` without one. */
  readonly name: string | undefined
}

/**
 * The argument of the function `worker`, which acquires a worker's resource.
 *
 * @category models
 * @since 0.1.0
 */
export interface WorkerInfo {
  /**
   * The number of the worker, from 1 to the largest size so far. It stays the same when the resource is replaced. After
   * the end of the worker, a new worker may have it.
   */
  readonly id: number
  /**
   * For the resource to call when it finds itself broken: the worker replaces it. An idle worker does so immediately, a
   * busy one after its job. Does nothing once the resource is released. Never suspends, never fails.
   */
  readonly invalidate: Effect.Effect<void>
}

/**
 * The second argument of `run`: the worker's resource, and the attempt.
 *
 * @category models
 * @since 0.1.0
 */
export interface JobContext<out W> {
  /** The number of the worker that runs the job, from 1 to the largest size so far. */
  readonly id: number
  /** The number of the job, from 1, as in its handle. */
  readonly job: number
  /**
   * The worker's resource, as `worker` has acquired it: `undefined` in a pool without `worker`. No other job uses it
   * during this job, and no job after its release (P2).
   */
  readonly resource: W
  /** 1 for the first attempt, and one more for each retry (P12). */
  readonly attempt: number
  /**
   * Condemns the resource: it serves no other job, and is replaced once this job has ended. Never suspends, never
   * fails.
   */
  readonly invalidate: Effect.Effect<void>
}

/**
 * A job that has had its last attempt.
 *
 * @category models
 * @since 0.1.0
 */
export interface DeadLetter<out Job, out E = never> {
  /** The job itself, as it was submitted. */
  readonly job: Job
  /** The number of the job in its pool, from 1, as in its handle. */
  readonly id: number
  /** How often the job was tried, >= 1. */
  readonly attempts: number
  /** The cause with which the last attempt failed, died or timed out. */
  readonly cause: Cause.Cause<E>
  /**
   * - `"exhausted"`: the `schedule` or `times` has come to an end, or there was none.
   * - `"permanent"`: `while` or `until` of `retry` excludes another attempt after this error.
   * - `"budget"`: nothing was left in the pool's retry budget.
   * - `"poison"`: the job has killed `poison.kills` resources.
   */
  readonly reason: "exhausted" | "permanent" | "budget" | "poison"
}

/**
 * The errors of `run` and `map` in addition to the job's own: the job has no result.
 *
 * @category models
 * @since 0.1.0
 */
export type RunError = PoolClosed | JobLost | PoolFailed

/**
 * A job that was accepted.
 *
 * @category models
 * @since 0.1.0
 */
export interface JobHandle<out A, out E = never> extends Pipeable, Inspectable {
  /** The number of the job, from 1, in the order in which the pool accepted jobs. */
  readonly id: number
  /**
   * Where the job is at the moment of reading, or how it ended: `"queued"`, `"running"`, `"retrying"` between two
   * attempts, or the name of the column of `Ledger` that counts its end. A job that is `"dropped"` or `"returned"`
   * never started.
   */
  readonly state: "queued" | "running" | "retrying" | Outcome
  /**
   * Suspends until the job has ended, finalizers included, and returns its exit: its own, or a failure with `JobLost`
   * or `PoolFailed` if the job never started. Never fails. In a job of the same pool it dies with `PoolDeadlock` where
   * it would wait without end (P9). An interrupt stops the waiting only.
   */
  readonly await: Effect.Effect<Exit.Exit<A, E | JobLost | PoolFailed>>
  /**
   * Suspends until the job has ended, finalizers included, and returns its value. Fails as the job did; with `JobLost`
   * if the job never started, or if the pool's end interrupted it; with `PoolFailed` if the pool failed before the job
   * started. A job that was cancelled interrupts its caller. In a job of the same pool it dies with `PoolDeadlock`
   * where it would wait without end (P9). An interrupt stops the waiting only.
   */
  readonly join: Effect.Effect<A, E | JobLost | PoolFailed>
  /**
   * Takes the job out of the queue, or interrupts it and suspends until it has ended (P7). Returns true if that is how
   * the job ended; false if it had ended already, or failed or died all the same. Never fails.
   */
  readonly cancel: Effect.Effect<boolean>
  /**
   * Gives the job another level, an integer from 0 to 1,000,000, as if it had come with that level: it keeps its time
   * of arrival (P14).
   */
  readonly setPriority: {
    /**
     * Gives the job another level, an integer from 0 to 1,000,000, as if it had come with that level: it keeps its time
     * of arrival (P14). Returns true if the job still waits, in the queue or for another attempt. Returns false, and
     * changes nothing, otherwise. Any other level is a defect, and so is the call in a pool without `queue.priority`.
     * Never suspends, never fails. O(log n).
     */
    (level: number): Effect.Effect<boolean>
  }
}

/**
 * A worker's place, for a job to come: see `reserve`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Slot<in Job, out A, out E = never> {
  /**
   * Runs a job in the place, and uses the place up: as `WorkerPool.run` does, but the job is never refused, dropped or
   * kept waiting for room.
   */
  readonly run: {
    /**
     * Runs a job in the place, which is used up then. The job begins immediately, as with `WorkerPool.run` on an idle
     * worker. It waits in the queue, whatever the capacity, where no worker is idle since one was lost meanwhile, the
     * pool is paused, or the limit of the job's key is reached. Suspends until the job has ended, and returns its
     * value. Fails as the job does, or as `WorkerPool.run`. A second call, and one after the end of the scope, is a
     * defect. An interrupt cancels the job, and waits for its end. O(1).
     */
    (job: Job): Effect.Effect<A, E | RunError>
  }
  /** Gives a job the place, which is used up then, and returns a handle on the job. */
  readonly submit: {
    /**
     * Gives a job the place, which is used up then, and returns a handle on the job. The job begins as with `run`. It
     * no longer depends on its caller. Never suspends. Fails with `PoolClosed` if the pool takes no more jobs. A second
     * call, and one after the end of the scope, is a defect. O(1).
     */
    (job: Job): Effect.Effect<JobHandle<A, E>, PoolClosed>
  }
  /**
   * Suspends until the pool wants the place back: a job waits for a worker, the pool has paused, has fewer workers or
   * ends; or until the place is used or given back. The holder of a place without a job should close its scope then.
   * Never fails.
   */
  readonly recalled: Effect.Effect<void>
}

/**
 * The counts of all jobs by outcome. At every moment, `submitted` is the sum of the other columns (P4).
 *
 * @category models
 * @since 0.1.0
 */
export interface Ledger {
  /** How many jobs the pool has accepted so far. Rejected jobs do not count. */
  readonly submitted: number
  /** How many jobs have ended with a value. */
  readonly succeeded: number
  /** How many jobs have ended with a typed error. */
  readonly failed: number
  /** How many jobs have died of a defect. */
  readonly died: number
  /** How many jobs were interrupted or cancelled, before or after they started. */
  readonly interrupted: number
  /** How many jobs have exceeded `deadlines.wait` in the queue, before an attempt. */
  readonly expired: number
  /** How many jobs have exceeded `deadlines.run`, and were interrupted. */
  readonly timedOut: number
  /** How many jobs became dead letters after their last attempt. */
  readonly deadLettered: number
  /** How many jobs a full queue has dropped, with the strategies `"dropping"` and `"sliding"`. */
  readonly dropped: number
  /** How many jobs were returned unstarted: by `clear`, or when the pool stopped or failed. */
  readonly returned: number
  /** How many jobs wait for a worker now. */
  readonly queued: number
  /** How many jobs are between two attempts now. */
  readonly retrying: number
  /** How many jobs workers have now. */
  readonly running: number
}

/**
 * A snapshot of a pool: its ledger, its workers and its queue.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats extends Ledger {
  /**
   * The state of the pool: `"starting"` until the first workers have their resources, `"running"`, `"paused"`,
   * `"draining"` during `shutdown`, `"stopping"` while jobs are interrupted and resources released, `"stopped"`, or
   * `"failed"` when a resource could not be replaced.
   */
  readonly state: PoolState
  /**
   * How many workers the pool is to have. `resize` and `autoscale` change it; a new worker whose resource cannot be
   * acquired lowers it. With `resource.min` there may be fewer workers now, and surplus workers that leave may make it
   * more.
   */
  readonly size: number
  /** How many workers wait for a job, those with a `reserved` place included. */
  readonly idle: number
  /** How many places calls of `reserve` hold. */
  readonly reserved: number
  /** How many workers acquire a resource. */
  readonly acquiring: number
  /** How many workers release a resource. */
  readonly releasing: number
  /** How many jobs may wait for a worker, of each key if the queue has a `key`. */
  readonly capacity: number | "unbounded"
  /** How many calls are suspended because the queue is full. */
  readonly waiting: number
  /** How many keys have jobs that wait or run. 0 in a queue without `key`. */
  readonly keys: number
  /** How many resources have taken the place of another one so far. */
  readonly replaced: number
  /** How many releases have taken longer than `resource.releaseTimeout` so far. */
  readonly releasesDetached: number
}

/**
 * How a pool ended.
 *
 * @category models
 * @since 0.1.0
 */
export interface ShutdownReport<out Job> {
  /** The final ledger. `queued` and `running` are 0, unless a job itself called for the end. */
  readonly counts: Ledger
  /**
   * The jobs that were accepted and never started, in the order in which they were accepted: for another pool, or to
   * store.
   */
  readonly returned: ReadonlyArray<Job>
  /**
   * The jobs that the end of the pool interrupted, as they ran or between two attempts, in the order in which they were
   * accepted.
   */
  readonly aborted: ReadonlyArray<Job>
  /**
   * The causes of which releases of the workers' resources died, replaced ones included: the latest 10. Each was logged
   * as an error when it happened.
   */
  readonly releaseFailures: ReadonlyArray<Cause.Cause<never>>
  /** How many releases died in all. */
  readonly releasesFailed: number
  /** How many releases took longer than `resource.releaseTimeout`. Some may still be running. */
  readonly releasesDetached: number
}
