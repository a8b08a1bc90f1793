import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { join } from "node:path"
import { runWith } from "../commandLine.js"
import { codeOf, untilSignal } from "../untilSignal.js"
import { generate } from "./generate.js"
import { load } from "./load.js"
import { help, type Options, parseOptions } from "./options.js"
import { loading, making, showing, speed } from "./progress.js"
import { Tally } from "./tally.js"
import { formatCount, formatMegabytes, say } from "./text.js"

/** Runs the program with these arguments, and sets the exit code. */
export const main = (args: ReadonlyArray<string>): Promise<void> =>
  runWith(args, { help, parse: parseOptions, run, say })

const run = async (options: Options): Promise<number> => {
  const { exit, signal } = await untilSignal((stop, isStopped) =>
    Effect.gen(function*() {
      const made = new Tally()
      const make = generate(options, (bytes) => void (made.made += bytes))
      yield* Effect.scoped(Effect.andThen(showing(making(made, options.size)), Effect.raceFirst(make, stop)))
      const tally = new Tally()
      if (!isStopped()) {
        yield* Effect.scoped(Effect.andThen(showing(loading(tally)), load(options.directory, tally, stop)))
      }
      return tally
    }), say)
  if (Exit.isFailure(exit)) return 1
  process.stdout.write(`${summarize(exit.value)}\n${join(options.directory, "orders.db")}\n`)
  // It may have come when everything was read already.
  const isComplete = exit.value.total > 0 && exit.value.bytes >= exit.value.total
  return signal === undefined || isComplete ? 0 : codeOf(signal)
}

const summarize = (tally: Tally): string => {
  const { bytes, orders, rejects, resumed, total } = tally
  const went = resumed > 0 ? `went on at ${formatMegabytes(resumed)}: ` : ""
  const memory = formatMegabytes(process.resourceUsage().maxRSS * 1024)
  const what = `${formatCount(orders)} orders and ${formatCount(rejects)} rejects`
  const upTo = `${formatMegabytes(bytes)} of ${formatMegabytes(total)}`
  return `${went}${what}, ${upTo}, ${speed(tally)}, ${tally.seconds.toFixed(1)} s, peak memory ${memory}`
}
