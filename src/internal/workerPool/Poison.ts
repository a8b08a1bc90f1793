import type { AnyJob } from "./Pool.js"

// How many different jobs that have killed a worker are remembered: the latest.
const remembered = 10_000

/**
 * Jobs that kill workers: whose attempts die, and cost the worker its resource each time. A resource that was bad is
 * another one the next time; a job that is bad is the same. Which jobs are the same one its key says, else it is itself.
 */
export class Poison<in out Job> {
  private readonly killed = new Map<unknown, number>()

  constructor(private readonly limit: number, private readonly keyOf: ((job: Job) => unknown) | undefined) {}

  /** It has killed another one. Answers whether it has killed as many as it may, or more. */
  kills(job: AnyJob): boolean {
    const key = this.key(job)
    const count = (this.killed.get(key) ?? 0) + 1
    // At the end, as the latest.
    this.killed.delete(key)
    const isAtFault = count >= this.limit
    // One without a key never comes again.
    if (isAtFault && this.keyOf === undefined) return true
    this.killed.set(key, count)
    if (this.killed.size > remembered) this.killed.delete(this.killed.keys().next().value)
    return isAtFault
  }

  /** It was not the job, after all. */
  forgive(job: AnyJob): void {
    if (this.killed.size > 0) this.killed.delete(this.key(job))
  }

  private key(job: AnyJob): unknown {
    return this.keyOf === undefined ? job : this.keyOf(job.input as Job)
  }
}
