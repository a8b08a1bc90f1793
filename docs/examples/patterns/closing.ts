import { Effect, Stream } from "effect"
import { WorkerPool } from "sluice"

/**
 * Nothing has to be closed by hand. The stream of results ends when its source has ended and the last result has come.
 * The workers' resources are released when the pool's scope closes, whatever happens in it.
 */
export const closing = Effect.gen(function*() {
  const log: Array<string> = []
  const note = (line: string) => Effect.sync(() => log.push(line))

  yield* Effect.scoped(
    Effect.gen(function*() {
      const pool = yield* WorkerPool.make({
        size: 2,
        worker: ({ id }) => Effect.acquireRelease(note(`open ${id}`), () => note(`close ${id}`)),
        run: (job: string) => note(job)
      })
      yield* Stream.runDrain(WorkerPool.map(pool, ["job a", "job b", "job c"]))
      yield* note("all done")
    })
  )
  yield* note("after")
  return log
})
