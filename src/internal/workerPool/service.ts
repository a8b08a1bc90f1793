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
 * A class that is the key of a pool, with its layer, and with operations as effects that require the class.
 *
 * **Details**
 *
 * The class itself is an effect that returns the pool, for all other operations.
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
  /**
   * The layer that makes the pool, and ends it when the layer closes, as `drain` and `onShutdown` say. Each build makes
   * one of its own. The build suspends until the workers hold their resources, and fails as `make` does.
   */
  readonly layer: Layer.Layer<Self, EW, R>
  /** Gives the pool in context a job, and returns its result. */
  readonly run: {
    /**
     * Gives the pool in context a job, and returns its result. Suspends until the job has ended, and first for room
     * while the queue is full. Fails as the job fails, or with `PoolClosed`, `JobLost` or `PoolFailed`. An interrupt
     * cancels the job.
     */
    (job: Job): Effect.Effect<A, E | RunError, Self>
  }
  /**
   * Gives the pool in context a job, and returns its result, but fails with `QueueFull` if the job would have to wait
   * for room.
   */
  readonly tryRun: {
    /**
     * Gives the pool in context a job, and returns its result, but fails with `QueueFull` if the job would have to wait
     * for room. Suspends until the job has ended. Fails as the job fails, or with `PoolClosed`, `JobLost` or
     * `PoolFailed`. An interrupt cancels the job.
     */
    (job: Job): Effect.Effect<A, E | RunError | QueueFull, Self>
  }
  /** Gives the pool in context a job, and returns a handle on it once the job is accepted. */
  readonly submit: {
    /**
     * Gives the pool in context a job, and returns a handle on it once the job is accepted. Suspends while the queue is
     * full. Fails with `PoolClosed` if the pool no longer accepts jobs. An interrupt while it suspends cancels the job.
     */
    (job: Job): Effect.Effect<JobHandle<A, E>, PoolClosed, Self>
  }
  /** Gives the pool in context a job, and returns a handle on it. */
  readonly trySubmit: {
    /**
     * Gives the pool in context a job, and returns a handle on it. Never suspends. Fails with `QueueFull` if the job
     * would have to wait for room, and with `PoolClosed` if the pool no longer accepts jobs.
     */
    (job: Job): Effect.Effect<JobHandle<A, E>, PoolClosed | QueueFull, Self>
  }
  /** Suspends until no job of the pool in context waits or runs. Never fails. It does not end the pool. */
  readonly idle: Effect.Effect<void, never, Self>
  /** Returns what the pool in context is doing now, a snapshot. Never suspends, never fails. */
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
