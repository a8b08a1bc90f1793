import { Effect, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { Semaphore } from "sluice"
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
})
