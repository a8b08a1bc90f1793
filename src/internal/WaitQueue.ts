import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { Drain, type Line } from "./Drain.js"
import { type Held, Holds } from "./Holds.js"
import { List } from "./List.js"
import * as stack from "./stack.js"
import type { AnyFiber } from "./stack.js"
import type * as view from "./view.js"
import { HoldTypeId, watch } from "./view.js"

/**
 * Keeps a queue's books: how much room there is. The queue decides who gets it, and when.
 *
 * - `room` is how much can be reserved now. A request for nothing always fits, also where there is less than no room.
 * - `reserve(weight)` takes so much of it, or, for a negative weight, gives so much back.
 * - `abandoned()` is called when a waiter has left without a reservation.
 */
export interface Owner {
  readonly room: number
  reserve(weight: number): void
  abandoned?(): void
}

/**
 * A first-in, first-out queue of suspended fibers: the queue decides who is next and when, its owner keeps the books.
 *
 * A waiter moves through these states, and through no others:
 *
 *     new ──reserve──▶ granted
 *      └──join──▶ waiting ──flush──▶ granted     it has its reservation
 *                    └────settle───▶ settled     resumed with an exit of the owner's choice, holding none
 *
 * and `leave`, from any of them, to gone: it returns the reservation, or unlinks who waits. Granting reserves *before*
 * it resumes: a fiber may yield on its way out of the suspension and be interrupted there, and then its exit handler,
 * already installed, finds a reservation to return.
 *
 * Only a success hands its room over at once (S7). Fibers are often interrupted together, and each that is interrupted
 * gives room back before the next one's interrupt arrives: handed over inline, all of them would begin, one after the
 * other. So room that comes back otherwise, or opens as the first in line leaves, is `cooling`: it is kept from the
 * waiters until a turn that is requested after it came. By then the fibers that were interrupted together have left.
 *
 * `flush` and `settle` resume fibers, which run inline, on the caller's stack. They may do anything there, such as
 * take, give back, interrupt another waiter, or settle this very queue. So both only mark and unlink, and leave all
 * resuming to one `Drain`.
 *
 * A weight is reserved only for the first in line, or for a newcomer when nobody waits: so nobody is overtaken (S2).
 *
 * A joint waiter stands in several queues at once, with a part in each. It joins them in one step, so that of two joint
 * waiters the earlier one is ahead of the other in every queue that they share: no two wait for each other. All its
 * parts are granted in one step, when each part is first in its line and fits (S8). Any event that makes this so is an
 * event of one of its queues, and that queue finds the part at its head.
 *
 * Every operation is O(1) (S6), apart from `settle`, which looks at each waiter once.
 */
export class WaitQueue<E = never> implements Line {
  private readonly waiting = new List<Waiter<E>>()
  private readonly settled = new List<Waiter<E>>()
  private readonly drain = new Drain(this)
  /** How much of the room is kept from those who wait, until a later turn. */
  private cooling = 0
  /** The holds that are known, once somebody has watched one begin. */
  private holds: Holds | undefined = undefined

  constructor(private readonly owner: Owner) {}

  /** How many wait: neither granted, nor settled, nor gone. */
  get size(): number {
    return this.waiting.size
  }

  /** Reserves for who comes, if nobody waits and there is room. */
  reserve(waiter: Waiter<E>): boolean {
    if (!this.take(waiter.weight)) return false
    waiter.state = "granted"
    if (watch !== undefined) this.note(waiter)
    return true
  }

  /** As `reserve`, for who is never interrupted before the weight is given back. */
  take(weight: number): boolean {
    if (!this.hasRoomFor(weight)) return false
    this.owner.reserve(weight)
    return true
  }

  /** Whether a newcomer fits. It overtakes nobody (S2). */
  private hasRoomFor(weight: number): boolean {
    return this.size === 0 && weight <= Math.max(0, this.owner.room)
  }

  /** As `reserve`, for all parts of a joint waiter, or for none (S8). */
  static reserveAll<E>(parts: ReadonlyArray<Waiter<E>>): boolean {
    if (!parts.every(({ queue, weight }) => queue.hasRoomFor(weight))) return false
    for (const part of parts) part.queue.reserve(part)
    return true
  }

  /** A reservation comes back, as the effect it was for has ended with `exit`. */
  giveBack(weight: number, exit: Exit.Exit<unknown, unknown>, hold: ScopedHold | undefined): void {
    this.owner.reserve(-weight)
    if (hold !== undefined) {
      hold.state = "gone"
      this.holds?.delete(hold)
    }
    this.handOver(weight, exit)
  }

  private handOver(weight: number, exit: Exit.Exit<unknown, unknown>): void {
    if (Exit.isSuccess(exit)) this.flush()
    else this.cool(weight)
  }

  /** Something else may have made room: whoever fits now is granted in a later turn. */
  flushLater(): void {
    this.cool(this.open)
  }

