import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Inspectable } from "effect/Inspectable"
import type { Pipeable } from "effect/Pipeable"
import type * as Schedule from "effect/Schedule"
import type { Covariant, Invariant } from "effect/Types"
import type { JobLost, JobTimeout, PoolClosed, PoolFailed } from "./errors.js"
import type { MetricsOptions } from "./Observer.js"
import type { Outcome, PoolState } from "./states.js"

/** The public types of a pool. `WorkerPool.ts` exports them. */
export const TypeId = "~sluice/WorkerPool"

/**
 * A pool that takes jobs of type `Job`, each of which returns an `A` or fails with an `E`.
 *
 * @category models
 * @since 0.1.0
 */
export interface WorkerPool<in out Job, out A, out E = never> extends Pipeable, Inspectable {
  readonly [TypeId]: {
    readonly _Job: Invariant<Job>
    readonly _A: Covariant<A>
    readonly _E: Covariant<E>
  }
  readonly name: string | undefined
}

/**
 * What a worker is told when it acquires its resource.
 *
 * **Details**
 *
 * - `id`: the worker's number, from 1 to the largest size so far. It keeps it when its resource is replaced; once it has
 *   ended, another may have it.
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
 * What a job is given beside itself.
 *
 * **Details**
 *
 * - `id`: the number of the worker that runs it; `job`: its own, as in its handle.
 * - `resource`: the worker's. No other job uses it meanwhile, and none after its release (P2).
 * - `attempt`: 1, and one more for each time that the job is tried again (P12).
 * - `invalidate`: condemns the resource: it serves no other job, and is replaced once this one has ended. Never suspends.
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
 * - `reason`: `"exhausted"`, its schedule has come to an end, or there was none; `"budget"`, there was nothing left in
 *   the pool's retry budget; `"poison"`, it has killed as many resources as it may.
 *
 * @category models
 * @since 0.1.0
 */
export interface DeadLetter<out Job, out E = never> {
  readonly job: Job
  readonly id: number
  readonly attempts: number
  readonly cause: Cause.Cause<E>
  readonly reason: "exhausted" | "budget" | "poison"
}

