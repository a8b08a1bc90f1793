import { Cause, Effect, Exit, Result, Stream } from "effect"
import { WorkerPool } from "sluice"

const half = (n: number) => n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail(`${n} is odd`)

/** Every job has its answer, good or bad, and none ends the others. */
export const errorsAsResults = Effect.scoped(
  Effect.gen(function*() {
    const jobs = [2, 3, 4]

    // A stream ends at its first failure. Where failures are answers like others, let the jobs answer with them.
    const answering = yield* WorkerPool.make({ size: 2, run: (n: number) => Effect.result(half(n)) })
    const results = yield* Stream.runCollect(WorkerPool.map(answering, jobs))

    // A handle has the job's exit: its defect too, or its interruption.
    const pool = yield* WorkerPool.make({ size: 2, run: half })
    const handles = yield* Effect.forEach(jobs, (job) => WorkerPool.submit(pool, job))
    const exits = yield* Effect.forEach(handles, (handle) => handle.await)

    return {
      results: results.map(Result.match({ onSuccess: String, onFailure: (error) => error })),
      exits: exits.map(Exit.match({ onSuccess: String, onFailure: (cause) => String(Cause.squash(cause)) }))
    }
  })
)
