import type * as model from "./model.js"
import type { Outcome } from "./states.js"

/** P4: at every moment `accepted` is the sum of all outcomes, of the jobs that wait, and of those that workers have. */
export class Ledger {
  /** How many have been accepted. The number of each is its job's id. */
  accepted = 0
  /** How many jobs workers have. */
  running = 0
  private readonly ended: Record<Outcome, number> = {
    succeeded: 0,
    failed: 0,
    died: 0,
    interrupted: 0,
    expired: 0,
    timedOut: 0,
    deadLettered: 0,
    dropped: 0,
    returned: 0
  }

  /** Returns the job's number. */
  accept(): number {
    return ++this.accepted
  }

  assigned(): void {
    this.running++
  }

  unassigned(): void {
    this.running--
  }

  settled(outcome: Outcome): void {
    this.ended[outcome]++
  }

  columns(queued: number, retrying: number): model.Ledger {
    return { submitted: this.accepted, ...this.ended, queued, retrying, running: this.running }
  }
}
