import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { progressBar } from "../progressBar.js"
import type { Version } from "./options.js"
import { formatCount, say } from "./text.js"

export interface Progress {
  /** How many deliveries have come to an end. */
  readonly settled: number
  readonly running: number
  readonly queued: number
  /** To be sent again. */
  readonly retrying: number
}

/** Shows on standard error how it gets on, for as long as the scope lives. */
export const showing = (
  version: Version,
  total: number,
  look: () => Progress
): Effect.Effect<void, never, Scope.Scope> =>
  process.stderr.isTTY ? bar(version, total, look) : lines(version, total, look)

const bar = (version: Version, total: number, look: () => Progress) => {
  const bar = progressBar({
    format: `${version} {bar} {percentage}% | {what}`,
    barsize: 16
  })
  const update = () => {
    const progress = look()
    bar.update(progress.settled, { what: describe(progress, total) })
  }
  return ticking(100, () => bar.start(total, 0, { what: "" }), update, () => {
    update()
    bar.stop()
  })
}

/** A line every second, for a log. */
const lines = (version: Version, total: number, look: () => Progress) =>
  ticking(1000, () => {}, () => say(`${version}: ${describe(look(), total)}`), () => {})

const ticking = (millis: number, start: () => void, tick: () => void, stop: () => void) =>
  Effect.asVoid(Effect.acquireRelease(
    Effect.sync(() => {
      start()
      return setInterval(tick, millis)
    }),
    (timer) =>
      Effect.sync(() => {
        clearInterval(timer)
        stop()
      })
  ))

const describe = ({ queued, retrying, running, settled }: Progress, total: number): string =>
  `${formatCount(settled)} of ${formatCount(total)}, ${formatCount(running)} being sent, ` +
  `${formatCount(queued)} waiting, ${formatCount(retrying)} to be sent again`
