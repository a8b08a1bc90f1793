import * as Result from "effect/Result"

interface Program<Options> {
  readonly help: string
  readonly parse: (args: ReadonlyArray<string>) => Result.Result<Options | "help", string>
  /** Answers the exit code. */
  readonly run: (options: Options) => Promise<number>
  readonly say: (text: string) => void
}

/** Runs a program with these arguments, and sets the exit code. */
export const runWith = async <Options extends object>(
  args: ReadonlyArray<string>,
  { help, parse, run, say }: Program<Options>
): Promise<void> => {
  const options = parse(args)
  if (Result.isFailure(options)) {
    say(`${options.failure} (see --help)`)
    process.exitCode = 1
  } else if (options.success === "help") {
    process.stdout.write(help)
  } else {
    process.exitCode = await run(options.success)
  }
}

/** What is thrown meanwhile, by `parseArgs` or by the functions below, is what is wrong with the command line. */
export const reading = <Options>(read: () => Result.Result<Options, string>): Result.Result<Options, string> => {
  try {
    return read()
  } catch (error) {
    // Of its messages, the first sentence says what is wrong.
    return Result.fail(error instanceof Error ? error.message.replace(/\. .*/s, "") : String(error))
  }
}

/** What a timer can count. */
export const mostMillis = 2 ** 31 - 1

export const integer = (name: string, text: string, least: number, most: number): number => {
  const value = /^\d+$/.test(text) ? Number(text) : NaN
  if (value >= least && value <= most) return value
  throw bad(name, `an integer from ${least} to ${most}`, text)
}

/** Digits, with a point among them or not; NaN for anything else. */
export const decimal = (text: string): number => /^\d*\.?\d+$/.test(text) ? Number(text) : NaN

export const probability = (name: string, text: string): number => {
  const value = decimal(text)
  if (value >= 0 && value <= 1) return value
  throw bad(name, "a number from 0 to 1", text)
}

export const bad = (name: string, requirement: string, text: string): Error =>
  new Error(`--${name} must be ${requirement}, got ${JSON.stringify(text)}`)
