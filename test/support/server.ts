/** Servers to be found out, on TestClock, and the clients that do. */
import { Effect, Exit } from "effect"
import { TestClock } from "effect/testing"
import { AdaptiveLimit, Semaphore } from "sluice"

/** Serves `capacity` requests at a time, in `service` milliseconds each; the others queue, first come, first served. */
export class Server {
  private readonly places: Semaphore.Semaphore
  present = 0
  /** By default it refuses nobody. */
  refusesAbove = Infinity

  constructor(capacity: number, public service: number) {
    this.places = Semaphore.makeUnsafe(capacity)
  }

  resize(capacity: number): Effect.Effect<void> {
    return Semaphore.resize(this.places, capacity)
  }

  readonly request: Effect.Effect<void, "busy"> = Effect.suspend(() => {
    if (this.present >= this.refusesAbove) return Effect.fail("busy" as const)
    this.present++
    const served = Semaphore.withPermit(this.places, Effect.suspend(() => Effect.sleep(this.service)))
    return Effect.ensuring(served, Effect.sync(() => this.present--))
  })
}

/** So many clients that each ask again as soon as they are answered. */
export const clients = (n: number, limit: AdaptiveLimit.AdaptiveLimit, server: Server) =>
  Effect.forEach(
    Array.from({ length: n }),
    () => Effect.forkChild(Effect.forever(Effect.exit(AdaptiveLimit.withPermit(limit, server.request))))
  )

/** The limit at each of so many steps of the clock. */
export const watch = (limit: AdaptiveLimit.AdaptiveLimit, steps: number, millis: number) =>
  Effect.forEach(
    Array.from({ length: steps }),
    () => Effect.as(TestClock.adjust(millis), undefined).pipe(Effect.map(() => AdaptiveLimit.stats(limit).limit))
  )

export const mean = (numbers: ReadonlyArray<number>): number => numbers.reduce((a, b) => a + b, 0) / numbers.length

/** Runs it all on a clock of its own. */
export const simulate = <A>(effect: Effect.Effect<A>): Promise<A> =>
  Effect.runPromise(Effect.provide(effect, TestClock.layer()))

export const classifyBusy = (exit: Exit.Exit<unknown, unknown>): AdaptiveLimit.Outcome =>
  Exit.isFailure(exit) && !Exit.hasInterrupts(exit) ? "overload" : AdaptiveLimit.classify(exit)
