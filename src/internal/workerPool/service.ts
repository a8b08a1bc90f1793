import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { ending, type EndOptions } from "./ending.js"
import type { PoolClosed, QueueFull } from "./errors.js"
import { makePool } from "./make.js"
import type { JobHandle, RunError, Stats, WorkerPool } from "./model.js"
import type { Deadlines, Options } from "./options.js"

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
