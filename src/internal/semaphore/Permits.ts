import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import type { Option } from "effect/Option"
import * as Scope from "effect/Scope"
import type { Observe, Observers } from "../Observers.js"
import { operation } from "../operation.js"
import { type Detail, type View, type Viewable, ViewTypeId, type Watch, watch } from "../view.js"
import { Waiter, WaitQueue } from "../WaitQueue.js"
import { CapacityExceeded } from "./errors.js"
import { type AnyEffect, Methods, type Refuse, type Restore } from "./Methods.js"
import type { Stats } from "./model.js"

/** All mutable state is here, and in its queue. None of what changes it can be interrupted. */
export class Permits extends Methods implements Viewable {
  readonly queue = new WaitQueue<CapacityExceeded>(this)
  readonly observers: Observers | undefined
  private held = 0

  constructor(private capacity: number, readonly name: string | undefined, observe?: Observe) {
    super()
    this.observers = observe?.(this)
    if (watch !== undefined) this.appears(watch)
  }

  protected appears(watch: Watch): void {
    watch.appeared(this)
  }

  /** S1: less than nothing after a shrink, until enough has been returned. */
  get room(): number {
    return this.capacity - this.held
  }

  reserve(permits: number): void {
    this.held += permits
  }

  /**
   * Runs the effect with permits, and gives them back when it ends, however it ends (S5). The exit handler that gives
   * them back is installed before they are taken, so no interrupt can come between. `refuse` says how a refusal ends it
   * (S4).
   */
  use(permits: number, effect: AnyEffect, refuse: Refuse<AnyEffect>): AnyEffect {
    if (this.observers !== undefined) return this.useObserved(permits, effect, refuse)
    const request = new Request(this, permits, effect, refuse)
    return holding(request, new Enter(request, undefined))
  }

  /** As `use`, in two steps, so that observers see the wait alone. */
  private useObserved(permits: number, effect: AnyEffect, refuse: Refuse<AnyEffect>): AnyEffect {
    const request = new Request(this, permits, Effect.void, refuse)
    return holding(request, Effect.flatMap(Effect.suspend(() => request.enter()), () => effect))
  }

  /** Runs the effect with permits if they are free now, and nobody waits. */
  tryUse<A, E, R>(permits: number, effect: Effect.Effect<A, E, R>): Effect.Effect<Option<A>, E, R> {
    const request = new Waiter(this.queue, permits)
    return holding(request, Effect.suspend(() => this.reserveNow(request, effect)))
  }

  /** Goes on with the effect if the request has its permits now. */
  reserveNow<A, E, R>(
    request: Waiter<CapacityExceeded>,
    effect: Effect.Effect<A, E, R>
  ): Effect.Effect<Option<A>, E, R> {
    if (this.queue.reserve(request)) return Effect.asSome(effect)
    this.rejected()
    return Effect.succeedNone
  }

  /** A request does without. */
  private rejected(): void {
    this.observers?.counted("rejected")
    this.abandoned()
  }

  /**
   * Takes permits, and leaves them to the scope. In an uninterruptible region no interrupt comes between (S5):
   * `restore` makes only the wait interruptible.
   */
  acquire(
    permits: number,
    scope: Scope.Scope,
    restore: Restore<CapacityExceeded>
  ): Effect.Effect<void, CapacityExceeded> {
    if (this.queue.take(permits)) return this.holdIn(scope, permits, undefined)
    const request = new Request<void, CapacityExceeded, never>(this, permits, Effect.void, identity)
    const entered = Effect.onExitPrimitive(
      restore(request.enter()),
      (exit) => {
        if (Exit.isFailure(exit)) request.leave(exit)
        return undefined
      },
      true
    )
    return Effect.flatMap(entered, () => this.holdIn(scope, permits, request))
  }

  /** Takes permits if they are free now, and nobody waits, and leaves them to the scope. As for `acquire`. */
  tryAcquire(permits: number, scope: Scope.Scope): Effect.Effect<boolean> {
    if (this.queue.take(permits)) return Effect.as(this.holdIn(scope, permits, undefined), true)
    this.rejected()
    return Effect.succeed(false)
  }

