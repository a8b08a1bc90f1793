import { List } from "./List.js"
import type { AnyFiber } from "./stack.js"

/** One that holds something of a queue's. A holder waits no more, so its links are free for the list of holds. */
export interface Held {
  prev: Held | undefined
  next: Held | undefined
  readonly fiber: AnyFiber
  readonly weight: number
  readonly state: string
}

/**
 * The holds that began while somebody watched. Each sweep of the watch makes older ones weak, so that a holder which
 * nothing else refers to can be collected all the same.
 */
export class Holds {
  private readonly fresh = new List<Held>()
  private older: Array<{ readonly ref: WeakRef<Held>; readonly weight: number; readonly since: number }> = []
  /** How much of the older holds has been given back since the last sweep. */
  private returned = 0
  /** How much nobody gives back any more: its holders were collected. */
  lost = 0

  add(hold: Held): void {
    this.fresh.push(hold)
  }

  /** The hold is over. It may have begun before anybody watched. */
  delete(hold: Held): void {
    if (this.isFresh(hold)) this.fresh.remove(hold)
    else this.returned += hold.weight
  }

  private isFresh(hold: Held): boolean {
    return hold.prev !== undefined || this.fresh.head === hold
  }

  /** Notes holds that began while nobody watched. */
  adopt(holds: Iterable<Held>, since: number): void {
    for (const hold of holds) this.keep(hold, since)
  }

  private keep(hold: Held, since: number): void {
    this.older.push({ ref: new WeakRef(hold), weight: hold.weight, since })
  }

  sweep(since: number): void {
    let dead = 0
    const kept: typeof this.older = []
    for (const one of this.older) {
      const hold = one.ref.deref()
      if (hold?.state === "granted") kept.push(one)
      else dead += one.weight
    }
    this.lost += Math.max(0, dead - this.returned)
    this.returned = 0
    this.older = kept
    for (let hold = this.fresh.shift(); hold !== undefined; hold = this.fresh.shift()) this.keep(hold, since)
  }

  /** Each hold, with the time of the sweep that saw it first. */
  *[Symbol.iterator](): Iterator<readonly [hold: Held, since: number | undefined]> {
    for (const { ref, since } of this.older) {
      const hold = ref.deref()
      if (hold?.state === "granted") yield [hold, since]
    }
    for (const hold of this.fresh) yield [hold, undefined]
  }
}
