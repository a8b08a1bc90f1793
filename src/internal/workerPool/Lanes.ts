import { List } from "../List.js"
import { Lane, lineOf, type Waiting } from "./Lane.js"
import type { Handicap, Order } from "./Order.js"

/** The key of a job, and the limits of each key. */
export interface Keys<in Job> {
  readonly of: (job: Job) => unknown
  /** How many jobs of a key may run at a time. */
  readonly concurrency: (key: unknown) => number
  /** How many jobs a key may start in its turn. */
  readonly weight: (key: unknown) => number
}

/**
 * A lane for each key, which take turns (P15): in its turn a lane starts as many jobs as its weight, and is then behind
 * all others. So one that waits for its turn waits for at most the sum of the others' weights. The user is asked for
 * both limits of a key as a job of the key comes, and as one begins: then the books are whole, and the functions may do
 * anything. A limit that was raised may let jobs begin: the pool sees to that.
 *
 * A lane waits for its turn while it has a waiting job and is below its limit. A lane is removed once none of its jobs
 * waits or runs.
 */
export class Lanes<Job, J extends Waiting<Job, J>> implements Order<Job, J> {
  private readonly byKey = new Map<unknown, Lane<Job, J>>()
  private readonly turns = new List<Lane<Job, J>>()
  ready = 0
  callers = 0

  constructor(private readonly by: Keys<Job>, private readonly handicap: Handicap<Job>) {}

  get keys(): number {
    return this.byKey.size
  }

  get lanes(): Iterable<Lane<Job, J>> {
    return [...this.byKey.values()]
  }

  /** A lane that is new itself counts from when something is in it. */
  arrives(job: J): boolean {
    const { by, handicap } = this
    const key = by.of(job.input)
    const weight = by.weight(key)
    const limit = by.concurrency(key)
    if (handicap !== undefined) job.handicap = handicap(job.input)
    // The functions may have changed what is known.
    const known = this.byKey.get(key)
    job.lane = known ?? new Lane<Job, J>(key, weight, limit, () => lineOf<J>(handicap !== undefined))
    return known !== undefined && this.limit(known, weight, limit)
  }

  /** The current lane of the job's key. `job.lane` may have been removed. */
  laneOf({ lane }: J): Lane<Job, J> {
    if (lane === undefined) throw new Error("WorkerPool: a job without a lane")
    const found = this.byKey.get(lane.key)
    if (found !== undefined) return found
    this.byKey.set(lane.key, lane)
    return lane
  }

  private known({ lane }: J): Lane<Job, J> | undefined {
    return lane && this.byKey.get(lane.key)
  }

  mayRun(job: J): boolean {
    const lane = this.known(job)
    return lane === undefined || lane.running < lane.limit
  }

  couldRun(job: J): boolean {
    const lane = this.known(job)
    return lane === undefined || lane.running + lane.size < lane.limit
  }

  queuedWith(job: J): number {
    return this.known(job)?.queued.size ?? 0
  }

  get next(): Lane<Job, J> | undefined {
    return this.turns.head
  }

  began(job: J): void {
    const lane = this.laneOf(job)
    lane.running++
    this.changed(lane)
  }

  ended(job: J): void {
    const lane = this.laneOf(job)
    lane.running--
    this.changed(lane)
  }

  /**
   * Asks for the lane's limits again. A mistake of a function changes nothing: nobody waits here who could hear of it,
   * but the caller who brings the key's next job does.
   */
  weigh(job: J): boolean {
    const lane = this.laneOf(job)
    try {
      const weight = this.by.weight(lane.key)
      return this.limit(lane, weight, this.by.concurrency(lane.key))
    } catch {
      return false
    }
  }

  refresh(): void {
    const asked = [...this.byKey.values()].map((lane) => {
      const weight = this.by.weight(lane.key)
      return [lane, weight, this.by.concurrency(lane.key)] as const
    })
    // The functions may have changed which lanes there are.
    for (const [lane, weight, limit] of asked) {
      if (this.byKey.get(lane.key) === lane) this.limit(lane, weight, limit)
    }
  }

  /** A weight counts from the lane's next turn on, and a limit at once. Returns whether the limit is higher now. */
  private limit(lane: Lane<Job, J>, weight: number, limit: number): boolean {
    lane.weight = weight
    const before = lane.limit
    if (before === limit) return false
    lane.limit = limit
    this.changed(lane)
    return limit > before
  }

  spent(lane: Lane<Job, J>): void {
    if (lane.credit === 0) lane.credit = lane.weight
    lane.credit--
    // It has nothing more to run, and its turn is over.
    if (lane.state === "apart") lane.credit = 0
    if (lane.credit > 0 || lane.state === "apart") return
    this.turns.remove(lane)
    this.turns.push(lane)
  }

  changed(lane: Lane<Job, J>): void {
    this.count(lane)
    const wants = lane.head !== undefined
    if (!wants && lane.running === 0) this.byKey.delete(lane.key)
    const isReady = lane.ready > 0
    if (isReady === (lane.state === "turn")) return
    if (isReady) return this.join(lane)
    // At its limit it keeps the rest of its turn: a job of its own has to end before the next can start, and were the
    // turn over with that, a weight above the limit would be worth no more than the limit.
    if (!wants) lane.credit = 0
    lane.state = "apart"
    this.turns.remove(lane)
  }

  private count(lane: Lane<Job, J>): void {
    const ready = Math.max(0, Math.min(lane.size, lane.limit - lane.running))
    const callers = ready > 0 ? lane.blocked.size : 0
    this.ready += ready - lane.ready
    this.callers += callers - lane.callers
    lane.ready = ready
    lane.callers = callers
  }

  private join(lane: Lane<Job, J>): void {
    lane.state = "turn"
    if (lane.credit > 0) this.turns.unshift(lane)
    else this.turns.push(lane)
  }
}
