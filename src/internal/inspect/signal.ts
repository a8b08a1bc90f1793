import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

interface Process {
  on(event: string, listener: () => void): void
  off(event: string, listener: () => void): void
  readonly stderr: { write(text: string): void }
}

/** Writes `text` to the standard error at each signal, until the scope closes. A platform without signals has none. */
export const onSignal = (signal: string, text: () => string): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const { process } = globalThis as { readonly process?: Process }
      const listener = () => process?.stderr.write(`${text()}\n`)
      process?.on(signal, listener)
      return () => process?.off(signal, listener)
    }),
    (remove) => Effect.sync(remove)
  )
