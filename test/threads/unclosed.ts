/** A program that ends while two pools are open, one with captured output, and a call of the other under way. */
import { Effect, Scope } from "effect"
import { ThreadPool } from "sluice/threads"
import type { jobs } from "./layered.js"

const make = (options: { readonly output?: (line: string) => Effect.Effect<void> }) =>
  Effect.runPromise(
    ThreadPool.make<typeof jobs>({ module: new URL(process.argv[2]!), size: 1, ...options }).pipe(
      Scope.provide(Scope.makeUnsafe())
    )
  )
const pool = await make({})
const captured = await make({ output: (line) => Effect.sync(() => console.log(`a thread: ${line}`)) })
await Effect.runPromise(captured.run.log(1))
Effect.runFork(Effect.tap(pool.run.later("the call has ended"), (text) => Effect.sync(() => console.log(text))))
process.on("exit", (code) => console.log(`exit ${code}`))
console.log("the program has ended")
