import { Effect, Exit, Fiber, Layer, Schedule, Schema, type Scope, Tracer } from "effect"
import { TestClock } from "effect/testing"
import { readFileSync } from "node:fs"
import { Watch, WorkerPool } from "sluice"
import { DurableJob, DurablePool, DurableStore, Limit, LimitStore, Results } from "sluice/durable"
import { Inspect } from "sluice/inspect"
import { expect, test } from "vitest"
import { into, makeRegistry, type Registry, snapshotOf } from "../support/metrics.js"
import { keepingTracer } from "../support/spans.js"

const layer = Layer.mergeAll(DurableStore.layerMemory, Results.layerMemory).pipe(Layer.provideMerge(TestClock.layer()))

const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope | Layer.Success<typeof layer>>) =>
  Effect.runPromise(Effect.provide(Effect.scoped(effect), layer))

const turns = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow, { discard: true })

const Job = DurableJob.make("letter", {
  payload: Schema.String,
  error: Schema.String,
  id: (name) => name,
  attempts: 2,
  retry: Schedule.spaced("1 second")
})

const watch = [Watch.metrics(), Watch.spans()]

const serve = Effect.gen(function*() {
  const pool = yield* WorkerPool.make({
    size: 2,
    name: "mailer",
    watch,
    run: (name: string) => name === "bad" ? Effect.fail("no") : name === "long" ? Effect.never : Effect.void
  })
  return yield* DurablePool.serve(Job, pool, { grace: 0, watch })
})

const durable = (registry: Registry) =>
  Object.fromEntries(
    snapshotOf(registry).filter(({ id }) => id.startsWith("sluice_durable")).map(({ attributes, id, state }) => {
      expect(attributes).toMatchObject({ job: "letter" })
      const { count, value } = state as { readonly count?: number; readonly value?: number }
      const outcome = (attributes as Record<string, string> | undefined)?.["outcome"]
      return [id.replace("sluice_durable_", "") + (outcome === undefined ? "" : ` ${outcome}`), count ?? value]
    })
  )

test("claims are counted by how they end, and second attempts as redelivered", () => {
  const registry = makeRegistry()
  return run(
    into(registry)(Effect.gen(function*() {
      const serving = yield* serve
      for (const name of ["good", "bad", "long"]) yield* DurableJob.submit(Job, name)
      yield* turns
      yield* TestClock.adjust("1 second")
      yield* turns
      const reserved = snapshotOf(registry).find(({ id }) => id === "sluice_pool_places_reserved")
      expect(reserved?.state).toEqual({ value: 1 })
      expect(durable(registry)).toMatchObject({ running: 1, waiting: 1 })
      yield* DurablePool.drain(serving, { deadline: 0 })
      expect(durable(registry)).toEqual({
        running: 0,
        waiting: 0,
        claimed_total: 4,
        redelivered_total: 1,
        "settled_total succeeded": 1,
        "settled_total failed": 1,
        "settled_total dead": 1,
        "settled_total givenBack": 1,
        "settled_total skipped": 0,
        "settled_total lost": 0
      })
      const { claimed, dead, failed, givenBack, succeeded } = DurablePool.stats(serving)
      expect([claimed, succeeded, failed, dead, givenBack]).toEqual([4, 1, 1, 1, 1])
    }))
  )
})

test("the guide's table has every metric", () => {
  const registry = makeRegistry()
  const limit = Limit.make("billing", { permits: 1, watch })
  return run(
    into(registry)(Effect.gen(function*() {
      yield* serve
      yield* Limit.withPermit(limit, () => Effect.void)
      const text = readFileSync(new URL("../../docs/observability.md", import.meta.url), "utf8")
      const rows = [...text.matchAll(/^\| (?:job|lease) \| `(\w+)(?:\{\w+\})?` \| (\w+) \|/gm)]
      const all = snapshotOf(registry).filter(({ id }) => /^sluice_(durable|lease)_/.test(id))
      expect(rows.map(([, name, type]) => `${name} ${type}`).sort()).toEqual(
        [...new Set(all.map(({ id, type }) => `${id} ${type.toLowerCase()}`))].sort()
      )
    })).pipe(Effect.provide(LimitStore.layerMemory))
  )
})

test("an attempt is a span of its own, to which the span of the pool's job has a link", () => {
  const { spans, tracer } = keepingTracer()
  return run(
    Effect.gen(function*() {
      yield* serve
      yield* DurableJob.submit(Job, "good")
      yield* turns
      const claim = spans.find(({ name }) => name === "letter/claim")
      const job = spans.find(({ name }) => name === "mailer/job")
      expect(Object.fromEntries(claim?.attributes ?? [])).toEqual({
        "sluice.job": "letter",
        "sluice.id": "good",
        "sluice.attempt": 1
      })
      expect(claim?.parent._tag).toBe("None")
      expect(job?.links.map(({ span }) => span.spanId)).toEqual([claim?.spanId])
    }).pipe(Effect.withSpan("main"), Effect.provideService(Tracer.Tracer, tracer))
  )
})

