import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { checkMillis } from "../args.js"
import type { PoolClosed, QueueFull } from "./errors.js"
import { makePool } from "./make.js"
import type { JobHandle, RunError, ShutdownReport, Stats, WorkerPool } from "./model.js"
import type { Deadlines, Options } from "./options.js"

/**
 * The options of a pool in a layer, in addition to those of `make`: how it ends.
 *
 * @category models
 * @since 0.1.0
 */
export interface EndOptions<in Job, out RD> {
  /**
   * How long the layer's close lets accepted jobs run on before it interrupts them. By default not at all: jobs that
   * run are interrupted, the others are returned.
   */
  readonly drain?: Duration.Input | undefined
  /** Receives the report of the end, before the layer's close goes on: to store the jobs that were returned, say. */
  readonly onShutdown?: ((report: ShutdownReport<Job>) => Effect.Effect<unknown, never, RD>) | undefined
}

/**
 * A class that is the key of a pool, has its layer, and its operations as effects that require the class.
 *
 * **Details**
 *
 * - `layer`: makes the pool as it is built, and ends it as it closes, as `drain` and `onShutdown` say.
 * - `run`, `tryRun`, `submit`, `trySubmit`, `idle` and `stats`: as the functions of the module, of the pool in context.
 *
 * The class itself is an effect of the pool, for all other operations.
 *
 * @category models
 * @since 0.1.0
 */
export interface PoolService<
  in out Self,
  in out Id extends string,
  in out Job,
  in out A,
  in out E,
  in out W,
  out EW,
  out R
> extends Context.ServiceClass<Self, Id, WorkerPool<Job, A, E, W>> {
  readonly layer: Layer.Layer<Self, EW, R>
  readonly run: (job: Job) => Effect.Effect<A, E | RunError, Self>
  readonly tryRun: (job: Job) => Effect.Effect<A, E | RunError | QueueFull, Self>
  readonly submit: (job: Job) => Effect.Effect<JobHandle<A, E>, PoolClosed, Self>
  readonly trySubmit: (job: Job) => Effect.Effect<JobHandle<A, E>, PoolClosed | QueueFull, Self>
  readonly idle: Effect.Effect<void, never, Self>
  readonly stats: Effect.Effect<Stats, never, Self>
}

interface Ending<Job> {
  readonly shutdown: (deadline: Duration.Duration) => Effect.Effect<ShutdownReport<Job>>
  readonly shutdownNow: Effect.Effect<ShutdownReport<Job>>
}

/**
 * Checks the options, and returns how a pool gets its end: to be called once the pool is made. Its finalizer runs before
 * the pool's own, which was added earlier. `where` is the function that was called.
 */
export const ending = <Job, RD>(where: string, { drain = 0, onShutdown }: EndOptions<Job, RD>) => {
  const deadline = checkMillis(where, "drain", drain, "a duration that is not negative", (n) => n >= 0)
  return (pool: Ending<Job>): Effect.Effect<void, never, RD | Scope.Scope> => {
    if (deadline === 0 && onShutdown === undefined) return Effect.void
    const end = deadline === 0 ? pool.shutdownNow : pool.shutdown(Duration.millis(deadline))
    return Effect.addFinalizer(() =>
      Effect.flatMap(end, (report): Effect.Effect<unknown, never, RD> => onShutdown?.(report) ?? Effect.void)
    )
  }
}

/** Makes a pool that ends with the scope as the options say. `where` is the function that was called. */
export const makeEnding = <Job, A, E, R, W, EW, RW, RC, RD, Key, D extends Deadlines | undefined>(
  where: string,
  { drain, onShutdown, ...options }: Options<Job, A, E, R, W, EW, RW, RC, Key, D> & EndOptions<Job, RD>
): Effect.Effect<WorkerPool<Job, A, E, W>, EW, R | RW | RC | RD | Scope.Scope> =>
  Effect.suspend(() => {
    const ends = ending(where, { drain, onShutdown })
    const made = makePool(options as Options<Job, A, E, R, W, EW, RW, RC, Key, D>, undefined)
    return Effect.tap(made, ends)
  })
