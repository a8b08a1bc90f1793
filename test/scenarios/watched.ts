/** A pool and an iterator that are watched while one call brings the iterator's numbers to the pool as jobs. */
import { Effect, Exit, Scope } from "effect"
import { WorkerPool } from "sluice"
import { type Scenario, scenario } from "sluice/testing"

export interface WatchedOptions {
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

/** The laws that the messages name. */
export interface Numbers {
  readonly window: string
  readonly source: string
}

type WatchedPool = WorkerPool.WorkerPool<number, number, string>

/** An iterator, the call that has its numbers, and what became of both. */
export abstract class Watched<Options extends WatchedOptions> {
  private wrong: string | undefined = undefined
  protected iterator: "unused" | "open" | "exhausted" | "returned" = "unused"
  private largest: number
  private taken = 0

  constructor(protected readonly options: Options, readonly pool: WatchedPool, private readonly laws: Numbers) {
    this.largest = options.size
  }

  /** Makes the call, and looks at how it ended. */
  abstract readonly run: Effect.Effect<void, unknown>

  protected blame(condition: boolean, what: string): void {
    if (!condition) this.wrong ??= what
  }

  protected readonly numbers: Iterable<number> = {
    [Symbol.iterator]: () => {
      this.blame(this.iterator === "unused", "the iterator was made twice")
      this.iterator = "open"
      return {
        next: (): IteratorResult<number, undefined> => this.next(),
        return: () => {
          this.blame(
            this.iterator === "open",
            `an iterator that is ${this.iterator} was returned (${this.laws.source})`
          )
          this.iterator = "returned"
          return { done: true, value: undefined }
        }
      }
    }
  }

  /** Whether a number may be taken for a pool in that state. */
  protected abstract mayTake(state: string): boolean

  private next(): IteratorResult<number, undefined> {
    const { laws: { source, window: law }, options: { capacity, exits = false, isShared = false, items, throwsAt } } =
      this
    const { died, failed, queued, running, state, waiting } = WorkerPool.stats(this.pool)
    this.blame(this.iterator === "open", `an iterator that is ${this.iterator} was asked`)
    this.blame(this.mayTake(state), `a number was taken for a pool that is ${state} (L4)`)
    this.blame(isShared || exits || failed + died === 0, `a number was taken after a job had failed (${source})`)
    const window = this.largest + (capacity === "unbounded" ? 2 * this.largest : capacity)
    this.blame(
      isShared || state !== "running" || queued + running + waiting < window,
      `a number was taken for a full window of ${window} (${law})`
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

  /** The call is over. */
  protected ended(): void {
    const { laws: { source }, options: { isShared = false } } = this
    const { queued, running, waiting } = WorkerPool.stats(this.pool)
    this.blame(isShared || queued + running + waiting === 0, `the call has ended, and its jobs have not (${source})`)
    this.blame(this.iterator !== "open", `the call has ended, and its iterator was not returned (${source})`)
  }

  /** True while nothing is wrong: throws the first thing that is. */
  readonly holds: () => boolean = () => this.check()

  protected check(): boolean {
    if (this.wrong !== undefined) throw new Error(this.wrong)
    return true
  }
}

/** The call is one actor, and there are others. */
export const watching = <Self extends Watched<WatchedOptions>>(
  make: Effect.Effect<Self, never, Scope.Scope>,
  name: string,
  others: (self: Self) => ReadonlyArray<Effect.Effect<unknown, unknown>>
): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const self = yield* Scope.provide(make, scope)
      yield* t.always(self.holds, "")
      yield* t.actor(name, self.run, { mayDie: true })
      for (const [i, effect] of others(self).entries()) yield* t.actor(`other${i}`, effect, { mayDie: true })
      yield* t.settled
      yield* Scope.close(scope, Exit.void)
      yield* t.expect(self.holds, "")
    })
  )

const yields = () => Effect.yieldNow
export const one = { size: 1, capacity: 1, body: yields }
export const failing = (bad: number) => (n: number) => n === bad ? Effect.fail(`${n}`) : Effect.yieldNow
export const breaking = (bad: number) => (n: number, invalidate: Effect.Effect<void>) =>
  Effect.andThen(n === bad ? invalidate : Effect.void, Effect.yieldNow)
