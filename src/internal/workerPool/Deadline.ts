import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { List } from "../List.js"
import { monotonicMillis } from "../monotonic.js"
import * as stack from "../stack.js"
import type { AnyFiber } from "../stack.js"

/** Somebody's time. */
export class Timing<T> {
  prev: Timing<T> | undefined = undefined
  next: Timing<T> | undefined = undefined
  state: "running" | "over" = "running"

  constructor(readonly due: number, readonly of: T) {}
}

/**
 * How long something may last, above zero, that many do at once. It is as long for all of them, so whoever started first is due
 * first: a list is enough, and one fiber sleeps for all. Starting and stopping are O(1).
 */
export class Deadline<T> {
  private readonly timings = new List<Timing<T>>()
  private readonly millis: number
  private readonly clock: Clock.Clock
  private sleeper: AnyFiber | undefined = undefined

  /** `expire` runs for each that is due, in the sleeping fiber, whose id it is given. It may run fibers. */
  constructor(
    readonly after: Duration.Duration,
    private readonly context: Context.Context<never>,
    private readonly expire: (of: T, by: number) => void
  ) {
    this.millis = Duration.toMillis(after)
    this.clock = Context.get(context, Clock.Clock)
  }

  /** Runs a fiber up to its first suspension, which does nothing before. */
  start(of: T): Timing<T> {
    const timing = new Timing(monotonicMillis(this.clock) + this.millis, of)
    this.timings.push(timing)
    this.sleeper ??= stack.start<void, never, never>(Effect.runForkWith(this.context), this.watch)
    return timing
  }

  stop(timing: Timing<T>): void {
    if (timing.state === "over") return
    timing.state = "over"
    this.timings.remove(timing)
  }

  /** The fiber that sleeps, if there is one, for who ends it: nothing is to start after that. */
  takeSleeper(): ReadonlyArray<AnyFiber> {
    const { sleeper } = this
    this.sleeper = undefined
    return sleeper === undefined ? [] : [sleeper]
  }

  private readonly watch: Effect.Effect<void> = Effect.gen({ self: this }, function*() {
    const fiber = yield* Effect.withFiber(Effect.succeed)
    // The clock may have gone on since: what is due by now must not expire within `start`.
    yield* Effect.yieldNow
    for (let first = this.timings.head; first !== undefined; first = this.timings.head) {
      const left = first.due - monotonicMillis(this.clock)
      if (left > 0) {
        yield* Effect.sleep(Math.ceil(left))
      } else {
        this.stop(first)
        this.expire(first.of, fiber.id)
      }
    }
    this.sleeper = undefined
  })
}
