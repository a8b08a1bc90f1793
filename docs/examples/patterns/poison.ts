import { Cause, Effect, Exit } from "effect"
import { WorkerPool } from "sluice"

/**
 * A job that throws is a bug, and may have left the worker's parser in any state. So the worker replaces its parser.
 * The job's own handle has the defect, the other jobs go on, and the pool keeps its size.
 */
export const poison = Effect.scoped(
  Effect.gen(function*() {
    let parsers = 0
    const pool = yield* WorkerPool.make({
      size: 1,
      worker: () => Effect.sync(() => ++parsers),
      run: (text: string, { resource }) => Effect.sync(() => `parser ${resource}: ${JSON.stringify(JSON.parse(text))}`)
    })
    const handles = yield* Effect.forEach(["1", "{", "[2]"], (text) => WorkerPool.submit(pool, text))
    const exits = yield* Effect.forEach(handles, (handle) => handle.await)
    const { died, replaced, size, succeeded } = WorkerPool.stats(pool)
    return {
      results: exits.map(
        Exit.match({ onSuccess: (value) => value, onFailure: (cause) => Cause.prettyErrors(cause)[0]!.name })
      ),
      succeeded,
      died,
      replaced,
      size
    }
  })
)
