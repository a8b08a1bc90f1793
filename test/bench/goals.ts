/** The project's goals. `npm run bench:check` compares docs/performance.json with them; the page does not show them. */
import type { Latency } from "./latency.js"
import { jobBytes, ratioOf, type Results, waiterBytes } from "./results.js"

export interface Goal {
  readonly work: string
  readonly against: string
  readonly atMost: number
  /** Undefined if the results lack it. */
  readonly measured: (all: Results) => number | undefined
}

/** A work, a contender, and the largest ratio of the time of sluice to that of the contender. */
const ratio = (work: string, against: string, atMost: number, of?: string): Goal => ({
  work: of === undefined ? work : `${work}: ${of}`,
  against,
  atMost,
  measured: (all) => ratioOf(all, work, against, of)
})

const bytes = (work: string, atMost: number, measured: (all: Results) => number): Goal => ({
  work,
  against: "bytes",
  atMost,
  measured
})

/** Of the processor time from a failure to the last sibling's finalizer. */
const cancellation = (quantile: "p50" | "p90"): Goal => ({
  work: `latency: cancellation, ${quantile}`,
  against: "Effect.all, unbounded",
  atMost: 1.1,
  measured: ({ latency }) => {
    const of = (name: Latency["name"]) => latency.find((one) => one.name === name)?.[quantile]
    const [ours, theirs] = [of("Group.scoped"), of("Effect.all, unbounded")]
    return ours === undefined || theirs === undefined ? undefined : ours / theirs
  }
})

/** From a failure to the first step of the next holder. */
const handOver: Goal = {
  work: "latency: hand-over after a failure, p50",
  against: "Effect Semaphore",
  atMost: 1,
  measured: ({ latency }) => {
    const of = (name: string) =>
      latency.find((one) => one.name === name && one.what.startsWith("failure with a permit"))?.p50
    const [sluice, effect] = [of("sluice Semaphore"), of("Effect Semaphore")]
    return sluice === undefined || effect === undefined ? undefined : sluice / effect
  }
}

/** Of the processor time of a cold import. */
const coldImport = (name: string, atMost: number): Goal => ({
  work: `import: ${name}`,
  against: "effect/Effect",
  atMost,
  measured: ({ imports }) => imports.find((one) => one.name === name)?.ratio
})

export const goals: ReadonlyArray<Goal> = [
  // Out of reach: fibers without any semaphore take about a fortieth of the time of Effect's.
  ratio("semaphore-waiting", "Effect Semaphore", 1 / 50),
  ratio("semaphore-waiting", "fibers without a semaphore", 2),
  ratio("semaphore-uncontended", "Effect Semaphore", 1),
  ratio("group-limit", "Effect.forEach, concurrency 8", 1),
  ratio("group-sync", "Effect.forEach, concurrency 8", 1.3),
  ratio("group-for-each", "Effect.forEach, concurrency 8", 0.9),
  ratio("group-for-each-sync", "Effect.forEach, concurrency 8", 1.2),
  ratio("group-unbounded", "FiberSet.run and awaitEmpty", 1),
  ratio("cancel", "Fiber.interruptAll", 1.2),
  handOver,
  cancellation("p50"),
  cancellation("p90"),
  ratio("pool-submit", "8 fibers that loop over yieldNow", 1.65),
  ratio("pool-submit", "Queue.bounded(16) and 8 fibers", 0.62),
  ratio("pool-run", "p-limit", 0.7),
  ratio("pool-run", "a fiber for each job, no pool", 1.7),
  ratio("pool-run-promises", "p-limit", 1.15),
  ratio("bulk", "a loop of submit, no results", 1.15),
  ratio("bulk", "Effect.forEach, concurrency 8", 1.4),
  ratio("bulk", "p-map", 1.6),
  ratio("bulk", "a loop of submit, no results", 1.3, "WorkerPool.map"),
  ratio("bulk-sync", "a loop of submit, no results", 1.15),
  ratio("bulk-sync", "a loop of submit, no results", 1.3, "WorkerPool.map"),
  ratio("stream-sync", "Stream.mapEffect, concurrency 8", 0.35),
  coldImport("sluice/Semaphore", 1.15),
  coldImport("sluice/Group", 1.15),
  coldImport("sluice/WorkerPool", 1.7),
  ratio("threads-tiny", "piscina, 32 jobs a thread", 0.2),
  ratio("threads-tiny", "piscina", 0.5),
  ratio("threads-compute", "one call for each thread", 1.03),
  bytes("a job in a queue", 200, jobBytes),
  bytes("a fiber that waits for a permit", 200, waiterBytes),
  bytes("a million jobs through WorkerPool.map", 16 * 2 ** 20, ({ growth: { map } }) => map)
]
