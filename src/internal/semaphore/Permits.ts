import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Option } from "effect/Option"
import * as Scope from "effect/Scope"
import { Described } from "../Described.js"
import { operation } from "../operation.js"
import { Waiter, WaitQueue } from "../WaitQueue.js"
import { CapacityExceeded } from "./errors.js"
import { type Semaphore, type Stats, TypeId } from "./model.js"

/** All mutable state is here, and in its queue. None of what changes it can be interrupted. */
export class Permits extends Described implements Semaphore {
  readonly [TypeId]: typeof TypeId = TypeId
  readonly queue = new WaitQueue<CapacityExceeded>(this)
  private held = 0

  constructor(private capacity: number, readonly name: string | undefined) {
    super()
  }

  /** S1: less than nothing after a shrink, until enough has been returned. */
  get room(): number {
    return this.capacity - this.held
  }

  reserve(permits: number): void {
    this.held += permits
  }

  /** Runs the effect with permits if they are free now, and nobody waits. */
  tryUse<A, E, R>(permits: number, effect: Effect.Effect<A, E, R>): Effect.Effect<Option<A>, E, R> {
    const request = new Waiter(this.queue, permits)
    return holding(
      request,
      Effect.suspend(() => this.queue.reserve(request) ? Effect.asSome(effect) : Effect.succeedNone)
    )
  }

  /**
   * Takes the permits and goes on with `use`. In an uninterruptible region there is no gap between taking them and what
   * `use` does first, which is to install their release (S5).
   */
  acquire<A, E, R, E2>(
    permits: number,
    restore: (wait: Effect.Effect<void, CapacityExceeded>) => Effect.Effect<void, E2>,
    use: () => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | E2, R> {
    return this.queue.take(permits) ? use() : this.queue.wait(permits, restore, use)
  }

  /** S4, for a request that comes. */
  exceeded(permits: number): CapacityExceeded | undefined {
    return permits > this.capacity
      ? new CapacityExceeded({ requested: permits, capacity: this.capacity })
      : undefined
  }

  /** S4, for requests that wait: those that a shrink makes impossible fail, the others keep their places. */
  resize(capacity: number): void {
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
}

type AnyEffect = Effect.Effect<unknown, unknown, unknown>
type Refuse = (exit: Exit.Exit<void, CapacityExceeded>) => AnyEffect

/**
 * An effect that wants to run with permits. All that it needs while it waits is in this one object: a hundred thousand of
 * them may.
 */
class Request extends Waiter<CapacityExceeded> {
  constructor(
    private readonly semaphore: Permits,
    permits: number,
    private readonly effect: AnyEffect,
    private readonly refuse: Refuse
  ) {
    super(semaphore.queue, permits)
  }

  /** Runs the effect as soon as it has its permits. */
  enter(): AnyEffect {
    // The fiber may yield on its way to the second.
    return this.now() ?? Effect.callback((resume) => {
      const now = this.now()
      if (now !== undefined) return resume(now)
      this.queue.join(this)
      this.suspend(resume)
    })
  }

  private now(): AnyEffect | undefined {
    const exceeded = this.semaphore.exceeded(this.weight)
    if (exceeded !== undefined) return this.refuse(Exit.fail(exceeded))
    return this.queue.reserve(this) ? this.effect : undefined
  }

  protected override goOn(exit: Exit.Exit<void, CapacityExceeded>): AnyEffect {
    return Exit.isSuccess(exit) ? this.effect : this.refuse(exit)
  }
}

const Enter = operation("Semaphore.enter", (_, request: Request) => request.enter())

/**
 * Runs the effect with permits, and gives them back when it ends, however it ends (S5). What gives them back is installed
 * before they are taken, so no interrupt can come between.
 */
export const withPermits = (self: Permits, permits: number, effect: AnyEffect, refuse: Refuse): AnyEffect => {
  const request = new Request(self, permits, effect, refuse)
  return holding(request, new Enter(request, undefined))
}

/** As `withPermits`, with one permit. That it could never be granted is a defect (S4). */
export const withPermit = <A, E, R>(self: Permits, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  // An operation has no type of its own.
  Effect.suspend(() => withPermits(self, 1, effect, Effect.orDie)) as Effect.Effect<A, E, R>

const holding = <A, E, R, E2>(request: Waiter<E2>, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.onExitPrimitive(effect, (exit) => {
    request.leave(exit)
    return undefined
  })

/** Leaves permits that are taken already to the scope, which gives them back as it closes, or now if it has (S5). */
export const holdUntilClosed = (semaphore: Permits, permits: number, scope: Scope.Scope): Effect.Effect<void> =>
  Scope.addFinalizerExit(scope, (exit) => Effect.sync(() => semaphore.queue.giveBack(permits, exit)))
