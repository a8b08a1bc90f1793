import type { Worker } from "bullmq"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Claim } from "./Claim.js"

/** A clock that goes on while the process is stopped, and that nobody sets. */
export const now = (): number => performance.now()

/**
 * Renews the locks of the claims that a worker holds. A claim whose lock cannot be renewed is lost a sixth of the time
 * of the lock before its end, so that its fiber ends before another worker has the job.
 */
export class Locks {
  private readonly held = new Set<Claim>()
  /** The claims whose end is being stored, each with the function that gives that up. */
  private readonly ending = new Map<Claim, () => void>()
  private readonly step: number

  constructor(private readonly worker: Pick<Worker, "extendJobLocks">, private readonly lockMillis: number) {
    this.step = lockMillis / 6
  }

  /** Whether the lock of a claim lasts until its first renewal, with a sixth of its time to spare. */
  isRenewable(claim: Claim): boolean {
    return claim.heldUntil - now() > 2 * this.step
  }

  add(claim: Claim): void {
    this.held.add(claim)
  }

  delete(claim: Claim): void {
    this.held.delete(claim)
  }

  /**
   * Asks BullMQ, and fails without a reply once the lock of the claim is over, or up to a sixth of its time later: a
   * timer for each question would cost as much as the question. Not to be interrupted.
   */
  inTime<A>(claim: Claim, ask: () => Promise<A>): Effect.Effect<A, unknown> {
    return Effect.callback((resume) => {
      const end = (exit: Exit.Exit<A, unknown>) => {
        this.ending.delete(claim)
        resume(exit)
      }
      this.ending.set(claim, () => end(Exit.fail(new Error("BullMQ did not answer before the lock was over"))))
      ask().then((value) => end(Exit.succeed(value)), (error: unknown) => end(Exit.fail(error)))
    })
  }

  /** Never ends. */
  readonly renew: Effect.Effect<never> = Effect.gen({ self: this }, function*() {
    for (;;) {
      yield* Effect.sleep(this.step)
      for (const [claim, giveUp] of this.ending) if (now() >= claim.heldUntil) giveUp()
      const due = [...this.held].filter(({ heldUntil }) => heldUntil - now() <= 4 * this.step)
      if (due.length === 0) continue
      const heldUntil = now() + this.lockMillis
      const refused = yield* this.extend(due)
      for (const claim of due) {
        if (refused?.has(claim.id) === true) this.lose(claim)
        else if (refused !== undefined) claim.heldUntil = heldUntil
        else if (claim.heldUntil - now() <= this.step) this.lose(claim)
      }
    }
  })

  /** The ids of the jobs whose locks are not ours any more. Undefined without a reply in time. */
  private extend(claims: ReadonlyArray<Claim>): Effect.Effect<ReadonlySet<string> | undefined> {
    const ask = Effect.tryPromise(() =>
      this.worker.extendJobLocks(claims.map(({ id }) => id), claims.map(({ token }) => token), this.lockMillis)
    )
    return ask.pipe(
      Effect.map((refused) => new Set(refused)),
      Effect.timeout(Duration.millis(this.step)),
      Effect.catchCause((cause) =>
        Effect.as(Effect.logWarning("BullMQ: locks could not be renewed, and are asked for again", cause), undefined)
      )
    )
  }

  private lose(claim: Claim): void {
    this.held.delete(claim)
    claim.lose()
  }
}
