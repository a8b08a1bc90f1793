import type { Clock } from "effect/Clock"
import * as Effect from "effect/Effect"
import { List } from "../../List.js"
import { Ranked } from "../../Ranked.js"
import { Wakes } from "../Wakes.js"
import type { Reply, Request, Store } from "./model.js"

/** A request that waits, or holds permits. */
interface Entry {
  prev: Entry | undefined
  next: Entry | undefined
  readonly id: string
  readonly permits: number
  /** When its lease is over, in milliseconds by the clock. */
  rank: number
  /** Its place in the heap. */
  slot: number
  /** The token of the grant. Undefined while it waits. */
  token: number | undefined
  /** It waits, and fits: it is woken, and has what it asks for as soon as it asks again. */
  isAdmitted: boolean
}

/**
 * One limit: the steps that `redis.ts` and `pg.ts` have in the languages of their servers. A step takes O(log n) of the
 * requests that wait and hold, and O(1) for each request that it lets in.
 */
class Line {
  private permits = 0
  private held = 0
  /** The permits of the admitted requests: each is counted once, however many are woken before they ask again. */
  private admitted = 0
  private readonly entries = new Map<string, Entry>()
  /** In the order of arrival: those that are admitted, and then the others. */
  private readonly waiting = new List<Entry>()
  /** The first of the others. */
  private blocked: Entry | undefined = undefined
  /** By the end of their leases. */
  private readonly leases = new Ranked<Entry>()
  /** The requests that this step has admitted. */
  private woken: Array<string> = []

  get isEmpty(): boolean {
    return this.entries.size === 0
  }

  /** Begins a step: removes each request whose lease is over (F1, F2). */
  begin(now: number): void {
    this.woken = []
    for (let first = this.leases.head; first !== undefined && first.rank <= now; first = this.leases.head) {
      this.remove(first)
    }
  }

  /** Ends a step: the requests to be woken. */
  end(self: string): ReadonlyArray<string> {
    this.admit()
    return this.woken.filter((id) => id !== self)
  }

  acquire({ id, lease, permits, total }: Request, now: number, nextToken: () => number): Reply {
    const known = this.entries.get(id)
    if (known?.token !== undefined) {
      this.lasts(known, now + lease)
      return { _tag: "Granted", token: known.token }
    }
    if (known === undefined && total !== this.permits) this.resize(total)
    if (permits > this.permits) {
      if (known !== undefined) this.remove(known)
      return { _tag: "Exceeded", permits: this.permits }
    }
    if (known !== undefined) this.lasts(known, now + lease)
    const entry = known ?? this.join(id, permits, now + lease)
    this.admit()
    if (entry.isAdmitted) {
      this.leave(entry)
      this.held += permits
      entry.token = nextToken()
      return { _tag: "Granted", token: entry.token }
    }
    // Counted only for a caller that reads it, of which there is none while no wake-up is lost.
    return {
      _tag: "Waiting",
      get ahead() {
        return aheadOf(entry)
      },
      next: (this.leases.head ?? entry).rank - now
    }
  }

  renew({ id, lease }: Request, now: number): boolean {
    const entry = this.entries.get(id)
    if (entry?.token === undefined) return false
    this.lasts(entry, now + lease)
    return true
  }

  release({ id }: Request): boolean {
    const entry = this.entries.get(id)
    if (entry === undefined) return false
    this.remove(entry)
    return entry.token !== undefined
  }

  private join(id: string, permits: number, until: number): Entry {
    const entry: Entry = {
      prev: undefined,
      next: undefined,
      id,
      permits,
      rank: until,
      slot: 0,
      token: undefined,
      isAdmitted: false
    }
    this.entries.set(id, entry)
    this.waiting.push(entry)
    this.blocked ??= entry
    this.leases.push(entry)
    return entry
  }

  private lasts(entry: Entry, until: number): void {
    this.leases.remove(entry)
    entry.rank = until
    this.leases.push(entry)
  }

  private remove(entry: Entry): void {
    this.entries.delete(entry.id)
    this.leases.remove(entry)
    if (entry.token === undefined) this.leave(entry)
    else this.held -= entry.permits
  }

  /** Out of the line. */
  private leave(entry: Entry): void {
    if (entry === this.blocked) this.blocked = entry.next
    if (entry.isAdmitted) this.admitted -= this.weightOf(entry)
    this.waiting.remove(entry)
  }

  /**
   * Admits the requests at the head of the line that fit together, and those that became impossible, which wait for
   * nothing (F2, F4). A request for 0 permits always fits in its turn.
   */
  private admit(): void {
    for (let entry = this.blocked; entry !== undefined; entry = this.blocked) {
      const weight = this.weightOf(entry)
      if (weight > 0 && weight > this.permits - this.held - this.admitted) return
      this.blocked = entry.next
      entry.isAdmitted = true
      this.admitted += weight
      this.woken.push(entry.id)
    }
  }

  /** How many permits the request may have: none if it is impossible. */
  private weightOf({ permits }: Entry): number {
    return permits <= this.permits ? permits : 0
  }

  /** Requests that were admitted and have not asked again since may not fit any more. */
  private resize(permits: number): void {
    for (let entry = this.waiting.head; entry?.isAdmitted; entry = entry.next) entry.isAdmitted = false
    this.blocked = this.waiting.head
    this.admitted = 0
    this.permits = permits
  }
}

const aheadOf = (entry: Entry): number => {
  let ahead = 0
  for (let one = entry.prev; one !== undefined; one = one.prev) ahead++
  return ahead
}

/** A store in this process. It reads the clock of its caller, and runs no timer. Its limits share one counter (F6). */
export const makeMemory = (): Store => {
  const wakes = new Wakes()
  const lines = new Map<string, Line>()
  let ids = 0
  let token = 0
  const step = <A>(request: Request, act: (line: Line, now: number) => A): Effect.Effect<A> =>
    Effect.clockWith((clock: Clock) =>
      Effect.sync(() => {
        const now = clock.currentTimeMillisUnsafe()
        const line = lines.get(request.limit) ?? new Line()
        lines.set(request.limit, line)
        line.begin(now)
        const result = act(line, now)
        const woken = line.end(request.id)
        if (line.isEmpty) lines.delete(request.limit)
        for (const id of woken) wakes.wake(id)
        return result
      })
    )
  return {
    poll: Infinity,
    nextId: () => `memory:${++ids}`,
    acquire: (request) => step(request, (line, now) => line.acquire(request, now, () => ++token)),
    renew: (request) => step(request, (line, now) => line.renew(request, now)),
    release: (request) => step(request, (line) => line.release(request)),
    onWake: wakes.on
  }
}
