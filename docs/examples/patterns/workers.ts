import { Effect } from "effect"
import { WorkerPool } from "sluice"

/** Three workers, five jobs of 100 milliseconds: two rounds. Each worker takes the next job when it is idle. */
export const workers = Effect.scoped(
  Effect.gen(function*() {
    const pool = yield* WorkerPool.make({
      size: 3,
      run: (job: number, { id }) => Effect.as(Effect.sleep("100 millis"), `job ${job} by worker ${id}`)
    })
    return yield* WorkerPool.runAll(pool, [1, 2, 3, 4, 5])
  })
)
