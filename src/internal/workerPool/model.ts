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
  readonly name: string | undefined
}

/**
 * The argument of the function that acquires a worker's resource.
 *
 * **Details**
 *
 * - `id`: the worker's number, from 1 to the largest size so far. It keeps it when its resource is replaced; once it
 *   has ended, another may have it.
 * - `invalidate`: for the resource to call when it finds itself broken. An idle worker replaces it at once, a busy one
 *   after its job. Once the resource is released it does nothing. Never suspends.
 *
 * @category models
 * @since 0.1.0
 */
export interface WorkerInfo {
  readonly id: number
  readonly invalidate: Effect.Effect<void>
}

/**
 * The second argument of `run`: the worker's resource, and the attempt.
 *
 * **Details**
 *
 * - `id`: the number of the worker that runs it; `job`: its own, as in its handle.
 * - `resource`: the worker's. No other job uses it meanwhile, and none after its release (P2).
 * - `attempt`: 1, and one more for each time that the job is tried again (P12).
 * - `invalidate`: condemns the resource: it serves no other job, and is replaced once this one has ended. Never
 *   suspends.
 *
 * @category models
 * @since 0.1.0
 */
export interface JobContext<out W> {
  readonly id: number
  readonly job: number
  readonly resource: W
  readonly attempt: number
  readonly invalidate: Effect.Effect<void>
}

/**
 * A job that has had its last attempt.
 *
 * **Details**
 *
 * - `job`: the job itself; `id`: its number in the pool; `attempts`: how often it has been tried.
 * - `cause`: what the last attempt came to.
 * - `reason`: `"exhausted"`, its schedule or `times` has come to an end, or there was none; `"permanent"`, `while` of
 *   `retry` says that its error is none to try again after; `"budget"`, there was nothing left in the pool's retry
 *   budget; `"poison"`, it has killed as many resources as it may.
 *
 * @category models
 * @since 0.1.0
 */
export interface DeadLetter<out Job, out E = never> {
  readonly job: Job
  readonly id: number
  readonly attempts: number
  readonly cause: Cause.Cause<E>
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
 * **Details**
 *
 * - `id`: its number, from 1, in the order in which the pool accepted jobs.
 * - `state`: where it is now, or how it ended. A job that was dropped or returned never started.
 * - `await`: suspends until the job has ended, finalizers included, and returns its exit: the job's own, or a failure
 *   with `JobLost` or `PoolFailed` if it never started. Never fails, but for `PoolDeadlock` in a job (P9). An interrupt
 *   stops the waiting only.
 * - `join`: suspends until the job has ended and returns its value, or fails as it did; as `run` does, with `JobLost`
 *   if the pool's end interrupted it. A job that was cancelled interrupts its caller. An interrupt stops the waiting
 *   only.
 * - `cancel`: takes the job out of the queue, or interrupts it and suspends until it has ended (P7). Returns whether
 *   that is how it ended: false when it had ended already, or failed or died all the same.
 * - `setPriority`: gives the job another level, an integer from 0 to 1,000,000, as if it had come with it: it keeps its
 *   time of arrival (P14). Returns whether the job still waits, in the queue or for another attempt; where it does not,
 *   nothing changes. Never suspends, O(log n). In a pool without `queue.priority` it is a defect.
 *
 * @category models
 * @since 0.1.0
 */
export interface JobHandle<out A, out E = never> extends Pipeable, Inspectable {
  readonly id: number
  readonly state: "queued" | "running" | "retrying" | Outcome
  readonly await: Effect.Effect<Exit.Exit<A, E | JobLost | PoolFailed>>
  readonly join: Effect.Effect<A, E | JobLost | PoolFailed>
  readonly cancel: Effect.Effect<boolean>
  readonly setPriority: (level: number) => Effect.Effect<boolean>
}

/**
 * The counts of all jobs by outcome. At every moment, `submitted` is the sum of the others (P4).
 *
 * **Details**
 *
 * Of the jobs that were accepted (`submitted`), some have `succeeded`, `failed` with a typed error, `died` of a defect
 * or were `interrupted`, before or after they started; some have `expired` in the queue, or `timedOut` as they ran;
 * some were `deadLettered` after their last attempt; some were `dropped` by a full queue, or `returned` unstarted when
 * the pool stopped or failed; the others are `queued`, `running`, or `retrying`, between two attempts.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ledger {
  readonly submitted: number
  readonly succeeded: number
  readonly failed: number
  readonly died: number
  readonly interrupted: number
  readonly expired: number
  readonly timedOut: number
  readonly deadLettered: number
  readonly dropped: number
  readonly returned: number
  readonly queued: number
  readonly retrying: number
  readonly running: number
}

/**
 * The statistics of a pool at one moment: its ledger, and more.
 *
 * **Details**
 *
 * Of its `size` workers `idle` wait for a job, `acquiring` wait for a resource and `releasing` release one. The others
 * have the jobs that are `running`. Workers that leave count until they have gone. `waiting` calls are suspended as the
 * queue, of that `capacity`, is full; `keys` have jobs that wait or run, where there are keys; `replaced` counts the
 * resources that took the place of another, and `releasesDetached` the releases that took longer than
 * `resource.releaseTimeout`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats extends Ledger {
  readonly state: PoolState
  readonly size: number
  readonly idle: number
  readonly acquiring: number
  readonly releasing: number
  readonly capacity: number | "unbounded"
  readonly waiting: number
  readonly keys: number
  readonly replaced: number
  readonly releasesDetached: number
}

/**
 * How a pool ended.
 *
 * **Details**
 *
 * - `counts`: the final ledger. Nothing is queued, and nothing is running, unless a job itself called for the end.
 * - `returned`: the jobs that were accepted and never started, in order, for another pool or another day.
 * - `aborted`: the jobs that were cut off because the pool stopped: interrupted as they ran, or between two attempts.
 * - `releaseFailures`: what finalizers of the workers' resources died of, replaced ones included: the latest ten. Each
 *   is logged as an error when it happens. `releasesFailed`: how many there were.
 * - `releasesDetached`: how many releases took longer than `resource.releaseTimeout`. Some may go on.
 *
 * @category models
 * @since 0.1.0
 */
export interface ShutdownReport<out Job> {
  readonly counts: Ledger
  readonly returned: ReadonlyArray<Job>
  readonly aborted: ReadonlyArray<Job>
  readonly releaseFailures: ReadonlyArray<Cause.Cause<never>>
  readonly releasesFailed: number
  readonly releasesDetached: number
}
