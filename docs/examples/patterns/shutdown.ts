import { Effect } from "effect"
import { WorkerPool } from "sluice"

/**
 * A service stops by a deadline. Accepted jobs run on until then. At the deadline the running ones are interrupted, and
 * the report has these jobs and the ones that never began: for a file, or for another server.
 */
export const shutdown = Effect.scoped(
  Effect.gen(function*() {
    const pool = yield* WorkerPool.make({
      size: 2,
      queue: { capacity: 10 },
      run: (mail: { readonly to: string; readonly millis: number }) => Effect.sleep(mail.millis)
    })
    yield* WorkerPool.submit(pool, { to: "ann", millis: 50 })
    yield* WorkerPool.submit(pool, { to: "bob", millis: 60_000 })
    yield* WorkerPool.submit(pool, { to: "cid", millis: 60_000 })
    yield* WorkerPool.submit(pool, { to: "dan", millis: 50 })

    const { aborted, counts, returned } = yield* WorkerPool.shutdown(pool, { deadline: "200 millis" })
    return {
      sent: counts.succeeded,
      // The report has them in the order in which they ended, and both ended at once.
      aborted: aborted.map(({ to }) => to).sort(),
      returned: returned.map(({ to }) => to)
    }
  })
)
