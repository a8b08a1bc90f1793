import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import { constants } from "node:os"
import { Unreadable } from "./file.js"
import { say } from "./messages.js"
import { help, parseOptions } from "./options.js"
import { OutputFailed } from "./output.js"
import { program } from "./program.js"
import { soFar } from "./progress.js"
import { Tally } from "./tally.js"

/** Runs the program with these arguments, and sets the exit code. */
export const main = async (args: ReadonlyArray<string>): Promise<void> => {
  const options = parseOptions(args)
  if (Result.isFailure(options)) {
    say(`${options.failure} (see --help)`)
    process.exitCode = 2
    return
  }
  if (options.success.command === "help") {
    process.stdout.write(help)
    return
  }
  // When nobody reads the messages either, there is nobody to tell.
  process.stderr.on("error", () => {})
  const tally = new Tally()
  const { exit, signal } = await untilSignal(program(options.success, tally))
  if (Exit.isSuccess(exit)) {
    process.exitCode = exit.value
  } else if (signal !== undefined && Cause.hasInterruptsOnly(exit.cause)) {
    say(`interrupted after ${soFar(tally)}`)
    // Not when everything is written, but now: the reader of our output may never read on.
    process.exit(128 + constants.signals[signal])
  } else {
    process.exitCode = failed(exit.cause)
  }
}

/** Runs an effect, and interrupts it on Ctrl-C. A second Ctrl-C meets no handler, and kills the process. */
const untilSignal = async <A, E>(
  effect: Effect.Effect<A, E>
): Promise<{ readonly exit: Exit.Exit<A, E>; readonly signal: "SIGINT" | "SIGTERM" | undefined }> => {
  const controller = new AbortController()
  let signal: "SIGINT" | "SIGTERM" | undefined = undefined
  const onSignal = (name: "SIGINT" | "SIGTERM") => {
    signal = name
    release()
    controller.abort()
  }
  const release = () => {
    process.off("SIGINT", onSignal)
    process.off("SIGTERM", onSignal)
  }
  process.on("SIGINT", onSignal)
  process.on("SIGTERM", onSignal)
  const exit = await Effect.runPromiseExit(effect, { signal: controller.signal })
  release()
  return { exit, signal }
}

const failed = (cause: Cause.Cause<Unreadable | OutputFailed>): number => {
  const error = Cause.squash(cause)
  // As the shell reports a program that SIGPIPE ended, such as md5sum in `md5sum * | head`.
  if (error instanceof OutputFailed && error.isBrokenPipe) return 128 + constants.signals.SIGPIPE
  const expected = error instanceof Unreadable || error instanceof OutputFailed
  say(expected ? error.message : Cause.pretty(cause))
  return 1
}
