/** One stream of `WorkerPool.map` over an iterator that is watched, to be explored to the last schedule. */
import { Cause, Effect, Exit, Scope, Stream } from "effect"
import { WorkerPool } from "sluice"
import { type Scenario, scenario } from "sluice/testing"

export interface MapOptions {
  readonly size: number
  readonly capacity: number | "unbounded"
  readonly strategy?: "suspend" | "dropping" | "sliding"
  readonly ordered?: boolean
  readonly exits?: boolean
  /** The iterator has the numbers from 1 to this, and throws instead of the one in `throwsAt`. */
  readonly items: number
  readonly throwsAt?: number
  /** How many results the consumer takes. */
  readonly enough?: number
  /** What a job does with its number, which is then its result. */
  readonly body: (n: number, invalidate: Effect.Effect<void>) => Effect.Effect<unknown, string>
  /** Whether other jobs than those of the stream come to the pool. */
  readonly isShared?: boolean
}

type WatchedPool = WorkerPool.WorkerPool<number, number, string>

/** An iterator, the stream over it, and what became of both. */
export class Mapping {
  private wrong: string | undefined = undefined
  private iterator: "unused" | "open" | "exhausted" | "returned" = "unused"
  private largest: number
  taken = 0
  readonly results: Array<number> = []

  private constructor(private readonly options: MapOptions, readonly pool: WatchedPool) {
    this.largest = options.size
  }

  static readonly make = (options: MapOptions): Effect.Effect<Mapping, never, Scope.Scope> =>
    Effect.map(
      WorkerPool.make({
        size: options.size,
        queue: { capacity: options.capacity, strategy: options.strategy ?? "suspend" },
        run: (n: number, { invalidate }) => Effect.as(options.body(n, invalidate), n)
      }),
      (pool) => new Mapping(options, pool)
    )

  private blame(condition: boolean, what: string): void {
    if (!condition) this.wrong ??= what
  }

  private readonly numbers: Iterable<number> = {
    [Symbol.iterator]: () => {
      this.blame(this.iterator === "unused", "the iterator was made twice")
      this.iterator = "open"
      return {
        next: (): IteratorResult<number, undefined> => this.next(),
        return: () => {
          this.blame(this.iterator === "open", `an iterator that is ${this.iterator} was returned (L2)`)
          this.iterator = "returned"
          return { done: true, value: undefined }
        }
      }
    }
  }

  private next(): IteratorResult<number, undefined> {
    const { capacity, exits = false, isShared = false, items, throwsAt } = this.options
    const { died, failed, queued, running, state, waiting } = WorkerPool.stats(this.pool)
    this.blame(this.iterator === "open", `an iterator that is ${this.iterator} was asked`)
    this.blame(state === "running", `a number was taken for a pool that is ${state} (L4)`)
    this.blame(isShared || exits || failed + died === 0, "a number was taken after a job had failed (L2)")
    const window = this.largest + (capacity === "unbounded" ? 2 * this.largest : capacity)
    this.blame(
      isShared || queued + running + waiting < window,
      `a number was taken for a full window of ${window} (L1)`
    )
    if (this.taken >= items || this.taken + 1 === throwsAt) this.iterator = "exhausted"
    if (this.taken >= items) return { done: true, value: undefined }
    if (this.iterator === "exhausted") throw new Error("planned")
    return { done: false, value: ++this.taken }
  }

  readonly resize = (size: number) =>
    Effect.suspend(() => {
      this.largest = Math.max(this.largest, size)
      return WorkerPool.resize(this.pool, size)
    })

  /** Runs the stream, and looks at how it ended. */
  readonly run: Effect.Effect<void, unknown> = Effect.suspend(() => {
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
    const { queued, running, waiting } = WorkerPool.stats(this.pool)
    this.blame(isShared || queued + running + waiting === 0, "the stream has ended, and its jobs have not (L2)")
    this.blame(this.iterator !== "open", "the stream has ended, and its iterator was not returned (L2)")
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

  readonly holds = (): boolean => {
    if (this.options.ordered ?? true) {
      this.blame(this.results.every((n, i) => n === i + 1), `the results are ${this.results.join()} (L3)`)
    }
    if (this.wrong !== undefined) throw new Error(this.wrong)
    return true
  }
}

/** The stream is one actor, and there are others. */
export const mapping = (
  options: MapOptions,
  others: (self: Mapping) => ReadonlyArray<Effect.Effect<unknown, unknown>> = () => []
): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const self = yield* Scope.provide(Mapping.make(options), scope)
      yield* t.always(self.holds, "")
      yield* t.actor("stream", self.run, { mayDie: true })
      for (const [i, effect] of others(self).entries()) yield* t.actor(`other${i}`, effect, { mayDie: true })
      yield* t.settled
      yield* Scope.close(scope, Exit.void)
      yield* t.expect(self.holds, "")
    })
  )

const yields = () => Effect.yieldNow
const one = { size: 1, capacity: 1, body: yields }
const failing = (bad: number) => (n: number) => n === bad ? Effect.fail(`${n}`) : Effect.yieldNow
const breaking = (bad: number) => (n: number, invalidate: Effect.Effect<void>) =>
  Effect.andThen(n === bad ? invalidate : Effect.void, Effect.yieldNow)

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
