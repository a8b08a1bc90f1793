import { runWith } from "../commandLine.js"
import { codeOf, runVersions } from "../untilSignal.js"
import { help, type Options, parseOptions } from "./options.js"
import { type Outcome, runVersion } from "./outcome.js"
import { table } from "./table.js"
import { formatCount, say } from "./text.js"

/** Runs the program with these arguments, and sets the exit code. */
export const main = (args: ReadonlyArray<string>): Promise<void> =>
  runWith(args, { help, parse: parseOptions, run: compare, say })

/** Runs the versions one after the other, and answers the exit code. */
const compare = async (options: Options): Promise<number> => {
  const { outcomes, signal } = await runVersions(
    options.versions,
    (version, stop) => runVersion(version, options, stop),
    (outcome, stopped) => summarize(outcome, options, stopped),
    say
  )
  if (signal !== undefined) return codeOf(signal)
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
