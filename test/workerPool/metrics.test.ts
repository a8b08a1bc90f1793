/** What a pool counts and times, when it is asked to: all of it is the ledger's, and what it says of time is exact. */
import { Clock, Deferred, Effect, Exit, Fiber, Metric, Schedule, Scope, Stream } from "effect"
import { Watch, WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import { after, runTimed, settle, start } from "../support/effect.js"
import { histogramOf, into, makeRegistry, type Registry, snapshotOf, valueOf } from "../support/metrics.js"

type Job = Effect.Effect<unknown, string>

const run = <A, E>(registry: Registry, effect: Effect.Effect<A, E, Scope.Scope>) => runTimed(into(registry)(effect))

type Some = Partial<WorkerPool.Options<Job, unknown, string, never, unknown, string, Scope.Scope>>

const make = (options: Some = {}) =>
  WorkerPool.make({ size: 1, name: "mail", watch: [Watch.metrics()], run: (job: Job) => job, ...options })

const outcomes = ["succeeded", "failed", "died", "interrupted", "expired", "timedOut", "dropped", "returned"] as const

/** Each series that stands for a column of the ledger, beside that column. */
const expectLedger = <E>(registry: Registry, pool: WorkerPool.WorkerPool<Job, unknown, E>) => {
  const stats = WorkerPool.stats(pool)
  expect(valueOf(registry, "jobs_submitted_total")).toBe(stats.submitted)
  for (const outcome of outcomes) {
    expect([outcome, valueOf(registry, "jobs_settled_total", { outcome })]).toEqual([outcome, stats[outcome]])
  }
  expect(valueOf(registry, "jobs_settled_total", { outcome: "deadLettered" })).toBe(stats.deadLettered)
  expect(valueOf(registry, "jobs_retrying")).toBe(stats.retrying)
  expect(valueOf(registry, "jobs_queued")).toBe(stats.queued)
  expect(valueOf(registry, "jobs_running")).toBe(stats.running)
  expect(valueOf(registry, "callers_waiting")).toBe(stats.waiting)
  expect(valueOf(registry, "resources_replaced_total")).toBe(stats.replaced)
}

describe("counters and gauges", () => {
  test("are the ledger, after each way in which a job can end", () => {
    const registry = makeRegistry()
    return run(
      registry,
      Effect.gen(function*() {
        const pool = yield* make({
          size: 2,
          queue: { capacity: 2, strategy: "sliding" },
          deadlines: { wait: 500, run: 1_000 }
        })
        yield* WorkerPool.run(pool, Effect.void)
        yield* Effect.exit(WorkerPool.run(pool, Effect.fail("refused")))
        yield* Effect.exit(WorkerPool.run(pool, Effect.die("poison")))
        yield* settle
        const first = yield* WorkerPool.submit(pool, Effect.never)
        yield* WorkerPool.submit(pool, Effect.never)
        // Of these two, one is pushed out and one expires; of the last ones, one is cancelled and one is returned.
        for (let n = 0; n < 3; n++) yield* WorkerPool.submit(pool, Effect.never)
        expectLedger(registry, pool)
        yield* after(500)
        expectLedger(registry, pool)
        yield* first.cancel
        yield* after(500)
        expectLedger(registry, pool)
        for (let n = 0; n < 4; n++) yield* WorkerPool.submit(pool, Effect.never)
        expectLedger(registry, pool)
        yield* WorkerPool.shutdownNow(pool)
        expectLedger(registry, pool)
        const stats = WorkerPool.stats(pool)
        for (const outcome of outcomes) expect([outcome, stats[outcome] > 0]).toEqual([outcome, true])
      })
    )
  })

  test("count retries, and the wait of each attempt without the pause before it", () => {
    const registry = makeRegistry()
    return run(
      registry,
      Effect.gen(function*() {
        const pool = yield* make({
          retry: { schedule: Schedule.recurs(2).pipe(Schedule.addDelay(() => Effect.succeed(1_000))), deadLetters: {} }
        })
        yield* WorkerPool.submit(pool, Effect.andThen(Effect.sleep(100), Effect.fail("refused")))
        yield* after(100)
        expect(valueOf(registry, "jobs_retrying")).toBe(1)
        expectLedger(registry, pool)
        for (let n = 0; n < 2; n++) yield* Effect.andThen(after(1_000), after(100))
        expectLedger(registry, pool)
        expect(WorkerPool.stats(pool).deadLettered).toBe(1)
        expect(valueOf(registry, "jobs_retried_total")).toBe(2)
        expect(valueOf(registry, "busy_seconds_total")).toBeCloseTo(0.3, 6)
        const wait = histogramOf(registry, "job_wait_seconds")
        expect([wait.count, wait.sum]).toEqual([3, 0])
      })
    )
  })

  test("count the callers that wait for room, and those that are turned away", () => {
    const registry = makeRegistry()
    const rejected = (reason: string) => valueOf(registry, "jobs_rejected_total", { reason })
    return run(
      registry,
      Effect.gen(function*() {
        const pool = yield* make({ queue: { capacity: 1 } })
        yield* WorkerPool.submit(pool, Effect.never)
        yield* WorkerPool.submit(pool, Effect.never)
        yield* Effect.exit(WorkerPool.trySubmit(pool, Effect.void))
        expect([rejected("QueueFull"), rejected("PoolClosed")]).toEqual([1, 0])
        const gone = yield* start(WorkerPool.submit(pool, Effect.void))
        yield* start(Effect.exit(WorkerPool.submit(pool, Effect.void)))
        yield* start(Effect.exit(WorkerPool.run(pool, Effect.void)))
        expect(valueOf(registry, "callers_waiting")).toBe(3)
        // Who gives up has not been refused.
        yield* Fiber.interrupt(gone)
        yield* WorkerPool.shutdownNow(pool)
        yield* settle
        expect([rejected("QueueFull"), rejected("PoolClosed")]).toEqual([1, 2])
        yield* Effect.exit(WorkerPool.run(pool, Effect.void))
        yield* Effect.exit(WorkerPool.submit(pool, Effect.void))
        yield* Effect.exit(WorkerPool.trySubmit(pool, Effect.void))
        yield* Effect.exit(Stream.runDrain(WorkerPool.map(pool, [Effect.void, Effect.void])))
        // Its scope is still open.
        expect(valueOf(registry, "workers")).toBe(0)
        // A stream gives up at the first.
        expect([rejected("QueueFull"), rejected("PoolClosed")]).toEqual([1, 6])
        expectLedger(registry, pool)
      })
    )
  })

  test("tell of the workers, their resources and the queue", () => {
    const registry = makeRegistry()
    return run(
      registry,
      Effect.gen(function*() {
        const worker = () => Effect.acquireRelease(Effect.void, () => Effect.die("stuck"))
        const scope = yield* Scope.make()
        const pool = yield* Scope.provide(make({ size: 3, queue: { capacity: 7 }, worker }), scope)
        expect([valueOf(registry, "workers"), valueOf(registry, "queue_capacity")]).toEqual([3, 7])
        yield* WorkerPool.resize(pool, 5)
        yield* settle
        expect(valueOf(registry, "workers")).toBe(5)
        yield* Effect.exit(WorkerPool.run(pool, Effect.die("poison")))
        yield* settle
        expect(valueOf(registry, "resources_replaced_total")).toBe(1)
        expect(valueOf(registry, "release_failures_total")).toBe(1)
        yield* Effect.exit(Scope.close(scope, Exit.void))
        expect(valueOf(registry, "workers")).toBe(0)
        expect(valueOf(registry, "release_failures_total")).toBe(6)
      })
    )
  })

  test("have no bound to show where the queue has none", () => {
    const registry = makeRegistry()
    return run(
      registry,
      Effect.gen(function*() {
        yield* make({ queue: { capacity: "unbounded" } })
        expect(valueOf(registry, "queue_capacity")).toBe(Infinity)
      })
    )
  })
})

describe("histograms", () => {
  test("have the seconds that each job has waited, for room too, and run", () => {
    const registry = makeRegistry()
    return run(
      registry,
      Effect.gen(function*() {
        const pool = yield* make({ queue: { capacity: 1 } })
        const job = Effect.sleep(250)
        // No wait begins with the pool.
        yield* after(1_000)
        yield* WorkerPool.submit(pool, job)
        yield* WorkerPool.submit(pool, job)
        yield* start(WorkerPool.submit(pool, job))
        yield* start(WorkerPool.run(pool, job))
        for (let n = 0; n < 4; n++) yield* after(250)
        const wait = histogramOf(registry, "job_wait_seconds")
        // 0, 0.25, 0.5 and 0.75.
        expect(wait).toMatchObject({ count: 4, sum: 1.5, min: 0, max: 0.75 })
        expect(wait.buckets.filter(([bound]) => [0.1, 0.25, 0.5, 1].includes(bound))).toEqual([
          [0.1, 1],
          [0.25, 2],
          [0.5, 3],
          [1, 4]
        ])
        expect(histogramOf(registry, "job_run_seconds")).toMatchObject({ count: 4, sum: 1, min: 0.25, max: 0.25 })
      })
    )
  })

  test("do not count a job that never began", () => {
    const registry = makeRegistry()
    return run(
      registry,
      Effect.gen(function*() {
        const pool = yield* make({ queue: { capacity: 2 } })
        yield* WorkerPool.submit(pool, Effect.never)
        const waits = yield* WorkerPool.submit(pool, Effect.void)
        yield* WorkerPool.submit(pool, Effect.void)
        yield* after(500)
        yield* waits.cancel
        yield* WorkerPool.shutdownNow(pool)
        expect(histogramOf(registry, "job_wait_seconds")).toMatchObject({ count: 1, sum: 0 })
        expect(histogramOf(registry, "job_run_seconds")).toMatchObject({ count: 1, sum: 0.5 })
      })
    )
  })
})

describe("busy seconds", () => {
  test("go on while a job does, and are those of all workers", () => {
    const registry = makeRegistry()
    return run(
      registry,
      Effect.gen(function*() {
        const pool = yield* make({ size: 2, watch: [Watch.metrics({ workers: true })] })
        const busy = () => [
          valueOf(registry, "busy_seconds_total"),
          ...snapshotOf(registry).flatMap(({ attributes, id, state }) =>
            id === "sluice_pool_worker_busy_seconds_total" ? [[attributes, state]] : []
          )
        ]
        expect(busy()).toEqual([0])
        yield* WorkerPool.submit(pool, Effect.never)
        yield* after(1_000)
        yield* WorkerPool.submit(pool, Effect.sleep(500))
        yield* after(2_000)
        const of = (worker: string, count: number) => [{ pool: "mail", worker }, { count, incremental: true }]
        expect(busy()).toEqual([3.5, of("1", 3), of("2", 0.5)])
        yield* WorkerPool.shutdownNow(pool)
        yield* after(1_000)
        expect(busy()).toEqual([3.5, of("1", 3), of("2", 0.5)])
      })
    )
  })

  test("of a worker are no series, unless asked for; and then as many as there were workers at once", () => {
    const registry = makeRegistry()
    const series = () => snapshotOf(registry).filter(({ id }) => id === "sluice_pool_worker_busy_seconds_total").length
    return run(
      registry,
      Effect.gen(function*() {
        yield* WorkerPool.run(yield* make(), Effect.void)
        expect(series()).toBe(0)
        const pool = yield* make({ size: 2, name: "others", watch: [Watch.metrics({ workers: true })] })
        for (let n = 0; n < 5; n++) {
          yield* Effect.forEach([1, 2], () => Effect.exit(WorkerPool.run(pool, Effect.die("poison"))), {
            concurrency: "unbounded"
          })
          yield* WorkerPool.resize(pool, 1 + n % 2)
          yield* settle
        }
        expect(series()).toBe(2)
      })
    )
  })
})

describe("the series", () => {
  test("are in the registry of who makes the pool, with its labels, whoever brings the jobs", () => {
    const [registry, other] = [makeRegistry(), makeRegistry()]
    return run(
      other,
      Effect.gen(function*() {
        const pool = yield* make({ watch: [Watch.metrics({ attributes: { region: "north" } })] }).pipe(
          into(registry),
          Effect.provideService(Metric.CurrentMetricAttributes, { host: "one", pool: "another" })
        )
        yield* WorkerPool.run(pool, Effect.void)
        expect(other.size).toBe(0)
        expect(snapshotOf(registry).length).toBeGreaterThan(15)
        for (const { attributes } of snapshotOf(registry)) {
          expect(attributes).toMatchObject({ pool: "mail", region: "north", host: "one" })
        }
      })
    )
  })

  test("are none at all unless asked for", () => {
    const registry = makeRegistry()
    return run(
      registry,
      Effect.gen(function*() {
        for (const watch of [undefined, [], [Watch.spans()]]) {
          const pool = yield* make({ watch })
          yield* WorkerPool.run(pool, Effect.void)
        }
        expect(registry.size).toBe(0)
      })
    )
  })

  test("cost no look at the clock unless asked for", () => {
    const registry = makeRegistry()
    return run(
      registry,
      Effect.gen(function*() {
        const clock = yield* Clock.Clock
        const reads = (options: Some) =>
          Effect.gen(function*() {
            let reads = 0
            const monotonicTimeNanosUnsafe = () => {
              reads++
              return clock.monotonicTimeNanosUnsafe()
            }
            const counting = Object.assign(Object.create(clock) as Clock.Clock, { monotonicTimeNanosUnsafe })
            const pool = yield* make(options).pipe(Effect.provideService(Clock.Clock, counting))
            yield* WorkerPool.run(pool, Effect.void)
            return reads
          })
        expect(yield* reads({ watch: [] })).toBe(0)
        expect(yield* reads({ watch: [Watch.metrics()] })).toBeGreaterThan(0)
      })
    )
  })

  test("are shared by pools of one name, and go on where the last one has left them", () => {
    const registry = makeRegistry()
    return run(
      registry,
      Effect.gen(function*() {
        const once = Effect.scoped(Effect.gen(function*() {
          const pool = yield* make()
          yield* WorkerPool.run(pool, Effect.sleep(0))
          yield* WorkerPool.submit(pool, Effect.never)
          yield* after(1_000)
          expect(valueOf(registry, "jobs_running")).toBe(1)
        }))
        yield* once
        const series = registry.size
        yield* once
        yield* once
        expect(registry.size).toBe(series)
        expect(valueOf(registry, "jobs_submitted_total")).toBe(6)
        expect(valueOf(registry, "jobs_settled_total", { outcome: "interrupted" })).toBe(3)
        expect(valueOf(registry, "busy_seconds_total")).toBe(3)
        expect(valueOf(registry, "jobs_running")).toBe(0)
        const [one, two] = [yield* make({ size: 2 }), yield* make({ size: 3 })]
        yield* WorkerPool.submit(one, Effect.never)
        yield* WorkerPool.submit(two, Effect.never)
        expect(["workers", "jobs_running", "jobs_submitted_total"].map((id) => valueOf(registry, id))).toEqual([
          5,
          2,
          8
        ])
      })
    )
  })

  test("count the job that closes its own pool's scope", () => {
    const registry = makeRegistry()
    return run(
      registry,
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const gate = yield* Deferred.make<void>()
        const pool = yield* Scope.provide(make(), scope)
        const handle = yield* WorkerPool.submit(
          pool,
          Effect.uninterruptible(Effect.andThen(Scope.close(scope, Exit.void), Deferred.await(gate)))
        )
        yield* settle
        expect(valueOf(registry, "jobs_running")).toBe(1)
        yield* Deferred.succeed(gate, undefined)
        yield* handle.await
        yield* settle
        expectLedger(registry, pool)
        expect(valueOf(registry, "jobs_settled_total", { outcome: "interrupted" })).toBe(1)
      })
    )
  })
})

describe("options", () => {
  test.each<[unknown, string]>([
    ["all", "options must be an object, got \"all\""],
    [null, "options must be an object, got null"],
    [{ workers: 1 }, "workers must be true or false, got 1"],
    [{ attributes: "x" }, "attributes must be an object, got \"x\""],
    [{ attributes: { region: 1 } }, "attributes.region must be a string, got 1"],
    [{ attributes: { le: "1" } }, "attributes must be without pool, worker, outcome, reason, le"]
  ])("%j are refused", async (options, message) => {
    const exit = await Effect.runPromise(
      Effect.exit(Effect.scoped(make({ watch: [Watch.metrics(options as Watch.MetricsOptions)] })))
    )
    expect(String(exit)).toContain(`Watch.metrics: ${message}`)
  })
})
