import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Drain, type Line } from "../Drain.js"
import { List } from "../List.js"
import * as stack from "../stack.js"
import type { AnyFiber } from "../stack.js"

export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** The event that a fiber waits for: that the group has no work, or that the group has ended. */
export type Purpose = "work" | "end"

/**
 * Suspended fibers that wait for the same event, and all go on when it comes. They hold nothing.
 *
 *     parked ──release──▶ released     its fiber goes on
 *        └────leave─────▶ gone         its fiber was interrupted
 *
 * `release` unlinks all of them before it runs the first: a fiber that goes on may park here again, and waits for the
 * next event.
 */
export class ParkingLot implements Line {
  private readonly parked = new List<Parked>()
  private readonly released = new List<Parked>()
  private readonly drain = new Drain(this)

  /** How many fibers have ever parked here. */
  arrivals = 0

  get size(): number {
    return this.parked.size
  }

  [Symbol.iterator](): Iterator<{ readonly fiber: AnyFiber }> {
    return this.parked[Symbol.iterator]()
  }

  /**
   * Parks the fiber, which calls, at once, and returns the effect that waits. Call it in an uninterruptible region and
   * return what it returns: `restore` makes only the wait interruptible.
   */
  park(fiber: AnyFiber, purpose: Purpose, restore: Restore): Effect.Effect<void> {
    const parked = new Parked(this, fiber, purpose)
    this.parked.push(parked)
    this.arrivals++
    return Effect.onExitPrimitive(
      restore(Effect.callback<void>((resume) => parked.suspend(resume))),
      (exit) => {
        if (Exit.isFailure(exit)) parked.leave()
        return undefined
      },
      true
    )
  }

  /** Lets all fibers that are parked go on, in order. Runs fibers. */
  release(): void {
    if (this.parked.size === 0) return
    for (let parked = this.parked.shift(); parked !== undefined; parked = this.parked.shift()) {
      parked.state = "released"
      this.released.push(parked)
    }
    this.drain.run()
  }

  /** Moves `fiber`, wherever it stands among the `newest` here, to the end of other lots. */
  move(fiber: AnyFiber, newest: number, to: (purpose: Purpose) => ParkingLot): void {
    let parked = this.parked.tail
    for (let seen = 0; parked !== undefined && seen < newest; seen++) {
      const before = parked.prev
      if (parked.fiber === fiber) {
        this.parked.remove(parked)
        parked.lot = to(parked.purpose)
        parked.lot.parked.push(parked)
      }
      parked = before
    }
  }

  remove(parked: Parked): void {
    this.parked.remove(parked)
  }

  /** The fiber of the first that is released. */
  first(): AnyFiber | undefined {
    return this.released.head?.fiber
  }

  /** Lets those go on that are released. Stops where resuming a fiber throws: the next turn goes on with the rest. */
  serve(most: number): void {
    for (let left = Math.max(this.released.size, most); left > 0; left--) {
      if (this.released.shift()?.wake() !== true) return
    }
  }
}

class Parked {
  prev: Parked | undefined = undefined
  next: Parked | undefined = undefined
  state: "parked" | "released" = "parked"
  private resume: ((next: Effect.Effect<void>) => void) | undefined = undefined

  constructor(public lot: ParkingLot, readonly fiber: AnyFiber, readonly purpose: Purpose) {}

  /** The fiber suspends, unless it was released on its way here: it may have yielded after it parked. */
  suspend(resume: (next: Effect.Effect<void>) => void): void {
    if (this.state === "parked") this.resume = resume
    else resume(Effect.void)
  }

  leave(): void {
    if (this.state === "parked") this.lot.remove(this)
  }

  /** Returns whether that went well. */
  wake(): boolean {
    try {
      this.resume?.(Effect.void)
      return true
    } catch (error) {
      stack.rethrow(this.fiber, error)
      return false
    }
  }
}
