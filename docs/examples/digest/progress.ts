import cliProgress from "cli-progress"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Group } from "sluice"
import { progressBar } from "../progressBar.js"
import { formatBytes, say } from "./messages.js"
import type { Tally } from "./tally.js"

/**
 * Shows on standard error how `use` gets on. What counts the files and what tells how far it is are children of a group
 * in the background: when `use` has ended, the scope closes, and they are interrupted.
 */
export const withProgress = <A, E>(
  tally: Tally,
  counting: Effect.Effect<void>,
  use: Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.scoped(Effect.gen(function*() {
    const background = yield* Group.make({ name: "background" })
    if (process.stderr.isTTY) {
      yield* Group.go(background, counting)
      yield* bar(tally)
    } else {
      // A short run neither tells nor counts anything.
      yield* Group.go(background, Effect.delay(counting, "1 second"))
      yield* Group.go(background, lines(tally))
    }
    return yield* use
  }))

/** A bar that lives as long as the scope. It draws itself ten times a second, whatever happens meanwhile. */
const bar = (tally: Tally): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(Effect.acquireRelease(
    Effect.sync(() => {
      const bar = progressBar({
        format: (options) => describeBar(tally, (fraction) => cliProgress.Format.BarFormat(fraction, options)),
        barsize: 24,
        clearOnComplete: true
      })
      bar.start(1, 0)
      return bar
    }),
    (bar) => Effect.sync(() => bar.stop())
  ))

const describeBar = (tally: Tally, draw: (fraction: number) => string): string => {
  const { total } = tally
  if (!total.complete) return `counting... | ${describe(tally)}`
  // By bytes, unless there are none. The tree may have changed since it was counted.
  const fraction = Math.min(1, total.bytes > 0 ? tally.bytes / total.bytes : tally.files / Math.max(1, total.files))
  const percent = Math.floor(fraction * 100).toString().padStart(3)
  return `${draw(fraction)} ${percent}% | ${describe(tally)}`
}

/** A line every second, for a log. */
const lines = (tally: Tally): Effect.Effect<void> =>
  Effect.sync(() => say(describe(tally))).pipe(
    Effect.delay("1 second"),
    Effect.forever,
    Effect.delay("1 second")
  )

const describe = (tally: Tally): string => {
  const rate = formatBytes(tally.bytes / Math.max(tally.seconds, 0.001))
  return `${soFar(tally)}, ${rate}/s`
}

/** "12 of 345 files, 6.7 MB", or "12 of 34+ files" while they are being counted. */
export const soFar = ({ bytes, files, total }: Tally): string => {
  const all = Math.max(total.files, files).toLocaleString("en")
  return `${files.toLocaleString("en")} of ${all}${total.complete ? "" : "+"} files, ${formatBytes(bytes)}`
}
