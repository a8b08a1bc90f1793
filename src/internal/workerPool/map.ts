import type { NonEmptyArray, NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { List } from "../List.js"
import * as stack from "../stack.js"
import type { AnyFiber } from "../stack.js"
import type { JobLost, PoolClosed, PoolFailed } from "./errors.js"
import type { PoolJob, Settled, Told } from "./Job.js"
import type { RunError } from "./model.js"
import type { Follower, Pool } from "./Pool.js"
import { type Source, toStream } from "./source.js"
import { currentFiber, Suspended } from "./Suspended.js"

/**
 * The options of `map` and `mapStream`.
 *
 * @category models
 * @since 0.1.0
 */
export interface MapOptions {
  /**
   * Whether results come in the order of the source, or as the jobs end. Default: true. Anything but true or false is a
   * defect of the stream.
   */
  readonly ordered?: boolean | undefined
  /**
   * Whether the stream has a `Result` for each job, also for one that fails, rather than values. Default: false.
   * Anything but true or false is a defect of the stream.
   */
  readonly exits?: boolean | undefined
}

/**
 * The result of a job of `map` with `exits: true`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Result<out Job, out A, out E = never> {
  /** The job, as it came from the source. */
  readonly job: Job
  /**
   * The job's own exit. A failure with `JobLost` or `PoolFailed` if the job never started, or if the end of the pool
   * interrupted it.
   */
  readonly exit: Exit.Exit<A, E | JobLost | PoolFailed>
}

/** How a job's end comes out of the stream. One that fails ends the stream. */
type Shows<Job, A, E, B> = (input: Job, exit: Told<A, E>) => Exit.Exit<B, E | RunError>

export const asValue = <A, E>(_: unknown, exit: Told<A, E>): Told<A, E> => exit

// The job was accepted, so its exit is no PoolClosed.
export const asResult = <Job, A, E>(job: Job, exit: Told<A, E>): Exit.Exit<Result<Job, A, E>> =>
  Exit.succeed({ job, exit: exit as Settled<A, E> })

export const map = <Job, A, E, E2, R2, B>(
  pool: Pool<Job, A, E>,
  source: Source<Job, E2, R2>,
  ordered: boolean,
  shows: Shows<Job, A, E, B>
): Stream.Stream<B, E | E2 | RunError, R2> => {
  const jobs = toStream(source, "WorkerPool.map", "jobs")
  return Stream.unwrap(
    Effect.map(
      Effect.acquireRelease(
        Effect.withFiber<Feed<Job, A, E, E2, B>, never, R2>((fiber) => {
          const feed = new Feed<Job, A, E, E2, B>(pool, ordered, shows)
          feed.start(jobs, Effect.runForkWith(fiber.context as Parameters<typeof Effect.runForkWith<R2>>[0]))
          return Effect.succeed(feed)
        }),
        (feed) => feed.close
      ),
      (feed) => Stream.fromPull(Effect.succeed(feed.pull))
    )
  )
}

type Fork<R> = <A, E>(effect: Effect.Effect<A, E, R>) => Fiber.Fiber<A, E>

/** A job on its way from the source to the stream's consumer. */
class Item<Job, A, E, B> {
  prev: Item<Job, A, E, B> | undefined = undefined
  next: Item<Job, A, E, B> | undefined = undefined
  /** Of the job, as the stream shows it. */
  exit: Exit.Exit<B, E | RunError> | undefined = undefined
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
 *
 * `state` is that of the source:
 *
 *     open ──▶ halted ──▶ ended      a job has failed, or the pool has closed: the feeder is interrupted
 *       └─────────────────▲          the source has ended or failed, or the pool has refused a job
 */
class Feed<Job, A, E, E2, B> implements Follower {
  private feeder: AnyFiber | undefined = undefined
  private readonly open = new List<Item<Job, A, E, B>>()
  private readonly ready = new List<Item<Job, A, E, B>>()
  private state: "open" | "halted" | "ended" = "open"
  /** Where the feeder is. A job that the pool is asked to take is the pool's to refuse. */
  private feederAt: "source" | "pool" = "source"
  /** How the stream ends after the results. */
  private end: Exit.Exit<never, E2 | PoolClosed | Cause.Done> = Exit.fail(Cause.Done())
  private waitsForRoom: Suspended<Effect.Effect<void>> | undefined = undefined
  private waitsForResult: Suspended<Effect.Effect<void>> | undefined = undefined

