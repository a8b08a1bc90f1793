import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { type Joint, Waiter, WaitQueue } from "../WaitQueue.js"
import type { CapacityExceeded } from "./errors.js"
import type { Permits } from "./Permits.js"

/** How much of one semaphore. */
export type Share = readonly [permits: Permits, count: number]

/**
 * A request for permits of several semaphores, in one step (S8). The request itself is its part in the first of them.
 */
class JointRequest<A, E, R> extends Waiter<CapacityExceeded> implements Joint<CapacityExceeded> {
  readonly lead: Waiter<CapacityExceeded> = this
  readonly parts: ReadonlyArray<Waiter<CapacityExceeded>>

  constructor(
    private readonly shares: ReadonlyArray<Share>,
    [first, weight]: Share,
    private readonly effect: Effect.Effect<A, E, R>
  ) {
    super(first.queue, weight)
    this.parts = [this, ...shares.slice(1).map(([{ queue }, count]) => new Part(queue, count, this))]
  }

  override get joint(): Joint<CapacityExceeded> {
    return this
  }

  /** Goes on with the effect as soon as it has all its permits. */
  enter(): Effect.Effect<A, E | CapacityExceeded, R> {
    const wait = this.wait()
    return this.now() ?? this.shares.reduceRight((inner, [permits, count]) => permits.observed(count, inner), wait)
  }

  private wait(): Effect.Effect<A, E | CapacityExceeded, R> {
    return Effect.callback((resume) => {
      // The fiber may have yielded on its way here.
      const now = this.now()
      if (now !== undefined) return resume(now)
      WaitQueue.joinAll(this.parts)
      this.suspend(resume)
    })
  }

  private now(): Effect.Effect<A, E | CapacityExceeded, R> | undefined {
    for (const [permits, count] of this.shares) {
      const exceeded = permits.exceeded(count)
      if (exceeded !== undefined) return Exit.fail(exceeded)
    }
    return WaitQueue.reserveAll(this.parts) ? this.effect : undefined
  }

  override leave(exit: Exit.Exit<unknown, unknown>): void {
    WaitQueue.leaveAll(this.parts, exit)
  }

  protected override goOn(exit: Exit.Exit<void, CapacityExceeded>): Effect.Effect<A, E | CapacityExceeded, R> {
    return Exit.isSuccess(exit) ? this.effect : Exit.failCause(exit.cause)
  }
}

/** A joint request's part in another semaphore. */
class Part extends Waiter<CapacityExceeded> {
  constructor(
    queue: WaitQueue<CapacityExceeded>,
    weight: number,
    private readonly request: Joint<CapacityExceeded>
  ) {
    super(queue, weight)
  }

  override get joint(): Joint<CapacityExceeded> {
    return this.request
  }
}

/** Several shares of one semaphore are one request of it: the second would wait for the first. */
const merge = (shares: ReadonlyArray<Share>): ReadonlyArray<Share> => {
  const counts = new Map<Permits, number>()
  for (const [permits, count] of shares) counts.set(permits, (counts.get(permits) ?? 0) + count)
  return [...counts]
}

/** As `Permits.use`, with permits of several semaphores: all of them at once, or none. */
export const useAll = <A, E, R>(
  shares: ReadonlyArray<Share>,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | CapacityExceeded, R> => {
  const merged = merge(shares)
  const [first] = merged
  if (first === undefined) return effect
  // In two steps if there are observers, so that they see the wait alone.
  const isObserved = merged.some(([{ observers }]) => observers !== undefined)
  const request = new JointRequest(merged, first, isObserved ? Effect.void : effect)
  const entered = Effect.suspend((): Effect.Effect<unknown, E | CapacityExceeded, R> => request.enter())
  const used = (isObserved ? Effect.flatMap(entered, () => effect) : entered) as Effect.Effect<
    A,
    E | CapacityExceeded,
    R
  >
  return Effect.onExitPrimitive(used, (exit) => {
    request.leave(exit)
    return undefined
  })
}
