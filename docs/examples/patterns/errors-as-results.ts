import { Cause, Effect, Exit, Stream } from "effect"
import { WorkerPool } from "sluice"

const half = (n: number) => n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail(`${n} is odd`)

/** Every job has its result, good or bad, and no failure ends the others. */
export const errorsAsResults = Effect.scoped(
  Effect.gen(function*() {
    const pool = yield* WorkerPool.make({ size: 2, run: half })
    const results = yield* Stream.runCollect(WorkerPool.map(pool, [2, 3, 4], { exits: true }))
    return results.map(({ exit, job }) =>
      `${job}: ${Exit.match(exit, { onSuccess: String, onFailure: (cause) => String(Cause.squash(cause)) })}`
    )
  })
)
