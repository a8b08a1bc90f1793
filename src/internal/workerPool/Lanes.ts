import { List } from "../List.js"
import { Lane } from "./Lane.js"

/** How jobs are told apart, and what each key may have. */
export interface Keys<in Job> {
  readonly of: (job: Job) => unknown
  /** How many jobs of a key may run at a time. */
  readonly concurrency: number
  /** How many jobs a key may start in its turn. */
  readonly weight: (key: unknown) => number
}

/**
 * A lane for each key, which take turns (P15): in its turn a lane starts as many jobs as its weight, and is then behind
 * all others. So one that waits for its turn waits for at most the sum of the others' weights. The user is asked for the
 * weight as a job of the key comes, and as one begins: then the books are whole, and the function may do anything.
 *
 * A lane waits for its turn while it has a job that could run: one that waits, where fewer run than may. It is forgotten
 * once nothing of it waits or runs.
 */
export class Lanes<Job, A, E> {
  private readonly byKey = new Map<unknown, Lane<Job, A, E>>()
  private readonly turns = new List<Lane<Job, A, E>>()
  /** How many jobs could begin, were there enough workers. */
  ready = 0
  /** How many callers wait for room where jobs could begin. */
  callers = 0

  constructor(private readonly keys: Keys<Job>, private readonly isRanked: boolean) {}

  get size(): number {
    return this.byKey.size
  }

  get all(): Iterable<Lane<Job, A, E>> {
    return this.byKey.values()
  }

  /** The lane of a new job. One that is new itself counts from when something is in it. */
  laneFor(input: Job): Lane<Job, A, E> {
    const key = this.keys.of(input)
    const weight = this.keys.weight(key)
    const lane = this.byKey.get(key)
    if (lane === undefined) return new Lane<Job, A, E>(key, weight, this.isRanked)
    lane.weight = weight
    return lane
  }

  /** The one that counts, for a lane which may have been forgotten. `refresh` has to follow. */
  current(lane: Lane<Job, A, E>): Lane<Job, A, E> {
    const found = this.byKey.get(lane.key)
    if (found !== undefined) return found
    this.byKey.set(lane.key, lane)
    return lane
  }

  /** Whether another job of the lane may run. */
  hasTurn(lane: Lane<Job, A, E>): boolean {
    return (this.byKey.get(lane.key)?.running ?? 0) < this.keys.concurrency
  }

  /** How many jobs are in its queue. */
  queuedIn(lane: Lane<Job, A, E>): number {
    return this.byKey.get(lane.key)?.queued.size ?? 0
  }

  /** Whose turn it is. */
  get next(): Lane<Job, A, E> | undefined {
    return this.turns.head
  }

  /**
   * Asks for the lane's weight again, from its next turn on. A mistake in the answer changes nothing: nobody waits here who
   * could hear of it, but the caller who brings the key's next job does.
   */
  weigh(lane: Lane<Job, A, E>): void {
    try {
      lane.weight = this.keys.weight(lane.key)
    } catch {
      return
    }
  }

  /** It has started a job. */
  spend(lane: Lane<Job, A, E>): void {
    if (lane.credit === 0) lane.credit = lane.weight
    lane.credit--
    // It has nothing more to run, and its turn is over.
    if (lane.state === "apart") lane.credit = 0
    if (lane.credit > 0 || lane.state === "apart") return
    this.turns.remove(lane)
    this.turns.push(lane)
  }

  /** Something of it has come, begun, ended or gone. */
  refresh(lane: Lane<Job, A, E>): void {
    this.count(lane)
    const wants = lane.head !== undefined
    if (!wants && lane.running === 0) this.byKey.delete(lane.key)
    const isReady = lane.ready > 0
    if (isReady === (lane.state === "turn")) return
    if (isReady) return this.join(lane)
    // At its limit it keeps the rest of its turn: a job of its own has to end before the next can start, and were the turn
    // over with that, a weight above the limit would be worth no more than the limit.
    if (!wants) lane.credit = 0
    lane.state = "apart"
    this.turns.remove(lane)
  }

  private count(lane: Lane<Job, A, E>): void {
    const ready = Math.max(0, Math.min(lane.size, this.keys.concurrency - lane.running))
    const callers = ready > 0 ? lane.blocked.size : 0
    this.ready += ready - lane.ready
    this.callers += callers - lane.callers
    lane.ready = ready
    lane.callers = callers
  }

  private join(lane: Lane<Job, A, E>): void {
    lane.state = "turn"
    if (lane.credit > 0) this.turns.unshift(lane)
    else this.turns.push(lane)
  }
}
