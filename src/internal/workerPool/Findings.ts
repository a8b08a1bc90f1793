import type * as Cause from "effect/Cause"
import { isOwn, type PoolJob } from "./Job.js"
import type { ShutdownReport } from "./model.js"

// How many of the failures of releases are kept. Each has been logged.
const keptFailures = 10

/** The parts of a pool's final report that the ledger does not have. */
export class Findings<in out Job, in out A, in out E> {
  private readonly unstarted: Array<Job> = []
  /** Jobs of a worker that had not begun them: they are older than those that were still queued. */
  private readonly older: Array<PoolJob<Job, A, E>> = []
  private readonly cutOff: Array<PoolJob<Job, A, E>> = []
  /** The latest causes of which releases have died. */
  private readonly releaseFailures: Array<Cause.Cause<never>> = []
  releasesFailed = 0
  /** How many releases went on when their workers no longer waited. */
  releasesDetached = 0
  /** How many of them a report has shown. */
  private reported = 0

  /** The job was queued as the pool ended. Comes in the order of the queue. */
  returned(job: PoolJob<Job, A, E>): void {
    if (isOwn(job)) this.unstarted.push(job.input)
  }

  handedBack(job: PoolJob<Job, A, E>): void {
    if (isOwn(job)) this.older.push(job)
  }

  aborted(job: PoolJob<Job, A, E>): void {
    if (isOwn(job)) this.cutOff.push(job)
  }

  releaseFailed(cause: Cause.Cause<never>): void {
    this.releasesFailed++
    this.releaseFailures.push(cause)
    if (this.releaseFailures.length > keptFailures) this.releaseFailures.shift()
  }

  /** Returns a function that lists the failures which no report had shown when this was called. */
  news(): () => ReadonlyArray<Cause.Cause<never>> {
    const { reported } = this
    return () => {
      const { length } = this.releaseFailures
      return this.releaseFailures.slice(length - Math.min(this.releasesFailed - reported, length))
    }
  }

  report(): Omit<ShutdownReport<Job>, "counts"> {
    this.reported = this.releasesFailed
    return {
      returned: inputsOf(this.older).concat(this.unstarted),
      aborted: inputsOf(this.cutOff),
      releaseFailures: this.releaseFailures.slice(),
      releasesFailed: this.releasesFailed,
      releasesDetached: this.releasesDetached
    }
  }
}

const inputsOf = <Job, A, E>(jobs: ReadonlyArray<PoolJob<Job, A, E>>): Array<Job> =>
  jobs.toSorted((one, other) => one.id - other.id).map(({ input }) => input)
