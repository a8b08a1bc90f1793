/**
 * The frame of the examples: command line, Ctrl-C, exit code, progress bar. Nothing here is about sluice. A program
 * that has `@effect/platform-node` uses its `NodeRuntime.runMain` and `effect/cli` instead.
 */
import cliProgress from "cli-progress"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import { fork } from "node:child_process"
import { realpathSync } from "node:fs"
import { constants } from "node:os"
import { parse } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs, type ParseArgsConfig } from "node:util"

/** A failure whose message is all that the user needs to read. */
export class Failed extends Data.TaggedError("Failed")<{ readonly message: string }> {}

/** Writes a message of the program to standard error. */
export const say = (message: string): void => console.error(`${parse(process.argv[1]!).name}: ${message}`)

/** Ends the process with exit code 2: the command line is wrong. */
export const refuse = (message: string): never => {
  say(`${message} (see --help)`)
  return process.exit(2)
}

/** Parses the command line. `--help` prints the usage and ends the process; a mistake ends it with exit code 2. */
export const commandLine = <const Config extends Omit<ParseArgsConfig, "args">>(
  usage: string,
  config: Config,
  args: ReadonlyArray<string> = process.argv.slice(2)
) => {
  if (args.includes("--help")) {
    process.stdout.write(usage)
    return process.exit(0)
  }
  try {
    return parseArgs({ ...config, args: [...args] })
  } catch (error) {
    return refuse((error as Error).message.replace(/\.\s.*/s, ""))
  }
}

/** The value of an option that is a number of things. */
export const count = (name: string, text: string): number =>
  /^[1-9]\d{0,8}$/.test(text)
    ? Number(text)
    : refuse(`--${name} must be an integer from 1, got ${JSON.stringify(text)}`)

/**
 * Runs the program if `meta` is that of the started module, and not of one that a test imports. The first Ctrl-C or
 * SIGTERM interrupts the program, so that all scopes close; a second one kills the process. A reader of standard output
 * that leaves, such as `head`, interrupts it too.
 */
export const runMain = <A, E>(meta: ImportMeta, program: Effect.Effect<A, E>): void => {
  if (realpathSync(process.argv[1]!) === fileURLToPath(meta.url)) run(program, { disableErrorReporting: true })
}

const run = Runtime.makeRunMain(({ fiber }) => {
  let received: "SIGINT" | "SIGTERM" | "SIGPIPE" | undefined = undefined
  const interrupt = (signal: "SIGINT" | "SIGTERM" | "SIGPIPE") => {
    received ??= signal
    fiber.interruptUnsafe()
  }
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt)
  process.stdout.on("error", () => interrupt("SIGPIPE"))
  fiber.addObserver((exit) => {
    if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) {
      const error = Cause.findError(exit.cause)
      say(Result.isSuccess(error) && error.success instanceof Error ? error.success.message : Cause.pretty(exit.cause))
      process.exitCode = 1
    }
    // As a shell reports a program that a signal has ended.
    if (received !== undefined) process.exit(128 + constants.signals[received])
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt)
  })
})

/** A bar on standard error, if that is a terminal, until the scope closes. Returns the function that advances it. */
export const progressBar = (label: string, total: number): Effect.Effect<(by?: number) => void, never, Scope.Scope> => {
  if (!process.stderr.isTTY) return Effect.succeed(() => {})
  const bar = new cliProgress.SingleBar({
    format: `${label} {bar} {percentage}% | {value} of {total}`,
    barsize: 24,
    stream: process.stderr,
    clearOnComplete: true,
    // A process that is killed could not set the terminal's modes back, and Ctrl-C is the program's.
    linewrap: true,
    gracefulExit: false
  }, cliProgress.Presets.shades_classic)
  return Effect.acquireRelease(
    Effect.sync(() => {
      bar.start(total, 0)
      return (by = 1) => bar.increment(by)
    }),
    () => Effect.sync(() => bar.stop())
  )
}

/** Runs the module as a process of its own, with these arguments, until `sendParent` there sends the result. */
export const inProcess = <A>(meta: ImportMeta, args: ReadonlyArray<string>): Effect.Effect<A, Failed> =>
  Effect.acquireUseRelease(
    Effect.sync(() => fork(fileURLToPath(meta.url), args)),
    (child) =>
      Effect.callback<A, Failed>((resume) => {
        child.once("message", (result) => resume(Effect.succeed(result as A)))
        child.once(
          "exit",
          () => resume(new Failed({ message: `the process ${args.join(" ")} ended without a result` }))
        )
      }),
    (child) =>
      Effect.callback<void>((resume) => {
        if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
        child.once("exit", () => resume(Effect.void)).kill()
      })
  )

export const sendParent = (result: unknown): Effect.Effect<void> =>
  Effect.callback((resume) => void process.send!(result, () => resume(Effect.void)))