  /** Leaves permits that are taken to the scope, which gives them back as it closes, or now if it has (S5). */
  private holdIn(
    scope: Scope.Scope,
    permits: number,
    request: Waiter<CapacityExceeded> | undefined
  ): Effect.Effect<void> {
    const { queue } = this
    const hold = queue.leaveToScope(permits, request)
    return Scope.addFinalizerExit(scope, (exit) => Effect.sync(() => queue.giveBack(permits, exit, hold)))
  }

  /** A wait for so many permits, as the observers have it. */
  observed<A, E, R>(permits: number, wait: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return this.observers?.around({ kind: "wait", permits }, wait) ?? wait
  }

  /** A request takes none, or waits no more. */
  abandoned(): void {
    // Only the permits of a key have to know (S10).
  }

  /** Nobody holds any, and nobody waits. */
  get isIdle(): boolean {
    return this.held === 0 && this.queue.size === 0
  }

  /** Itself: only the permits of a key have to be looked up (S9). */
  permits(): this {
    return this
  }

  /** S4, for a request that comes. */
  exceeded(permits: number): CapacityExceeded | undefined {
    return permits > this.capacity
      ? new CapacityExceeded({ requested: permits, capacity: this.capacity })
      : undefined
  }

  /** S4, for requests that wait: those that a shrink makes impossible fail, the others keep their places. */
  setCapacity(capacity: number): void {
    const shrinks = capacity < this.capacity
    this.capacity = capacity
    this.queue.flushLater()
    if (!shrinks) return
    this.queue.settle((permits) => {
      const error = this.exceeded(permits)
      return error && Exit.fail(error)
    })
  }

  stats(): Stats {
    const { capacity, held } = this
    return { capacity, held, available: capacity - held, waiting: this.queue.size }
  }

  toJSON(): unknown {
    return { _id: "Semaphore", name: this.name, ...this.stats() }
  }

  [ViewTypeId](detail: Detail): View | undefined {
    return this.view(detail)
  }

  view(detail: Detail): View | undefined {
    if (detail === "sweep" && watch !== undefined) this.queue.sweep(watch.sweptAt)
    if (detail !== "all" && this.queue.size === 0) return undefined
    const line = this.queue.line(this.capacity, this.held)
    const stats = this.stats()
    const waits = this.queue.waits(line)
    return { version: 1, kind: "semaphore", name: this.name, self: this, stats, lines: [line], waits }
  }
}

/** The permits of another resource, which shows them. */
export class InnerPermits extends Permits {
  protected override appears(): void {
    // The other resource does.
  }

  override [ViewTypeId](): undefined {
    return undefined
  }
}

/**
 * A request for permits, to go on with an effect. All that it needs while it waits is in this one object: a hundred
 * thousand of them may.
 */
export class Request<A, E, R> extends Waiter<CapacityExceeded> {
  constructor(
    private readonly permits: Permits,
    weight: number,
    private readonly effect: Effect.Effect<A, E, R>,
    private readonly refuse: Refuse<Effect.Effect<A, E, R>>
  ) {
    super(permits.queue, weight)
  }

  /** Goes on with the effect as soon as it has its permits. */
  enter(): Effect.Effect<A, E, R> {
    const now = this.now()
    if (now !== undefined) return now
    this.queue.join(this)
    return this.permits.observed(this.weight, Effect.callback((resume) => this.suspend(resume)))
  }

  private now(): Effect.Effect<A, E, R> | undefined {
    const exceeded = this.permits.exceeded(this.weight)
    if (exceeded !== undefined) {
      this.permits.abandoned()
      return this.refuse(Exit.fail(exceeded))
    }
    return this.queue.reserve(this) ? this.effect : undefined
  }

  protected override goOn(exit: Exit.Exit<void, CapacityExceeded>): Effect.Effect<A, E, R> {
    return Exit.isSuccess(exit) ? this.effect : this.refuse(exit)
  }
}

const Enter = operation("Semaphore.enter", (_, request: Request<unknown, unknown, unknown>) => request.enter())

/** Has the request leave as the effect ends: the effect makes the request have, or wait for, its permits. */
const holding = <A, E, R, E2>(request: Waiter<E2>, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.onExitPrimitive(effect, (exit) => {
    request.leave(exit)
    return undefined
  })

/** As `holding`, for a request that the effect makes itself, in the step in which it enters. */
export const holdingLate = <A, E, R, E2>(
  request: () => Waiter<E2> | undefined,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.onExitPrimitive(effect, (exit) => {
    request()?.leave(exit)
    return undefined
  })
