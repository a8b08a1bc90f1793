/** Children whose ends a test decides. */
import { Deferred, Effect, Exit } from "effect"
import { isInterrupted } from "./effect.js"

/** A child that runs until the test ends it, and notes that it began and how it ended. */
export const child = Effect.gen(function*() {
  const gate = yield* Deferred.make<void, string>()
  const log: Array<string> = []
  const effect = Effect.onExit(
    Effect.andThen(Effect.sync(() => log.push("began")), Deferred.await(gate)),
    (exit) =>
      Effect.sync(() => log.push(Exit.isSuccess(exit) ? "succeeded" : isInterrupted(exit) ? "interrupted" : "failed"))
  )
  return { effect, log, succeed: Deferred.succeed(gate, void 0), fail: (error: string) => Deferred.fail(gate, error) }
})
