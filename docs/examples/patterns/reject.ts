import { Effect } from "effect"
import { WorkerPool } from "sluice"

/** Load shedding: a server that is too busy says so at once, and its clients do not wait in a queue that grows. */
export const reject = Effect.scoped(
  Effect.gen(function*() {
    const pool = yield* WorkerPool.make({
      size: 1,
      queue: { capacity: 1 },
      run: (request: string) => Effect.as(Effect.sleep("50 millis"), `answer to ${request}`)
    })
    const respond = (request: string) =>
      WorkerPool.trySubmit(pool, request).pipe(
        Effect.as("202 accepted"),
        Effect.catchTag("QueueFull", ({ capacity }) => Effect.succeed(`429 ${capacity} waiting`))
      )
    return yield* Effect.forEach(["a", "b", "c"], respond)
  })
)
