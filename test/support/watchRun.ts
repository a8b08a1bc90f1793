import { Effect, type Scope } from "effect"
import { startWatch } from "../../src/internal/inspect/look.js"
import type { Registry } from "../../src/internal/inspect/Registry.js"

let last: () => void = () => {}

/**
 * Watches for one run of a scenario. The kit drops a run that fails, with its finalizers: so the watch of the last run
 * ends here at the latest. A second watcher shares the registry of the first, which would know all resources of all
 * runs since.
 */
export const watchRun: Effect.Effect<Registry, never, Scope.Scope> = Effect.suspend(() => {
  last()
  const { registry, stop } = startWatch(() => 0, false)
  let isOver = false
  const end = () => {
    if (!isOver) stop()
    isOver = true
  }
  last = end
  return Effect.as(Effect.addFinalizer(() => Effect.sync(end)), registry)
})
