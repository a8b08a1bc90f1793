import type * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import type { AnyFiber } from "../stack.js"
import { Deadline } from "./Deadline.js"
import { JobTimeout } from "./errors.js"
import type { PoolJob } from "./Job.js"
import type { Controls, Deadlines } from "./parts.js"

/** How long a job may wait for a worker, and how long it may run. */
export interface Limits {
  readonly wait: Duration.Duration | undefined
  readonly run: Duration.Duration | undefined
}

/**
 * P11: one `Deadline` for the waits of all jobs, and one for their runs. A job has at most one of the two at a time.
 */
export class JobDeadlines<Job, A, E> implements Deadlines<Job, A, E> {
  readonly limits: Deadlines<Job, A, E>["limits"]
  private readonly wait: Deadline<PoolJob<Job, A, E>> | undefined
  private readonly run: Deadline<PoolJob<Job, A, E>> | undefined

  constructor({ run, wait }: Limits, private readonly controls: Controls<Job, A, E>) {
    const { context } = controls
    this.limits = { wait: wait !== undefined, run: run !== undefined }
    this.wait = wait && new Deadline(wait, context, (job) => {
      job.timing = undefined
      return controls.expire(job, () => this.timeout(job, "wait"))
    })
    this.run = run && new Deadline(run, context, (job, by) => controls.interruptLate(job, by))
  }

  pause(): void {
    this.wait?.hold()
  }

  resume(): void {
    this.wait?.release()
  }

  queued(job: PoolJob<Job, A, E>): void {
    job.timing = this.wait?.start(job)
  }

  dequeued(job: PoolJob<Job, A, E>): void {
    if (job.timing !== undefined) this.wait?.stop(job.timing)
    job.timing = undefined
  }

  began(job: PoolJob<Job, A, E>): void {
    job.timing = this.run?.start(job)
  }

  released(job: PoolJob<Job, A, E>): void {
    if (job.timing !== undefined) this.run?.stop(job.timing)
    job.timing = undefined
  }

  timeout(job: PoolJob<Job, A, E>, phase: "wait" | "run"): Exit.Exit<never, E> {
    const after = this[phase]?.after
    if (after === undefined) throw new Error(`WorkerPool: a job timed out without a deadline for its ${phase}`)
    const error = new JobTimeout({ pool: this.controls.name, job: job.id, phase, after })
    // The type of `make` adds JobTimeout to the errors of a pool with deadlines.
    return Exit.fail(error as E & JobTimeout)
  }

  takeSleepers(): ReadonlyArray<AnyFiber> {
    return [this.wait, this.run].flatMap((deadline) => deadline?.takeSleeper() ?? [])
  }
}
