/** A job, by its identity. */
interface Keyed<out Job> {
  readonly input: Job
}

// How many different keys that have killed a worker are remembered: the latest.
const remembered = 10_000

/**
 * Jobs that kill workers: whose attempts die, and cost the worker its resource each time. A resource that was bad is
 * another one the next time; a job that is bad is the same. So are jobs that have the same key.
 */
export class Poison<in out Job> {
  private readonly killed = new Map<unknown, number>()
  /** Not in the jobs: few pools have keys, and each field of a job costs all pools. */
  private readonly keys = new WeakMap<Keyed<Job>, unknown>()

  constructor(private readonly limit: number, private readonly key: ((job: Job) => unknown) | undefined) {}

  /** A new job. The user's function is called now, before anything has changed. */
  arrives(job: Keyed<Job>): void {
    if (this.key !== undefined) this.keys.set(job, this.key(job.input))
  }

  /** Counts a resource that a job has killed, of `own` in all. Returns whether the limit is reached. */
  kills(job: Keyed<Job>, own: number): boolean {
    if (this.key === undefined) return own >= this.limit
    const key = this.keys.get(job)
    const count = (this.killed.get(key) ?? 0) + 1
    // At the end, as the latest.
    this.killed.delete(key)
    this.killed.set(key, count)
    if (this.killed.size > remembered) this.killed.delete(this.killed.keys().next().value)
    return count >= this.limit || own >= this.limit
  }

  /** It was not the job, after all. */
  forgive(job: Keyed<Job>): void {
    if (this.killed.size > 0) this.killed.delete(this.keys.get(job))
  }
}
