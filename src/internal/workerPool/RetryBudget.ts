import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"

// A window is so many slots, the first of which is forgotten at a time.
const slots = 10

const overBudget = new Error("the retry budget is spent")

/** The exit of a retry that may not begin: the attempt before it was the job's last one. */
export const refused: Exit.Exit<never, Error> = Exit.fail(overBudget)

export const isRefused = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && exit.cause.reasons.some((reason) => Cause.isFailReason(reason) && reason.error === overBudget)

/**
 * A budget for retries, so that a failing downstream does not get many times the load of a working one: a share of the
 * successes of the last seconds, and a few retries a second in any case. The design is Finagle's.
 *
 * R1: whenever a retry begins, it and those that began within the window before it are at most `perSecond` for each of
 * the window's seconds, and `ratio` times as many as successes in that time and a tenth of the window before.
 */
export class RetryBudget {
  /** The slots of the window; the latest is the last, since nobody sets the clock back. */
  private readonly counts: Array<{ readonly slot: number; successes: number; retries: number }> = []
  private readonly slotMillis: number
  private readonly floor: number

  constructor(private readonly ratio: number, perSecond: number, windowMillis: number) {
    this.slotMillis = windowMillis / slots
    this.floor = perSecond * windowMillis / 1_000
  }

  succeeded(now: number): void {
    this.current(now).successes++
  }

  /** Whether one more retry may begin. */
  allows(now: number): boolean {
    this.current(now)
    let [successes, retries] = [0, 0]
    for (const count of this.counts) {
      successes += count.successes
      retries += count.retries
    }
    return retries + 1 <= this.floor + this.ratio * successes
  }

  /** Takes the retry that begins out of the budget, if there is one left. */
  withdraw(now: number): boolean {
    if (!this.allows(now)) return false
    this.current(now).retries++
    return true
  }

  private current(now: number): { successes: number; retries: number } {
    const last = this.counts.at(-1)
    const slot = Math.floor(now / this.slotMillis)
    if (last?.slot === slot) return last
    // One slot more than the window has, since it seldom begins with one.
    while (this.counts[0] !== undefined && this.counts[0].slot < slot - slots) this.counts.shift()
    const current = { slot, successes: 0, retries: 0 }
    this.counts.push(current)
    return current
  }
}