/**
 * How long a job may take: `wait` in the queue, for a worker, and `run` on one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Deadlines {
  readonly wait?: Duration.Input | undefined
  readonly run?: Duration.Input | undefined
}

/**
 * How a pool is made. An option that is out of range, or that means nothing without another one, is a defect of `make`.
 *
 * **Details**
 *
 * - `size`: how many workers there are, an integer from 1 to 1,000,000.
 * - `run`: what a worker does with a job. A typed failure is the job's result, and nothing else's (P6).
 * - `worker`: acquires a worker's resource, in a scope that closes when the worker is done with it. Without it, workers
 *   have none.
 * - `queue.capacity`: how many jobs may wait for a worker, an integer >= 0 or `"unbounded"`; twice the size by default.
 * - `queue.strategy`: what becomes of a job that finds the queue full. `"suspend"`, the default, has `submit` wait for
 *   room; `"dropping"` drops it; `"sliding"` drops the one that has waited longest. A dropped job's handle says so (P3).
 *   The last two are for a queue that has a bound.
 * - `queue.priority`: the level of a job, an integer >= 0, of which 0 is the most urgent. First come, first served within
 *   a level. `queue.aging`: for each level how many jobs that come later may go first, 100 by default: so a job of level
 *   `n` is passed over by at most `n` times as many (P14). Not with `"sliding"`.
 * - `queue.key`: tells jobs apart, as a `Map` does: each key has a queue of its own, of that `capacity`, and they take
 *   turns at the workers (P15). `perKey.concurrency`: how many jobs of a key may run at a time; any number by default.
 *   `perKey.weight`: how many jobs a key may start in its turn, an integer from 1 to 1,000, or a function of the key, which
 *   is asked as each job of the key comes and as each begins; 1 by default.
 * - `onDefect`: whether the resource is replaced after a job has died on it, which is the default, or `"keep"` (P5).
 * - `restart`: how often, and at what intervals, acquiring a replacement is tried again. When it ends, the pool has
 *   failed, whatever the other workers do; what runs on them goes on. By default 5 times, after 0.1, 0.2, 0.4, 0.8 and 1.6 seconds. A defect is not tried again.
 * - `deadlines.wait`: how long a job may wait in the queue; `deadlines.run`: how long it may run. One that takes longer
 *   leaves the queue, or is interrupted, and fails with `JobTimeout` (P11). By default as long as it takes.
 * - `retry`: when a job that has failed, or timed out as it ran, is tried again: a schedule, or one for each job. It is
 *   given the error. Meanwhile the job is outside the workers and outside the queue's bound (P12).
 * - `retryBudget`: how many retries may begin in all: within the last `window`, 10 seconds by default, the share
 *   `ratio` of the successes, 0.2, and `perSecond`, 10 (R1). Without it as many as `retry` says.
 * - `poison`: how many resources a job may kill, 3 by default, before it is the job's fault: one that dies is tried
 *   again, on another resource, until then. Jobs with the same `key` count as one. Not with `onDefect: "keep"`.
 * - `deadLetters`: where jobs go that have had their last attempt (P13): to the `sink`, or into memory, 1,000 of them by
 *   default, to be read from `deadLetters`: that `capacity` is not for a sink.
 * - `name`: shown in messages, logs, metrics and spans: `name/worker-3`.
 * - `metrics`: whether the pool counts and times its jobs in Effect's `Metric`s, in the registry of the caller of `make`.
 * - `tracing`: whether each job has a span, and its logs the job's number. `docs/observability.md` is about both; neither
 *   is on by default.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<in Job, out A, in out E, out R, W, EW, out RW> {
  readonly size: number
  readonly run: (job: Job, context: JobContext<W>) => Effect.Effect<A, E, R>
  readonly worker?: ((info: WorkerInfo) => Effect.Effect<W, EW, RW>) | undefined
  readonly queue?: {
    readonly capacity?: number | "unbounded" | undefined
    readonly strategy?: "suspend" | "dropping" | "sliding" | undefined
    readonly priority?: ((job: Job) => number) | undefined
    readonly aging?: number | undefined
    readonly key?: ((job: Job) => unknown) | undefined
    readonly perKey?: {
      readonly concurrency?: number | undefined
      readonly weight?: number | ((key: never) => number) | undefined
    } | undefined
  } | undefined
  readonly onDefect?: "replace" | "keep" | undefined
  readonly restart?: Schedule.Schedule<unknown, EW> | undefined
  readonly deadlines?: Deadlines | undefined
  readonly retry?:
    | Schedule.Schedule<unknown, NoInfer<E> | JobTimeout>
    | ((job: Job) => Schedule.Schedule<unknown, NoInfer<E> | JobTimeout> | undefined)
    | undefined
  readonly retryBudget?: {
    readonly ratio?: number | undefined
    readonly perSecond?: number | undefined
    readonly window?: Duration.Input | undefined
  } | undefined
  readonly poison?: {
    readonly kills?: number | undefined
    readonly key?: ((job: Job) => unknown) | undefined
  } | undefined
  readonly deadLetters?: {
    readonly capacity?: number | undefined
    readonly sink?: ((letter: DeadLetter<Job, NoInfer<E> | JobTimeout>) => Effect.Effect<unknown>) | undefined
  } | undefined
  readonly name?: string | undefined
  readonly metrics?: boolean | MetricsOptions | undefined
  readonly tracing?: boolean | undefined
}

/**
 * What `run` and `map` may fail with beside the job's own errors: the job has no result.
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
 * - `await`: suspends until the job has ended, finalizers included, and returns its exit: the job's own, or a failure with
 *   `JobLost` or `PoolFailed` if it never started. Never fails, but for `PoolDeadlock` in a job (P9). An interrupt stops
 *   the waiting only.
 * - `cancel`: takes the job out of the queue, or interrupts it and suspends until it has ended (P7). Returns whether that
 *   is how it ended: false when it had ended already, or failed or died all the same.
 *
 * @category models
 * @since 0.1.0
 */
export interface JobHandle<out A, out E = never> extends Pipeable, Inspectable {
  readonly id: number
  readonly state: "queued" | "running" | "retrying" | Outcome
  readonly await: Effect.Effect<Exit.Exit<A, E | JobLost | PoolFailed>>
  readonly cancel: Effect.Effect<boolean>
}

/**
 * What became of all jobs. At every moment, `submitted` is the sum of the others (P4).
 *
 * **Details**
 *
 * Of the jobs that were accepted (`submitted`), some have `succeeded`, `failed` with a typed error, `died` of a defect or
 * were `interrupted`, before or after they started; some have `expired` in the queue, or `timedOut` as they ran; some were `deadLettered` after their last attempt; some were `dropped` by a full queue, or `returned` unstarted when the
 * pool stopped or failed; the others are `queued`, `running`, or `retrying`, between two attempts.
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
 * What a pool is doing at one moment: its ledger, and more.
 *
 * **Details**
 *
 * Of its `size` workers `idle` wait for a job; `waiting` calls are suspended because the queue, of that `capacity`, is
 * full; `keys` have jobs that wait or run, where there are keys; `replaced` counts the resources that took the place of another.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats extends Ledger {
  readonly state: PoolState
  readonly size: number
  readonly idle: number
  readonly capacity: number | "unbounded"
  readonly waiting: number
  readonly keys: number
  readonly replaced: number
}

/**
 * How a pool ended.
 *
 * **Details**
 *
 * - `counts`: the final ledger. Nothing is queued, and nothing is running, unless a job itself called for the end.
 * - `returned`: the jobs that were accepted and never started, in order, for another pool or another day.
 * - `aborted`: the jobs that were cut off because the pool stopped: interrupted as they ran, or between two attempts.
 * - `releaseFailures`: what finalizers of the workers' resources died of, replaced ones included: the latest ten. Each is
 *   logged as an error when it happens. `releasesFailed`: how many there were.
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
}
