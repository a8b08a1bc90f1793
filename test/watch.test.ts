/** Metrics and spans of semaphores, groups and adaptive limits. The pool's have tests of their own. */
import { Cause, Deferred, Effect, Exit, Fiber, Metric, Option, type Scope, Tracer } from "effect"
import { readFileSync } from "node:fs"
import { AdaptiveLimit, Group, Semaphore, Watch } from "sluice"
import { describe, expect, test } from "vitest"
import { after, collectGarbage, defectOf, interrupted, run, runTimed, settle, start } from "./support/effect.js"
import { into, makeRegistry, type Registry, snapshotOf } from "./support/metrics.js"
import { keepingTracer } from "./support/spans.js"

const watch = [Watch.metrics(), Watch.spans()]

/** Each series of a registry by its name and labels: a number, or the count and the sum of a histogram. */
const seriesOf = (registry: Registry): Record<string, unknown> =>
  Object.fromEntries(
    snapshotOf(registry).filter(({ id }) => id.startsWith("sluice_")).map(({ attributes, id, state }) => {
      const labels = Object.entries(attributes ?? {}).map(([label, value]) => `${label}=${value}`).sort().join()
      const of = state as { count?: number; value?: number; sum?: number }
      const value = of.sum === undefined ? of.value ?? of.count : `${of.count} in ${of.sum} s`
      return [`${id.replace("sluice_", "")}{${labels}}`, value] as const
    }).sort()
  )

const observed = <A, E>(
  test: (
    registry: Registry,
    spans: ReadonlyArray<Tracer.NativeSpan>
  ) => Effect.Effect<A, E, Scope.Scope>
) => {
  const registry = makeRegistry()
  const { spans, tracer } = keepingTracer()
  return runTimed(test(registry, spans).pipe(into(registry), Effect.provideService(Tracer.Tracer, tracer)))
}

const shown = (spans: ReadonlyArray<Tracer.NativeSpan>) =>
  spans.map(({ attributes, name, status }) => [
    name,
    Object.fromEntries(attributes),
    status._tag === "Ended" ? Exit.isSuccess(status.exit) ? "success" : "failure" : "running"
  ])