  /** The room that the waiters may have now. */
  private get open(): number {
    return Math.max(0, this.owner.room - this.cooling)
  }

  private cool(weight: number): void {
    const first = this.waiting.head
    if (first === undefined) return
    this.cooling += weight
    stack.afterwards(first.fiber, () => {
      this.cooling -= weight
      this.flush()
    })
  }

  /** It has to `suspend` next, and to `leave` in the end. */
  join(waiter: Waiter<E>): void {
    waiter.state = "waiting"
    this.waiting.push(waiter)
  }

  /** As `join`, for all parts of a joint waiter, in one step. */
  static joinAll<E>(parts: ReadonlyArray<Waiter<E>>): void {
    for (const part of parts) part.queue.join(part)
  }

  /** Grants from the front while there is room. The first that does not fit holds up all behind it: strict FIFO. */
  flush(): void {
    this.drain.run()
  }

  /** Ends, in order, the wait of those for whom `decide` has an exit. They hold no reservation. */
  settle(decide: (weight: number) => Exit.Exit<void, E> | undefined): void {
    for (let waiter = this.waiting.head, next; waiter !== undefined; waiter = next) {
      next = waiter.next
      const exit = decide(waiter.weight)
      if (exit === undefined) continue
      const { joint } = waiter
      const lead = joint?.lead ?? waiter
      for (const part of joint?.parts ?? [waiter]) part.queue.unlink(part, "settled")
      lead.exit = exit
      this.settled.push(lead)
      for (const { queue } of joint?.parts ?? none) if (queue !== this) queue.headLeft()
    }
    this.flush()
  }

  /** The fiber of the first who can go on now. */
  first(): AnyFiber | undefined {
    return (this.settled.head ?? (this.fits ? this.waiting.head : undefined))?.fiber
  }

  /** Whether the first in line can be granted. */
  private get fits(): boolean {
    const first = this.waiting.head
    if (first === undefined || first.weight > this.open) return false
    return first.joint?.parts.every((part) => part.queue.waiting.head === part && part.weight <= part.queue.open) ??
      true
  }

  /**
   * Lets those go on who can. Stops where resuming a fiber throws, as where the stack overflows: the next turn goes on
   * with who is left.
   */
  serve(most: number): void {
    for (let left = Math.max(this.waiting.size + this.settled.size, most); left > 0; left--) {
      const waiter = this.next()
      if (waiter === undefined) return
      // Behind the other parts of a joint waiter that begins there may be waiters that fit.
      const parts = waiter.state === "granted" ? waiter.joint?.parts : undefined
      const wentWell = waiter.wake()
      if (parts !== undefined) { for (const { queue } of parts) if (queue !== this) queue.flush() }
      if (!wentWell) return
    }
  }

  private next(): Waiter<E> | undefined {
    if (this.settled.head !== undefined) return this.settled.remove(this.settled.head)
    const waiter = this.waiting.head
    if (waiter === undefined || !this.fits) return undefined
    const { joint } = waiter
    if (joint === undefined) return this.grant(waiter)
    for (const part of joint.parts) part.queue.grant(part)
    return joint.lead
  }

  private grant(waiter: Waiter<E>): Waiter<E> {
    // The owner looks at the line: a waiter for nothing is not in it any more (S10).
    const granted = this.unlink(waiter, "granted")
    this.owner.reserve(waiter.weight)
    if (watch !== undefined) this.note(waiter)
    return granted
  }

  private unlink(waiter: Waiter<E>, state: "granted" | "settled"): Waiter<E> {
    waiter.state = state
    return this.waiting.remove(waiter)
  }

  /** Unlinks it, or returns its reservation, as its fiber goes on with `exit`. */
  leave(waiter: Waiter<E>, exit: Exit.Exit<unknown, unknown>): void {
    const left = this.unbook(waiter)
    if (left === "granted") this.handOver(waiter.weight, exit)
    else if (left === "first") this.headLeft()
  }

  /** The books of `leave`. Returns what the waiter had here: a reservation, the first place in line, or neither. */
  private unbook(waiter: Waiter<E>): "granted" | "first" | undefined {
    const { state } = waiter
    const isFirst = waiter === this.waiting.head
    if (state === "granted") {
      this.owner.reserve(-waiter.weight)
      this.holds?.delete(waiter)
    }
    if (state === "waiting") {
      this.waiting.remove(waiter)
      this.owner.abandoned?.()
    }
    waiter.state = "gone"
    if (state === "granted") return state
    return isFirst ? "first" : undefined
  }

  /** As `leave`, for all parts of a joint waiter: the books of every queue first, and their waiters then. */
  static leaveAll<E>(parts: ReadonlyArray<Waiter<E>>, exit: Exit.Exit<unknown, unknown>): void {
    const left = parts.map((part) => part.queue.unbook(part))
    for (const [i, { queue, weight }] of parts.entries()) {
      if (left[i] === "granted") queue.handOver(weight, exit)
      else if (left[i] === "first") queue.headLeft()
    }
  }

