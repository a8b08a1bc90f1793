import { Cause, Effect } from "effect"
import { Group, WorkerPool } from "sluice"

/** Everything runs to its end, and then all failures are reported at once, as a compiler does. */
export const allErrors = Effect.scoped(
  Effect.gen(function*() {
    const pool = yield* WorkerPool.make({
      size: 2,
      run: (name: string) => name.includes(" ") ? Effect.fail(`bad name: ${name}`) : Effect.void
    })
    const group = yield* Group.make<string | WorkerPool.RunError>({ onFailure: "continue" })
    for (const name of ["a b", "c", "d e"]) yield* Group.go(group, WorkerPool.run(pool, name))
    yield* Effect.exit(Group.wait(group))
    return Group.failures(group).map(Cause.squash)
  })
)
