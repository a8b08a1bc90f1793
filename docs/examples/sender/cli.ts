import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import { constants } from "node:os"
import { onSignal } from "../onSignal.js"
import { help, type Options, parseOptions } from "./options.js"
import { type Outcome, runVersion } from "./outcome.js"
import { table } from "./table.js"
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
    say(`${version}: ${summarize(exit.value, options, signal.name !== undefined)}`)
    if (signal.name !== undefined) break
  }
  signal.release()
  if (signal.name !== undefined) return 128 + constants.signals[signal.name]
  process.stdout.write(table(outcomes, options))
  const well = outcomes.length === options.versions.length &&
    outcomes.every(({ delivered, sent }) => sent === options.users && delivered === options.users)
  return well ? 0 : 1
}

const summarize = (outcome: Outcome, { users }: Options, stopped: boolean): string => {
  const { aborted, delivered, duplicates, failure, gaveUp, returned, sent } = outcome
  const parts = [`${formatCount(sent)} of ${formatCount(users)} sent`]
  if (gaveUp > 0) parts.push(`${formatCount(gaveUp)} given up`)
  if (stopped) {
    const left = users - sent - gaveUp - aborted - returned
    parts.push(`${formatCount(aborted)} aborted`, `${formatCount(returned)} returned`, `${formatCount(left)} left`)
  }
  const record = `the server has ${formatCount(delivered)}, and ${formatCount(duplicates)} came once more`
  const what = `${stopped ? "stopped: " : ""}${parts.join(", ")}; ${record}`
  return failure === undefined ? what : `${what}; ${failure}`
}
