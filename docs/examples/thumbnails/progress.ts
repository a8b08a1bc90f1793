import cliProgress from "cli-progress"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** A bar on standard error for as long as the scope lives, if that is a terminal. Answers what moves it by one. */
export const showing = (total: number): Effect.Effect<() => void, never, Scope.Scope> =>
  process.stderr.isTTY ? Effect.map(bar(total), (bar) => () => bar.increment()) : Effect.succeed(() => {})

const bar = (total: number) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const bar = new cliProgress.SingleBar({
        format: "{bar} {percentage}% | {value} of {total} images",
        stream: process.stderr,
        fps: 10,
        barsize: 24,
        // Cut what is too long, and leave the terminal as it is: a kill could not set its modes back.
        linewrap: true,
        // Ctrl-C is the program's.
        gracefulExit: false
      }, cliProgress.Presets.shades_classic)
      bar.start(total, 0)
      return bar
    }),
    (bar) => Effect.sync(() => bar.stop())
  )
