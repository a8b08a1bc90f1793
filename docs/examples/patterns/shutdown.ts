import { Effect } from "effect"
import { WorkerPool } from "sluice"

/**
 * A service that is to stop, and has so long to do it. What it has accepted may end; what has not by the deadline is
 * interrupted, or was never begun, and the report has those jobs themselves, for a file or for another machine.
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
      // They are reported in the order in which they ended, and several ended at once.
      aborted: aborted.map(({ to }) => to).sort(),
      returned: returned.map(({ to }) => to)
    }
  })
)