  constructor(
    private readonly pool: Pool<Job, A, E>,
    private readonly ordered: boolean,
    private readonly shows: Shows<Job, A, E, B>
  ) {}

  /** L1. It grows and shrinks with the pool. */
  private get window(): number {
    const { config: { discipline: { capacity } }, size } = this.pool
    return size + (capacity === Infinity ? 2 * size : capacity)
  }

  /** Starts the feeder, which runs up to its first suspension. */
  start<R2>(source: Stream.Stream<Job, E2, R2>, fork: Fork<R2>): void {
    this.pool.followers.add(this)
    const feeder = stack.start(fork, this.feed(source))
    this.feeder = feeder
    feeder.addObserver((exit) => this.sourceEnded(exit))
    // The source's first step may have closed the pool, when the feeder was not known here.
    if (this.state === "halted") stack.interrupt(feeder, undefined)
  }

  /** The effect of the feeder. The source's own resources are released as it ends. */
  private feed<R2>(
    source: Stream.Stream<Job, E2, R2>
  ): Effect.Effect<never, E2 | PoolClosed | Cause.Done, R2> {
    return Effect.scoped(Effect.gen({ self: this }, function*() {
      const pull = yield* Stream.toPull(source)
      for (;;) {
        yield* this.room
        for (const input of yield* pull) {
          yield* this.room
          yield* this.submit(input)
        }
      }
    }))
  }

  /** The job is recorded here before it is submitted, so that no interrupt can leave it behind. */
  private submit(input: Job): Effect.Effect<unknown, PoolClosed> {
    return Effect.withFiber((fiber) => {
      const job = this.pool.newJob(fiber, input)
      const item = new Item<Job, A, E, B>(job)
      this.feederAt = "pool"
      this.open.push(item)
      job.observe(new Suspended(fiber, (exit) => this.settled(item, exit)))
      return Effect.onError(this.pool.submitJob(fiber, job, "wait"), () => Effect.sync(() => this.withdraw(item)))
    })
  }

  /** A job that the pool has not accepted ends the source, as an error of its own would, and not the jobs before it. */
  private withdraw(item: Item<Job, A, E, B>): void {
    if (item.job.id === 0) this.open.remove(item)
  }

  /** L3: results become ready once each, in the source's order where `ordered` says so. Runs fibers. */
  private settled(item: Item<Job, A, E, B>, exit: Told<A, E>): void {
    // The feeder withdraws a job that the pool has not accepted.
    if (item.job.id === 0) return
    item.exit = this.shows(item.job.input, item.job.result(exit))
    if (this.ordered) {
      while (this.open.head?.exit !== undefined) this.ready.push(this.open.remove(this.open.head))
    } else {
      this.ready.push(this.open.remove(item))
    }
    if (Exit.isFailure(item.exit)) this.halt()
    this.signal()
  }

  /** L1 and L4: the pool has another size, or accepts no more jobs. Runs fibers. */
  poolChanged(): void {
    if (this.pool.isOpen) return this.letFeederGo()
    if (this.state !== "open" || this.feederAt === "pool") return
    this.end = this.pool.rejection() ?? this.end
    this.halt()
  }

  /** Interrupts the feeder, so that it takes nothing more from the source. Runs fibers. */
  private halt(): void {
    if (this.state !== "open") return
    this.state = "halted"
    if (this.feeder !== undefined) stack.interrupt(this.feeder, undefined)
  }

  /** The feeder has ended, and with it the source. Runs fibers. */
  private sourceEnded(exit: Exit.Exit<never, E2 | PoolClosed | Cause.Done>): void {
    this.pool.followers.delete(this)
    const own = this.state === "halted" ? withoutInterrupts(exit) : exit
    this.state = "ended"
    if (own !== undefined) this.end = own
    this.signal()
  }

