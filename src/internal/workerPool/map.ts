import { isReadonlyArrayNonEmpty, type NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { type Annotations, cancellation, type Why } from "../cancellation.js"
import * as stack from "../stack.js"
import type { AnyFiber } from "../stack.js"
import type { Taking, Wait } from "../view.js"
import type { JobLost, PoolClosed, PoolFailed } from "./errors.js"
import { type Host, Intake, type Item } from "./Intake.js"
import type { Settled, Told } from "./Job.js"
import type { RunError } from "./model.js"
import type { Follower, Pool } from "./Pool.js"
import { normalize, type Source, SyncCursor } from "./source.js"
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

/** How a job's end comes out of the stream: as its value, or as a result in any case. */
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
  const jobs = normalize(source, "WorkerPool.map", "jobs")
  return Stream.unwrap(
    Effect.map(
      Effect.acquireRelease(
        Effect.withFiber<Feed<Job, A, E, E2, B>, never, R2>((fiber) => {
          const feed = new Feed<Job, A, E, E2, B>(pool, ordered, shows)
          feed.start(jobs, Effect.runForkWith(fiber.context as Parameters<typeof Effect.runForkWith<R2>>[0]))
          return Effect.succeed(feed)
        }),
        (feed, exit) => feed.close(exit)
      ),
      (feed) => Stream.fromPull(Effect.succeed(feed.pull))
    )
  )
}

type Fork<R> = <A, E>(effect: Effect.Effect<A, E, R>) => Fiber.Fiber<A, E>

/**
 * Between a source of jobs and the consumer of their results.
 *
 *     source ──feeder──▶ intake.open ──▶ ready ──consumer──▶
 *
 * A job is `open` until it has ended and, when results come in order, all before it have. The feeder is a fiber of its
 * own, which takes from the source only when there is room. The consumer pulls the stream.
 *
 * `state` is that of the source:
 *
 *     open ──▶ halted ──▶ ended      a job has failed, or the pool has closed: the feeder is interrupted
 *       └─────────────────▲          the source has ended or failed, or the pool has refused a job
 */
class Feed<Job, A, E, E2, B> implements Host<Job, A, E>, Follower {
  private feeder: AnyFiber | undefined = undefined
  private readonly intake: Intake<Job, A, E>
  private ready: Array<B> = []
  /** The first result that is none. It ends the stream, after those that are ready. */
  private failure: Exit.Exit<never, E | RunError> | undefined = undefined
  private state: "open" | "halted" | "ended" = "open"
  /** Of the interrupt of a feeder that is halted, if somebody watches. */
  private halted: Annotations | undefined = undefined
  /** How the stream ends after the results. */
  private end: Exit.Exit<never, E2 | PoolClosed | Cause.Done> = Exit.fail(Cause.Done())
  /** The fiber that opens the stream, and then the one that pulls: the stream closes as that ends. */
  private consumer = currentFiber()
  private waitsForResult: Suspended<Effect.Effect<void>> | undefined = undefined
  private isConsumerDue = false

  constructor(
    private readonly pool: Pool<Job, A, E>,
    private readonly ordered: boolean,
    private readonly shows: Shows<Job, A, E, B>
  ) {
    this.intake = new Intake<Job, A, E>(this, pool)
  }

  get hasEnough(): boolean {
    // A pool may run jobs of its last turn before it lets its followers know that it has closed (L4).
    return this.state !== "open" || !this.pool.isOpen
  }

  get held(): number {
    return this.ready.length
  }

  // The source

  /** Starts the feeder, which runs up to its first suspension. */
  start<R2>(source: Iterable<Job> | Stream.Stream<Job, E2, R2>, fork: Fork<R2>): void {
    this.pool.followers.add(this)
    const feeder = stack.start(fork, Stream.isStream(source) ? this.feed(source) : this.feedFrom(source))
    this.feeder = feeder
    feeder.addObserver((exit) => this.sourceEnded(exit))
    // The source's first step may have closed the pool, when the feeder was not known here.
    if (this.state === "halted") stack.interrupt(feeder, undefined, this.halted)
  }

  /** The effect of the feeder. The source's own resources are released as it ends. */
  private feed<R2>(
    source: Stream.Stream<Job, E2, R2>
  ): Effect.Effect<never, E2 | PoolClosed | Cause.Done, R2> {
    return Effect.scoped(Effect.gen({ self: this }, function*() {
      const pull = yield* Stream.toPull(source)
      for (;;) {
        yield* this.room
        yield* this.intake.bring((yield* pull).values())
      }
    }))
  }

