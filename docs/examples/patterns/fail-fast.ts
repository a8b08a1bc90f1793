import { Effect } from "effect"
import { Group, WorkerPool } from "sluice"

/**
 * The first failure ends the rest. To the pool a failure is a job's result and nothing more (P6), so that one caller's
 * mistake is not another's problem. A caller whose jobs stand or fall together puts a group around them.
 */
export const failFast = Effect.scoped(
  Effect.gen(function*() {
    const pool = yield* WorkerPool.make({
      size: 2,
      run: (file: string) =>
        file === "broken"
          ? Effect.delay(Effect.fail(`${file} cannot be read`), "50 millis")
          : Effect.sleep("1 minute")
    })
    const readAll = Effect.gen(function*() {
      for (const file of ["large", "broken", "larger", "largest"]) yield* Group.go(WorkerPool.run(pool, file))
    }).pipe(Group.scoped())
    // This does not take a minute: the group interrupts each `run`, and that takes its job out of the pool.
    const error = yield* Effect.flip(readAll)
    const { failed, interrupted, running, state, submitted } = WorkerPool.stats(pool)
    return { error, submitted, failed, interrupted, running, state }
  })
)
