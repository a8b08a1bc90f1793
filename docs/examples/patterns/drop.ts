import { Effect, Latch } from "effect"
import { WorkerPool } from "sluice"

/** One worker is busy with the first of five jobs, and two may wait: which two is for the strategy to say. */
const survivors = (strategy: "dropping" | "sliding") =>
  Effect.scoped(
    Effect.gen(function*() {
      const gate = yield* Latch.make()
      const pool = yield* WorkerPool.make({
        size: 1,
        queue: { capacity: 2, strategy },
        run: (job: number) => Effect.as(gate.await, job)
      })
      // It never suspends. What was dropped is told by the job's own handle, as it happens: no job is lost in silence.
      const handles = yield* Effect.forEach([1, 2, 3, 4, 5], (job) => WorkerPool.submit(pool, job))
      const dropped = handles.filter(({ state }) => state === "dropped").map(({ id }) => id)
      yield* gate.open
      yield* Effect.forEach(handles, (handle) => handle.await)
      return { ran: handles.filter(({ state }) => state === "succeeded").map(({ id }) => id), dropped }
    })
  )

/** Drop the newest where what came first matters, such as an alarm; the oldest where it is stale, such as a position. */
export const drop = Effect.all({ dropping: survivors("dropping"), sliding: survivors("sliding") })
