/** Calls of `WorkerPool.runAll` over an iterator that is watched, to be explored to the last schedule (P21). */
import { Cause, Effect, Exit, type Scope } from "effect"
import { WorkerPool } from "sluice"
import type { Scenario } from "sluice/testing"
import { breaking, failing, one, Watched, type WatchedOptions, watching } from "./watched.js"

/** The call that runs a job for each number of a watched iterator. */
export class Running extends Watched<WatchedOptions> {
  private readonly begun = new Set<number>()

  static readonly make = (options: WatchedOptions): Effect.Effect<Running, never, Scope.Scope> =>
    Effect.gen(function*() {
      const pool = yield* WorkerPool.make({
        size: options.size,
        queue: { capacity: options.capacity, strategy: options.strategy ?? "suspend" },
        run: (n: number, { invalidate }) =>
          Effect.suspend(() => {
            self.begins(n)
            return Effect.as(options.body(n, invalidate), n)
          })
      })
      const self = new Running(options, pool, { window: "P21", source: "P21" })
      return self
    })

  /** With exits, the pool refuses each number that is left. */
  protected override mayTake(): boolean {
    return true
  }

  /** Those of others are 0. */
  private begins(n: number): void {
    if (n === 0) return
    this.blame(!this.begun.has(n), `the job of ${n} has begun twice (P21)`)
    this.blame(this.iterator !== "returned", `the job of ${n} has begun after the end of its call (P21)`)
    this.begun.add(n)
  }

  override readonly run: Effect.Effect<void, unknown> = Effect.suspend(() => {
    const { exits = false } = this.options
    const call: Effect.Effect<ReadonlyArray<number | Exit.Exit<number, unknown>>, unknown> = exits
      ? WorkerPool.runAll(this.pool, this.numbers, { exits })
      : WorkerPool.runAll(this.pool, this.numbers)
    return Effect.onExit(call, (exit) => Effect.sync(() => this.ends(exit)))
  })

  private ends(exit: Exit.Exit<ReadonlyArray<number | Exit.Exit<number, unknown>>, unknown>): void {
    const { exits = false, isShared = false, items, strategy } = this.options
    this.ended()
    // Nothing of it may begin from now on.
    this.iterator = "returned"
    if (Exit.isSuccess(exit)) {
      this.blame(exit.value.length === items, `${exit.value.length} results of ${items} (P21)`)
      for (let i = 0; i < items; i++) this.fits(i + 1, exit.value[i])
    } else if (!Cause.hasInterrupts(exit.cause)) {
      const error = Cause.squash(exit.cause)
      const isJobs = error instanceof WorkerPool.JobLost || error instanceof WorkerPool.PoolClosed ||
        typeof error === "string"
      this.blame(!exits || !isJobs, "the call has failed as a job, though it returns exits (P21)")
      const isDropped = error instanceof WorkerPool.JobLost && error.reason === "dropped"
      this.blame(!isDropped || (isShared && strategy === "sliding"), "a job of the call was dropped (P21)")
    }
  }

  private fits(n: number, result: number | Exit.Exit<number, unknown> | undefined): void {
    if (typeof result === "number" || result === undefined) return this.blame(result === n, `${n} has ${result} (P21)`)
    const own = Exit.isSuccess(result) ? result.value : Cause.squash(result.cause)
    const isLost = own instanceof WorkerPool.JobLost || own instanceof WorkerPool.PoolClosed
    this.blame(own === n || own === `${n}` || isLost, `${n} has ${String(own)} (P21)`)
  }
}

/** The call is one actor, and there are others. */
export const running = (
  options: WatchedOptions,
  others: (self: Running) => ReadonlyArray<Effect.Effect<unknown, unknown>> = () => []
): Scenario => watching(Running.make(options), "call", others)

export const exhausted: Record<string, Scenario> = {
  "an iterator that ends": running({ ...one, items: 3 }),
  "an iterator that throws": running({ ...one, items: 3, throwsAt: 3 }),
  "two workers": running({ ...one, size: 2, capacity: 0, items: 3 }),
  "a job that fails": running({ ...one, items: 4, body: failing(2) }),
  "a job that fails, with exits": running({ ...one, exits: true, items: 3, body: failing(2) }),
  "a job that fails while another runs": running({ ...one, size: 2, items: 4, body: failing(1) }),
  "a job that loses its resource": running({ ...one, items: 3, body: breaking(1) }),
  "a pool that shuts down": running({ ...one, items: 3 }, ({ pool }) => [WorkerPool.shutdown(pool)]),
  "a pool that shuts down, with exits": running({ ...one, exits: true, items: 3 }, ({ pool }) => [
    WorkerPool.shutdown(pool)
  ]),
  "a pool that stops": running({ ...one, items: 3 }, ({ pool }) => [WorkerPool.shutdownNow(pool)]),
  "a pool that stops, with exits": running({ ...one, exits: true, items: 3 }, ({ pool }) => [
    WorkerPool.shutdownNow(pool)
  ]),
  "a pool that grows": running({ ...one, capacity: 0, items: 3 }, ({ resize }) => [resize(2)]),
  "a pool that shrinks": running({ ...one, size: 2, capacity: 0, items: 3 }, ({ resize }) => [resize(1)]),
  "other jobs": running({ ...one, items: 2, isShared: true }, ({ pool }) => [
    Effect.andThen(WorkerPool.submit(pool, 0), WorkerPool.submit(pool, 0))
  ]),
  "other jobs, without a queue": running({ ...one, capacity: 0, items: 2, isShared: true }, ({ pool }) => [
    WorkerPool.run(pool, 0)
  ]),
  "other jobs, and a job that fails": running({ ...one, items: 3, isShared: true, body: failing(1) }, ({ pool }) => [
    Effect.andThen(WorkerPool.submit(pool, 0), WorkerPool.submit(pool, 0))
  ]),
  "other jobs, in a pool that slides": running(
    { ...one, strategy: "sliding", items: 2, isShared: true },
    ({ pool }) => [Effect.andThen(WorkerPool.submit(pool, 0), WorkerPool.submit(pool, 0))]
  )
}
