import cliProgress from "cli-progress"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { progressBar } from "../progressBar.js"
import type { Tally } from "./tally.js"
import { formatCount, formatMegabytes, say } from "./text.js"

/** Shows on standard error how it gets on, for as long as the scope lives. */
export const showing = (describe: () => Progress): Effect.Effect<void, never, Scope.Scope> =>
  process.stderr.isTTY ? bar(describe) : lines(describe)

export interface Progress {
  readonly fraction: number
  readonly what: string
}

const bar = (describe: () => Progress) =>
  Effect.asVoid(Effect.acquireRelease(
    Effect.sync(() => {
      const bar = progressBar({
        format: (options) => {
          const { fraction, what } = describe()
          const percent = Math.floor(fraction * 100).toString().padStart(3)
          return `${cliProgress.Format.BarFormat(fraction, options)} ${percent}% | ${what}`
        },
        barsize: 24
      })
      bar.start(1, 0)
      return bar
    }),
    (bar) => Effect.sync(() => bar.stop())
  ))

/** A line every second, for a log. A short run says nothing. */
const lines = (describe: () => Progress) =>
  Effect.asVoid(Effect.acquireRelease(
    Effect.sync(() => setInterval(() => say(describe().what), 1000)),
    (timer) => Effect.sync(() => clearInterval(timer))
  ))

export const making = (tally: Tally, size: number) => (): Progress => ({
  fraction: Math.min(1, tally.made / size),
  what: `making files: ${formatMegabytes(tally.made)} of ${formatMegabytes(size)}`
})

export const loading = (tally: Tally) => (): Progress => ({
  fraction: tally.bytes / Math.max(1, tally.total),
  what: `${formatMegabytes(tally.bytes)} of ${formatMegabytes(tally.total)}, ${speed(tally)}`
})

/** "12,345 rows, 67,890 a second" */
export const speed = ({ rows, seconds }: Tally): string =>
  `${formatCount(rows)} rows, ${formatCount(Math.round(rows / Math.max(seconds, 0.001)))} a second`
