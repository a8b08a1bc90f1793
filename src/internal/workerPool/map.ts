import type { NonEmptyArray, NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as Stream from "effect/Stream"
import type { RunError } from "../../WorkerPool.js"
import { List } from "../List.js"
import * as stack from "../stack.js"
import type { AnyFiber } from "../stack.js"
import type { PoolClosed } from "./errors.js"
import { currentFiber, type PoolJob, Suspended, type Told } from "./Job.js"
import type { Pool } from "./Pool.js"

/** Where jobs come from. */
export type Source<Job, E2, R2> = Iterable<Job> | AsyncIterable<Job> | Stream.Stream<Job, E2, R2>

export const map = <Job, A, E, E2, R2>(
  pool: Pool<Job, A, E>,
  source: Source<Job, E2, R2>,
  ordered: boolean
): Stream.Stream<A, E | E2 | RunError, R2> =>
  Stream.unwrap(
    Effect.map(
      Effect.acquireRelease(
        Effect.withFiber<Feed<Job, A, E, E2>, never, R2>((fiber) => {
          const feed = new Feed<Job, A, E, E2>(pool, ordered)
          const fork = Effect.runForkWith(fiber.context as Parameters<typeof Effect.runForkWith<R2>>[0])
          feed.feeder = stack.start(fork, feed.feed(toStream(source)))
          return Effect.succeed(feed)
        }),
        (feed) => feed.close
      ),
      (feed) => Stream.fromPull(Effect.succeed(feed.pull))
    )
  )

// One by one: a chunk would be taken from the iterator at once, further ahead than there is room.
export const toStream = <Job, E2, R2>(source: Source<Job, E2, R2>): Stream.Stream<Job, E2, R2> =>
  Stream.isStream(source)
    ? source
    : Symbol.asyncIterator in source
    ? Stream.orDie(Stream.fromAsyncIterable(source, identity))
    : Stream.fromIterable(source, { chunkSize: 1 })

/** A job on its way from the source to the stream's consumer. */
class Item<Job, A, E> {
  prev: Item<Job, A, E> | undefined = undefined
  next: Item<Job, A, E> | undefined = undefined
  exit: Told<A, E> | undefined = undefined
  state: "taken" | "withdrawn" = "taken"
  constructor(readonly job: PoolJob<Job, A, E>) {}
}

/**
 * Between a source of jobs and the consumer of their results, never more than `window` jobs: as many as run and wait in
 * the pool when all of them are of this source.
 *
 *     source ──feeder──▶ open ──▶ ready ──consumer──▶
 *
 * A job is `open` until it has ended and, when results come in order, all before it have. The feeder is a fiber of its
 * own, which takes from the source only when there is room. The consumer is whoever pulls the stream.
 */
class Feed<Job, A, E, E2> {
  feeder: AnyFiber | undefined = undefined
  private readonly open = new List<Item<Job, A, E>>()
  private readonly ready = new List<Item<Job, A, E>>()
  private readonly window: number
  /** "ended": the source has, with `end`. "failed": a job has; nothing more is taken from the source. */
  private state: "open" | "failed" | "ended" = "open"
  private end: Exit.Exit<never, E2 | PoolClosed | Cause.Done> = Exit.fail(Cause.Done())
  private waitsForRoom: Suspended<Effect.Effect<void>> | undefined = undefined
  private waitsForResult: Suspended<Effect.Effect<void>> | undefined = undefined

  constructor(private readonly pool: Pool<Job, A, E>, private readonly ordered: boolean) {
    const { config: { discipline: { capacity } }, size } = pool
    this.window = size + (capacity === Infinity ? 2 * size : capacity)
  }

  /** What the feeder runs. The source's own resources are released as it ends. */
  feed<R2>(source: Stream.Stream<Job, E2, R2>): Effect.Effect<void, never, R2> {
    const loop = Effect.gen({ self: this }, function*() {
      const pull = yield* Stream.toPull(source)
      for (;;) {
        yield* this.room
        for (const input of yield* pull) {
          yield* this.room
          yield* this.submit(input)
        }
      }
    })
    return Effect.catchCause(Effect.scoped(loop), (cause) =>
      Effect.sync(() => {
        this.state = "ended"
        this.end = Exit.failCause(cause)
        this.signal()
      }))
  }

  /** The job is known here before the pool has it, so that no interrupt can leave it behind. */
  private submit(input: Job): Effect.Effect<unknown, PoolClosed> {
    return Effect.withFiber((fiber) => {
      const job = this.pool.newJob(input)
      const item = new Item(job)
      this.open.push(item)
      job.observe(new Suspended(fiber, (exit) => this.settled(item, exit)))
      return Effect.onError(this.pool.submitJob(fiber, job), () => Effect.sync(() => this.withdraw(item)))
    })
  }

  /** A job that the pool has not accepted ends the source, as an error of its own would, and not the jobs before it. */
  private withdraw(item: Item<Job, A, E>): void {
    if (item.job.id !== 0 || item.state === "withdrawn") return
    item.state = "withdrawn"
    this.open.remove(item)
  }

  private settled(item: Item<Job, A, E>, exit: Told<A, E>): void {
    if (item.job.id === 0) return this.withdraw(item)
    item.exit = item.job.result(exit)
    if (Exit.isFailure(item.exit) && this.state === "open") this.state = "failed"
    if (this.ordered) {
      while (this.open.head?.exit !== undefined) this.ready.push(this.open.remove(this.open.head))
    } else {
      this.ready.push(this.open.remove(item))
    }
    this.signal()
  }

  /** Suspends the feeder until there is room; for ever once a job has failed. */
  private readonly room: Effect.Effect<void> = Effect.suspend(() =>
    this.hasRoom ? Effect.void : Effect.callback((resume) => {
      if (this.hasRoom) return resume(Effect.void)
      this.waitsForRoom = new Suspended(currentFiber(), resume)
    })
  )

  private get hasRoom(): boolean {
    return this.state === "open" && this.open.size + this.ready.size < this.window
  }

  /** What the consumer runs: all results there are, or else the next. */
  readonly pull: Effect.Effect<NonEmptyReadonlyArray<A>, E | E2 | RunError | Cause.Done> = Effect.suspend(() =>
    this.hasResult ? this.take() : Effect.callback<void>((resume) => {
      if (this.hasResult) return resume(Effect.void)
      this.waitsForResult = new Suspended(currentFiber(), resume)
    }).pipe(Effect.flatMap(() => this.pull))
  )

  private get hasResult(): boolean {
    return this.ready.size > 0 || (this.state === "ended" && this.open.size === 0)
  }

  private take(): Effect.Effect<NonEmptyReadonlyArray<A>, E | E2 | RunError | Cause.Done> {
    const first = this.ready.head?.exit
    if (first === undefined) return this.end
    if (Exit.isFailure(first)) return Exit.failCause(first.cause)
    const values: NonEmptyArray<A> = [first.value]
    this.ready.shift()
    for (let exit = this.ready.head?.exit; exit !== undefined && Exit.isSuccess(exit); exit = this.ready.head?.exit) {
      values.push(exit.value)
      this.ready.shift()
    }
    const feeder = this.waitsForRoom
    if (feeder !== undefined && this.hasRoom) {
      this.waitsForRoom = undefined
      feeder.wake(Effect.void)
    }
    return Exit.succeed(values)
  }

  /** Lets the consumer go on when there is something for it. Runs its fiber. */
  private signal(): void {
    const consumer = this.waitsForResult
    if (consumer === undefined || !this.hasResult) return
    this.waitsForResult = undefined
    consumer.wake(Effect.void)
  }

  /** Takes back all that is still in the pool, and returns when it has ended. */
  readonly close: Effect.Effect<void> = Effect.withFiber((fiber) => {
    const { feeder } = this
    if (feeder !== undefined) stack.interrupt(feeder, fiber.id)
    const ends: Array<Effect.Effect<unknown>> = feeder === undefined ? [] : [Fiber.await(feeder)]
    const jobs: Array<PoolJob<Job, A, E>> = []
    for (let item = this.open.head; item !== undefined; item = item.next) jobs.push(item.job)
    for (const job of jobs) ends.push(this.pool.cancelBy(job, fiber))
    return Effect.asVoid(Effect.all(ends))
  })
}
