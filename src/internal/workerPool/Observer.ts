import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { AnySpan } from "effect/Tracer"
import { invalid } from "../args.js"
import type { AnyFiber } from "../stack.js"
import type { AnyJob } from "./Job.js"
import { type MetricsSettings, PoolMetrics, reservedLabels } from "./Metrics.js"
import type { JobContext } from "./model.js"
import type { AnyPool } from "./Pool.js"
import type { Outcome } from "./states.js"
import { spanOf, traced } from "./tracing.js"

/**
 * How a pool's metrics are labelled, beside the pool's name.
 *
 * **Details**
 *
 * - `attributes`: labels of every series of the pool. Each combination of values is a set of series of its own: take what
 *   has few, such as a region, and nothing of a job's.
 * - `workers`: whether each worker has a series of its own, `sluice_pool_worker_busy_seconds_total`: no, by default.
 *
 * @category models
 * @since 0.1.0
 */
export interface MetricsOptions {
  readonly attributes?: Readonly<Record<string, string>> | undefined
  readonly workers?: boolean | undefined
}

/** Of what is to be seen. */
export interface Observed {
  readonly metrics: MetricsSettings | undefined
  readonly tracing: boolean
}

/** What is remembered of one job. Times are seconds of the observer's. */
export class Observation {
  /** When the present attempt got a worker. */
  begun: number | undefined = undefined
  /** How long the present attempt has waited for one. */
  wait = 0

  constructor(
    public since: number,
    /** The span in which it was brought, if jobs are traced. */
    readonly caller: AnySpan | undefined,
    /** Who brings a job by `run` waits for its end: then the one lies within the other. */
    readonly within: boolean
  ) {}
}

type Run = (job: never, context: JobContext<unknown>) => Effect.Effect<unknown, unknown>

/**
 * What a pool tells about its jobs while it is watched. It is told after the books have changed, and runs no fiber. What
 * the books themselves say is not told again: it is read from them whenever somebody looks.
 */
export class Observer {
  private readonly clock: Clock.Clock
  private readonly origin: bigint
  private metrics: PoolMetrics | undefined = undefined

  constructor(private readonly observed: Observed, context: Context.Context<never>) {
    this.clock = Context.get(context, Clock.Clock)
    this.origin = this.clock.monotonicTimeNanosUnsafe()
  }

  // Never backwards, as the wall's clock may go: a counter that falls is taken for one that has begun anew.
  private readonly now = (): number => Number(this.clock.monotonicTimeNanosUnsafe() - this.origin) / 1e9

  /** The function that runs the jobs, as it is to be called. */
  wrap<T extends Run>(run: T, pool: string): T {
    // It takes what the other takes, and returns what that returns.
    return this.observed.tracing ? traced(run, pool) as T : run
  }

  attach(pool: AnyPool): void {
    this.metrics = this.observed.metrics && new PoolMetrics(this.observed.metrics, pool, this.now)
  }

  /** The pool has ended; or all of it but the job that has asked for that. */
  detach(): void {
    this.metrics?.detach()
  }

  /** Somebody brings a job, whatever becomes of it. */
  offered(job: AnyJob, from: AnyFiber, by: "run" | "submit"): void {
    job.observed = new Observation(this.now(), this.observed.tracing ? spanOf(from) : undefined, by === "run")
  }

  rejected(reason: "QueueFull" | "PoolClosed", jobs = 1): void {
    this.metrics?.rejected(reason, jobs)
  }

  began({ observed, worker }: AnyJob): void {
    if (observed === undefined || worker === undefined) return
    const now = this.now()
    observed.begun = now
    observed.wait = now - observed.since
    this.metrics?.began(worker.id, now, observed.wait)
  }

  /**
   * An attempt has ended, on that worker. What becomes of the job is to be decided. Without an outcome it had not begun for
   * the job: its resource was lost before.
   */
  attempted(job: AnyJob, worker: number, outcome: Outcome | undefined): void {
    this.attemptEnded(job.observed, worker, outcome)
  }

  /** There is to be another attempt: its wait begins. */
  retried({ observed }: AnyJob): void {
    if (observed !== undefined) observed.since = this.now()
    this.metrics?.retried()
  }

  /** A job has ended, on its worker if it had begun. */
  ended(job: AnyJob, outcome: Outcome): void {
    this.attemptEnded(job.observed, job.worker?.id, outcome)
  }

  private attemptEnded(
    observed: Observation | undefined,
    worker: number | undefined,
    outcome: Outcome | undefined
  ): void {
    if (observed?.begun === undefined || worker === undefined) return
    const now = this.now()
    this.metrics?.ended(worker, now, now - observed.begun, outcome)
    observed.begun = undefined
    observed.since = now
  }
}

// JavaScript may bring anything.
const isRecord = (u: unknown): boolean => typeof u === "object" && u !== null && !Array.isArray(u)

interface Seen {
  readonly metrics?: boolean | MetricsOptions | undefined
  readonly tracing?: boolean | undefined
}

/** Undefined when there is nothing to be seen: then it costs nothing. */
export const observerOf = (
  { metrics = false, tracing = false }: Seen,
  context: Context.Context<never>
): Observer | undefined => {
  const fail = (argument: string, requirement: string, value: unknown) => {
    throw invalid("WorkerPool.make", argument, requirement, value)
  }
  if (typeof tracing !== "boolean") fail("tracing", "true or false", tracing)
  if (typeof metrics !== "boolean" && !isRecord(metrics)) fail("metrics", "true, false or an object", metrics)
  const { attributes = {}, workers = false } = typeof metrics === "boolean" ? {} : metrics
  if (typeof workers !== "boolean") fail("metrics.workers", "true or false", workers)
  if (!isRecord(attributes)) fail("metrics.attributes", "an object", attributes)
  for (const [label, value] of Object.entries(attributes)) {
    if (reservedLabels.includes(label)) fail("metrics.attributes", `without ${reservedLabels.join(", ")}`, label)
    if (typeof value !== "string") fail(`metrics.attributes.${label}`, "a string", value)
  }
  if (metrics === false && !tracing) return undefined
  const observed = { metrics: metrics === false ? undefined : { attributes, workers }, tracing }
  return new Observer(observed, context)
}