  /** S3: behind a first in line that has left there may be waiters that fit. */
  private headLeft(): void {
    if (this.fits) this.flushLater()
  }

  // As `sluice/inspect` sees it

  private note(hold: Held): void {
    this.holds ??= new Holds()
    this.holds.add(hold)
  }

  /** A weight that was taken, or granted to a waiter, is a scope's from now on. `giveBack` gets the result. */
  leaveToScope(weight: number, waiter: Waiter<E> | undefined): ScopedHold | undefined {
    if (waiter !== undefined) {
      this.holds?.delete(waiter)
      waiter.state = "gone"
    }
    if (watch === undefined) return undefined
    const hold = new ScopedHold(weight)
    this.note(hold)
    return hold
  }

  /** Holds that are noted become older. `since`: the time of the sweep. */
  sweep(since: number): void {
    this.holds?.sweep(since)
  }

  /** Notes holds that began before anybody watched. */
  adopt(holds: Iterable<Waiter<E>>, since: number): void {
    this.holds ??= new Holds()
    this.holds.adopt(holds, since)
  }

  line(capacity: number, held: number): view.Line {
    const holds: Array<view.Hold> = []
    for (const [hold, since] of this.holds ?? []) {
      holds.push({ ...viewOf(hold), since })
    }
    return { of: "permits", capacity, held, holds, lost: this.holds?.lost ?? 0, self: this }
  }

  /** A joint waiter has a wait in each of its queues. */
  waits(line: view.Line): Array<view.Wait> {
    const waits: Array<view.Wait> = []
    for (const waiter of this.waiting) {
      const { fiber, joint, prev, weight } = waiter
      waits.push({
        node: fiber,
        who: "fiber",
        for: weight === 1 ? "a permit" : `${weight} permits`,
        rooms: [[line, weight]],
        // Strict FIFO.
        all: prev && [prev.fiber],
        key: joint?.lead ?? waiter
      })
    }
    return waits
  }
}

const none: ReadonlyArray<never> = []

/** A request in several queues: its parts, one in each, and the one whose fiber waits. */
export interface Joint<E> {
  readonly parts: ReadonlyArray<Waiter<E>>
  readonly lead: Waiter<E>
}

/** A hold as `sluice/inspect` sees it. */
const viewOf = (hold: Held): view.Hold => ({
  node: hold.fiber,
  weight: hold.weight,
  until: hold instanceof ScopedHold ? "scope" : "exit",
  key: hold instanceof Waiter ? hold.joint?.lead ?? hold : hold
})

/** A weight that a scope gives back, and the fiber that took it. Made only while somebody watches. */
export class ScopedHold implements Held {
  prev: Held | undefined = undefined
  next: Held | undefined = undefined
  readonly fiber = Fiber.getCurrent() as AnyFiber
  state: "granted" | "gone" = "granted"

  constructor(readonly weight: number) {}
}

/** One who waits, or who has a reservation. */
export class Waiter<E> implements Held, view.Holding {
  // A waiter is made by a fiber that runs.
  readonly fiber = Fiber.getCurrent() as AnyFiber
  state: "new" | "waiting" | "granted" | "settled" | "gone" = "new"
  exit: Exit.Exit<void, E> = Exit.void
  prev: Waiter<E> | undefined = undefined
  next: Waiter<E> | undefined = undefined
  private resume: ((next: Effect.Effect<never>) => void) | undefined = undefined

  /** The request that this is a part of, in several queues (S8). */
  get joint(): Joint<E> | undefined {
    return undefined
  }

  constructor(readonly queue: WaitQueue<E>, readonly weight: number) {}

  /** The fiber suspends, unless it was granted or settled on its way here: it may have yielded after it joined. */
  suspend(resume: (next: Effect.Effect<never>) => void): void {
    this.resume = resume
    if (this.state !== "waiting") this.go()
  }

  leave(exit: Exit.Exit<unknown, unknown>): void {
    this.queue.leave(this, exit)
  }

  /** Returns whether that went well. */
  wake(): boolean {
    try {
      this.go()
      return true
    } catch (error) {
      stack.rethrow(this.fiber, error)
      return false
    }
  }

  private go(): void {
    // The type of the wait says what `goOn` returns.
    this.resume?.(this.goOn(this.exit) as Effect.Effect<never>)
  }

  [HoldTypeId](): { readonly of: object; readonly hold: view.Hold } | undefined {
    if (this.state !== "granted") return undefined
    return { of: this.queue, hold: viewOf(this) }
  }

  /** The effect that the waiter's fiber goes on with. */
  protected goOn(exit: Exit.Exit<void, E>): Effect.Effect<unknown, unknown, unknown> {
    return exit
  }
}
