import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import { constants } from "node:os"
import { onSignal } from "../onSignal.js"
import type { Ended } from "./fanOut.js"
import { help, type Options, parseOptions } from "./options.js"
import { type Outcome, runVersion } from "./outcome.js"
import { tables } from "./table.js"
import { formatCount, say } from "./text.js"

/** Runs the program with these arguments, and sets the exit code. */
export const main = async (args: ReadonlyArray<string>): Promise<void> => {
  const options = parseOptions(args)
  if (Result.isFailure(options)) {
    say(`${options.failure} (see --help)`)
    process.exitCode = 1
  } else if (options.success === "help") {
    process.stdout.write(help)
  } else {
    process.exitCode = await compare(options.success)
  }
}

/** Runs the versions one after the other, and answers the exit code. */
const compare = async (options: Options): Promise<number> => {
  const signal = onSignal(say)
  const outcomes: Array<Outcome> = []
  for (const version of options.versions) {
    const exit = await Effect.runPromiseExit(runVersion(version, options, Deferred.await(signal.given)))
    if (Exit.isFailure(exit)) {
      say(`${version}: ${Cause.prettyErrors(exit.cause).map(({ message }) => message).join("; ")}`)
      break
    }
    outcomes.push(exit.value)
    say(`${version}: ${signal.name === undefined ? "" : "stopped: "}${summarize(exit.value.ended, options)}`)
    if (signal.name !== undefined) break
  }
  signal.release()
  process.stdout.write(tables(outcomes, options))
  if (signal.name !== undefined) return 128 + constants.signals[signal.name]
  const well = outcomes.length === options.versions.length &&
    outcomes.every(({ rows: { quick } }) => quick.delivered === quick.subscribers * options.events)
  return well ? 0 : 1
}

const summarize = (ended: Ended, { events, subscribers }: Options): string => {
  const { aborted, deadLetters, delivered, full, left, returned } = ended
  const parts = [
    `${formatCount(delivered)} of ${formatCount(subscribers * events)} delivered`,
    `${formatCount(deadLetters)} dead letters`
  ]
  if (full > 0) parts.push(`${formatCount(full)} without room`)
  if (aborted + returned + left > 0) {
    parts.push(`${formatCount(aborted)} aborted`, `${formatCount(returned)} returned`, `${formatCount(left)} left`)
  }
  return parts.join(", ")
}
