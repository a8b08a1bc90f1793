/** Calls of `WorkerPool.runAll` over an iterator that is watched, to be explored to the last schedule (P21). */
import { Cause, Effect, Exit, Scope } from "effect"
import { WorkerPool } from "sluice"
import { type Scenario, scenario } from "sluice/testing"

export interface RunAllOptions {
  readonly size: number
  readonly capacity: number | "unbounded"
  readonly strategy?: "suspend" | "dropping" | "sliding"
  readonly exits?: boolean
  /** The iterator has the numbers from 1 to this, and throws instead of the one in `throwsAt`. */
  readonly items: number
  readonly throwsAt?: number
  /** What a job does with its number, which is then its result. */
  readonly body: (n: number, invalidate: Effect.Effect<void>) => Effect.Effect<unknown, string>
  /** Whether other jobs come to the pool than those of the call. */
  readonly isShared?: boolean
}

type WatchedPool = WorkerPool.WorkerPool<number, number, string>

/** An iterator, the call that runs a job for each of its numbers, and what became of both. */
export class Running {
  private wrong: string | undefined = undefined
  private iterator: "unused" | "open" | "exhausted" | "returned" = "unused"
  private largest: number
  private taken = 0
  private readonly begun = new Set<number>()

  private constructor(private readonly options: RunAllOptions, readonly pool: WatchedPool) {
    this.largest = options.size
  }

  static readonly make = (options: RunAllOptions): Effect.Effect<Running, never, Scope.Scope> =>
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
      const self = new Running(options, pool)
      return self
    })

  private blame(condition: boolean, what: string): void {
    if (!condition) this.wrong ??= `${what} (P21)`
  }

  /** Those of others are 0. */
  private begins(n: number): void {
    if (n === 0) return
    this.blame(!this.begun.has(n), `the job of ${n} has begun twice`)
    this.blame(this.iterator !== "returned", `the job of ${n} has begun after the end of its call`)
    this.begun.add(n)
  }

  private readonly numbers: Iterable<number> = {
    [Symbol.iterator]: () => {
      this.blame(this.iterator === "unused", "the iterator was made twice")
      this.iterator = "open"
      return {
        next: (): IteratorResult<number, undefined> => this.next(),
        return: () => {
          this.blame(this.iterator === "open", `an iterator that is ${this.iterator} was returned`)
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
    this.blame(isShared || exits || failed + died === 0, "a number was taken after a job had failed")
    const window = this.largest + (capacity === "unbounded" ? 2 * this.largest : capacity)
    this.blame(
      isShared || state !== "running" || queued + running + waiting < window,
      `a number was taken for a full window of ${window}`
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

  /** Makes the call, and looks at how it ended. */
  readonly run: Effect.Effect<void, unknown> = Effect.suspend(() => {
    const { exits = false } = this.options
    const call: Effect.Effect<ReadonlyArray<number | Exit.Exit<number, unknown>>, unknown> = exits
      ? WorkerPool.runAll(this.pool, this.numbers, { exits })
      : WorkerPool.runAll(this.pool, this.numbers)
    return Effect.onExit(call, (exit) => Effect.sync(() => this.ends(exit)))
  })

  private ends(exit: Exit.Exit<ReadonlyArray<number | Exit.Exit<number, unknown>>, unknown>): void {
    const { exits = false, isShared = false, items, strategy } = this.options
    const { queued, running, waiting } = WorkerPool.stats(this.pool)
    this.blame(isShared || queued + running + waiting === 0, "the call has ended, and its jobs have not")
    this.blame(this.iterator !== "open", "the call has ended, and its iterator was not returned")
    // Nothing of it may begin from now on.
    this.iterator = "returned"
    if (Exit.isSuccess(exit)) {
      this.blame(exit.value.length === items, `${exit.value.length} results of ${items}`)
      for (let i = 0; i < items; i++) this.fits(i + 1, exit.value[i])
    } else if (!Cause.hasInterrupts(exit.cause)) {
      const error = Cause.squash(exit.cause)
      const isJobs = error instanceof WorkerPool.JobLost || error instanceof WorkerPool.PoolClosed ||
        typeof error === "string"
      this.blame(!exits || !isJobs, "the call has failed as a job, though it returns exits")
      const isDropped = error instanceof WorkerPool.JobLost && error.reason === "dropped"
      this.blame(!isDropped || (isShared && strategy === "sliding"), "a job of the call was dropped")
    }
  }

  private fits(n: number, result: number | Exit.Exit<number, unknown> | undefined): void {
    if (typeof result === "number" || result === undefined) return this.blame(result === n, `${n} has ${result}`)
    const own = Exit.isSuccess(result) ? result.value : Cause.squash(result.cause)
    const isLost = own instanceof WorkerPool.JobLost || own instanceof WorkerPool.PoolClosed
    this.blame(own === n || own === `${n}` || isLost, `${n} has ${String(own)}`)
  }

  readonly holds = (): boolean => {
    if (this.wrong !== undefined) throw new Error(this.wrong)
    return true
  }
}

/** The call is one actor, and there are others. */
export const running = (
  options: RunAllOptions,
  others: (self: Running) => ReadonlyArray<Effect.Effect<unknown, unknown>> = () => []
): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const self = yield* Scope.provide(Running.make(options), scope)
      yield* t.always(self.holds, "")
      yield* t.actor("call", self.run, { mayDie: true })
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
