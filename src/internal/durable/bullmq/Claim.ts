import type { Job } from "bullmq"
import type { AnyFiber } from "../../stack.js"
import * as stack from "../../stack.js"

/**
 * How often a job was begun, of so many claims: its failures and its crashes, without the claims that were given back.
 * BullMQ goes on to count the crashes of a job that was requeued, and begins to count its failures and claims anew. So
 * there are no more crashes than claims that have not failed.
 */
export const attemptsBefore = (
  { attemptsMade, attemptsStarted, stalledCounter }: Pick<Job, "attemptsMade" | "attemptsStarted" | "stalledCounter">,
  claims = attemptsStarted
): number => attemptsMade + Math.max(0, Math.min(stalledCounter, claims - attemptsMade))

/**
 * A job of BullMQ that this process has locked.
 *
 *     held ──▶ settled, by the exit of its handler
 *     held ──▶ lost, when the lock could not be renewed: BullMQ gives the job to another worker
 */
export class Claim {
  state: "held" | "settled" | "lost" = "held"
  /** The fiber that has taken the job. */
  private fiber: AnyFiber | undefined = undefined

  /** `id`: of BullMQ. `heldUntil`: by the clock of this process, a time at which the lock is certainly not over yet. */
  constructor(
    readonly id: string,
    readonly job: Job,
    readonly token: string,
    public heldUntil: number
  ) {}

  /** How often the job has been begun, now included: failures and crashes count, claims that were given back do not. */
  get attempts(): number {
    return attemptsBefore(this.job, this.job.attemptsStarted - 1) + 1
  }

  takenBy(fiber: AnyFiber): void {
    this.fiber = fiber
  }

  /** Also of a lock whose end was not noticed, since the process was stopped, or its event loop was blocked. */
  isLost(now: number): boolean {
    return this.state === "lost" || this.state === "held" && now >= this.heldUntil
  }

  /** Interrupts the fiber that has taken the job. Runs fibers. */
  lose(): void {
    if (this.state !== "held") return
    this.state = "lost"
    if (this.fiber !== undefined) stack.interrupt(this.fiber, undefined)
  }
}
