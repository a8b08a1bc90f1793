import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import { invalid, isRecord } from "../../args.js"
import { checkLabels } from "../../series.js"
import type { Outcome } from "../states.js"
import type { Attempt, Pool, Watching } from "../watching.js"
import { PoolMetrics, reservedLabels } from "./PoolMetrics.js"

/**
 * How metrics are labelled, in addition to the name of the pool, semaphore, group or limit. A wrong value is a defect
 * of the function that makes it.
 *
 * @category models
 * @since 0.1.0
 */
export interface MetricsOptions {
  /**
   * Labels of every series, by name. Each combination of values is a set of series of its own: take a label with few
   * values, such as a region, and nothing that is different for each job. Default: none. Labels of sluice, such as
   * `pool` and `outcome`, and values that are no strings are defects.
   */
  readonly attributes?: Readonly<Record<string, string>> | undefined
  /** Whether each worker of a pool has a series of its own, `sluice_pool_worker_busy_seconds_total`. Default: false. */
  readonly workers?: boolean | undefined
}

const fail = (argument: string, requirement: string, value: unknown): never => {
  throw invalid("Watch.metrics", argument, requirement, value)
}

const check = (
  options: MetricsOptions
): { readonly attributes: Readonly<Record<string, string>>; workers: boolean } => {
  if (!isRecord(options)) fail("options", "an object", options)
  const { attributes, workers = false } = options
  if (typeof workers !== "boolean") fail("workers", "true or false", workers)
  return { attributes: checkLabels(attributes, reservedLabels), workers }
}

/** The present attempt at a job. Times are seconds since the pool was made. */
export interface Note {
  /** When its wait for a worker began. */
  since: number
  /** When a worker began it, and which. */
  begun: number | undefined
  worker: number
}

class MetricsWatching implements Watching<Note> {
  private readonly clock: Clock.Clock
  private readonly origin: bigint
  private readonly metrics: PoolMetrics

  constructor(options: MetricsOptions, pool: Pool) {
    const settings = check(options)
    this.clock = Context.get(pool.context, Clock.Clock)
    this.origin = this.clock.monotonicTimeNanosUnsafe()
    this.metrics = new PoolMetrics(settings, pool, this.now)
  }

  // Never backwards, as the wall's clock may go: a counter that falls is taken for one that has begun anew.
  private readonly now = (): number => Number(this.clock.monotonicTimeNanosUnsafe() - this.origin) / 1e9

  offered(): Note {
    return { since: this.now(), begun: undefined, worker: 0 }
  }

  rejected(reason: "QueueFull" | "PoolClosed", jobs: number): void {
    this.metrics.rejected(reason, jobs)
  }

  began(note: Note, { worker }: Attempt): void {
    const now = this.now()
    note.begun = now
    note.worker = worker
    this.metrics.began(worker, now, now - note.since)
  }

  attempted(note: Note, outcome: Outcome | undefined): void {
    if (note.begun === undefined) return
    const now = this.now()
    this.metrics.ended(note.worker, now, now - note.begun, outcome)
    note.begun = undefined
    note.since = now
  }

  retried(note: Note): void {
    note.since = this.now()
    this.metrics.retried()
  }

  ended(note: Note, outcome: Outcome): void {
    this.attempted(note, outcome)
  }

  closed(): void {
    this.metrics.detach()
  }
}

export const metrics = (options: MetricsOptions, pool: Pool): Watching<Note> => new MetricsWatching(options, pool)
