import { Effect, Latch } from "effect"
import { WorkerPool } from "sluice"

/** One worker is busy with the first of five jobs, and two may wait. The strategy decides which two. */
const survivors = (strategy: "dropping" | "sliding") =>
  Effect.scoped(
    Effect.gen(function*() {
      const gate = yield* Latch.make()
      const pool = yield* WorkerPool.make({
        size: 1,
        queue: { capacity: 2, strategy },
        run: (job: number) => Effect.as(gate.await, job)
      })
      // With these strategies `submit` never suspends. The handle of a dropped job says so, as soon as it is dropped.
      const handles = yield* Effect.forEach([1, 2, 3, 4, 5], (job) => WorkerPool.submit(pool, job))
      const dropped = handles.filter(({ state }) => state === "dropped").map(({ id }) => id)
      yield* gate.open
      yield* Effect.forEach(handles, (handle) => handle.await)
      return { ran: handles.filter(({ state }) => state === "succeeded").map(({ id }) => id), dropped }
    })
  )

/** Drop the newest job where the first ones matter, as of alarms; the oldest where it is stale, as of positions. */
export const drop = Effect.all({ dropping: survivors("dropping"), sliding: survivors("sliding") })
