import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { constants } from "node:os"
import { onSignal } from "./onSignal.js"

type Signal = "SIGINT" | "SIGTERM" | undefined
type Say = (text: string) => void

/** Runs a program, which is told when it is to end in good order. Tells why it failed, if it did. */
export const untilSignal = async <A, E>(
  program: (stop: Effect.Effect<void>, isStopped: () => boolean) => Effect.Effect<A, E>,
  say: Say
): Promise<{ readonly exit: Exit.Exit<A, E>; readonly signal: Signal }> => {
  const signal = onSignal(say)
  const exit = await Effect.runPromiseExit(program(Deferred.await(signal.given), () => signal.name !== undefined))
  signal.release()
  if (Exit.isFailure(exit)) say(reasonsOf(exit.cause))
  return { exit, signal: signal.name }
}

/** Runs the versions one after the other, until one fails or is stopped, and tells how each has gone. */
export const runVersions = async <Version extends string, Outcome, E>(
  versions: ReadonlyArray<Version>,
  run: (version: Version, stop: Effect.Effect<void>) => Effect.Effect<Outcome, E>,
  summarize: (outcome: Outcome, stopped: boolean) => string,
  say: Say
): Promise<{ readonly outcomes: ReadonlyArray<Outcome>; readonly signal: Signal }> => {
  const signal = onSignal(say)
  const outcomes: Array<Outcome> = []
  for (const version of versions) {
    const exit = await Effect.runPromiseExit(run(version, Deferred.await(signal.given)))
    if (Exit.isFailure(exit)) {
      say(`${version}: ${reasonsOf(exit.cause)}`)
      break
    }
    outcomes.push(exit.value)
    say(`${version}: ${summarize(exit.value, signal.name !== undefined)}`)
    if (signal.name !== undefined) break
  }
  signal.release()
  return { outcomes, signal: signal.name }
}

/** As a shell has it for a program that a signal ended. */
export const codeOf = (signal: "SIGINT" | "SIGTERM"): number => 128 + constants.signals[signal]

const reasonsOf = (cause: Cause.Cause<unknown>): string =>
  Cause.prettyErrors(cause).map(({ message }) => message).join("; ")
