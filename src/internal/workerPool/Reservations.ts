import * as Exit from "effect/Exit"
import { Callers, type Request } from "../Callers.js"
import { List } from "../List.js"
import type { Hold, Line, Wait } from "../view.js"
import type { PoolClosed } from "./errors.js"
import type { Reservations } from "./parts.js"
import type { Reservation } from "./Reservation.js"
import type { Observer } from "./Suspended.js"

/**
 * P22. A place is no worker in particular: so many idle workers are kept for the jobs of those that hold one. All
 * fibers go on in a later turn, so no method runs one, but for the function that `close` returns.
 */
export class Places implements Reservations {
  private readonly waiting = new List<Reservation>()
  /** The oldest first. */
  private readonly held = new List<Reservation>()
  private readonly recalled = new List<Reservation>()
  private readonly granted = new Callers<Reservation>(({ caller }) => caller.wake(Exit.void))
  private readonly told = new Callers<Observer<void>>((observer) => observer.wake())

  constructor(private readonly later: Request) {}

  get count(): number {
    return this.held.size + this.recalled.size
  }

  get wanted(): number {
    return this.waiting.size
  }

  wait(reservation: Reservation): void {
    reservation.state = "waiting"
    this.waiting.push(reservation)
  }

  hold(reservation: Reservation): void {
    reservation.state = "held"
    reservation.caller.served()
    this.held.push(reservation)
  }

  grant(workers: number): void {
    for (let left = workers; left > 0; left--) {
      const next = this.waiting.shift()
      if (next === undefined) break
      this.hold(next)
      this.granted.add(next)
    }
    this.granted.defer(this.later)
  }

  recall(count: number): void {
    while (this.recalled.size < count) {
      const last = this.held.tail
      if (last === undefined) break
      this.recalled.push(this.held.remove(last))
      this.recallOne(last, "recalled")
    }
    this.told.defer(this.later)
  }

  private recallOne(reservation: Reservation, state: "recalled" | "gone"): void {
    this.becomes(reservation, state)
    if (reservation.recallee !== undefined) this.told.add(reservation.recallee)
  }

  private becomes(reservation: Reservation, state: "recalled" | "gone"): void {
    reservation.state = state
    for (const observer of reservation.observers.takeAll()) {
      observer.served()
      this.told.add(observer)
    }
  }

  remove(reservation: Reservation): boolean {
    const { caller, state } = reservation
    if (state === "new" || state === "gone") return false
    this[state].remove(reservation)
    caller.served()
    this.becomes(reservation, "gone")
    this.told.defer(this.later)
    return state !== "waiting"
  }

  close(exit: Exit.Exit<never, PoolClosed>): () => void {
    const waiting = this.waiting.takeAll()
    for (const { caller } of waiting) caller.served()
    for (const reservation of this.held.takeAll()) this.recallOne(reservation, "gone")
    for (const reservation of [...waiting, ...this.recalled.takeAll()]) this.becomes(reservation, "gone")
    this.told.defer(this.later)
    return () => {
      for (const { caller } of waiting) caller.wake(exit)
    }
  }

  get holds(): ReadonlyArray<Hold> {
    return [...this.held, ...this.recalled].map((key) => ({ node: key.caller.fiber, weight: 1, until: "scope", key }))
  }

  waits(workers: Line, ends: string | undefined): ReadonlyArray<Wait> {
    return [...this.waiting].map((key) => ({
      node: key.caller.fiber,
      who: "fiber",
      for: "a worker",
      rooms: [[workers, 1]],
      ends,
      key
    }))
  }
}
