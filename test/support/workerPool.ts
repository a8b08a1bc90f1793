import type { Effect, Scope } from "effect"
import * as assert from "node:assert/strict"
import { WorkerPool } from "sluice"

/** Most tests' jobs are effects, which the workers run as they are. */
export type Job = Effect.Effect<unknown, string>
export type Pool = WorkerPool.WorkerPool<Job, unknown, string>
export type Handle = WorkerPool.JobHandle<unknown, string>
export type Options = Partial<WorkerPool.Options<Job, unknown, string, never, unknown, string, Scope.Scope>>

export const make = (options: Options = {}): Effect.Effect<Pool, string, Scope.Scope> =>
  WorkerPool.make({ size: 1, run: (job: Job) => job, ...options })

/** P4. */
export const balanced = (pool: Pool): void => {
  const { died, dropped, failed, interrupted, queued, returned, running, submitted, succeeded } = WorkerPool.stats(pool)
  assert.equal(succeeded + failed + died + interrupted + dropped + returned + queued + running, submitted)
}
