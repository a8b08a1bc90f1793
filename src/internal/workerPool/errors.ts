import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import type { PoolState } from "./states.js"

/** How a pool is called in messages, and the start of its workers' names. */
export const poolName = (name: string | undefined): string => name ?? "pool"

const called = (name: string | undefined): string =>
  name === undefined ? "the pool" : `the pool ${JSON.stringify(name)}`

/**
 * The error of a submission to a pool that accepts no more jobs: the job was not accepted, and never runs (law P3).
 *
 * @category errors
 * @since 0.1.0
 */
export class PoolClosed extends Data.TaggedError("PoolClosed")<{
  /** The `name` of the pool. `undefined` when the pool has none. */
  readonly pool: string | undefined
  /**
   * The state of the pool at that moment. `"draining"`: `shutdown` lets accepted jobs run. `"stopping"`: it interrupts
   * jobs and releases resources. `"stopped"`: it has ended. `"failed"`: a resource could not be replaced.
   */
  readonly state: Exclude<PoolState, "starting" | "running" | "paused">
  /** Why the pool has failed: the last failure of the acquisition. Absent in every other state. */
  readonly cause?: Cause.Cause<unknown> | undefined
}> {
  /** One line that names the pool and its state. */
  override get message(): string {
    return `WorkerPool: ${called(this.pool)} is ${this.state} and accepts no more jobs`
  }
}

/**
 * The error of `trySubmit` and `tryRun` when the job would have to wait for room: it was not accepted, and never runs
 * (law P3).
 *
 * @category errors
 * @since 0.1.0
 */
export class QueueFull extends Data.TaggedError("QueueFull")<{
  /** The `name` of the pool. `undefined` when the pool has none. */
  readonly pool: string | undefined
  /** How many jobs may wait for a worker, of each key if the queue has a `key`. 0 if jobs never wait. */
  readonly capacity: number
}> {
  /** One line that names the pool and the capacity of its queue. */
  override get message(): string {
    const why = this.capacity === 0
      ? "no worker is idle, and the queue has capacity 0"
      : `queue is full (capacity ${this.capacity})`
    return `WorkerPool: ${called(this.pool)} rejected a job: ${why}`
  }
}

/**
 * The error of a job that was accepted and has no result (law P3).
 *
 * @category errors
 * @since 0.1.0
 */
export class JobLost extends Data.TaggedError("JobLost")<{
  /** The `name` of the pool. `undefined` when the pool has none. */
  readonly pool: string | undefined
  /** The number of the job, as in its handle. */
  readonly job: number
  /**
   * - `"dropped"`: the queue was full, and its strategy drops. The job never started.
   * - `"returned"`: the pool stopped before the job started, and the job is in `ShutdownReport.returned`; or `clear`
   *   has taken it out of the queue.
   * - `"aborted"`: the pool stopped and interrupted the job. Only callers that wait for the result get this error;
   *   `await` of the job's handle has the exit of the interrupted job.
   */
  readonly reason: "dropped" | "returned" | "aborted"
}> {
  /** One line that names the job, its pool and the reason. */
  override get message(): string {
    return `WorkerPool: job ${this.job} of ${called(this.pool)} was ${this.reason}`
  }
}

/**
 * The error of a job that has exceeded its deadline (law P11).
 *
 * @category errors
 * @since 0.1.0
 */
export class JobTimeout extends Data.TaggedError("JobTimeout")<{
  /** The `name` of the pool. `undefined` when the pool has none. */
  readonly pool: string | undefined
  /** The number of the job, as in its handle. */
  readonly job: number
  /**
   * `"wait"`: the job waited too long for a worker, and this attempt never started. `"run"`: the job ran for too long
   * and was interrupted, and its finalizers have run.
   */
  readonly phase: "wait" | "run"
  /** The deadline that was exceeded: `deadlines.wait` or `deadlines.run`. */
  readonly after: Duration.Duration
}> {
  /** One line that names the job, its pool, the phase and the deadline. */
  override get message(): string {
    const after = Duration.format(this.after)
    const did = this.phase === "wait" ? `waiting ${after} for a worker` : `running for ${after}`
    return `WorkerPool: job ${this.job} of ${called(this.pool)} timed out after ${did}`
  }
}

/**
 * The error of a job that waited when its pool failed: a worker's resource could not be replaced within the attempts of
 * `restart` (law P5). The job never started, and is in `ShutdownReport.returned`.
 *
 * @category errors
 * @since 0.1.0
 */
export class PoolFailed extends Data.TaggedError("PoolFailed")<{
  /** The `name` of the pool. `undefined` when the pool has none. */
  readonly pool: string | undefined
  /**
   * The name of the worker that has no resource, as in logs: `name/worker-3`, or `pool/worker-3` in a pool without a
   * name.
   */
  readonly worker: string
  /** The failure of the last attempt to acquire the resource. */
  readonly cause: Cause.Cause<unknown>
}> {
  /** One line that names the pool and the worker. The reason is in `cause`. */
  override get message(): string {
    return `WorkerPool: ${called(this.pool)} has failed: ${this.worker} could not replace its resource`
  }
}

/**
 * The defect of a job that waits for its own pool when no worker could ever serve it (law P9). Either every worker,
 * including this job's own, runs a job that waits for the pool; or the job waits for a job that waits for it.
 *
 * **Details**
 *
 * The operation has changed nothing, but for `runAll`, which has cancelled its jobs. The pool continues.
 *
 * @category errors
 * @since 0.1.0
 */
export class PoolDeadlock extends Data.TaggedError("PoolDeadlock")<{
  /**
   * The operation that would wait without end: `"run"`, `"runAll"`, `"submit"`, `"reserve"`, `"await"`, `"shutdown"` or
   * `"idle"`.
   */
  readonly operation: string
  /** The `name` of the pool. `undefined` when the pool has none. */
  readonly pool: string | undefined
  /**
   * The name of the worker that runs the job, as in logs: `name/worker-3`, or `pool/worker-3` in a pool without a name.
   */
  readonly worker: string
  /**
   * The number of the job. `undefined` when no job has called the operation, but the acquisition or the release of the
   * worker's resource.
   */
  readonly job: number | undefined
  /** How many workers the pool is to have. */
  readonly size: number
  /**
   * Whether the job waits for itself, or for a job that waits for it. False when every worker runs a job that waits.
   */
  readonly itself: boolean
}> {
  /**
   * One line that names the operation, the job and the worker, says why the wait could not end, and advises a way out.
   */
  override get message(): string {
    if (this.job === undefined) {
      return `WorkerPool.${this.operation}: deadlock: the resource of ${this.worker} waits for jobs that only this ` +
        "worker could run. Give the drain a deadline, or shut the pool down from outside"
    }
    const held = this.itself
      ? "the job that it waits for waits for this job"
      : this.size === 1
      ? "the only worker runs this job"
      : `each of the ${this.size} workers runs a job that waits for the pool`
    return `WorkerPool.${this.operation}: deadlock: job ${this.job} on ${this.worker} cannot end, because ${held}. ` +
      "Do the inner work in the job itself, or give it to another pool or a Group"
  }
}
