import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** Logs an error in a later turn: for code that is called within a step of the books, where no fiber may run. */
export const logLater = (context: Context.Context<never>, message: string, error: unknown): void => {
  Effect.runForkWith(context)(Effect.andThen(Effect.yieldNow, Effect.logError(message, error)))
}