test("nothing is counted without the option", () => {
  const registry = makeRegistry()
  return run(
    into(registry)(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({ size: 1, run: (name: string) => Effect.logDebug(name) })
      yield* DurablePool.serve(Job, pool, { grace: 0 })
      yield* DurableJob.execute(Job, "good")
      expect(durable(registry)).toEqual({})
    }))
  )
})

test("a watch that is no watcher is a defect of serve", () =>
  run(Effect.gen(function*() {
    const pool = yield* WorkerPool.make({ size: 1, run: (name: string) => Effect.logDebug(name) })
    const exit = yield* Effect.exit(DurablePool.serve(Job, pool, { watch: [{}] as never }))
    expect(String(Exit.isFailure(exit) && exit.cause)).toContain("DurablePool.serve: watch must be")
  })))

test("a limit counts its requests, its permits and the leases that are lost", () => {
  const registry = makeRegistry()
  const { spans, tracer } = keepingTracer()
  const limit = Limit.make("billing", { permits: 3, lease: "3 seconds", watch })
  const lease = () =>
    Object.fromEntries(
      snapshotOf(registry).filter(({ id }) => id.startsWith("sluice_lease")).map(({ attributes, id, state }) => {
        expect(attributes).toMatchObject({ limit: "billing" })
        const { count, value } = state as { readonly count?: number; readonly value?: number }
        return [id.replace("sluice_lease_", ""), count ?? value]
      })
    )
  const program = Effect.gen(function*() {
    const store = yield* LimitStore.LimitStore
    const holder = yield* Effect.forkScoped(
      Effect.exit(Effect.provideService(Limit.withPermits(limit, 2, () => Effect.never), LimitStore.LimitStore, {
        ...store,
        renew: () => Effect.succeed(false)
      })),
      { startImmediately: true }
    )
    const waiter = yield* Effect.forkScoped(Limit.withPermits(limit, 2, () => Effect.void))
    yield* turns
    expect(lease()).toEqual({ held: 2, waiting: 1, granted_total: 1, lost_total: 0, wait_seconds: 1 })
    yield* TestClock.adjust("1 second")
    expect(String(yield* Fiber.join(holder))).toContain("LeaseLost")
    yield* Fiber.join(waiter)
    expect(lease()).toEqual({ held: 0, waiting: 0, granted_total: 2, lost_total: 1, wait_seconds: 2 })
    expect(spans.filter(({ name }) => name === "billing/wait").length).toBe(2)
  })
  return run(
    program.pipe(into(registry), Effect.provideService(Tracer.Tracer, tracer), Effect.provide(LimitStore.layerMemory))
  )
})

test("a watch that is no watcher makes Limit.make throw", () =>
  expect(() => Limit.make("x", { permits: 1, watch: [1] as never })).toThrow("Limit.make: watch must be"))

test("inspect shows a pool that serves and a limit, while somebody watches", () =>
  run(
    Effect.gen(function*() {
      const limit = Limit.make("billing", { permits: 1 })
      yield* serve
      yield* Effect.forkScoped(Limit.withPermit(limit, () => Effect.never))
      yield* turns
      yield* Effect.forkScoped(Limit.withPermit(limit, () => Effect.never))
      yield* turns
      const { resources } = yield* Inspect.dump
      const serving = resources.find(({ kind }) => kind === "serving")
      expect(serving).toMatchObject({
        id: "serving-1",
        name: "letter",
        stats: { phase: "serving", waiting: 2 },
        waiting: 2
      })
      expect(serving?.waits[0]).toMatchObject({ for: "a job of the store", deadlock: undefined })
      expect(yield* Inspect.explain("serving-1")).toMatch(/^Serving letter: serving, 0 running, 2 wait\. /)
      const lease = resources.find(({ kind }) => kind === "lease")
      expect(lease).toMatchObject({ name: "billing", stats: { held: 1, waiting: 1 }, waiting: 1 })
      expect(lease?.lines).toMatchObject([{ of: "permits", capacity: 1, held: 1 }])
      expect(lease?.waits[0]).toMatchObject({ for: "a permit", ends: "a release in another process" })
      expect(yield* Inspect.explain("lease-1")).toContain("Its wait ends with a release in another process, too.")
    }).pipe(Effect.provide(LimitStore.layerMemory), Effect.provide(Inspect.layer()))
  ))
