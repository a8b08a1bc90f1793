import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { runWith } from "../commandLine.js"
import { codeOf, untilSignal } from "../untilSignal.js"
import { batch } from "./batch.js"
import { demo } from "./demo.js"
import { help, type Options, parseOptions } from "./options.js"
import { say } from "./text.js"

/** Runs the program with these arguments, and sets the exit code. */
export const main = (args: ReadonlyArray<string>): Promise<void> =>
  runWith(args, { help, parse: parseOptions, run, say })

const run = async (options: Options): Promise<number> => {
  const { folder, out } = options
  const { exit, signal } = await untilSignal(
    (stop) =>
      Effect.scoped(
        folder === undefined || out === undefined ? demo(options, stop) : batch({ ...options, folder, out }, stop)
      ),
    say
  )
  if (signal !== undefined) return codeOf(signal)
  return Exit.isSuccess(exit) ? exit.value : 1
}
