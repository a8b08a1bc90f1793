import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { invalid } from "../args.js"

interface Process {
  readonly platform?: string
  readonly getBuiltinModule?: (
    name: "node:os"
  ) => { readonly constants: { readonly signals: Readonly<Record<string, number>> } } | undefined
  on(event: string, listener: () => void): void
  off(event: string, listener: () => void): void
  readonly stderr: { write(text: string): void }
}

/**
 * Whether a signal can be handled: SIGKILL and SIGSTOP cannot. Undefined where the platform does not tell. Windows has
 * few signals, and ignores the others.
 */
const known = (signal: unknown): boolean | undefined => {
  const { process } = globalThis as { readonly process?: Process }
  if (process?.platform === "win32") return undefined
  const signals = process?.getBuiltinModule?.("node:os")?.constants.signals
  return signals && Object.hasOwn(signals, signal as string) && signal !== "SIGKILL" && signal !== "SIGSTOP"
}

/** Writes `text` to the standard error at each signal, until the scope closes. A platform without signals has none. */
export const onSignal = (signal: string, text: () => string): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      if (known(signal) === false) throw invalid("Inspect.layer", "signal", "a signal such as \"SIGUSR2\"", signal)
      const { process } = globalThis as { readonly process?: Process }
      const listener = () => process?.stderr.write(`${text()}\n`)
      process?.on(signal, listener)
      return () => process?.off(signal, listener)
    }),
    (remove) => Effect.sync(remove)
  )
