import { Effect, Stream } from "effect"
import { WorkerPool } from "sluice"

/** The first job is the slowest. With `ordered: false` its result comes last, and does not hold up the others. */
export const order = Effect.scoped(
  Effect.gen(function*() {
    const pool = yield* WorkerPool.make({
      size: 3,
      run: (millis: number) => Effect.as(Effect.sleep(millis), millis)
    })
    const jobs = [150, 50, 100]
    return {
      asGiven: yield* Stream.runCollect(WorkerPool.map(pool, jobs)),
      asTheyEnd: yield* Stream.runCollect(WorkerPool.map(pool, jobs, { ordered: false }))
    }
  })
)
