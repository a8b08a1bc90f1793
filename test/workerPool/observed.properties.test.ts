/** However a pool's jobs are scheduled and interrupted, its metrics are its ledger, and each span has its end. */
import { Effect, Exit, Metric, Scope, Tracer } from "effect"
import { Watch, WorkerPool } from "sluice"
import { type Scenario, scenario } from "sluice/testing"
import { describe, test } from "vitest"
import { turns } from "../support/effect.js"
import { makeRegistry, type Registry, snapshotOf, valueOf } from "../support/metrics.js"
import { holdsByChance, holdsWithin } from "../support/property.js"

type Job = Effect.Effect<unknown, string>
type Pool = WorkerPool.WorkerPool<Job, unknown, string>

/** What a pool's users see for themselves. */
class Audit {
  readonly registry: Registry = makeRegistry()
  readonly spans: Array<Tracer.NativeSpan> = []
  begun = 0
  rejected = 0

  constructor(readonly tracing: boolean) {}

  readonly tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      if (span.name === "pool/job") this.spans.push(span)
      return span
    }
  })

  readonly run = (job: Job) => {
    this.begun++
    return job
  }

  /** Counts those that are told no. */
  readonly told = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.tapError(effect, (error) =>
      Effect.sync(() => {
        if (error instanceof WorkerPool.PoolClosed || error instanceof WorkerPool.QueueFull) this.rejected++
      }))

  /** What is read from the books is what they say, at every moment. */
  readonly holds = (pool: Pool) => (): boolean => {
    const shown = new Map<string, number>()
    for (const { attributes = {}, id, state } of snapshotOf(this.registry)) {
      const { outcome } = Object.fromEntries(Object.entries(attributes))
      const { count, value } = state as { readonly count?: number; readonly value?: number }
      shown.set(outcome ?? id.slice("sluice_pool_".length), (count ?? value)!)
    }
    const { succeeded, failed, died, interrupted, expired, timedOut, dropped, returned, ...stats } = WorkerPool.stats(
      pool
    )
    const known = {
      ...{ succeeded, failed, died, interrupted, expired, timedOut, dropped, returned },
      jobs_submitted_total: stats.submitted,
      jobs_queued: stats.queued,
      jobs_running: stats.running,
      callers_waiting: stats.waiting,
      resources_replaced_total: stats.replaced
    }
    for (const [id, value] of Object.entries(known)) {
      if (shown.get(id) !== value) throw new Error(`${id} shows ${shown.get(id)}, and is ${value}`)
    }
    return true
  }

  /** And so is what was told as it happened, once nothing runs. */
  readonly atEnd = (): boolean => {
    const counts = snapshotOf(this.registry).flatMap((one) => one.type === "Histogram" ? [one.state.count] : [])
    const [waits = 0, runs = 0] = counts
    const closed = valueOf(this.registry, "jobs_rejected_total", { reason: "PoolClosed" })
    const full = valueOf(this.registry, "jobs_rejected_total", { reason: "QueueFull" })
    const open = this.spans.filter(({ status }) => status._tag !== "Ended").length
    const spans = this.spans.length
    const blame = (condition: boolean, what: string) => {
      if (!condition) {
        throw new Error(`${what}: ${JSON.stringify({ waits, runs, spans, open, begun: this.begun, closed, full })}`)
      }
    }
    blame(waits === runs, "a job was timed once, of two times")
    // One that is interrupted before its first step has begun for the pool, and nobody else has heard of it.
    blame(this.tracing ? waits >= this.begun && spans >= this.begun : waits === this.begun, "a job was not timed")
    blame(open === 0 && spans <= waits, "a span has no end")
    // Who was told no may have been interrupted before it could say so.
    blame(closed + full >= this.rejected, "a rejection was not counted")
    return true
  }
}

type Some = Pick<WorkerPool.Options<Job, unknown, string, never, void, never, never>, "size" | "queue">

const watched = (
  options: Some,
  effects: (pool: Pool) => ReadonlyArray<Effect.Effect<unknown, unknown>>
) =>
(tracing: boolean): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const watch = new Audit(tracing)
      const scope = yield* Scope.make()
      const pool: Pool = yield* WorkerPool.make({
        ...options,
        watch: [Watch.metrics(), ...(tracing ? [Watch.spans()] : [])],
        run: watch.run
      }).pipe(
        Scope.provide(scope),
        Effect.provideService(Metric.MetricRegistry, watch.registry),
        Effect.provideService(Tracer.Tracer, watch.tracer)
      )
      yield* t.always(watch.holds(pool), "")
      for (const [i, effect] of effects(pool).entries()) {
        yield* t.actor(String.fromCharCode(97 + i), watch.told(effect), { mayDie: true })
      }
      yield* t.settled
      yield* Scope.close(scope, Exit.void)
      yield* t.expect(watch.holds(pool), "")
      yield* t.expect(watch.atEnd, "")
    })
  )

const one = { size: 1, queue: { capacity: 1 } }

const scenarios: Record<string, (tracing: boolean) => Scenario> = {
  "run and submit": watched(one, (pool) => [
    WorkerPool.run(pool, Effect.yieldNow),
    WorkerPool.submit(pool, Effect.fail("planned"))
  ]),
  "a defect, and the next job": watched(one, (pool) => [
    WorkerPool.run(pool, Effect.die("poison")),
    WorkerPool.run(pool, Effect.void)
  ]),
  "cancel, of one that runs and one that waits": watched(one, (pool) => [
    Effect.flatMap(WorkerPool.submit(pool, Effect.never), ({ cancel }) => cancel),
    Effect.flatMap(WorkerPool.submit(pool, turns(1)), ({ cancel }) => cancel)
  ]),
  "no room": watched({ size: 1, queue: { capacity: 0 } }, (pool) => [
    WorkerPool.run(pool, Effect.yieldNow),
    WorkerPool.trySubmit(pool, Effect.void),
    WorkerPool.submit(pool, Effect.void)
  ]),
  "sliding": watched({ size: 1, queue: { capacity: 1, strategy: "sliding" } }, (pool) => [
    Effect.forEach([1, 2, 3], () => WorkerPool.submit(pool, Effect.yieldNow))
  ]),
  "shutdown": watched(one, (pool) => [
    Effect.forEach([1, 2], () => WorkerPool.submit(pool, Effect.yieldNow)),
    WorkerPool.shutdown(pool)
  ]),
  "shutdownNow": watched(one, (pool) => [
    Effect.forEach([1, 2], () => WorkerPool.submit(pool, Effect.yieldNow)),
    WorkerPool.shutdownNow(pool)
  ])
}

describe("over every schedule with one interrupt", () => {
  test.each(Object.entries(scenarios))("%s", (_, self) => {
    holdsWithin(self(false), { preemptions: 1, cancels: 1 })
  })
  test("traced", () => {
    const self = scenarios["run and submit"]!(true)
    holdsWithin(self, { preemptions: 1, cancels: 1 })
  })
})

describe("over schedules by chance", () => {
  test.each(Object.entries(scenarios))("%s", (_, self) => holdsByChance(self(false), { runs: 200, cancels: 3 }))
  test.each(Object.entries(scenarios))(
    "%s, traced",
    (_, self) => holdsByChance(self(true), { runs: 200, cancels: 3 })
  )
})
