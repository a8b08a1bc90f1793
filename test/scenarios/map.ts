/** One stream of `WorkerPool.map` over an iterator that is watched, to be explored to the last schedule. */
import { Cause, Effect, Exit, type Scope, Stream } from "effect"
import { WorkerPool } from "sluice"
import type { Scenario } from "sluice/testing"
import { breaking, failing, one, Watched, type WatchedOptions, watching } from "./watched.js"

export interface MapOptions extends WatchedOptions {
  readonly ordered?: boolean
  /** How many results the consumer takes. */
  readonly enough?: number
}

/** The stream over a watched iterator. */
export class Mapping extends Watched<MapOptions> {
  readonly results: Array<number> = []

  static readonly make = (options: MapOptions): Effect.Effect<Mapping, never, Scope.Scope> =>
    Effect.map(
      WorkerPool.make({
        size: options.size,
        queue: { capacity: options.capacity, strategy: options.strategy ?? "suspend" },
        run: (n: number, { invalidate }) => Effect.as(options.body(n, invalidate), n)
      }),
      (pool) => new Mapping(options, pool, { window: "L1", source: "L2" })
    )

  protected override mayTake(state: string): boolean {
    return state === "running"
  }

  /** Runs the stream, and looks at how it ended. */
  override readonly run: Effect.Effect<void, unknown> = Effect.suspend(() => {
    const { enough = Infinity, exits = false, ordered } = this.options
    const jobs = exits
      ? Stream.map(WorkerPool.map(this.pool, this.numbers, { ordered, exits }), (result) => this.jobOf(result))
      : WorkerPool.map(this.pool, this.numbers, { ordered })
    const stream = Stream.take(jobs, enough)
    return Effect.onExit(
      Stream.runForEach(stream, (n) => Effect.sync(() => this.results.push(n))),
      (exit) => Effect.sync(() => this.ends(exit))
    )
  })

  private jobOf({ exit, job }: WorkerPool.Result<number, number, string>): number {
    const own = Exit.isSuccess(exit) ? exit.value : Cause.squash(exit.cause)
    this.blame(
      own === job || own === `${job}` || own instanceof WorkerPool.JobLost,
      "a job has another one's exit (L3)"
    )
    return job
  }

  private ends(exit: Exit.Exit<unknown, unknown>): void {
    const { enough = Infinity, exits = false, isShared = false, items } = this.options
    this.ended()
    if (Exit.isSuccess(exit)) {
      this.blame(this.results.length === Math.min(items, enough), `${this.results.length} results (L3)`)
    } else if (!Cause.hasInterrupts(exit.cause)) {
      const error = Cause.squash(exit.cause)
      const isJobs = error instanceof WorkerPool.JobLost || typeof error === "string"
      this.blame(!exits || !isJobs, "a job has failed a stream of exits (L3)")
      const isDropped = error instanceof WorkerPool.JobLost && error.reason === "dropped"
      this.blame(
        !isDropped || (isShared && this.options.strategy === "sliding"),
        "a job of the stream was dropped (L3)"
      )
    }
  }

  override readonly holds = (): boolean => {
    if (this.options.ordered ?? true) {
      this.blame(this.results.every((n, i) => n === i + 1), `the results are ${this.results.join()} (L3)`)
    }
    return this.check()
  }
}

/** The stream is one actor, and there are others. */
export const mapping = (
  options: MapOptions,
  others: (self: Mapping) => ReadonlyArray<Effect.Effect<unknown, unknown>> = () => []
): Scenario => watching(Mapping.make(options), "stream", others)

export const exhausted: Record<string, Scenario> = {
  "an iterator that ends": mapping({ ...one, items: 2 }),
  "an iterator that throws": mapping({ ...one, items: 3, throwsAt: 2 }),
  "a consumer that has enough": mapping({ ...one, items: 4, enough: 1 }),
  "a job that fails": mapping({ ...one, items: 4, body: failing(2) }),
  "a job that fails, unordered": mapping({ ...one, size: 2, ordered: false, items: 4, body: failing(1) }),
  "a job that fails, with exits": mapping({ ...one, exits: true, items: 3, body: failing(2) }),
  "a pool that stops, with exits": mapping({ ...one, exits: true, items: 3 }, ({ pool }) => [
    WorkerPool.shutdownNow(pool)
  ]),
  "a pool that shuts down": mapping({ ...one, items: 3 }, ({ pool }) => [WorkerPool.shutdown(pool)]),
  "a pool that stops": mapping({ ...one, items: 3 }, ({ pool }) => [WorkerPool.shutdownNow(pool)]),
  "a pool that grows": mapping({ ...one, capacity: 0, items: 3 }, ({ resize }) => [resize(2)]),
  "a pool that shrinks": mapping({ ...one, size: 2, capacity: 0, items: 3 }, ({ resize }) => [resize(1)]),
  "a pool that drops": mapping({ ...one, strategy: "dropping", items: 4, body: breaking(1) }),
  "a pool that drops, without a queue": mapping({
    ...one,
    capacity: 0,
    strategy: "dropping",
    items: 3,
    body: breaking(1)
  }),
  "a pool that slides": mapping({ ...one, strategy: "sliding", items: 4, body: breaking(1) }),
  "a pool that drops, and other jobs": mapping(
    { ...one, strategy: "dropping", items: 2, isShared: true },
    ({ pool }) => [Effect.andThen(WorkerPool.submit(pool, 9), WorkerPool.submit(pool, 9))]
  )
}
