import cliProgress from "cli-progress"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

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

/** Counts images for as long as the scope lives, if standard error is a terminal. Answers what moves the bar by one. */
export const countingImages = (total: number): Effect.Effect<() => void, never, Scope.Scope> =>
  process.stderr.isTTY ? Effect.map(counting(total), (bar) => () => bar.increment()) : Effect.succeed(() => {})

const counting = (total: number) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const bar = progressBar({ format: "{bar} {percentage}% | {value} of {total} images", barsize: 24 })
      bar.start(total, 0)
      return bar
    }),
    (bar) => Effect.sync(() => bar.stop())
  )
