/**
 * Metrics and spans of pools, semaphores, groups and adaptive limits, and the interface for a pool's watcher of your
 * own. They are values for the option `watch`. Without that option watching costs nothing, and a program that does not
 * import this module does not load its code.
 *
 * @since 0.1.0
 */
import { type Observer, ObserverTypeId } from "./internal/Observers.js"
import { metrics as observedMetrics } from "./internal/watch/metrics.js"
import { spans as observedSpans } from "./internal/watch/spans.js"
import { metrics as poolMetrics, type MetricsOptions } from "./internal/workerPool/watch/metrics.js"
import { spans as poolSpans } from "./internal/workerPool/watch/spans.js"
import type { Watcher, Watching } from "./internal/workerPool/watching.js"
import type * as watching from "./internal/workerPool/watching.js"

export type { Observer } from "./internal/Observers.js"
export type { MetricsOptions } from "./internal/workerPool/watch/metrics.js"
export type { Attempt, Job, Pool, Watcher, Watching } from "./internal/workerPool/watching.js"

/**
 * A watcher for the option `watch` of pools, semaphores, groups and adaptive limits. One value may watch many of them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Universal extends Watcher, Observer {}

/**
 * Counts and times a pool's jobs, the requests of a semaphore, a group's children and the calls of an adaptive limit,
 * with Effect's `Metric`s, in the registry of the caller of `make`. `docs/observability.md` lists the series. An option
 * with a wrong value is a defect of `make`.
 *
 * **Details**
 *
 * Gauges are read at each snapshot of the metrics. `makeUnsafe` has no caller with a registry: it uses Effect's default
 * registry. The option `workers` is for pools.
 *
 * **Example** (How many jobs have succeeded)
 *
 * ```ts
 * import { Effect, Metric } from "effect"
 * import { Watch, WorkerPool } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* WorkerPool.make({
 *     size: 2,
 *     name: "mail",
 *     run: (n: number) => Effect.succeed(2 * n),
 *     watch: [Watch.metrics({ attributes: { region: "eu" } })]
 *   })
 *   yield* WorkerPool.run(pool, 21)
 *   const ended = (yield* Metric.snapshot).filter(({ id }) => id === "sluice_pool_jobs_settled_total")
 *   console.log(ended.find(({ attributes }) => attributes?.["outcome"] === "succeeded")?.state)
 *   // => { count: 1, incremental: true }
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category watchers
 * @since 0.1.0
 */
export const metrics = (options: MetricsOptions = {}): Universal => ({
  ...make((pool) => poolMetrics(options, pool)),
  [ObserverTypeId]: (subject) => observedMetrics(options.attributes, subject)
})

/**
 * Gives a span to each attempt at a pool's job, `name/job`, to each wait for permits of a semaphore or an adaptive
 * limit, `name/wait`, and to each child of a group, `name/child`. `docs/observability.md` has the attributes.
 *
 * **Details**
 *
 * The span of a wait or a child is a child of its caller's span. A request that is granted immediately has no span. The
 * span of a job of `run` is a child of its caller's span. The span of a submitted job begins a trace of its own, with a
 * link to its caller's span. A job's logs have its number.
 *
 * **Example** (A job's span lies within its caller's)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Watch, WorkerPool } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const run = (_: string) => Effect.map(Effect.currentParentSpan, (span) => span._tag === "Span" ? span.name : "")
 *   const pool = yield* WorkerPool.make({ size: 1, name: "mail", run, watch: [Watch.spans()] })
 *   console.log(yield* WorkerPool.run(pool, "hello")) // => mail/job
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category watchers
 * @since 0.1.0
 */
export const spans = (): Universal => ({ ...make(poolSpans), [ObserverTypeId]: observedSpans })

/**
 * Makes a watcher of your own. `watch` is called once for each pool whose option `watch` lists the result, and returns
 * the functions that the pool calls. `Watching` says when, and in which order.
 *
 * **Example** (How long each job has taken, waits and retries included)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Watch, WorkerPool } from "sluice"
 *
 * const slowest = { job: 0, attempts: 0 }
 * const attempts = Watch.make(() => ({
 *   offered: (job) => ({ job, attempts: 0 }),
 *   began: (note) => void note.attempts++,
 *   ended: (note) => {
 *     if (note.attempts > slowest.attempts) Object.assign(slowest, { job: note.job.id, attempts: note.attempts })
 *   }
 * }))
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* WorkerPool.make({ size: 2, run: (n: number) => Effect.succeed(n), watch: [attempts] })
 *   yield* WorkerPool.run(pool, 1)
 *   console.log(slowest) // => { job: 1, attempts: 1 }
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category watchers
 * @since 0.1.0
 */
export const make = <Note>(watch: (pool: watching.Pool) => Watching<Note>): Watcher => ({
  // The pool passes each watcher its own notes.
  watch: (pool) => watch(pool)
})
