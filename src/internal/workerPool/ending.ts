import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { checkMillis } from "../args.js"
import type { ShutdownReport } from "./model.js"

/**
 * The options of a pool in a layer, in addition to the options of `make`: how the pool ends.
 *
 * @category models
 * @since 0.1.0
 */
export interface EndOptions<in Job, out RD> {
  /**
   * How long the layer's close lets accepted jobs run before it interrupts them: a duration >= 0. Default: 0, so that
   * running jobs are interrupted, and the others are returned. Anything else is a defect of the build.
   */
  readonly drain?: Duration.Input | undefined
  /**
   * Is run with the report of the pool's end, and the layer's close waits for it: to store the jobs that were returned,
   * for example. Default: none.
   */
  readonly onShutdown?: ((report: ShutdownReport<Job>) => Effect.Effect<unknown, never, RD>) | undefined
}

interface Ending<Job> {
  readonly shutdown: (deadline: Duration.Duration) => Effect.Effect<ShutdownReport<Job>>
  readonly shutdownWith: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<ShutdownReport<Job>>
}

/**
 * Checks the options, and returns how a pool gets its end: to be called once the pool is made. The finalizer that it
 * adds runs before the pool's own, which was added earlier. `where` is the function that was called.
 */
export const ending = <Job, RD>(where: string, { drain = 0, onShutdown }: EndOptions<Job, RD>) => {
  const deadline = checkMillis(where, "drain", drain, "a duration that is not negative", (n) => n >= 0)
  return (pool: Ending<Job>): Effect.Effect<void, never, RD | Scope.Scope> => {
    if (deadline === 0 && onShutdown === undefined) return Effect.void
    const end = (exit: Exit.Exit<unknown, unknown>) =>
      deadline === 0 ? pool.shutdownWith(exit) : pool.shutdown(Duration.millis(deadline))
    return Effect.addFinalizer((exit) =>
      Effect.flatMap(end(exit), (report): Effect.Effect<unknown, never, RD> => onShutdown?.(report) ?? Effect.void)
    )
  }
}
