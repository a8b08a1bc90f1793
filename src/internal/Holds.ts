/** One that holds something of a queue's. */
export interface Held {
  readonly weight: number
  readonly state: string
}

/**
 * The holds that began while somebody watched. Each sweep of the watch makes older ones weak, so that a holder which
 * nothing else refers to can be collected all the same.
 */
export class Holds<H extends Held> {
  private readonly fresh = new Set<H>()
  private older: Array<{ readonly ref: WeakRef<H>; readonly weight: number; readonly since: number }> = []
  /** How much of the older holds has been given back since the last sweep. */
  private returned = 0
  /** How much nobody gives back any more: its holders were collected. */
  lost = 0

  add(hold: H): void {
    this.fresh.add(hold)
  }

  /** The hold is over. It may have begun before anybody watched. */
  delete(hold: H): void {
    if (!this.fresh.delete(hold)) this.returned += hold.weight
  }

  /** Holds that began before anybody watched. */
  adopt(holds: Iterable<H>, since: number): void {
    for (const hold of holds) if (!this.fresh.has(hold)) this.keep(hold, since)
  }

  private keep(hold: H, since: number): void {
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
    for (const hold of this.fresh) this.keep(hold, since)
    this.fresh.clear()
  }

  /** Each hold, with the time of the sweep that saw it first. */
  *[Symbol.iterator](): Iterator<readonly [hold: H, since: number | undefined]> {
    for (const { ref, since } of this.older) {
      const hold = ref.deref()
      if (hold?.state === "granted") yield [hold, since]
    }
    for (const hold of this.fresh) yield [hold, undefined]
  }
}
