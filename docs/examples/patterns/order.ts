import { Effect, Stream } from "effect"
import { WorkerPool } from "sluice"

/** The first job is the slowest. Its result holds up the others, or comes last: that is all that `ordered` decides. */
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
