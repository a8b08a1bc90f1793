import type { AnyJob } from "./Job.js"

// How many different keys that have killed a worker are remembered: the latest.
const remembered = 10_000

/**
 * Jobs that kill workers: whose attempts die, and cost the worker its resource each time. A resource that was bad is
 * another one the next time; a job that is bad is the same. So are jobs that have the same key.
 */
export class Poison<in out Job> {
  private readonly killed = new Map<unknown, number>()

  constructor(private readonly limit: number, private readonly key: ((job: Job) => unknown) | undefined) {}

  keyOf(input: Job): unknown {
    return this.key?.(input)
  }

  /** Counts a resource that a job has killed, of `own` in all. Returns whether the limit is reached. */
  kills({ poisonKey }: AnyJob, own: number): boolean {
    if (this.key === undefined) return own >= this.limit
    const count = (this.killed.get(poisonKey) ?? 0) + 1
    // At the end, as the latest.
    this.killed.delete(poisonKey)
    this.killed.set(poisonKey, count)
    if (this.killed.size > remembered) this.killed.delete(this.killed.keys().next().value)
    return count >= this.limit || own >= this.limit
  }

  /** It was not the job, after all. */
  forgive({ poisonKey }: AnyJob): void {
    if (this.killed.size > 0) this.killed.delete(poisonKey)
  }
}
