import type { Effect, Exit, Scope } from "effect"
import * as assert from "node:assert/strict"
import { WorkerPool } from "sluice"
import { squash } from "./effect.js"

/** Most tests' jobs are effects, which the workers run as they are. */
export type Job = Effect.Effect<unknown, string>
export type Pool = WorkerPool.WorkerPool<Job, unknown, string>
export type Handle = WorkerPool.JobHandle<unknown, string>
export type Options = Omit<
  Partial<WorkerPool.Options<Job, unknown, string, never, unknown, string, Scope.Scope>>,
  "deadlines"
>

export const make = (options: Options = {}): Effect.Effect<Pool, string, Scope.Scope> =>
  WorkerPool.make({ size: 1, run: (job: Job) => job, ...options })

/** All accounts of the ledger, which are to be as many as were submitted. */
export const accountsOf = (ledger: Omit<WorkerPool.Ledger, "submitted">): number => {
  const { died, dropped, expired, failed, interrupted, queued, returned, running, succeeded, timedOut } = ledger
  const ended = succeeded + failed + died + interrupted + expired + timedOut + ledger.deadLettered + dropped + returned
  return ended + queued + ledger.retrying + running
}

/** P4, of a snapshot: the ledger balances. */
export const balances = ({ submitted, ...stats }: WorkerPool.Stats): void => {
  assert.equal(accountsOf(stats), submitted)
}

/** P4: the ledger of a pool balances. */
export const balanced = <Job, A, E>(pool: WorkerPool.WorkerPool<Job, A, E>): void => balances(WorkerPool.stats(pool))

/** The verdict (P9) that an effect died of, if it did. */
export const verdictOf = (exit: Exit.Exit<unknown, unknown> | undefined): WorkerPool.PoolDeadlock | undefined => {
  const defect = exit && squash(exit)
  return defect instanceof WorkerPool.PoolDeadlock ? defect : undefined
}
