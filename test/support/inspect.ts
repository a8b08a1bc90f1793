import { Effect, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { Semaphore } from "sluice"
import { Inspect } from "sluice/inspect"

/** Everything that is forked ends with the scope. */
export const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(effect))

/** Lets all fibers go as far as they can without a timer. */
export const settle = Effect.repeat(Effect.yieldNow, { times: 10 })

/** Forks a fiber that goes as far as it can. */
export const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkScoped(effect, { startImmediately: true })

/** Runs with a watch that has reported nothing yet, on a clock of the test; `reports` are its reports. */
export const watched = <A, E>(
  f: (reports: ReadonlyArray<Inspect.Report>) => Effect.Effect<A, E, Scope.Scope>,
  options: Inspect.LayerOptions = {}
): Promise<A> => {
  const reports: Array<Inspect.Report> = []
  const layer = Inspect.layer({
    adopt: false,
    onReport: (report) => Effect.sync(() => void reports.push(report)),
    ...options
  })
  return run(f(reports).pipe(Effect.provide(layer), Effect.provide(TestClock.layer())))
}

export const tags = (reports: ReadonlyArray<Inspect.Report>) => reports.map(({ _tag }) => _tag)

/** Waits for itself. */
export const twice = (semaphore: Semaphore.Semaphore) =>
  Semaphore.withPermit(semaphore, Semaphore.withPermit(semaphore, Effect.void))

/** A deadlock of its own. */
export const deadlock = Effect.flatMap(Semaphore.make(1), (semaphore) => fork(twice(semaphore)))

/** Two effects that wait for each other once both have begun. */
export const crosswise = (a: Semaphore.Semaphore, b: Semaphore.Semaphore) => {
  const both = (one: Semaphore.Semaphore, other: Semaphore.Semaphore) =>
    Semaphore.withPermit(one, Effect.andThen(Effect.yieldNow, Semaphore.withPermit(other, Effect.void)))
  return [both(a, b), both(b, a)] as const
}
