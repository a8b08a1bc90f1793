import * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import { boundaries, type Labels, type Pulled, register } from "../../series.js"
import { poolName } from "../errors.js"
import type { Stats } from "../model.js"
import type { Outcome } from "../states.js"
import type { Pool } from "../watching.js"

export interface MetricsSettings {
  readonly attributes: Labels
  readonly workers: boolean
}

/** Labels that are ours, or Prometheus's own. */
export const reservedLabels = ["pool", "worker", "outcome", "reason", "le", "quantile"]

/** One line of what a scrape shows. */
interface Series extends Pulled {
  readonly labels?: Labels
  readonly read: (pool: PoolMetrics) => number
}

// All of them, and nothing else: the compiler sees to that.
const outcomes: Readonly<Record<Outcome, (stats: Stats) => number>> = {
  succeeded: ({ succeeded }) => succeeded,
  failed: ({ failed }) => failed,
  died: ({ died }) => died,
  interrupted: ({ interrupted }) => interrupted,
  expired: ({ expired }) => expired,
  timedOut: ({ timedOut }) => timedOut,
  deadLettered: ({ deadLettered }) => deadLettered,
  dropped: ({ dropped }) => dropped,
  returned: ({ returned }) => returned
}

const counter = (id: string, help: string, read: Series["read"], labels: Labels = {}): Series => ({
  id: `sluice_pool_${id}_total`,
  type: "Counter",
  help,
  read,
  labels
})

const gauge = (id: string, help: string, read: Series["read"]): Series => ({
  id: `sluice_pool_${id}`,
  type: "Gauge",
  help,
  read
})

const isOver = ({ state }: Stats): boolean => state === "stopped" || state === "failed"

const series: ReadonlyArray<Series> = [
  counter("jobs_submitted", "Jobs that were accepted", ({ stats }) => stats.submitted),
  ...Object.entries(outcomes).map(([outcome, of]) =>
    counter("jobs_settled", "Jobs that have ended, by how they did", ({ stats }) => of(stats), { outcome })
  ),
  ...(["QueueFull", "PoolClosed"] as const).map((reason) =>
    counter("jobs_rejected", "Jobs that were not accepted, by why", ({ rejections }) => rejections[reason], { reason })
  ),
  counter("jobs_retried", "Attempts at jobs that were followed by another", ({ retries }) => retries),
  ...(["failed", "died", "timedOut"] as const).map((outcome) =>
    counter("attempts_failed", "Attempts at jobs that failed, by how", ({ failures }) => failures[outcome], { outcome })
  ),
  counter("resources_replaced", "Workers' resources that took the place of another", ({ stats }) => stats.replaced),
  counter("release_failures", "Releases of workers' resources that died", ({ releaseFailures }) => releaseFailures),
  counter("busy_seconds", "Seconds that workers have spent on jobs", (pool) => pool.busy),
  gauge("jobs_queued", "Jobs that wait for a worker", ({ stats }) => stats.queued),
  gauge("jobs_running", "Jobs that workers have", ({ stats }) => stats.running),
  gauge("jobs_retrying", "Jobs between two attempts", ({ stats }) => stats.retrying),
  gauge("places_reserved", "Workers' places that are reserved for jobs to come", ({ stats }) => stats.reserved),
  gauge("callers_waiting", "Calls that are suspended, because the queue is full", ({ stats }) => stats.waiting),
  gauge("workers", "Workers there are to be", ({ stats }) => isOver(stats) ? 0 : stats.size),
  gauge(
    "queue_capacity",
    "Jobs that may wait for a worker",
    ({ stats: { capacity } }) => capacity === "unbounded" ? Infinity : capacity
  )
]

const ofWorker = (worker: number): Series =>
  counter(
    "worker_busy_seconds",
    "Seconds that a worker has spent on jobs",
    (pool) => pool.busyOf(worker),
    { worker: String(worker) }
  )

const wait = Metric.histogram("sluice_pool_job_wait_seconds", {
  description: "Seconds from the call that brings a job until a worker begins it",
  boundaries
})
const run = Metric.histogram("sluice_pool_job_run_seconds", {
  description: "Seconds that a worker has spent on a job",
  boundaries
})

/**
 * The pools of one registry that have the same labels, which share their series: what those that have ended had counted
 * is kept, so that a counter never falls, and they are not.
 */
class Family {
  private readonly pools = new Set<PoolMetrics>()
  private readonly past = new Map<Series, number>()
  private readonly workers: Array<Series | undefined> = []

  constructor(private readonly registry: Metric.MetricRegistry, private readonly labels: Labels) {}

