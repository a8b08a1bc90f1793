/**
 * Jobs that outlive their process. A job is stored when `submit` returns, begun by some process that serves it, and
 * begun again after a crash, until its result is recorded or its attempts are used up.
 *
 * The engine is Effect's `PersistedQueue`, in memory, in a database or in Redis. `DurablePool` runs the jobs on a
 * `WorkerPool`. The laws are D1 to D10, in `docs/durable.md`.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import type * as PersistedQueue from "effect/persistence/PersistedQueue"
import { hasProperty } from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { checkMillis, invalid } from "../internal/args.js"
import { failing, type StoreError } from "../internal/durable/errors.js"
import { awaitResult } from "../internal/durable/jobs/awaiting.js"
import type { DurableJob, Stored } from "../internal/durable/jobs/model.js"
import { queueOf } from "../internal/durable/jobs/queue.js"
import type { Results } from "../internal/durable/jobs/results.js"
import { longest } from "../internal/durable/longest.js"
import { aName, isName } from "../internal/durable/names.js"

export { StoreError } from "../internal/durable/errors.js"
export type { DurableJob, Stored } from "../internal/durable/jobs/model.js"

/**
 * The options of a job: its schemas, and how often it is tried.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<Payload, A, E> {
  /** The schema of a job's payload, which is stored as JSON. */
  readonly payload: Stored<Payload>
  /** The schema of a job's value. Default: `Schema.Void`. */
  readonly success?: Stored<A> | undefined
  /** The schema of a job's typed error. Default: `Schema.Never`, for jobs that have none. */
  readonly error?: Stored<E> | undefined
  /**
   * The id of a payload's job. A second submission with the same id is the same job, also after its end, for as long as
   * the engine keeps the id. Default: each submission is a job of its own.
   */
  readonly id?: ((payload: Payload) => string) | undefined
  /**
   * How often a job is begun at most, an integer from 1 to 2,147,483,647, as databases count. A process that dies has
   * used up an attempt. A job that the end of its process cuts off in good order has not. Default: 10.
   */
  readonly attempts?: number | undefined
  /**
   * When a failed job is tried again. The schedule is replayed up to the number of the attempt, since each attempt may
   * be in another process. One that has ended keeps its last delay, and a delay of more than 100 years is 100 years.
   * Default: the engine's, from 1 second, doubled each time, up to 5 minutes.
   */
  readonly retry?: Schedule.Schedule<unknown, number> | undefined
}

/** The greatest number of the columns in which databases count the attempts. */
const mostAttempts = 2 ** 31 - 1

/**
 * Makes a kind of job. Nothing is stored yet. Bad options throw an error that names them.
 *
 * **Example** (A kind of job)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { DurableJob } from "sluice/durable"
 *
 * const Webhook = DurableJob.make("webhook", {
 *   payload: Schema.Struct({ url: Schema.String, body: Schema.String }),
 *   success: Schema.Number,
 *   attempts: 5
 * })
 * console.log(Webhook.name, Webhook.attempts) // => webhook 5
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <Payload, A = void, E = never>(
  name: string,
  { attempts = 10, error, id, payload, retry, success }: Options<Payload, A, E>
): DurableJob<Payload, A, E> => {
  if (!isName(name)) throw invalid("DurableJob.make", "name", aName, name)
  for (
    const [option, schema] of Object.entries({ payload, success: success ?? Schema.Void, error: error ?? Schema.Never })
  ) {
    if (!Schema.isSchema(schema)) throw invalid("DurableJob.make", option, "a schema", schema)
  }
  if (!Number.isInteger(attempts) || attempts < 1 || attempts > mostAttempts) {
    throw invalid("DurableJob.make", "attempts", `an integer from 1 to ${mostAttempts}`, attempts)
  }
  if (retry !== undefined && !Schedule.isSchedule(retry)) {
    throw invalid("DurableJob.make", "retry", "a Schedule", retry)
  }
  if (id !== undefined && typeof id !== "function") throw invalid("DurableJob.make", "id", "a function", id)
  return {
    name,
    payload,
    // Without a schema the value is undefined, and there is no error.
    success: success ?? Schema.Void as unknown as Stored<A>,
    error: error ?? Schema.Never,
    attempts,
    retry,
    id
  }
}

/**
 * Which job a submission is, and when it is due.
 *
 * @category models
 * @since 0.1.0
 */
