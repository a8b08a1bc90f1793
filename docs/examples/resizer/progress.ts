import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { progressBar } from "../progressBar.js"

/** A bar on standard error for as long as the scope lives, if that is a terminal. Answers what moves it by one. */
export const showing = (total: number): Effect.Effect<() => void, never, Scope.Scope> =>
  process.stderr.isTTY ? Effect.map(bar(total), (bar) => () => bar.increment()) : Effect.succeed(() => {})

const bar = (total: number) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const bar = progressBar({
        format: "{bar} {percentage}% | {value} of {total} images",
        barsize: 24
      })
      bar.start(total, 0)
      return bar
    }),
    (bar) => Effect.sync(() => bar.stop())
  )