  add(pool: PoolMetrics): void {
    this.sweep()
    this.pools.add(pool)
    for (const one of [...series, ...this.workers]) if (one !== undefined) this.register(one)
  }

  /**
   * Forgets the pools that will count no more. One whose own job has ended it goes on counting until that has ended.
   */
  sweep(): void {
    for (const pool of this.pools) if (pool.isOver) this.retire(pool)
  }

  private retire(pool: PoolMetrics): void {
    for (const one of [...series, ...this.workers]) {
      if (one?.type === "Counter") this.past.set(one, (this.past.get(one) ?? 0) + one.read(pool))
    }
    this.pools.delete(pool)
  }

  /** Worker numbers are given again, so there are never more of these than the pool has had workers at once. */
  addWorker(worker: number): void {
    if (this.workers[worker] !== undefined) return
    const one = ofWorker(worker)
    this.workers[worker] = one
    this.register(one)
  }

  private register(one: Series): void {
    register(this.registry, one, { ...this.labels, ...one.labels }, () => this.value(one))
  }

  private value(one: Series): number {
    this.sweep()
    let value = this.past.get(one) ?? 0
    for (const pool of this.pools) value += one.read(pool)
    return value
  }
}

const families = new WeakMap<object, Map<string, Family>>()

const familyOf = (registry: Metric.MetricRegistry, labels: Labels): Family => {
  let all = families.get(registry)
  if (all === undefined) families.set(registry, all = new Map<string, Family>())
  const key = JSON.stringify(Object.entries(labels).sort())
  let family = all.get(key)
  if (family === undefined) all.set(key, family = new Family(registry, labels))
  return family
}

interface WorkerTime {
  busy: number
  /** When its present job has begun. */
  since: number | undefined
}

/** The counts of one pool that its own books do not have. */
export class PoolMetrics {
  readonly rejections = { QueueFull: 0, PoolClosed: 0 }
  /** Of attempts, whatever became of their jobs: the ledger does not know how a dead letter's job has failed. */
  readonly failures = { failed: 0, died: 0, timedOut: 0 }
  retries = 0
  private readonly workers: Array<WorkerTime | undefined> = []
  private readonly family: Family
  private readonly context: Context.Context<never>
  private scope: "open" | "closed" = "open"

  constructor(
    private readonly options: MetricsSettings,
    private readonly pool: Pool,
    private readonly now: () => number
  ) {
    const { context, name } = pool
    const labels = {
      ...Context.get(context, Metric.CurrentMetricAttributes),
      ...options.attributes,
      pool: poolName(name)
    }
    const registry = Context.get(context, Metric.MetricRegistry)
    this.context = Context.make(Metric.MetricRegistry, registry).pipe(
      Context.add(Metric.CurrentMetricAttributes, labels)
    )
    this.family = familyOf(registry, labels)
    this.family.add(this)
    // A series that is there from the start has a first step: who asks sees no gap, and then a one.
    for (const histogram of [wait, run]) histogram.valueUnsafe(this.context)
  }

  detach(): void {
    this.scope = "closed"
    this.family.sweep()
  }

  get isOver(): boolean {
    return this.scope === "closed" && isOver(this.stats) && this.stats.running === 0
  }

  get stats(): Stats {
    return this.pool.stats()
  }

  get releaseFailures(): number {
    return this.pool.releasesFailed()
  }

  /** With those that run: an hour's job counts as it goes, and not all at once when it ends. */
  get busy(): number {
    let seconds = 0
    for (const id of this.workers.keys()) seconds += this.busyOf(id)
    return seconds
  }

  busyOf(id: number): number {
    const worker = this.workers[id]
    if (worker === undefined) return 0
    return worker.since === undefined ? worker.busy : worker.busy + this.now() - worker.since
  }

  rejected(reason: "QueueFull" | "PoolClosed", jobs: number): void {
    this.rejections[reason] += jobs
  }

  retried(): void {
    this.retries++
  }

  began(id: number, now: number, waited: number): void {
    wait.updateUnsafe(waited, this.context)
    const worker = this.workers[id] ??= this.hired(id)
    worker.since = now
  }

  private hired(id: number): WorkerTime {
    if (this.options.workers) this.family.addWorker(id)
    return { busy: 0, since: undefined }
  }

  ended(id: number, now: number, ran: number, outcome: Outcome | undefined): void {
    run.updateUnsafe(ran, this.context)
    if (outcome === "failed" || outcome === "died" || outcome === "timedOut") this.failures[outcome]++
    const worker = this.workers[id]
    if (worker?.since === undefined) return
    worker.busy += now - worker.since
    worker.since = undefined
  }
}