export interface SubmitOptions {
  /**
   * The id of the job, in place of that of `make`: 1 to 255 characters, without U+0000 and lone surrogates. Default:
   * that one, or a new id.
   */
  readonly id?: string | undefined
  /**
   * How long the job waits before it is due: 0 to 100 years, by the clock of the store. Databases round up to seconds.
   * Default: 0. Anything else is a defect.
   */
  readonly delay?: Duration.Input | undefined
}

/**
 * Stores a job, and returns its id.
 *
 * **Details**
 *
 * The job is stored when this returns; in a transaction of the store's SQL client, if and only if that commits, and not
 * begun before (D1). A second submission with the same id stores nothing. Fails with
 * `StoreError` if the store cannot be asked; then the job may have been stored, so submit again with the same id. A
 * payload that does not fit the schema is a defect. Suspends for the store only.
 *
 * **Example** (Submit, in one process or in another)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { DurableJob, DurableStore } from "sluice/durable"
 *
 * const Greeting = DurableJob.make("greeting", { payload: Schema.String, id: (name) => name })
 *
 * const program = Effect.gen(function*() {
 *   console.log(yield* DurableJob.submit(Greeting, "ada")) // => ada
 *   console.log(yield* DurableJob.submit(Greeting, "bob", { id: "b-1", delay: "1 minute" })) // => b-1
 * })
 *
 * await Effect.runPromise(Effect.provide(program, DurableStore.layerMemory))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const submit: {
  /**
   * Returns a function that stores a job of this kind, and returns its id. The job is stored when the effect returns.
   * Fails with `StoreError`. Suspends for the store only.
   */
  <Payload>(
    payload: Payload,
    options?: SubmitOptions
  ): <A, E>(
    self: DurableJob<Payload, A, E>
  ) => Effect.Effect<string, StoreError, PersistedQueue.PersistedQueueFactory>
  /**
   * Stores a job, and returns its id. The job is stored when the effect returns. Fails with `StoreError`. Suspends for
   * the store only.
   */
  <Payload, A, E>(
    self: DurableJob<Payload, A, E>,
    payload: Payload,
    options?: SubmitOptions
  ): Effect.Effect<string, StoreError, PersistedQueue.PersistedQueueFactory>
} = /* @__PURE__ */ dual(
  (args) => isDurableJob(args[0]),
  <Payload, A, E>(
    self: DurableJob<Payload, A, E>,
    payload: Payload,
    options: SubmitOptions = {}
  ): Effect.Effect<string, StoreError, PersistedQueue.PersistedQueueFactory> =>
    Effect.suspend(() => {
      const { delay = 0, id = self.id?.(payload) } = options
      const millis = checkMillis("DurableJob.submit", "delay", delay, "a duration of 0 to 100 years", (n) =>
        n >= 0 && n <= longest)
      if (id !== undefined && !isName(id)) {
        throw invalid("DurableJob.submit", "id", aName, id)
      }
      return Effect.flatMap(queueOf(self), (queue) =>
        queue.offer(payload, { id, delay: Duration.millis(millis) }))
    }).pipe(
      Effect.catchTag("SchemaError", Effect.die),
      Effect.mapError(failing("DurableJob.submit", self.name))
    )
)

// A payload may have fields of these names, and no schema there, which is not stored as JSON.
const isDurableJob = (u: unknown): u is DurableJob<unknown, unknown, unknown> =>
  hasProperty(u, "payload") && Schema.isSchema(u.payload) && hasProperty(u, "attempts")

