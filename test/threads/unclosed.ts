/** A program that ends while its pool is open, and a call of it under way. */
import { Effect, Scope } from "effect"
import { ThreadPool } from "sluice/threads"
import type { jobs } from "./layered.js"

const pool = await Effect.runPromise(
  ThreadPool.make<typeof jobs>({ module: new URL(process.argv[2]!), size: 2 }).pipe(Scope.provide(Scope.makeUnsafe()))
)
Effect.runFork(Effect.tap(pool.run.later("the call has ended"), (text) => Effect.sync(() => console.log(text))))
process.on("exit", (code) => console.log(`exit ${code}`))
console.log("the program has ended")