  /** The same, for an iterator, which is brought as a single chunk. */
  private feedFrom(source: Iterable<Job>): Effect.Effect<never, PoolClosed | Cause.Done> {
    const brought = Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        const items = new SyncCursor(source)
        return Effect.onExit(restore(this.intake.bring(items)), () => items.close)
      })
    )
    return Effect.andThen(Effect.andThen(this.room, brought), Cause.done())
  }

  /** Suspends the feeder until there is room; without end once a job has failed. */
  private readonly room: Effect.Effect<void, PoolClosed> = Effect.suspend(() =>
    this.pool.rejection() ??
      (this.intake.hasRoom ? Effect.void : Effect.andThen(this.intake.bring([].values()), this.room))
  )

  /** A job that the pool has not accepted ends the source, as an error of its own would, and not the jobs before it. */
  refused(): boolean {
    return false
  }

  /** L1 and L4: the pool has another size, or accepts no more jobs. Runs fibers. */
  poolChanged(): void {
    if (this.pool.isOpen) return this.intake.fill()
    // A job that waits for room is the pool's to refuse.
    if (this.state !== "open" || this.intake.isBlocked) return
    this.end = this.pool.rejection() ?? this.end
    this.halt("the pool closed")
  }

  /** Interrupts the feeder, so that it takes nothing more from the source. Runs fibers. */
  private halt(why: Why, led?: Cause.Cause<unknown>): void {
    if (this.state !== "open") return
    this.state = "halted"
    this.halted = cancellation("pool", this.pool.name, why, undefined, led)
    if (this.feeder !== undefined) stack.interrupt(this.feeder, undefined, this.halted)
  }

  /** The feeder has ended, and with it the source. Runs fibers. */
  private sourceEnded(exit: Exit.Exit<never, E2 | PoolClosed | Cause.Done>): void {
    this.pool.followers.delete(this)
    const own = this.state === "halted" ? withoutInterrupts(exit) : exit
    this.state = "ended"
    if (own !== undefined) this.end = own
    this.signal()
  }

  get isHeldUp(): boolean {
    return this.intake.isFull && this.ready.length === 0
  }

  get waits(): ReadonlyArray<Wait> {
    const { feeder, intake, waitsForResult } = this
    const { jobs } = intake
    const waits: Array<Wait> = []
    // Room comes with the next result that is taken. A feeder whose job is blocked waits for room in the queue.
    if (feeder !== undefined && this.state === "open" && intake.isFull && this.ready.length === 0) {
      waits.push({ node: feeder, who: "fiber", for: "room for its next job", any: jobs, key: intake })
    }
    if (waitsForResult === undefined || this.hasResult) return waits
    const [first] = jobs
    const [all, any] = this.ordered && first !== undefined
      ? [[first], undefined]
      : [undefined, this.state === "ended" || feeder === undefined ? jobs : [...jobs, feeder]]
    const { fiber } = waitsForResult
    waits.push({ node: fiber, who: "fiber", for: "the next result", all, any, key: waitsForResult })
    return waits
  }

  get takes(): Taking {
    const { consumer, feeder, intake: { jobs } } = this
    return { by: consumer, nodes: feeder === undefined ? jobs : [...jobs, feeder] }
  }

  // The results

  /** L3: results become ready once each, in the source's order where `ordered` says so. Runs fibers. */
  ended(item: Item<Job, A, E>, exit: Told<A, E>): void {
    const { open } = this.intake
    if (Exit.isFailure(exit) && Exit.isFailure(this.shows(item.job.input, exit))) {
      this.halt("another job failed", exit.cause)
    }
    if (!this.ordered) this.show(open.remove(item))
    else while (open.head?.exit !== undefined) this.show(open.remove(open.head))
    this.intake.fill()
    this.signal()
  }

  /** Nobody sees what comes after a failure. */
  private show({ exit, job }: Item<Job, A, E>): void {
    if (exit === undefined || this.failure !== undefined) return
    const shown = this.shows(job.input, exit)
    if (Exit.isSuccess(shown)) this.ready.push(shown.value)
    else this.failure = Exit.failCause(shown.cause)
  }

  /** The consumer's pull: all results that are ready, or else the next one. */
  readonly pull: Effect.Effect<NonEmptyReadonlyArray<B>, E | E2 | RunError | Cause.Done> = Effect.suspend(() =>
    this.hasResult ? this.take() : Effect.callback<void>((resume) => {
      if (this.hasResult) return resume(Effect.void)
      this.consumer = currentFiber()
      this.waitsForResult = new Suspended(this.consumer, resume)
    }).pipe(Effect.flatMap(() => this.pull))
  )

  private get isOver(): boolean {
    return this.failure !== undefined || (this.state === "ended" && this.intake.open.size === 0)
  }

  private get hasResult(): boolean {
    return this.ready.length > 0 || this.isOver
  }

  private take(): Effect.Effect<NonEmptyReadonlyArray<B>, E | E2 | RunError | Cause.Done> {
    const { ready } = this
    if (!isReadonlyArrayNonEmpty(ready)) return this.failure ?? this.end
    this.ready = []
    this.intake.fill()
    return Exit.succeed(ready)
  }

  /**
   * Lets the consumer go on when there is something for it: now, if half the window has results, or nothing else would
   * come; else in the pool's next turn, with all that is ready by then. Runs its fiber.
   */
  private signal(): void {
    if (this.waitsForResult === undefined || !this.hasResult) return
    if (this.isOver || this.intake.open.size <= this.ready.length) return this.letConsumerGo()
    if (this.isConsumerDue) return
    this.isConsumerDue = true
    this.pool.soon(() => {
      this.isConsumerDue = false
      if (this.hasResult) this.letConsumerGo()
    })
  }

  private letConsumerGo(): void {
    const consumer = this.waitsForResult
    this.waitsForResult = undefined
    consumer?.wake(Effect.void)
  }

  /** Takes back all that is still in the pool, and returns when it has ended, and when the source has. */
  close(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    return Effect.withFiber((fiber) => {
      const { feeder, pool } = this
      const led = Exit.isFailure(exit) ? exit.cause : undefined
      const annotations = cancellation("pool", pool.name, "its stream closed", fiber, led)
      if (feeder !== undefined) stack.interrupt(feeder, fiber.id, annotations)
      const ended = this.intake.cancel(fiber, annotations)
      if (feeder === undefined) return ended
      // Last, since it may fail: the jobs have ended by then in any case (L2).
      return Effect.andThen(ended, Effect.flatMap(Fiber.await(feeder), (exit) => this.releaseDefects(exit)))
    })
  }

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
