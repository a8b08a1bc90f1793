import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { invalid } from "../args.js"
import { currentFiber, Suspended } from "./Suspended.js"

/** Where jobs come from. */
export type Source<Job, E2, R2> = Iterable<Job> | AsyncIterable<Job> | Stream.Stream<Job, E2, R2>

/**
 * The source as an iterable or a stream. An async iterator gives one item at a time, since a chunk would be taken
 * further ahead than there is room, and is returned as a loop would return it (L2). A value that is no source is a
 * defect that names `argument`.
 */
export const normalize = <Job, E2, R2>(
  source: Source<Job, E2, R2>,
  where: string,
  argument: string
): Iterable<Job> | Stream.Stream<Job, E2, R2> => {
  if (Stream.isStream(source)) return source
  // JavaScript may bring anything, and a string is an iterable that is no object.
  const { [Symbol.asyncIterator]: async, [Symbol.iterator]: sync } = (source as unknown ?? {}) as Partial<
    AsyncIterable<Job> & Iterable<Job>
  >
  if (async !== undefined) return fromCursor(() => new AsyncCursor(async.call(source as AsyncIterable<Job>)))
  if (sync !== undefined) return source as Iterable<Job>
  return Stream.die(invalid(where, argument, "an iterable, an async iterable or a stream", source))
}

/** The source of what `f` makes of each item. */
export const mapSource = <Input, Job, E2, R2>(
  source: Iterable<Input> | Stream.Stream<Input, E2, R2>,
  f: (input: Input) => Job
): Iterable<Job> | Stream.Stream<Job, E2, R2> =>
  Stream.isStream(source) ? Stream.map(source, f) : {
    *[Symbol.iterator]() {
      for (const input of source) yield f(input)
    }
  }

/**
 * An iterator in use.
 *
 *     open ──▶ stepping ──▶ open, or over          it has ended, or thrown
 *       │          └──▶ leaving ──▶ over           closed within its own step, after which it is returned
 *       └──▶ over                                  closed
 */
export class SyncCursor<A> implements Iterator<A, unknown> {
  private state: "open" | "stepping" | "leaving" | "over" = "open"
  private readonly iterator: Iterator<A, unknown>
  /** The call of `close` that waits for the end of the step. */
  private leaver: Suspended<Exit.Exit<void>> | undefined = undefined

  constructor(items: Iterable<A>) {
    this.iterator = items[Symbol.iterator]()
  }

  /** Throws what the iterator throws, which has ended then. Runs the fiber that closes it within the step. */
  next(): IteratorResult<A, unknown> {
    let isOver = true
    this.state = "stepping"
    try {
      const result = this.iterator.next()
      isOver = result.done === true
      return result
    } finally {
      if (this.isLeaving) this.leave(isOver)
      else this.state = isOver ? "over" : "open"
    }
  }

  private get isLeaving(): boolean {
    return this.state === "leaving"
  }

  private leave(isOver: boolean): void {
    this.state = "over"
    this.leaver?.wake(isOver ? Exit.void : this.returned)
  }

  private get returned(): Exit.Exit<void> {
    try {
      this.iterator.return?.()
      return Exit.void
    } catch (error) {
      return Exit.die(error)
    }
  }

  /** Returns the iterator, unless it has ended, as a loop does that ends early. */
  readonly close: Effect.Effect<void> = Effect.callback((resume) => {
    const { state } = this
    if (state === "stepping") {
      this.state = "leaving"
      this.leaver = new Suspended(currentFiber(), resume)
      return
    }
    this.state = "over"
    resume(state === "open" ? this.returned : Exit.void)
  })
}

/** An iterator in use. `close` returns it, unless it has ended. */
interface Cursor<A> {
  readonly pull: Effect.Effect<[A], Cause.Done>
  readonly close: Effect.Effect<void>
}

/** The iterator is made and known to the scope in one step, which no interrupt divides. */
const fromCursor = <A>(make: () => Cursor<A>): Stream.Stream<A> =>
  Stream.fromChannel(Channel.fromTransform((_, scope) =>
    Effect.uninterruptible(Effect.suspend(() => {
      const { close, pull } = make()
      return Effect.as(Scope.addFinalizer(scope, close), pull)
    }))
  ))

class AsyncCursor<A> implements Cursor<A> {
  private state: "open" | "pulling" | "over" = "open"

  constructor(private readonly iterator: AsyncIterator<A, unknown>) {}

  readonly pull = Effect.flatMap(
    Effect.promise(() => this.next()),
    (result): Effect.Effect<[A], Cause.Done> => result.done === true ? Cause.done() : Exit.succeed<[A]>([result.value])
  )

  private async next(): Promise<IteratorResult<A, unknown>> {
    this.state = "pulling"
    try {
      const result = await this.iterator.next()
      this.state = result.done === true ? "over" : "open"
      return result
    } catch (error) {
      this.state = "over"
      throw error
    }
  }

  readonly close = Effect.suspend(() => {
    const { state } = this
    this.state = "over"
    if (state === "over") return Effect.void
    const returned = this.return()
    // A generator returns only after its pending `next`, which may never come.
    if (state === "open") return Effect.promise(() => returned)
    returned.catch(() => {})
    return Effect.void
  })

  private async return(): Promise<void> {
    await this.iterator.return?.()
  }
}