describe("a semaphore", () => {
  test("shows its permits, its waits and its refusals", () =>
    observed((registry) =>
      Effect.gen(function*() {
        const semaphore = yield* Semaphore.make(3, { name: "db", watch })
        yield* start(Semaphore.withPermits(semaphore, 2, Effect.sleep(500)))
        yield* start(Semaphore.withPermits(semaphore, 3, Effect.sleep(500)))
        const impatient = yield* start(Semaphore.withPermit(semaphore, Effect.void))
        expect(yield* Semaphore.tryWithPermits(semaphore, 1, Effect.void)).toEqual(Option.none())
        expect(yield* Semaphore.tryAcquire(semaphore, 1)).toBe(false)
        const labels = "{semaphore=db}"
        expect(seriesOf(registry)).toEqual({
          [`semaphore_capacity${labels}`]: 3,
          [`semaphore_permits_held${labels}`]: 2,
          [`semaphore_rejected_total${labels}`]: 2,
          [`semaphore_wait_seconds${labels}`]: "0 in 0 s",
          [`semaphore_waiting${labels}`]: 2
        })
        yield* interrupted(impatient)
        yield* after(500)
        expect(seriesOf(registry)).toMatchObject({
          [`semaphore_permits_held${labels}`]: 3,
          [`semaphore_wait_seconds${labels}`]: "1 in 0.5 s",
          [`semaphore_waiting${labels}`]: 0
        })
      })
    ))

  test("has a span for each request that waits, within the caller's, that ends as the effect begins", () =>
    observed((_, spans) =>
      Effect.gen(function*() {
        const semaphore = yield* Semaphore.make(2, { name: "db", watch })
        const inner = Effect.map(Effect.currentSpan, ({ name }) => name)
        expect(yield* Semaphore.withPermit(semaphore, inner).pipe(Effect.withSpan("request"))).toBe("request")
        expect(shown(spans).map(([name]) => name)).toEqual(["request"])
        yield* start(Semaphore.withPermit(semaphore, Effect.sleep(100)))
        const granted = yield* start(
          Semaphore.withPermits(semaphore, 2, Effect.andThen(inner, Effect.never)).pipe(Effect.withSpan("second"))
        )
        const cancelled = yield* start(Effect.scoped(Semaphore.acquire(semaphore, 1)))
        yield* interrupted(cancelled)
        yield* after(100)
        expect(shown(spans).slice(2)).toEqual([
          ["db/wait", { "sluice.semaphore": "db", "sluice.permits": 2 }, "success"],
          ["db/wait", { "sluice.semaphore": "db", "sluice.permits": 1 }, "failure"]
        ])
        expect(Option.getOrThrow(spans[2]!.parent).spanId).toBe(spans[1]!.spanId)
        yield* interrupted(granted)
      })
    ))

  test("lets a watched request wait for several semaphores, and fail where one could never grant it", () =>
    observed((registry, spans) =>
      Effect.gen(function*() {
        const [a, b] = [yield* Semaphore.make(1, { name: "a", watch }), yield* Semaphore.make(1)]
        const both = Semaphore.withAll([[a, 1], [b, 1]], Effect.succeed("ran"))
        expect(yield* both).toBe("ran")
        yield* start(Semaphore.withPermit(b, Effect.sleep(1_000)))
        const waiting = yield* start(both)
        yield* after(1_000)
        expect(yield* Fiber.join(waiting)).toBe("ran")
        expect(seriesOf(registry)["semaphore_wait_seconds{semaphore=a}"]).toBe("1 in 1 s")
        expect(shown(spans)).toEqual([["a/wait", { "sluice.semaphore": "a", "sluice.permits": 1 }, "success"]])
        expect(yield* Effect.flip(Semaphore.withPermits(a, 2, Effect.void))).toMatchObject({ _tag: "CapacityExceeded" })
        expect(yield* Effect.flip(Effect.scoped(Semaphore.acquire(a, 2)))).toMatchObject({ _tag: "CapacityExceeded" })
        yield* Semaphore.resize(a, 0)
        expect(yield* defectOf(Semaphore.withPermit(a, Effect.void))).toMatchObject({ _tag: "CapacityExceeded" })
        expect(spans.length).toBe(1)
        expect(Semaphore.stats(a)).toEqual({ capacity: 0, held: 0, available: 0, waiting: 0 })
      })
    ))

  test("loses no permit when a watched request is interrupted anywhere", () =>
    observed(() =>
      Effect.gen(function*() {
        for (let turns = 0; turns < 12; turns++) {
          const semaphore = yield* Semaphore.make(1, { watch })
          const gate = Deferred.makeUnsafe<void>()
          yield* start(Semaphore.withPermit(semaphore, Deferred.await(gate)))
          const victim = yield* start(Semaphore.withPermits(semaphore, 1, Effect.yieldNow))
          const scoped = yield* start(Effect.scoped(Semaphore.acquire(semaphore, 1)))
          yield* Deferred.succeed(gate, undefined)
          for (let i = 0; i < turns; i++) yield* Effect.yieldNow
          yield* Effect.all([interrupted(victim), interrupted(scoped)], { concurrency: "unbounded" })
          yield* settle
          expect(Semaphore.stats(semaphore)).toEqual({ capacity: 1, held: 0, available: 1, waiting: 0 })
        }
      })
    ))

  test("shares its series with others of its name, and is not kept by them", () =>
    run(Effect.gen(function*() {
      const registry = makeRegistry()
      const make = into(registry)(Semaphore.make(2, { name: "db", watch: [Watch.metrics()] }))
      const held = yield* make
      const forgotten = yield* Effect.map(Effect.replicateEffect(make, 40), (all) => new WeakRef(all[0]!))
      expect(seriesOf(registry)["semaphore_capacity{semaphore=db}"]).toBe(82)
      yield* collectGarbage
      expect(forgotten.deref()).toBe(undefined)
      expect(seriesOf(registry)["semaphore_capacity{semaphore=db}"]).toBe(2)
      yield* Semaphore.withPermit(held, Effect.void)
    })))

  test("that is made outside of an effect counts in Effect's own registry", () =>
    run(Effect.gen(function*() {
      const semaphore = Semaphore.makeUnsafe(1, {
        name: "outside",
        watch: [Watch.metrics({ attributes: { at: "x" } })]
      })
      yield* Semaphore.withPermit(semaphore, Semaphore.tryWithPermits(semaphore, 1, Effect.void))
      const found = (yield* Metric.snapshot).filter(({ attributes }) =>
        attributes?.["semaphore"] === "outside" && attributes["at"] === "x"
      )
      expect(found.find(({ id }) => id === "sluice_semaphore_rejected_total")?.state).toMatchObject({ count: 1 })
    })))
})

describe("a group", () => {
  test("shows its children, by how they end", () =>
    observed((registry) =>
      Effect.gen(function*() {
        const labels = "group=crawl"
        let endless: Fiber.Fiber<never> | undefined
        yield* Effect.exit(
          Group.scoped({ name: "crawl", limit: 2, onFailure: "continue", watch }, (group: Group.Group<string>) =>
            Effect.gen(function*() {
              yield* Group.go(group, Effect.void)
              yield* Group.go(group, Effect.fail("no"))
              endless = yield* Group.fork(group, Effect.never)
              yield* Group.go(group, Effect.sleep(100))
              yield* Group.go(group, Effect.die("bug"))
            }))
        ).pipe(start)
        yield* settle
        expect(seriesOf(registry)).toMatchObject({ [`group_active{${labels}}`]: 2, [`group_waiting{${labels}}`]: 1 })
        yield* Fiber.interrupt(endless!)
        yield* after(100)
        expect(seriesOf(registry)).toEqual({
          [`group_active{${labels}}`]: 0,
          [`group_children_settled_total{${labels},outcome=failed}`]: 2,
          [`group_children_settled_total{${labels},outcome=interrupted}`]: 1,
          [`group_children_settled_total{${labels},outcome=succeeded}`]: 2,
          [`group_children_started_total{${labels}}`]: 5,
          [`group_waiting{${labels}}`]: 0
        })
      })
    ))

  test("gives each child a span within its caller's", () =>
    observed((_, spans) =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          yield* Group.go(Effect.void)
          yield* Group.go(Effect.fail("no"))
        }).pipe(Group.scoped({ name: "crawl", watch }), Effect.withSpan("request"))
        expect(yield* Effect.flip(program)).toBe("no")
        expect(shown(spans)).toEqual([
          ["request", {}, "failure"],
          ["crawl/child", { "sluice.group": "crawl", "sluice.child": 1 }, "success"],
          ["crawl/child", { "sluice.group": "crawl", "sluice.child": 2 }, "failure"]
        ])
        for (const child of spans.slice(1)) expect(Option.getOrThrow(child.parent).spanId).toBe(spans[0]!.spanId)
        const group = yield* Group.make({ watch })
        yield* Group.go(group, Effect.void)
        expect(spans.at(-1)?.name).toBe("group/child")
      })
    ))
})

