import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import { logLater } from "../logLater.js"
import type { AnyJob } from "./Job.js"
import type { Outcome } from "./states.js"
import type { Attempt, Pool, Watcher, Watching } from "./watching.js"

/** One watcher of the pool. "silenced": a function of it has thrown. */
class Watched {
  state: "watching" | "silenced" = "watching"

  constructor(readonly watching: Watching<unknown>) {}
}

/**
 * All watchers of a pool. Each keeps a note about each job: `notes` of the job has them in the order of the watchers.
 */
export class Watchers {
  private readonly all: ReadonlyArray<Watched>
  /** A watcher wraps the effects of attempts. */
  readonly wraps: boolean

  constructor(watchers: ReadonlyArray<Watcher>, private readonly pool: Pool) {
    this.all = watchers.map((watcher) => new Watched(watcher.watch(pool)))
    this.wraps = this.all.some(({ watching }) => watching.around !== undefined)
  }

  offered(job: AnyJob, caller: Context.Context<never>, by: "run" | "submit"): void {
    const notes: Array<unknown> = []
    this.each((watching, i) => {
      notes[i] = watching.offered(job, caller, by)
    })
    job.notes = notes
  }

  rejected(reason: "QueueFull" | "PoolClosed", jobs: number): void {
    if (jobs > 0) this.each((watching) => watching.rejected?.(reason, jobs))
  }

  began(job: AnyJob, attempt: Attempt): void {
    this.each((watching, i) => watching.began?.(job.notes?.[i], attempt))
  }

  attempted(job: AnyJob, outcome: Outcome | undefined): void {
    this.each((watching, i) => watching.attempted?.(job.notes?.[i], outcome))
  }

  retried(job: AnyJob): void {
    this.each((watching, i) => watching.retried?.(job.notes?.[i]))
  }

  ended(job: AnyJob, outcome: Outcome): void {
    this.each((watching, i) => watching.ended?.(job.notes?.[i], outcome))
  }

  around<A, E>(job: AnyJob, attempt: Attempt, effect: Effect.Effect<A, E>): Effect.Effect<A, E> {
    // The first watcher is the outermost.
    return this.all.reduceRight((inner, { state, watching }, i) =>
      state === "silenced" || watching.around === undefined
        ? inner
        : watching.around(job.notes?.[i], attempt, inner), effect)
  }

  closed(): void {
    this.each((watching) => watching.closed?.())
  }

  /** An error of a watcher must not reach the books, in the midst of which it is called. */
  private each(tell: (watching: Watching<unknown>, i: number) => void): void {
    for (const [i, watched] of this.all.entries()) {
      if (watched.state === "silenced") continue
      try {
        tell(watched.watching, i)
      } catch (error) {
        watched.state = "silenced"
        const message = "WorkerPool: a watcher threw, and is called no more"
        logLater(this.pool.context, message, error)
      }
    }
  }
}
