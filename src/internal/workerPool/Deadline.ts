import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { List } from "../List.js"
import { monotonicMillis } from "../monotonic.js"
import * as stack from "../stack.js"
import type { AnyFiber } from "../stack.js"

/** One running deadline. */
export class Timing<T> {
  prev: Timing<T> | undefined = undefined
  next: Timing<T> | undefined = undefined
  state: "running" | "over" = "running"

  constructor(readonly due: number, readonly of: T) {}
}

// How many callbacks of expired timings run in one turn of the event loop. Each may run a fiber.
const slice = 128

/**
 * A duration above zero within which each of many timings has to stop. All timings have the same duration, so the first
 * one started is the first one due: a list is enough, and one fiber sleeps for all. Starting and stopping are O(1).
 *
 * All timings that are due expire in one step, so that no expired job can still begin. Their callbacks run afterwards,
 * in slices, so that the event loop has its turns in between.
 */
export class Deadline<T> {
  private readonly timings = new List<Timing<T>>()
  /** The callbacks of expired timings that have not run yet. */
  private readonly expired: Array<() => void> = []
  private readonly millis: number
  private readonly clock: Clock.Clock
  private sleeper: AnyFiber | undefined = undefined
  /** How far its time is behind the clock: for as long as it was held in all. */
  private lag = 0
  /** Its time while it is held. */
  private held: number | undefined = undefined

  /**
   * `expire` changes the books of a timing that is due, and returns a callback, which may run fibers. Its second
   * argument is the id of the sleeping fiber.
   */
  constructor(
    readonly after: Duration.Duration,
    private readonly context: Context.Context<never>,
    private readonly expire: (of: T, by: number) => () => void
  ) {
    this.millis = Duration.toMillis(after)
    this.clock = Context.get(context, Clock.Clock)
  }

  /** Runs a fiber up to its first suspension, which does nothing before. */
  start(of: T): Timing<T> {
    const timing = new Timing(this.now + this.millis, of)
    this.timings.push(timing)
    this.wakeUp()
    return timing
  }

  /** There is a fiber that sleeps, unless nothing can expire. */
  private wakeUp(): void {
    if (this.held !== undefined || this.timings.size === 0) return
    this.sleeper ??= stack.start<void, never, never>(Effect.runForkWith(this.context), this.watch)
  }

  private get now(): number {
    return this.held ?? monotonicMillis(this.clock) - this.lag
  }

  /** Its time stands still: nothing expires until `release` (P20). */
  hold(): void {
    this.held ??= this.now
  }

  /** Its time goes on. Runs a fiber up to its first suspension, which does nothing before. */
  release(): void {
    if (this.held === undefined) return
    this.lag = monotonicMillis(this.clock) - this.held
    this.held = undefined
    this.wakeUp()
  }

  stop(timing: Timing<T>): void {
    if (timing.state === "over") return
    timing.state = "over"
    this.timings.remove(timing)
  }

  /**
   * The fiber that sleeps, if there is one, for who ends it: nothing is to start after that. As it ends, it tells all
   * that have expired.
   */
  takeSleeper(): ReadonlyArray<AnyFiber> {
    const { sleeper } = this
    this.sleeper = undefined
    return sleeper === undefined ? [] : [sleeper]
  }

  private readonly loop: Effect.Effect<void> = Effect.gen({ self: this }, function*() {
    const fiber = yield* Effect.withFiber(Effect.succeed)
    // The clock may have gone on since: what is due by now must not expire within `start`.
    yield* Effect.yieldNow
    for (;;) {
      this.expireDue(fiber.id)
      this.tell(slice)
      // Read after the callbacks: one of them may have started the next timing, and this fiber sleeps for it.
      const { left } = this
      if (this.expired.length > 0) yield* Effect.yieldNow
      else if (left === undefined) break
      else if (left > 0) yield* Effect.sleep(Math.ceil(left))
      else yield* Effect.yieldNow
    }
    this.sleeper = undefined
  })

  private readonly watch = Effect.ensuring(this.loop, Effect.sync(() => this.tell(Infinity)))

  /** How many milliseconds are left to the first timing. Undefined if nothing will be due. */
  private get left(): number | undefined {
    const first = this.timings.head
    return this.held !== undefined || first === undefined ? undefined : first.due - this.now
  }

  private expireDue(by: number): void {
    if (this.held !== undefined) return
    const { now } = this
    for (let first = this.timings.head; first !== undefined && first.due <= now; first = this.timings.head) {
      this.stop(first)
      this.expired.push(this.expire(first.of, by))
    }
  }

  /** Runs fibers, any of which may bring what is to be timed, or end the pool. */
  private tell(most: number): void {
    for (const tell of this.expired.splice(0, most)) tell()
  }
}
