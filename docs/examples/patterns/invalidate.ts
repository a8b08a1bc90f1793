import { Effect } from "effect"
import { WorkerPool } from "sluice"

/**
 * Each worker opens its connection once, not for each job. A job that finds the connection broken condemns it, and the
 * worker opens another one before its next job. The failure itself is the job's result, like any other.
 */
export const invalidate = Effect.gen(function*() {
  const log: Array<string> = []
  let opened = 0
  const connect = Effect.acquireRelease(
    Effect.sync(() => {
      const connection = ++opened
      log.push(`open ${connection}`)
      return connection
    }),
    (connection) => Effect.sync(() => log.push(`close ${connection}`))
  )

  yield* Effect.scoped(
    Effect.gen(function*() {
      const pool = yield* WorkerPool.make({
        size: 1,
        worker: () => connect,
        run: (message: string, { invalidate, resource }) =>
          message === "too long"
            ? Effect.andThen(invalidate, Effect.fail("connection reset"))
            : Effect.sync(() => log.push(`${message} on ${resource}`))
      })
      yield* WorkerPool.run(pool, "a")
      yield* WorkerPool.run(pool, "b")
      log.push(String(yield* Effect.flip(WorkerPool.run(pool, "too long"))))
      yield* WorkerPool.run(pool, "c")
    })
  )
  return log
})
