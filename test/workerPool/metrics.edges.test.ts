/** The metrics of a pool: labels, histograms, and a pool that has failed. */
import { Effect, Metric, Schedule } from "effect"
import { Watch, WorkerPool } from "sluice"
import { expect, test } from "vitest"
import { runTimed, turns } from "../support/effect.js"
import { histogramOf, into, makeRegistry, snapshotOf, valueOf } from "../support/metrics.js"

test("the labels of a pool's own metrics replace those of its surroundings", () => {
  const registry = makeRegistry()
  return runTimed(
    into(registry)(Effect.gen(function*() {
      yield* WorkerPool.make({
        size: 1,
        watch: [Watch.metrics({ attributes: { region: "north" } })],
        run: () => Effect.void
      })
      expect(snapshotOf(registry).length).toBeGreaterThan(15)
      for (const { attributes } of snapshotOf(registry)) expect(attributes).toMatchObject({ region: "north" })
    })).pipe(Effect.provideService(Metric.CurrentMetricAttributes, { region: "south" }))
  )
})

test("a pool that has failed shows no workers", () => {
  const registry = makeRegistry()
  return runTimed(
    into(registry)(Effect.gen(function*() {
      let acquired = 0
      const pool = yield* WorkerPool.make({
        size: 1,
        watch: [Watch.metrics()],
        restart: Schedule.recurs(0),
        worker: () => Effect.suspend(() => ++acquired > 1 ? Effect.fail("planned") : Effect.void),
        run: () => Effect.die("planned")
      })
      expect(valueOf(registry, "workers")).toBe(1)
      yield* Effect.exit(WorkerPool.run(pool, 0))
      yield* turns(10)
      expect([WorkerPool.stats(pool).state, valueOf(registry, "workers")]).toEqual(["failed", 0])
    }))
  )
})

test("the histograms of a pool go from a millisecond to five minutes", () => {
  const registry = makeRegistry()
  return runTimed(
    into(registry)(Effect.gen(function*() {
      yield* WorkerPool.make({ size: 1, watch: [Watch.metrics()], run: () => Effect.void })
      for (const id of ["job_wait_seconds", "job_run_seconds"]) {
        expect(histogramOf(registry, id).buckets.map(([boundary]) => boundary)).toEqual(
          [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, Infinity]
        )
      }
    }))
  )
})

test.each(["pool", "worker", "outcome", "reason", "le", "quantile"])("a pool refuses the label %s", async (label) => {
  const pool = WorkerPool.make({
    size: 1,
    watch: [Watch.metrics({ attributes: { [label]: "x" } })],
    run: () => Effect.void
  })
  expect(String(await Effect.runPromise(Effect.exit(Effect.scoped(pool))))).toContain(
    "Watch.metrics: attributes must be without"
  )
})
