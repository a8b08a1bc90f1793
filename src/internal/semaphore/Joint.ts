import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { type Joint, Waiter, WaitQueue } from "../WaitQueue.js"
import type { CapacityExceeded } from "./errors.js"
import { holdingLate, type Permits } from "./Permits.js"

/** How much of one semaphore: its permits are found as the request enters. */
export type Wanted = readonly [semaphore: Pick<Permits, "permits" | "observers">, count: number]

/** How much of these permits. */
type Share = readonly [permits: Permits, count: number]

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
    const now = this.now()
    if (now !== undefined) return now
    WaitQueue.joinAll(this.parts)
    const wait: Effect.Effect<A, E | CapacityExceeded, R> = Effect.callback((resume) => this.suspend(resume))
    return this.shares.reduceRight((inner, [permits, count]) => permits.observed(count, inner), wait)
  }

  private now(): Effect.Effect<A, E | CapacityExceeded, R> | undefined {
    for (const [permits, count] of this.shares) {
      const exceeded = permits.exceeded(count)
      if (exceeded === undefined) continue
      for (const [permits] of this.shares) permits.abandoned()
      return Exit.fail(exceeded)
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
const merge = (wanted: ReadonlyArray<Wanted>): ReadonlyArray<Share> => {
  const counts = new Map<Permits, number>()
  try {
    for (const [semaphore, count] of wanted) {
      const permits = semaphore.permits()
      counts.set(permits, (counts.get(permits) ?? 0) + count)
    }
  } catch (error) {
    // One key's permits are invalid: the other keys had been looked up for nothing.
    for (const permits of counts.keys()) permits.abandoned()
    throw error
  }
  return [...counts]
}

/** As `Permits.use`, with permits of several semaphores: all of them at once, or none. */
export const useAll = <A, E, R>(
  wanted: ReadonlyArray<Wanted>,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | CapacityExceeded, R> => {
  // In two steps if there are observers, so that they see the wait alone.
  const isObserved = wanted.some(([{ observers }]) => observers !== undefined)
  let request: Waiter<CapacityExceeded> | undefined
  const enter = <B, E2, R2>(effect: Effect.Effect<B, E2, R2>) =>
    Effect.suspend(() => {
      const shares = merge(wanted)
      const [first] = shares
      if (first === undefined) return effect
      const entering = new JointRequest(shares, first, effect)
      request = entering
      return entering.enter()
    })
  return holdingLate(() => request, isObserved ? Effect.flatMap(enter(Effect.void), () => effect) : enter(effect))
}
