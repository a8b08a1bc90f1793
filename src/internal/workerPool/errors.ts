import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import type { PoolState } from "./states.js"

/** How a pool is called in messages, and the start of its workers' names. */
export const poolName = (name: string | undefined): string => name ?? "pool"

const called = (name: string | undefined): string =>
  name === undefined ? "the pool" : `the pool ${JSON.stringify(name)}`

/**
 * The answer to a job that comes after the pool has stopped accepting: it was not accepted, and never runs (law P3).
 *
 * **Details**
 *
 * `state` is what the pool was doing: `"draining"`, `"stopping"`, `"stopped"` or `"failed"`; in the last case `cause` is
 * why.
 *
 * @category errors
 * @since 0.1.0
 */
export class PoolClosed extends Data.TaggedError("PoolClosed")<{
  readonly pool: string | undefined
  readonly state: Exclude<PoolState, "starting" | "running">
  readonly cause?: Cause.Cause<unknown> | undefined
}> {
  override get message(): string {
    return `WorkerPool: ${called(this.pool)} is ${this.state} and accepts no more jobs`
  }
}

/**
 * The answer of `trySubmit` where `submit` would have to wait: the job was not accepted, and never runs (law P3).
 *
 * @category errors
 * @since 0.1.0
 */
export class QueueFull extends Data.TaggedError("QueueFull")<{
  readonly pool: string | undefined
  readonly capacity: number
}> {
  override get message(): string {
    const { capacity } = this
    if (capacity === 0) return `WorkerPool: ${called(this.pool)} has no idle worker, and no queue`
    return `WorkerPool: ${called(this.pool)} has ${capacity} job${capacity === 1 ? "" : "s"} waiting, as many as it may`
  }
}

/**
 * The end of a job that was accepted and has no result (law P3).
 *
 * **Details**
 *
 * `reason` says why:
 *
 * - `"dropped"`: the queue was full, and its strategy drops. It never started.
 * - `"returned"`: the pool stopped before it started. The job itself is in `ShutdownReport.returned`.
 * - `"aborted"`: the pool stopped and interrupted it. Only `run` and `map` say so; the job's handle has the exit of the
 *   interrupted job.
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
 * The end of a job that has taken too long (law P11).
 *
 * **Details**
 *
 * `phase` says what took too long: `"wait"`, waiting for a worker, so that this attempt never started; or `"run"`, and
 * then it was interrupted, and its finalizers have run. `after` is the deadline.
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
    const did = this.phase === "wait" ? "waited for a worker for" : "ran for"
    return `WorkerPool: job ${this.job} of ${called(this.pool)} ${did} ${
      Duration.format(this.after)
    }, as long as it may`
  }
}

/**
 * The end of a job that was waiting when its pool failed: a worker's resource could not be replaced, as often as
 * `restart` had it tried (law P5). It never started, and is in `ShutdownReport.returned`. `cause` is the last failure.
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
 * The defect of a job that waits for its own pool when no worker could ever serve it (law P9): every worker, this job's
 * own included, runs a job that waits for the pool; or what the job waits for waits for the job `itself`.
 *
 * **Details**
 *
 * `operation` is `"run"`, `"submit"`, `"await"` or `"shutdown"`. It has changed nothing, and the pool goes on. `job` is
 * undefined where it was not a job that shut the pool down, but the acquisition or release of the worker's resource.
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
      return `WorkerPool.${this.operation}: the resource of ${this.worker} would wait for ever for jobs that only this worker ` +
        "could run. Give the drain a deadline, or shut the pool down from outside"
    }
    const held = this.itself
      ? "what it waits for waits for this job"
      : this.size === 1
      ? "the only worker runs this very job"
      : `each of the ${this.size} workers runs a job that waits for the pool`
    return `WorkerPool.${this.operation}: job ${this.job} on ${this.worker} would wait for ever, since ${held}. ` +
      "Do the inner work in the job itself, or give it to another pool or a Group"
  }
}
