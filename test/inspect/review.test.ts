import { Deferred, Effect, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { AdaptiveLimit, Semaphore } from "sluice"
import { Inspect } from "sluice/inspect"
import { describe, expect, test } from "vitest"

/** Runs with a watch on a clock of the test; `reports` are its reports. */
const watched = <A, E>(
  f: (reports: ReadonlyArray<Inspect.Report>) => Effect.Effect<A, E, Scope.Scope>,
  options: Inspect.LayerOptions = {}
): Promise<A> => {
  const reports: Array<Inspect.Report> = []
  const layer = Inspect.layer({
    adopt: false,
    // Looks that cost much are rarer, down to one in 0.1 seconds.
    tick: "10 millis",
    onReport: (report) => Effect.sync(() => void reports.push(report)),
    ...options
  })
  return Effect.runPromise(
    Effect.scoped(f(reports)).pipe(Effect.provide(layer), Effect.provide(TestClock.layer()))
  )
}

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkScoped(effect, { startImmediately: true })

const twice = (semaphore: Semaphore.Semaphore) =>
  Semaphore.withPermit(semaphore, Semaphore.withPermit(semaphore, Effect.void))

/** A deadlock of its own. */
const deadlock = Effect.flatMap(Semaphore.make(1), (semaphore) => fork(twice(semaphore)))

const tags = (reports: ReadonlyArray<Inspect.Report>) => reports.map(({ _tag }) => _tag)

describe("no deadlock is reported", () => {
  /** Two effects that wait for each other once both have begun. */
  const crosswise = Effect.gen(function*() {
    const [a, b] = [yield* Semaphore.make(1), yield* Semaphore.make(1)]
    const both = (one: Semaphore.Semaphore, other: Semaphore.Semaphore) =>
      Semaphore.withPermit(one, Effect.andThen(Effect.yieldNow, Semaphore.withPermit(other, Effect.void)))
    return [both(a, b), both(b, a)]
  })

  test("of fibers that a timeout takes along", () =>
    watched((reports) =>
      Effect.gen(function*() {
        const all = Effect.all(yield* crosswise, { concurrency: "unbounded" })
        yield* fork(Effect.timeoutOption(all, "5 seconds"))
        yield* TestClock.adjust("4 seconds")
        expect(reports).toEqual([])
        // Without the timeout the same is a deadlock.
        yield* fork(Effect.all(yield* crosswise, { concurrency: "unbounded" }))
        yield* TestClock.adjust("1 second")
        expect(tags(reports)).toEqual(["Deadlock"])
      })
    ))

  test("of calls within a limit that another call raises as it succeeds", () =>
    watched((reports) =>
      Effect.gen(function*() {
        const limit = yield* AdaptiveLimit.make({ algorithm: AdaptiveLimit.aimd({ initial: 2, increase: 4 }) })
        const inner = yield* Deferred.make<void>()
        const nested = AdaptiveLimit.withPermit(
          limit,
          Effect.andThen(Deferred.await(inner), AdaptiveLimit.withPermit(limit, Effect.void))
        )
        const calls = [yield* fork(nested), yield* fork(nested)]
        yield* fork(AdaptiveLimit.measure(limit, Effect.sleep("3 seconds")))
        yield* Deferred.succeed(inner, undefined)
        yield* TestClock.adjust("2 seconds")
        expect(reports).toEqual([])
        yield* TestClock.adjust("1 second")
        expect(calls.map((call) => call.pollUnsafe()?._tag)).toEqual(["Success", "Success"])
        // Without another call the same is a deadlock.
        const one = yield* AdaptiveLimit.make({ algorithm: AdaptiveLimit.aimd({ initial: 1 }) })
        yield* fork(AdaptiveLimit.withPermit(one, AdaptiveLimit.withPermit(one, Effect.void)))
        yield* TestClock.adjust("1 second")
        expect(tags(reports)).toEqual(["Deadlock"])
      })
    ))
})

describe("the watch goes on", () => {
  test("after a report of a key without text", () =>
    watched((reports) =>
      Effect.gen(function*() {
        const fails = (): never => {
          throw new Error("no text")
        }
        const keyed = yield* Semaphore.makeKeyed<object>({ permits: 1 })
        yield* fork(twice(Semaphore.forKey(keyed, { toJSON: fails, toString: fails })))
        yield* TestClock.adjust("1 second")
        expect(tags(reports)).toEqual(["Deadlock"])
        expect(reports[0]?.text).toContain("a key without text (object)")
        yield* deadlock
        yield* TestClock.adjust("1 second")
        expect(tags(reports)).toEqual(["Deadlock", "Deadlock"])
      })
    ))

  test("while a report is being made", () => {
    const seen: Array<Inspect.Report> = []
    const onReport = (report: Inspect.Report) => Effect.andThen(Effect.sync(() => seen.push(report)), Effect.never)
    return watched(() =>
      Effect.gen(function*() {
        const semaphore = yield* Semaphore.make(1, { name: "db" })
        yield* deadlock
        yield* TestClock.adjust("1 second")
        expect(tags(seen)).toEqual(["Deadlock"])
        yield* fork(Semaphore.withPermit(semaphore, Effect.never))
        yield* fork(Semaphore.withPermit(semaphore, Effect.void))
        yield* TestClock.adjust("3 seconds")
        const { resources } = yield* Inspect.dump
        const [wait] = resources.find(({ name }) => name === "db")?.waits ?? []
        // A sweep has seen it.
        expect(wait?.millis).toBeGreaterThan(2_000)
      }), { onReport })
  })
})
