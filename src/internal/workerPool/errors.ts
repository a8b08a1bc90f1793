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
 * **Details**
 *
 * `state` is the pool's state at that moment: `"draining"`, `"stopping"`, `"stopped"` or `"failed"`. For `"failed"`,
 * `cause` is the reason.
 *
 * @category errors
 * @since 0.1.0
 */
export class PoolClosed extends Data.TaggedError("PoolClosed")<{
  readonly pool: string | undefined
  readonly state: Exclude<PoolState, "starting" | "running" | "paused">
  readonly cause?: Cause.Cause<unknown> | undefined
}> {
  override get message(): string {
    return `WorkerPool: ${called(this.pool)} is ${this.state} and accepts no more jobs`
  }
}

/**
 * The error of `trySubmit` and `tryRun` where the job would have to wait for room: it was not accepted, and never runs
 * (law P3).
 *
 * @category errors
 * @since 0.1.0
 */
export class QueueFull extends Data.TaggedError("QueueFull")<{
  readonly pool: string | undefined
  readonly capacity: number
}> {
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
 * **Details**
 *
 * `reason` says why:
 *
 * - `"dropped"`: the queue was full, and its strategy drops. It never started.
 * - `"returned"`: the pool stopped before it started, and the job itself is in `ShutdownReport.returned`; or `clear`
 *   has taken it out of the queue.
 * - `"aborted"`: the pool stopped and interrupted it. Only callers that wait for the result get this error; the `await`
 *   of the job's handle has the exit of the interrupted job.
 *
 * @category errors
 * @since 0.1.0
 */
export class JobLost extends Data.TaggedError("JobLost")<{
  readonly pool: string | undefined
  readonly job: number
  readonly reason: "dropped" | "returned" | "aborted"
}> {
  override get message(): string {
    return `WorkerPool: job ${this.job} of ${called(this.pool)} was ${this.reason}`
  }
}

/**
 * The error of a job that has exceeded its deadline (law P11).
 *
 * **Details**
 *
 * `phase` is `"wait"` if the job waited too long for a worker, so that this attempt never started; `"run"` if the job
 * ran for too long, was interrupted, and its finalizers have run. `after` is the deadline.
 *
 * @category errors
 * @since 0.1.0
 */
export class JobTimeout extends Data.TaggedError("JobTimeout")<{
  readonly pool: string | undefined
  readonly job: number
  readonly phase: "wait" | "run"
  readonly after: Duration.Duration
}> {
  override get message(): string {
    const after = Duration.format(this.after)
    const did = this.phase === "wait" ? `waiting ${after} for a worker` : `running for ${after}`
    return `WorkerPool: job ${this.job} of ${called(this.pool)} timed out after ${did}`
  }
}

/**
 * The error of a job that waited when its pool failed. A worker's resource could not be replaced within the attempts of
 * `restart` (law P5); `cause` is the last failure. The job never started, and is in `ShutdownReport.returned`.
 *
 * @category errors
 * @since 0.1.0
 */
export class PoolFailed extends Data.TaggedError("PoolFailed")<{
  readonly pool: string | undefined
  readonly worker: string
  readonly cause: Cause.Cause<unknown>
}> {
  override get message(): string {
    return `WorkerPool: ${called(this.pool)} has failed: ${this.worker} could not replace its resource`
  }
}

/**
 * The defect of a job that waits for its own pool when no worker could ever serve it (law P9). Either every worker,
 * including this job's own, runs a job that waits for the pool; or the job waits for one that waits for it (`itself`).
 *
 * **Details**
 *
 * `operation` is `"run"`, `"submit"`, `"await"`, `"shutdown"` or `"idle"`. It has changed nothing, and the pool goes
 * on. `job` is undefined if the acquisition or the release of the worker's resource has shut the pool down, and not a
 * job.
 *
 * @category errors
 * @since 0.1.0
 */
export class PoolDeadlock extends Data.TaggedError("PoolDeadlock")<{
  readonly operation: string
  readonly pool: string | undefined
  readonly worker: string
  readonly job: number | undefined
  readonly size: number
  readonly itself: boolean
}> {
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
