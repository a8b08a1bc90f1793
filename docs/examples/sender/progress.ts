import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { progressBar } from "../progressBar.js"
import type { Progress, Version } from "./protocol.js"
import { formatCount, formatMemory, say } from "./text.js"

/** Shows on standard error how the sending gets on, for as long as the scope lives. */
export const showing = (
  version: Version,
  users: number
): Effect.Effect<(progress: Progress) => void, never, Scope.Scope> =>
  process.stderr.isTTY ? bar(version, users) : Effect.sync(() => lines(version, users))

const bar = (version: Version, users: number) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const bar = progressBar({
          format: `${version.padEnd(6)} {bar} {percentage}% | {what}`,
          barsize: 16
        })
        bar.start(users, 0, { what: "" })
        return bar
      }),
      (bar) => Effect.sync(() => bar.stop())
    ),
    (bar) => (progress: Progress) => bar.update(progress.sent, { what: describe(progress, users) })
  )

/** A line every second, for a log. A short run says nothing. */
const lines = (version: Version, users: number) => {
  let next = performance.now() + 1000
  return (progress: Progress) => {
    if (performance.now() < next) return
    next += 1000
    say(`${version}: ${describe(progress, users)}`)
  }
}

const describe = ({ heap, queued, running, sent }: Progress, users: number): string => {
  const load = running + queued === 0 ? "" : `, ${formatCount(running)} being sent, ${formatCount(queued)} waiting`
  return `${formatCount(sent)} of ${formatCount(users)} sent, heap ${formatMemory(heap)}${load}`
}
