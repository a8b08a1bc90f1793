import cliProgress from "cli-progress"

/** A bar on standard error, ten times a second, for a program that sees to Ctrl-C itself. */
export const progressBar = (options: {
  readonly format: NonNullable<cliProgress.Options["format"]>
  readonly barsize: number
  readonly clearOnComplete?: boolean
}): cliProgress.SingleBar =>
  new cliProgress.SingleBar({
    ...options,
    stream: process.stderr,
    fps: 10,
    // Cut what is too long, and leave the terminal as it is: a kill could not set its modes back.
    linewrap: true,
    // Ctrl-C is the program's.
    gracefulExit: false
  }, cliProgress.Presets.shades_classic)