describe("an adaptive limit", () => {
  test("shows its value, its calls and their waits", () =>
    observed((registry, spans) =>
      Effect.gen(function*() {
        const limit = yield* AdaptiveLimit.make({
          name: "api",
          algorithm: AdaptiveLimit.aimd({ initial: 2, backoff: 0.5 }),
          classify: (exit) => {
            if (Exit.isSuccess(exit)) return exit.value === "bad" ? "no outcome" as "ignore" : "success"
            return Cause.hasInterruptsOnly(exit.cause) ? "ignore" : "overload"
          },
          watch
        })
        const call = <A, E>(millis: number, effect: Effect.Effect<A, E>) =>
          start(AdaptiveLimit.withPermit(limit, Effect.andThen(Effect.sleep(millis), effect)))
        const victim = yield* call(9_000, Effect.void)
        yield* call(1_000, Effect.void)
        yield* call(1_000, Effect.fail("too busy"))
        expect(seriesOf(registry)).toMatchObject({ "limit_in_flight{limit=api}": 2, "limit_waiting{limit=api}": 1 })
        yield* after(1_000)
        yield* interrupted(victim)
        yield* after(1_000)
        yield* call(0, Effect.succeed("bad"))
        yield* after(0)
        yield* call(0, Effect.void)
        yield* after(0)
        expect(seriesOf(registry)).toEqual({
          "limit_call_seconds{limit=api}": "5 in 3 s",
          "limit_calls_total{limit=api,outcome=ignore}": 2,
          "limit_calls_total{limit=api,outcome=overload}": 1,
          "limit_calls_total{limit=api,outcome=success}": 2,
          "limit_changes_total{direction=down,limit=api}": 1,
          "limit_changes_total{direction=up,limit=api}": 1,
          "limit_in_flight{limit=api}": 0,
          "limit_rejected_total{limit=api}": 0,
          "limit_value{limit=api}": 2,
          "limit_wait_seconds{limit=api}": "1 in 1 s",
          "limit_waiting{limit=api}": 0
        })
        expect(shown(spans)).toEqual([["api/wait", { "sluice.limit": "api", "sluice.permits": 1 }, "success"]])
      })
    ))
})

test("the guide's table has every metric", () =>
  observed((registry) =>
    Effect.gen(function*() {
      yield* Semaphore.make(1, { watch })
      yield* Effect.scoped(Group.make({ watch }))
      yield* AdaptiveLimit.make({ algorithm: AdaptiveLimit.aimd(), watch })
      const text = readFileSync(new URL("../docs/observability.md", import.meta.url), "utf8")
      const rows = [...text.matchAll(/^\| (?:semaphore|group|limit) \| `(\w+)(?:\{\w+\})?` \| (\w+) \|/gm)]
      expect(rows.map(([, name, type]) => `${name} ${type}`).sort()).toEqual(
        [...new Set(snapshotOf(registry).map(({ id, type }) => `${id} ${type.toLowerCase()}`))].sort()
      )
    })
  ))

describe("the option watch", () => {
  test("that is none is refused by name", () =>
    run(Effect.gen(function*() {
      const wrong = { watch: [{}] } as never
      const message = "watch must be an array of Watch.metrics() and Watch.spans(), got [{}]"
      expect(() => Semaphore.makeUnsafe(1, wrong)).toThrow(`Semaphore.makeUnsafe: ${message}`)
      expect(String(yield* defectOf(Group.make(wrong)))).toContain(`Group.make: ${message}`)
      const algorithm = AdaptiveLimit.aimd()
      expect(String(yield* defectOf(AdaptiveLimit.make({ algorithm, ...(wrong as object) })))).toContain(message)
      const reserved = Semaphore.make(1, { watch: [Watch.metrics({ attributes: { semaphore: "x" } })] })
      expect(String(yield* defectOf(reserved))).toContain("Watch.metrics: attributes must be without semaphore, group")
      const noObject = Semaphore.make(1, { watch: [Watch.metrics({ attributes: "x" as never })] })
      expect(String(yield* defectOf(noObject))).toContain("Watch.metrics: attributes must be an object")
    })))
})