  /** Suspends the feeder until there is room; without end once a job has failed. */
  private readonly room: Effect.Effect<void, PoolClosed> = Effect.suspend(() => {
    this.feederAt = "source"
    const rejection = this.pool.rejection()
    if (rejection !== undefined) return rejection
    return this.hasRoom ? Effect.void : Effect.flatMap(this.wait, () => this.room)
  })

  private readonly wait: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.hasRoom) return resume(Effect.void)
    this.waitsForRoom = new Suspended(currentFiber(), resume)
  })

  private get hasRoom(): boolean {
    return this.state === "open" && this.open.size + this.ready.size < this.window
  }

  get isHeldUp(): boolean {
    return this.waitsForRoom !== undefined && this.ready.size === 0
  }

  /** Runs the feeder. */
  private letFeederGo(): void {
    const feeder = this.waitsForRoom
    if (feeder === undefined || !this.hasRoom) return
    this.waitsForRoom = undefined
    feeder.wake(Effect.void)
  }

  /** The consumer's pull: all results that are ready, or else the next one. */
  readonly pull: Effect.Effect<NonEmptyReadonlyArray<B>, E | E2 | RunError | Cause.Done> = Effect.suspend(() =>
    this.hasResult ? this.take() : Effect.callback<void>((resume) => {
      if (this.hasResult) return resume(Effect.void)
      this.waitsForResult = new Suspended(currentFiber(), resume)
    }).pipe(Effect.flatMap(() => this.pull))
  )

  private get hasResult(): boolean {
    return this.ready.size > 0 || (this.state === "ended" && this.open.size === 0)
  }

  private take(): Effect.Effect<NonEmptyReadonlyArray<B>, E | E2 | RunError | Cause.Done> {
    const first = this.ready.head?.exit
    if (first === undefined) return this.end
    if (Exit.isFailure(first)) return Exit.failCause(first.cause)
    const values: NonEmptyArray<B> = [first.value]
    this.ready.shift()
    for (let exit = this.ready.head?.exit; exit !== undefined && Exit.isSuccess(exit); exit = this.ready.head?.exit) {
      values.push(exit.value)
      this.ready.shift()
    }
    this.letFeederGo()
    return Exit.succeed(values)
  }

  /** Lets the consumer go on when there is something for it. Runs its fiber. */
  private signal(): void {
    const consumer = this.waitsForResult
    if (consumer === undefined || !this.hasResult) return
    this.waitsForResult = undefined
    consumer.wake(Effect.void)
  }

  /**
   * Takes back all that is still in the pool, and returns when it has ended, and when the source has. The newest job
   * goes first, and those that wait go before those that run, so that none begins in the place of another.
   */
  readonly close: Effect.Effect<void> = Effect.withFiber((fiber) => {
    const { feeder } = this
    const ends: Array<Effect.Effect<unknown>> = []
    if (feeder !== undefined) stack.interrupt(feeder, fiber.id)
    const jobs: Array<PoolJob<Job, A, E>> = []
    for (let item = this.open.tail; item !== undefined; item = item.prev) jobs.push(item.job)
    jobs.sort((one, other) => Number(one.worker !== undefined) - Number(other.worker !== undefined))
    for (const job of jobs) ends.push(this.pool.cancelBy(job, fiber))
    // Last, since it may fail: the jobs have ended by then in any case (L2).
    if (feeder !== undefined) ends.push(Effect.flatMap(Fiber.await(feeder), (exit) => this.releaseDefects(exit)))
    return Effect.asVoid(Effect.all(ends))
  })

  /** A source that dies as it is given up fails the close. One that died before is no concern of who has had enough. */
  private releaseDefects(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    if (Exit.isSuccess(exit) || !Cause.hasInterrupts(exit.cause)) return Effect.void
    const defects = exit.cause.reasons.filter(Cause.isDieReason)
    return defects.length === 0 ? Effect.void : Effect.failCause(Cause.fromReasons(defects))
  }
}

/** The other reasons of an interrupted fiber's end. */
const withoutInterrupts = <E>(exit: Exit.Exit<never, E>): Exit.Exit<never, E> | undefined => {
  const reasons = Exit.isFailure(exit) ? exit.cause.reasons.filter((reason) => !Cause.isInterruptReason(reason)) : []
  return reasons.length === 0 ? undefined : Exit.failCause(Cause.fromReasons(reasons))
}
