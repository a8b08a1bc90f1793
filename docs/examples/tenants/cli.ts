import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import { constants } from "node:os"
import { onSignal } from "../onSignal.js"
import { demo } from "./demo.js"
import { help, type Options, parseOptions } from "./options.js"
import { standing } from "./standing.js"
import { say } from "./text.js"

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
  const { port } = options
  const program = port === undefined ? demo(options, stop) : standing({ ...options, port }, stop)
  const exit = await Effect.runPromiseExit(program)
  signal.release()
  if (Exit.isFailure(exit)) say(Cause.prettyErrors(exit.cause).map(({ message }) => message).join("; "))
  if (signal.name !== undefined) return 128 + constants.signals[signal.name]
  return Exit.isSuccess(exit) ? 0 : 1
}
