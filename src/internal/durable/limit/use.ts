import * as Cause from "effect/Cause"
import { Clock } from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { monotonicMillis } from "../../monotonic.js"
import type { StoreError } from "../errors.js"
import { Signal } from "../Signal.js"
import { LeaseLost, LimitExceeded } from "./errors.js"
import { type Lease, type Limit, LimitStore, type Reply, type Request, type Store } from "./model.js"
import { usesOf } from "./Uses.js"

/**
 * The life of a request in its process. The store has a life of the same request of its own: see `Store`.
 *
 *     new ──▶ waiting ──▶ held ──▶ over
 *      └─────────┴──────────────────▲
 *
 * | state | the process | an interrupt |
 * | --- | --- | --- |
 * | new | asks for the first time | comes after the store's reply |
 * | waiting | waits for a wake-up, the end of a lease, or the next poll | ends the wait |
 * | waiting | asks again, which renews its place | comes after the store's reply |
 * | held | runs the effect, renews every third of a lease, watches the time | interrupts the effect |
 * | held, and lost | has interrupted the effect and waits for its end | comes after the effect's end |
 * | over | gives back permits or place | comes after the store's reply |
 *
 * A call to the store is never interrupted, since its outcome would be unknown: a release could overtake the acquire
 * that it undoes. So a store has to end each call in time. The calls that renew are interrupted by the effect's end: a
 * renewal after the release finds nothing.
 */
type State = "new" | "waiting" | "held" | "over"

const next: Readonly<Record<State, ReadonlyArray<State>>> = {
  new: ["waiting", "held", "over"],
  waiting: ["held", "over"],
  held: ["over"],
  over: []
}

/** The parts of a lease after which something happens. */
const renewal = 1 / 3
const retry = 1 / 12
/** The effect is interrupted when no renewal has begun for this part of a lease, and nobody else has its permits. */
const patience = 5 / 6

type Waiting = Extract<Reply, { readonly _tag: "Waiting" }>

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

class Asking {
  private state: State = "new"
  private readonly wake = new Signal()
  private readonly stopWaking: () => void
  /** The store keeps the grant, or the place, at least until then: a lease after the last successful call began. */
  private ends = 0
  private token = 0

  constructor(private readonly store: Store, private readonly request: Request, private readonly clock: Clock) {
    this.stopWaking = store.onWake(request.id, this.wake.set)
  }

  private become(state: State): void {
    if (!next[this.state].includes(state)) throw new Error(`a request that is ${this.state} cannot become ${state}`)
    this.state = state
  }

  private get now(): number {
    return monotonicMillis(this.clock)
  }

  /** Until the permits are granted. Only the waits can be interrupted. */
  acquire(restore: Restore): Effect.Effect<Lease, LimitExceeded | StoreError> {
    const { lease, limit, permits } = this.request
    return Effect.gen({ self: this }, function*() {
      for (;;) {
        this.wake.clear()
        const asked = this.now
        const exit = yield* Effect.exit(this.store.acquire(this.request))
        if (Exit.isFailure(exit)) {
          // A waiter keeps its place until the lease of the place is over, so it outlives a restart of the store.
          if (this.state === "new" || this.now >= this.ends) return yield* Effect.failCause(exit.cause)
          yield* restore(Effect.sleep(lease * retry))
          continue
        }
        const { value: reply } = exit
        if (reply._tag === "Exceeded") {
          return yield* new LimitExceeded({ limit, requested: permits, permits: reply.permits })
        }
        this.ends = asked + lease
        if (reply._tag === "Granted") {
          this.become("held")
          this.token = reply.token
          return { token: reply.token, permits }
        }
        if (this.state === "new") this.become("waiting")
        yield* restore(this.wait(reply))
      }
    })
  }

  /** Until it is woken, a lease ends that may be the one in its way, or it is time to renew its place (F2). */
  private wait(reply: Waiting): Effect.Effect<void> {
    const { poll } = this.store
    const untilPoll = poll === Infinity ? poll : (reply.ahead + 1) * poll
    const millis = Math.min(this.request.lease * renewal, untilPoll, Math.max(reply.next, 0) + 1)
    return Effect.raceFirst(this.wake.wait, Effect.sleep(millis))
  }

