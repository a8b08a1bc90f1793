import { runWith } from "../commandLine.js"
import { codeOf, runVersions } from "../untilSignal.js"
import type { Ended } from "./fanOut.js"
import { help, type Options, parseOptions } from "./options.js"
import { runVersion } from "./outcome.js"
import { tables } from "./table.js"
import { formatCount, say } from "./text.js"

/** Runs the program with these arguments, and sets the exit code. */
export const main = (args: ReadonlyArray<string>): Promise<void> =>
  runWith(args, { help, parse: parseOptions, run: compare, say })

/** Runs the versions one after the other, and answers the exit code. */
const compare = async (options: Options): Promise<number> => {
  const { outcomes, signal } = await runVersions(
    options.versions,
    (version, stop) => runVersion(version, options, stop),
    ({ ended }, stopped) => `${stopped ? "stopped: " : ""}${summarize(ended, options)}`,
    say
  )
  process.stdout.write(tables(outcomes, options))
  if (signal !== undefined) return codeOf(signal)
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
