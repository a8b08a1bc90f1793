import * as Exit from "effect/Exit"
import { runWith } from "../commandLine.js"
import { codeOf, untilSignal } from "../untilSignal.js"
import { demo } from "./demo.js"
import { help, type Options, parseOptions } from "./options.js"
import { standing } from "./standing.js"
import { say } from "./text.js"

/** Runs the program with these arguments, and sets the exit code. */
export const main = (args: ReadonlyArray<string>): Promise<void> =>
  runWith(args, { help, parse: parseOptions, run, say })

const run = async (options: Options): Promise<number> => {
  const { exit, signal } = await untilSignal((stop) => (options.serve ? standing : demo)(options, stop), say)
  if (signal !== undefined) return codeOf(signal)
  return Exit.isSuccess(exit) ? 0 : 1
}