  /** Runs the effect. Fails with `LeaseLost` after its end if the lease did not hold until then (F7). */
  run<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | LeaseLost, R> {
    return Effect.raceAllFirst<Effect.Effect<A, E | LeaseLost, R>>([effect, this.renewing, this.watching])
  }

  private readonly lost: Effect.Effect<never, LeaseLost> = Effect.suspend(() =>
    Effect.fail(new LeaseLost({ limit: this.request.limit, token: this.token }))
  )

  private readonly renewing: Effect.Effect<never, LeaseLost> = Effect.gen({ self: this }, function*() {
    let pause = renewal
    for (;;) {
      yield* Effect.sleep(this.request.lease * pause)
      const asked = this.now
      const exit = yield* Effect.exit(this.store.renew(this.request))
      if (Exit.isSuccess(exit) && !exit.value) return yield* this.lost
      if (Exit.isSuccess(exit)) this.ends = asked + this.request.lease
      pause = Exit.isSuccess(exit) ? renewal : retry
    }
  })

  /** The clock alone decides: neither a call without a reply nor a blocked event loop keeps the effect alive. */
  private readonly watching: Effect.Effect<never, LeaseLost> = Effect.gen({ self: this }, function*() {
    for (;;) {
      const left = this.ends - this.request.lease * (1 - patience) - this.now
      if (left <= 0) return yield* this.lost
      yield* Effect.sleep(left)
    }
  })

  /**
   * Gives back whatever the store has (F3, F5), and returns whether the permits were held until now. If the store
   * fails, they return when the lease is over.
   */
  readonly giveBack: Effect.Effect<boolean> = Effect.suspend(() => {
    const held = this.state === "held" && this.now < this.ends
    this.become("over")
    this.stopWaking()
    return Effect.matchCauseEffect(this.store.release(this.request), {
      onSuccess: (released) => Effect.succeed(held && released),
      onFailure: (cause) =>
        Effect.as(
          Effect.logDebug(`limit "${this.request.limit}": permits return when their lease is over`, cause),
          held
        )
    })
  })

  /** The exit of the effect: a success only if the lease held to the end (F7). */
  end<A, E>(exit: Exit.Exit<A, E | LeaseLost>): Effect.Effect<A, E | LeaseLost> {
    return Effect.flatMap(this.giveBack, (held) => held || Exit.isFailure(exit) ? exit : this.lost)
  }
}

/** Runs an effect with permits of a limit (F5). */
export const use = <A, E, R>(
  limit: Limit,
  permits: number,
  body: (lease: Lease) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | LimitExceeded | LeaseLost | StoreError, R | LimitStore> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      // At once, without a round trip (F4).
      if (permits > limit.permits) {
        return yield* new LimitExceeded({ limit: limit.name, requested: permits, permits: limit.permits })
      }
      const store = yield* LimitStore
      const request: Request = {
        limit: limit.name,
        id: store.nextId(),
        permits,
        total: limit.permits,
        lease: limit.lease
      }
      const asking = new Asking(store, request, yield* Clock)
      const uses = usesOf(limit, yield* Effect.context())
      const mine = uses?.begin(yield* Effect.withFiber(Effect.succeed), permits)
      const ended = (isLost: boolean): void => {
        if (mine !== undefined) uses?.end(mine, isLost)
      }
      const acquiring = asking.acquire(restore)
      const lease = yield* Effect.onExit(uses?.around(permits, acquiring) ?? acquiring, (exit) => {
        if (Exit.isSuccess(exit)) return Effect.void
        ended(false)
        return asking.giveBack
      })
      if (mine !== undefined) uses?.granted(mine)
      const exit = yield* Effect.exit(restore(asking.run(Effect.suspend(() => body(lease)))))
      const end = yield* Effect.exit(asking.end(exit))
      ended(
        Exit.isFailure(end) &&
          end.cause.reasons.some((reason) =>
            Cause.isFailReason(reason) && reason.error instanceof LeaseLost && reason.error.token === lease.token
          )
      )
      return yield* end
    })
  )
