import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { WorkerPool } from "sluice"
import type { Delivery, Failure } from "./pool.js"
import { type Kind, kinds } from "./subscribers.js"

/** What has become of the events for subscribers of one kind. */
export interface Row {
  readonly subscribers: number
  delivered: number
  /** Asked of the subscriber; and refused by the breaker, which did not ask it. */
  requests: number
  refused: number
  deadLetters: number
  /** How often a subscriber had so much before it that there was no room for more. */
  full: number
  /** How many senders one subscriber has held at most. */
  most: number
  /** From event to delivery, in milliseconds. */
  readonly latencies: Array<number>
}

export type Letter = WorkerPool.DeadLetter<Delivery, Failure>

export class Tally {
  readonly rows: Readonly<Record<Kind, Row>>
  /** Why there are dead letters, and how often. */
  readonly reasons = new Map<string, number>()
  private readonly sending: Uint32Array

  constructor(
    private readonly kindOf: ReadonlyArray<Kind>,
    private readonly now: () => number = () => performance.now()
  ) {
    this.sending = new Uint32Array(kindOf.length)
    const row = (kind: Kind): Row => ({
      subscribers: kindOf.filter((other) => other === kind).length,
      delivered: 0,
      requests: 0,
      refused: 0,
      deadLetters: 0,
      full: 0,
      most: 0,
      latencies: []
    })
    this.rows = {
      quick: row("quick"),
      slow: row("slow"),
      flaky: row("flaky"),
      failing: row("failing"),
      hanging: row("hanging")
    }
  }

  /** How many deliveries have come to an end. */
  get settled(): number {
    return kinds.reduce((sum, kind) => {
      const { deadLetters, delivered, full } = this.rows[kind]
      return sum + delivered + deadLetters + full
    }, 0)
  }

  request<A, E, R>({ subscriber }: Delivery, post: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.suspend(() => {
      const row = this.row(subscriber)
      row.requests++
      row.most = Math.max(row.most, ++this.sending[subscriber]!)
      return Effect.ensuring(post, Effect.sync(() => this.sending[subscriber]!--))
    })
  }

  delivered({ at, subscriber }: Delivery): void {
    const row = this.row(subscriber)
    row.delivered++
    row.latencies.push(this.now() - at)
  }

  refused({ subscriber }: Delivery): void {
    this.row(subscriber).refused++
  }

  full(subscriber: number): void {
    this.row(subscriber).full++
  }

  lost({ cause, job, reason }: Letter): void {
    this.row(job.subscriber).deadLetters++
    const error = Cause.squash(cause)
    const why = reason === "budget"
      ? "no retry left in the budget"
      : error instanceof Error
      ? error.message
      : String(error)
    this.reasons.set(why, (this.reasons.get(why) ?? 0) + 1)
  }

  private row(subscriber: number): Row {
    return this.rows[this.kindOf[subscriber]!]
  }
}
