import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import { constants } from "node:os"
import { join } from "node:path"
import { onSignal } from "../onSignal.js"
import { generate } from "./generate.js"
import { load } from "./load.js"
import { help, type Options, parseOptions } from "./options.js"
import { loading, making, showing, speed } from "./progress.js"
import { Tally } from "./tally.js"
import { formatCount, formatMegabytes, say } from "./text.js"

/** Runs the program with these arguments, and sets the exit code. */
export const main = async (args: ReadonlyArray<string>): Promise<void> => {
  const options = parseOptions(args)
  if (Result.isFailure(options)) {
    say(`${options.failure} (see --help)`)
    process.exitCode = 1
  } else if (options.success === "help") {
    process.stdout.write(help)
  } else {
    process.exitCode = await run(options.success)
  }
}

const run = async (options: Options): Promise<number> => {
  const signal = onSignal(say)
  const stop = Deferred.await(signal.given)
  const exit = await Effect.runPromiseExit(Effect.gen(function*() {
    const made = new Tally()
    const make = generate(options, (bytes) => void (made.made += bytes))
    yield* Effect.scoped(Effect.andThen(showing(making(made, options.size)), Effect.raceFirst(make, stop)))
    const tally = new Tally()
    if (signal.name === undefined) {
      yield* Effect.scoped(Effect.andThen(showing(loading(tally)), load(options.directory, tally, stop)))
    }
    return tally
  }))
  signal.release()
  if (Exit.isFailure(exit)) {
    say(Cause.prettyErrors(exit.cause).map(({ message }) => message).join("; "))
    return 1
  }
  process.stdout.write(`${summarize(exit.value)}\n${join(options.directory, "orders.db")}\n`)
  // It may have come when everything was read already.
  const stopped = signal.name !== undefined && (exit.value.total === 0 || exit.value.bytes < exit.value.total)
  return stopped && signal.name !== undefined ? 128 + constants.signals[signal.name] : 0
}

const summarize = (tally: Tally): string => {
  const { bytes, orders, rejects, resumed, total } = tally
  const went = resumed > 0 ? `went on at ${formatMegabytes(resumed)}: ` : ""
  const memory = formatMegabytes(process.resourceUsage().maxRSS * 1024)
  const what = `${formatCount(orders)} orders and ${formatCount(rejects)} rejects`
  const upTo = `${formatMegabytes(bytes)} of ${formatMegabytes(total)}`
  return `${went}${what}, ${upTo}, ${speed(tally)}, ${tally.seconds.toFixed(1)} s, peak memory ${memory}`
}
