import type { Clock } from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Reply, Request, Store } from "./model.js"
import { Wakes } from "./Wakes.js"

/** A request that waits, or holds permits. */
interface Entry {
  readonly id: string
  readonly permits: number
  /** When its lease is over, in milliseconds by the clock. */
  ends: number
  /** The token of the grant. Undefined while it waits. */
  token: number | undefined
}

/** One limit: the steps that `redis.ts` and `pg.ts` have in the languages of their servers. */
class Line {
  private permits = 0
  private held = 0
  /** In the order of arrival. */
  private readonly entries = new Map<string, Entry>()
  /** Whether this step may let others in. */
  private hasMadeRoom = false

  get isEmpty(): boolean {
    return this.entries.size === 0
  }

  /** Begins a step: removes each request whose lease is over (F1, F2). */
  begin(now: number): void {
    this.hasMadeRoom = false
    for (const entry of [...this.entries.values()]) if (entry.ends <= now) this.remove(entry)
  }

  /** Ends a step: the requests to be woken. */
  end(self: string): ReadonlyArray<string> {
    return this.hasMadeRoom ? this.admissible().filter(({ id }) => id !== self).map(({ id }) => id) : []
  }

  acquire({ id, lease, permits, total }: Request, now: number, nextToken: () => number): Reply {
    const known = this.entries.get(id)
    if (known?.token !== undefined) {
      known.ends = now + lease
      return { _tag: "Granted", token: known.token }
    }
    if (known === undefined && total !== this.permits) {
      this.permits = total
      this.hasMadeRoom = true
    }
    if (permits > this.permits) {
      if (known !== undefined) this.remove(known)
      return { _tag: "Exceeded", permits: this.permits }
    }
    const entry: Entry = known ?? { id, permits, ends: 0, token: undefined }
    entry.ends = now + lease
    this.entries.set(id, entry)
    if (this.admissible().includes(entry)) {
      this.held += permits
      entry.token = nextToken()
      return { _tag: "Granted", token: entry.token }
    }
    const ends = [...this.entries.values()].map((one) => one.ends)
    return { _tag: "Waiting", ahead: this.waiting().indexOf(entry), next: Math.min(...ends) - now }
  }

  renew({ id, lease }: Request, now: number): boolean {
    const entry = this.entries.get(id)
    if (entry?.token === undefined) return false
    entry.ends = now + lease
    return true
  }

  release({ id }: Request): boolean {
    const entry = this.entries.get(id)
    if (entry === undefined) return false
    this.remove(entry)
    return entry.token !== undefined
  }

  private remove(entry: Entry): void {
    this.entries.delete(entry.id)
    if (entry.token !== undefined) this.held -= entry.permits
    this.hasMadeRoom = true
  }

  private waiting(): ReadonlyArray<Entry> {
    return [...this.entries.values()].filter(({ token }) => token === undefined)
  }

  /**
   * The requests at the head of the line that fit together, and those that became impossible, which wait for nothing
   * (F2, F4). A request for 0 permits always fits in its turn.
   */
  private admissible(): ReadonlyArray<Entry> {
    const admissible: Array<Entry> = []
    let free = this.permits - this.held
    for (const entry of this.waiting()) {
      if (entry.permits <= this.permits) {
        if (entry.permits > 0 && entry.permits > free) break
        free -= entry.permits
      }
      admissible.push(entry)
    }
    return admissible
  }
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