/**
 * Suspends until the result of a job is recorded, in any process, and returns the job's exit.
 *
 * **Details**
 *
 * The first exit that is recorded stays (D7): a success, or the failure of the last attempt. Suspends without end for
 * an id that nobody submits. Fails with `StoreError` if the results cannot be read. An interrupt stops the waiting
 * only.
 *
 * @category combinators
 * @since 0.1.0
 */
export const exit: {
  /** Returns a function that suspends until the result of this job is recorded, and returns the job's exit. */
  (id: string): <Payload, A, E>(
    self: DurableJob<Payload, A, E>
  ) => Effect.Effect<Exit.Exit<A, E>, StoreError, Results>
  /** Suspends until the result of the job is recorded, and returns the job's exit. Fails with `StoreError`. */
  <Payload, A, E>(self: DurableJob<Payload, A, E>, id: string): Effect.Effect<Exit.Exit<A, E>, StoreError, Results>
} = /* @__PURE__ */ dual(
  2,
  <Payload, A, E>(self: DurableJob<Payload, A, E>, id: string): Effect.Effect<Exit.Exit<A, E>, StoreError, Results> =>
    awaitResult(self, id)
)

/**
 * Suspends until the result of a job is recorded, in any process. Returns the job's value, or fails as the job's last
 * attempt did.
 *
 * @category combinators
 * @since 0.1.0
 */
const awaitJob: {
  /**
   * Returns a function that suspends until the result of this job is recorded. It returns the job's value, or fails as
   * the job's last attempt did.
   */
  (id: string): <Payload, A, E>(self: DurableJob<Payload, A, E>) => Effect.Effect<A, E | StoreError, Results>
  /**
   * Suspends until the result of the job is recorded. Returns the job's value, or fails as the job's last attempt did;
   * with `StoreError` if the results cannot be read.
   */
  <Payload, A, E>(self: DurableJob<Payload, A, E>, id: string): Effect.Effect<A, E | StoreError, Results>
} = /* @__PURE__ */ dual(
  2,
  <Payload, A, E>(self: DurableJob<Payload, A, E>, id: string): Effect.Effect<A, E | StoreError, Results> =>
    Effect.flatMap(awaitResult(self, id), (exit): Effect.Effect<A, E> => exit)
)

export { awaitJob as await }

/**
 * Stores a job, suspends until its result is recorded, and returns its value: `submit`, and then `await`.
 *
 * **Details**
 *
 * An interrupt stops the waiting. The job goes on.
 *
 * **Example** (Submit and await, with a pool in the same process)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { WorkerPool } from "sluice"
 * import { DurableJob, DurablePool, DurableStore, Results } from "sluice/durable"
 *
 * const Greeting = DurableJob.make("greeting", { payload: Schema.String, success: Schema.String })
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* WorkerPool.make({ size: 2, run: (name: string) => Effect.succeed(`hello, ${name}`) })
 *   yield* DurablePool.serve(Greeting, pool)
 *   console.log(yield* DurableJob.execute(Greeting, "ada")) // => hello, ada
 * })
 *
 * const layer = Layer.merge(DurableStore.layerMemory, Results.layerMemory)
 * await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(layer)))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const execute: {
  /** Returns a function that stores a job of this kind, and returns its value once its result is recorded. */
  <Payload>(
    payload: Payload,
    options?: SubmitOptions
  ): <A, E>(
    self: DurableJob<Payload, A, E>
  ) => Effect.Effect<A, E | StoreError, PersistedQueue.PersistedQueueFactory | Results>
  /**
   * Stores a job, suspends until its result is recorded, and returns its value. Fails as the job's last attempt did, or
   * with `StoreError`.
   */
  <Payload, A, E>(
    self: DurableJob<Payload, A, E>,
    payload: Payload,
    options?: SubmitOptions
  ): Effect.Effect<A, E | StoreError, PersistedQueue.PersistedQueueFactory | Results>
} = /* @__PURE__ */ dual(
  (args) => isDurableJob(args[0]),
  <Payload, A, E>(self: DurableJob<Payload, A, E>, payload: Payload, options?: SubmitOptions) =>
    Effect.flatMap(submit(self, payload, options), (id) => awaitJob(self, id))
)
