/** A program whose thread logs lines until the very end. */
import { Effect } from "effect"
import { ThreadPool } from "sluice/threads"
import type { jobs } from "./layered.js"

await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
  const pool = yield* ThreadPool.make<typeof jobs>({ module: new URL(process.argv[2]!), size: 1 })
  yield* pool.run.log(200)
})))
