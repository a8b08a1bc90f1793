/**
 * A set of workers that serve a queue of jobs. Each worker owns a resource, acquired and released by its scope. The
 * queue is bounded, with backpressure. Every accepted job is accounted for, however the pool ends.
 *
 * The laws it keeps are numbered P1 to P22, here, in `docs/worker-pool.md`, `docs/resources.md`, `docs/retries.md` and
 * `docs/order.md`.
 *
 * @since 0.1.0
 */
import type * as Configs from "effect/Config"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import { hasProperty } from "effect/Predicate"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { checkMillis, invalid } from "./internal/args.js"
import * as Autoscaler from "./internal/workerPool/Autoscaler.js"
import type { TaskRun } from "./internal/workerPool/callers.js"
import { checkSize } from "./internal/workerPool/check.js"
import type { EndOptions } from "./internal/workerPool/ending.js"
import { JobLost, JobTimeout, PoolClosed, PoolFailed, QueueFull } from "./internal/workerPool/errors.js"
import { makePool } from "./internal/workerPool/make.js"
import { asResult, asValue, map as mapJobs, type MapOptions, type Result } from "./internal/workerPool/map.js"
import {
  type DeadLetter,
  type JobContext,
  type JobHandle,
  type RunError,
  type ShutdownReport,
  type Slot,
  type Stats,
  TypeId,
  type WorkerPool
} from "./internal/workerPool/model.js"
import type { Deadlines, DeadlinesOf, Options, TimeoutOf } from "./internal/workerPool/options.js"
import { ownOrder } from "./internal/workerPool/OwnLane.js"
import type { Order, OrderLine } from "./internal/workerPool/ownOrder.js"
import type { Pool } from "./internal/workerPool/Pool.js"
import { runPromise as promiseOf, type RunPromiseOptions } from "./internal/workerPool/promise.js"
import { reserve as reservePlace } from "./internal/workerPool/reserve.js"
import { runAll as runAllJobs, type RunAllOptions } from "./internal/workerPool/runAll.js"
import { makeEnding, type PoolService } from "./internal/workerPool/service.js"
import { type Sizing, sizing as size, type Workload } from "./internal/workerPool/sizing.js"

export type { Options as AutoscaleOptions } from "./internal/workerPool/Autoscaler.js"
export type { EndOptions } from "./internal/workerPool/ending.js"
export { JobLost, JobTimeout, PoolClosed, PoolDeadlock, PoolFailed, QueueFull } from "./internal/workerPool/errors.js"
export type { MapOptions, Result } from "./internal/workerPool/map.js"
export type {
  DeadLetter,
  JobContext,
  JobHandle,
  Ledger,
  RunError,
  ShutdownReport,
  Slot,
  Stats,
  WorkerInfo,
  WorkerPool
} from "./internal/workerPool/model.js"
export type {
  AgingQueue,
  CheckedResource,
  Deadlines,
  DeadlinesOf,
  FirstComeQueue,
  KeyedQueue,
  KeyLimits,
  LimitedKeysQueue,
  Options,
  OrderedQueue,
  PriorityQueue,
  QueueBound,
  QueueOptions,
  ResourceIdleTimeout,
  ResourceJitter,
  ResourceLimits,
  ResourceMinimum,
  ResourceOptions,
  ResourceRelease,
  RetryBudgetOptions,
  RetryOptions,
  TimeoutOf,
  UncheckedResource
} from "./internal/workerPool/options.js"
export type { Order, OrderLine } from "./internal/workerPool/ownOrder.js"
export type { RunPromiseOptions } from "./internal/workerPool/promise.js"
export type { RunAllOptions } from "./internal/workerPool/runAll.js"
export type { PoolService } from "./internal/workerPool/service.js"
export type { Sizing, Workload } from "./internal/workerPool/sizing.js"

// The interface hides the state, and Pool is its only implementation.
// eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment
const impl = <Job, A, E>(self: WorkerPool<Job, A, E>): Pool<Job, A, E> => self as Pool<Job, A, E>

/**
 * Returns whether a value is a `WorkerPool`.
 *
 * @category guards
 * @since 0.1.0
 */
export const isWorkerPool: {
  /** Returns whether a value is a `WorkerPool`. A pool keeps its types. Never throws. */
  <Job, A, E>(u: WorkerPool<Job, A, E>): u is WorkerPool<Job, A, E>
  /** Returns whether a value is a `WorkerPool`. Never throws. */
  (u: unknown): u is WorkerPool<unknown, unknown, unknown>
} = (u: unknown): u is never => hasProperty(u, TypeId)

/**
 * Creates a pool that lives as long as the scope, once all of its workers hold their resources.
 *
 * **When to use**
 *
 * Use for jobs that arrive over time and share a few costly resources, such as connections, buffers or encoders. For a
 * piece of work with a beginning and an end that needs no such resource, a `Group` is simpler.
 *
 * **Details**
 *
 * Suspends while the `size` workers, or `resource.min` of them, acquire their resources, in parallel. If one of them
 * fails, the resources of the others are released, and `make` fails as it did (P1). Options out of range are a defect,
 * and so are options that need another option that is absent.
 *
 * `run` and `worker` get the services and references of the caller of `make`. Their `Scope` is the scope of the
 * worker's resource: wrap a job that needs a scope of its own in `Effect.scoped`. A child fiber of a job is interrupted
 * when the job ends.
 *
 * The scope's close is a `shutdownNow` (P8). Defects of releases are then defects of that close, unless a
 * `ShutdownReport` has listed them.
 *
 * **Gotchas**
 *
 * Annotate the job, as below: its type can be inferred from nothing else.
 *
 * **Example** (Two workers, each with a connection of its own)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { WorkerPool } from "sluice"
 *
 * const connect = (id: number) =>
 *   Effect.acquireRelease(
 *     Effect.succeed({ send: (text: string) => Effect.succeed(`${text} by connection ${id}`) }),
 *     () => Effect.sync(() => console.log(`closing ${id}`))
 *   )
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* WorkerPool.make({
 *     size: 2,
 *     worker: ({ id }) => connect(id),
 *     run: (text: string, { resource }) => resource.send(text)
 *   })
 *   console.log(yield* WorkerPool.run(pool, "hello")) // => hello by connection 1
 *   console.log(yield* WorkerPool.run(pool, "world")) // => world by connection 2
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * // => closing 1
 * // => closing 2
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <
  Job,
  A,
  E = never,
  R = never,
  W = void,
  EW = never,
  RW = never,
  RC = never,
  Key = unknown,
  D extends Deadlines | undefined = undefined
>(
  options: Options<Job, A, E, R, W, EW, RW, RC, Key, D>
): Effect.Effect<WorkerPool<Job, A, E | TimeoutOf<D>, W>, EW, R | RW | RC | Scope.Scope> => makePool(options, undefined)

/**
 * Gives the pool a job, and returns its result.
 *
 * **Details**
 *
 * Suspends until the job has ended; while the queue is full, it waits for room first, in line with `submit`. Fails as
 * the job fails; with `PoolClosed` if the pool no longer accepts jobs, also while it waits for room; with `JobLost` if
 * the job was dropped or returned before it started, or interrupted by the end of the pool; with `PoolFailed` if the
 * pool failed before it started.
 *
 * An interrupt cancels the job: the job leaves the queue, or is interrupted, and has ended before `run` returns (P7).
 * O(1).
 *
 * **Gotchas**
 *
 * A job that runs another job on its own pool holds a worker while it waits for one. When every worker is held by such
 * a job, no job could continue, and the last of them dies with `PoolDeadlock` (P9). Only the job's own fiber counts. A
 * `run` in a fiber that the job has forked, as with `Effect.all` and a concurrency, does not count: the job may end
 * without it.
 *
 * **Example** (A result, and a failure)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { WorkerPool } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* WorkerPool.make({
 *     size: 4,
 *     run: (n: number) => n < 0 ? Effect.fail(`${n} has no square root`) : Effect.succeed(Math.sqrt(n))
 *   })
 *   console.log(yield* WorkerPool.run(pool, 16)) // => 4
 *   console.log(yield* Effect.flip(WorkerPool.run(pool, -1))) // => -1 has no square root
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @see {@link submit} for a handle rather than the result
 * @category combinators
 * @since 0.1.0
 */
export const run: {
  /**
   * Returns a function that gives a pool the job, and returns its result.
   *
   * Suspends until the job has ended; while the queue is full, it waits for room first, in line with `submit`. Returns
   * the value of the job. Fails as the job fails; with `PoolClosed` if the pool no longer accepts jobs; with `JobLost`
   * if the job was dropped or returned before it started, or interrupted by the end of the pool; with `PoolFailed` if
   * the pool failed before the job started. An interrupt cancels the job, and waits for its end. In a job of the same
   * pool it dies with `PoolDeadlock` where it would wait without end.
   */
  <Job>(
    job: Job
  ): <A, E>(self: WorkerPool<Job, A, E>) => Effect.Effect<A, E | RunError>
  /**
   * Gives the pool a job, and returns its result.
   *
   * Suspends until the job has ended; while the queue is full, it waits for room first, in line with `submit`. Returns
   * the value of the job. Fails as the job fails; with `PoolClosed` if the pool no longer accepts jobs; with `JobLost`
   * if the job was dropped or returned before it started, or interrupted by the end of the pool; with `PoolFailed` if
   * the pool failed before the job started. An interrupt cancels the job, and waits for its end. In a job of the same
   * pool it dies with `PoolDeadlock` where it would wait without end.
   */
  <Job, A, E>(self: WorkerPool<Job, A, E>, job: Job): Effect.Effect<A, E | RunError>
} = /* @__PURE__ */ dual(2, <Job, A, E>(self: WorkerPool<Job, A, E>, job: Job) => impl(self).run(job))

/**
 * Gives the pool a job as `run` does, but fails with `QueueFull` if the job would have to wait for room.
 *
 * **Details**
 *
 * Suspends until the job has ended; while the queue is full it fails immediately, and the job is not accepted and never
 * runs. Does not overtake: while anyone waits for room there is none. With the strategies that drop it does as `run`
 * does. Fails as `run` does otherwise. An interrupt cancels the job (P7), so a client that disconnects leaves no job
 * behind. O(1).
 *
 * **Example** (429 when too much waits)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { WorkerPool } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* WorkerPool.make({
 *     size: 1,
 *     queue: { capacity: 0 },
 *     run: (name: string) => Effect.as(Effect.yieldNow, `hello, ${name}`)
 *   })
 *   const request = (name: string) =>
 *     WorkerPool.tryRun(pool, name).pipe(Effect.catchTag("QueueFull", () => Effect.succeed("429 too many requests")))
 *   console.log(yield* Effect.all([request("ada"), request("bob")], { concurrency: 2 }))
 *   // => [ 'hello, ada', '429 too many requests' ]
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @see {@link run} for waiting for room
 * @category combinators
 * @since 0.1.0
 */
export const tryRun: {
  /**
   * Returns a function that gives a pool the job, and returns its result, without a wait for room.
   *
   * Suspends until the job has ended. Fails with `QueueFull` immediately, and the job never runs, if the job would have
   * to wait for room. With the strategies that drop it does as `run` does. Fails as the job fails; with `PoolClosed` if
   * the pool no longer accepts jobs; with `JobLost` if the job was dropped or returned before it started, or
   * interrupted by the end of the pool; with `PoolFailed` if the pool failed before the job started. An interrupt
   * cancels the job, and waits for its end. In a job of the same pool it dies with `PoolDeadlock` where it would wait
   * without end.
   */
  <Job>(job: Job): <A, E>(self: WorkerPool<Job, A, E>) => Effect.Effect<A, E | RunError | QueueFull>
  /**
   * Gives the pool a job, and returns its result, without a wait for room.
   *
   * Suspends until the job has ended. Fails with `QueueFull` immediately, and the job never runs, if the job would have
   * to wait for room. With the strategies that drop it does as `run` does. Fails as the job fails; with `PoolClosed` if
   * the pool no longer accepts jobs; with `JobLost` if the job was dropped or returned before it started, or
   * interrupted by the end of the pool; with `PoolFailed` if the pool failed before the job started. An interrupt
   * cancels the job, and waits for its end. In a job of the same pool it dies with `PoolDeadlock` where it would wait
   * without end.
   */
  <Job, A, E>(self: WorkerPool<Job, A, E>, job: Job): Effect.Effect<A, E | RunError | QueueFull>
} = /* @__PURE__ */ dual(2, <Job, A, E>(self: WorkerPool<Job, A, E>, job: Job) => impl(self).tryRun(job))

/**
 * Runs a job for each item of an iterable, and returns their values as an array, in the order of the items.
 *
 * **When to use**
 *
 * Use for a list. For work without an end, or results that are used one by one, use `map`, which is a stream.
 *
 * **Details**
 *
 * Suspends until all jobs have ended. Items are taken as there is room, so at most `size + capacity` of the jobs are in
 * the pool at a time, or three times the size when the capacity is unbounded (L1). Jobs wait for room, whatever the
 * `strategy`, in turns with those of other callers. The jobs are started from a plain loop: one call costs less than a
 * loop over `run` or `submit`. O(1) for each job.
 *
 * The first job that fails ends the call. No further item is taken, the other jobs are cancelled, and when they have
 * ended, the call fails as that job did; with `JobLost` or `PoolFailed` if the job was lost; or with `PoolClosed` if
 * the pool no longer accepts jobs. With `exits: true` it never fails: the array has the exit of each job, also of those
 * that the pool refused.
 *
 * An interrupt cancels all jobs, and waits for their ends (L2). While the call brings its first jobs, 1,024 at most, an
 * interrupt waits for the end of that. An iterator is closed by an early end, as a `for` loop closes it. If it throws,
 * the call dies with that error. Jobs that others bring to a sliding queue may push out a job of the call, which fails
 * with `JobLost` then.
 *
 * **Gotchas**
 *
 * The items must have an end, since the array would have none either.
 *
 * **Example** (All pages, four at a time)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { WorkerPool } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* WorkerPool.make({ size: 4, run: (n: number) => Effect.as(Effect.yieldNow, n * n) })
 *   console.log(yield* WorkerPool.runAll(pool, [1, 2, 3, 4, 5])) // => [ 1, 4, 9, 16, 25 ]
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * **Example** (All of them, though one fails)
 *
 * ```ts
 * import { Effect, Exit } from "effect"
 * import { WorkerPool } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const fetch = (url: string) => url === "/b" ? Effect.fail("404") : Effect.succeed(`page ${url}`)
 *   const pool = yield* WorkerPool.make({ size: 2, run: fetch })
 *   const exits = yield* WorkerPool.runAll(pool, ["/a", "/b", "/c"], { exits: true })
 *   console.log(exits.map(Exit.isSuccess)) // => [ true, false, true ]
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @see {@link map} for a stream of results, and for sources that are streams or async iterables
 * @category combinators
 * @since 0.1.0
 */
export const runAll: {
  /**
   * Returns a function that runs a job for each item on a pool, and returns their exits as an array.
   *
   * Suspends until all jobs have ended. At most `size + capacity` of them are in the pool at a time, or three times the
   * size when the capacity is unbounded; they wait for room, whatever the `strategy`. Returns the exits in the order of
   * the items. The exit of a job that the pool refuses or loses is a failure with `PoolClosed`, `JobLost` or
   * `PoolFailed`. Never fails. An interrupt cancels all jobs, and waits for their ends. In a job of the same pool it
   * dies with `PoolDeadlock` where it would wait without end.
   */
  <Job>(
    jobs: Iterable<Job>,
    options: RunAllOptions & {
      /** The array has the exit of each job. */
      readonly exits: true
    }
  ): <A, E>(self: WorkerPool<Job, A, E>) => Effect.Effect<Array<Exit.Exit<A, E | RunError>>>
  /**
   * Returns a function that runs a job for each item on a pool, and returns their values as an array.
   *
   * Suspends until all jobs have ended. At most `size + capacity` of them are in the pool at a time, or three times the
   * size when the capacity is unbounded; they wait for room, whatever the `strategy`. Returns the values in the order
   * of the items. The first job that fails ends the call: the other jobs are cancelled, and have ended before it fails
   * as that job did, with `JobLost` or `PoolFailed`; with `PoolClosed` if the pool no longer accepts jobs. An interrupt
   * cancels all jobs, and waits for their ends. In a job of the same pool it dies with `PoolDeadlock` where it would
   * wait without end.
   */
  <Job>(
    jobs: Iterable<Job>,
    options?: RunAllOptions & {
      /** The array has the jobs' values: the default. */
      readonly exits?: false | undefined
    }
  ): <A, E>(self: WorkerPool<Job, A, E>) => Effect.Effect<Array<A>, E | RunError>
  /**
   * Runs a job for each item on the pool, and returns their exits as an array.
   *
   * Suspends until all jobs have ended. At most `size + capacity` of them are in the pool at a time, or three times the
   * size when the capacity is unbounded; they wait for room, whatever the `strategy`. Returns the exits in the order of
   * the items. The exit of a job that the pool refuses or loses is a failure with `PoolClosed`, `JobLost` or
   * `PoolFailed`. Never fails. An interrupt cancels all jobs, and waits for their ends. In a job of the same pool it
   * dies with `PoolDeadlock` where it would wait without end.
   */
  <Job, A, E>(
    self: WorkerPool<Job, A, E>,
    jobs: Iterable<Job>,
    options: RunAllOptions & {
      /** The array has the exit of each job. */
      readonly exits: true
    }
  ): Effect.Effect<Array<Exit.Exit<A, E | RunError>>>
  /**
   * Runs a job for each item on the pool, and returns their values as an array.
   *
   * Suspends until all jobs have ended. At most `size + capacity` of them are in the pool at a time, or three times the
   * size when the capacity is unbounded; they wait for room, whatever the `strategy`. Returns the values in the order
   * of the items. The first job that fails ends the call: the other jobs are cancelled, and have ended before it fails
   * as that job did, with `JobLost` or `PoolFailed`; with `PoolClosed` if the pool no longer accepts jobs. An interrupt
   * cancels all jobs, and waits for their ends. In a job of the same pool it dies with `PoolDeadlock` where it would
   * wait without end.
   */
  <Job, A, E>(
    self: WorkerPool<Job, A, E>,
    jobs: Iterable<Job>,
    options?: RunAllOptions & {
      /** The array has the jobs' values: the default. */
      readonly exits?: false | undefined
    }
  ): Effect.Effect<Array<A>, E | RunError>
} = /* @__PURE__ */ dual(
  (args) => isWorkerPool(args[0]),
  <Job, A, E>(
    self: WorkerPool<Job, A, E>,
    jobs: Iterable<Job>,
    { exits = false }: RunAllOptions = {}
  ): Effect.Effect<Array<A | Exit.Exit<A, E | RunError>>, E | RunError> => {
    if (typeof exits !== "boolean") return Effect.die(invalid("WorkerPool.runAll", "exits", "true or false", exits))
    return exits
      ? runAllJobs(impl(self), jobs, (exit) => Exit.succeed(exit))
      : runAllJobs(impl(self), jobs, (exit) => exit)
  }
)

/**
 * Gives the pool a job, and returns a promise of its result: `run`, for callers that are promises.
 *
 * **Details**
 *
 * The job comes to the pool before `runPromise` returns: it begins, is queued, or waits for room while the queue is
 * full, in line with the jobs of other callers. The promise resolves with the job's value, and rejects with the error
 * of the job; with `PoolClosed`, `JobLost` or `PoolFailed` where `run` fails with these; or with the job's defect. No
 * fiber waits for the job, so this costs less than `Effect.runPromise(WorkerPool.run(pool, job))`. O(1).
 *
 * An abort of `options.signal` cancels the job (P7): the job leaves the queue, or is interrupted. The promise rejects
 * with the signal's reason once the job has ended, or as the job ended, if that was no interrupt. If the signal is
 * aborted already, no job comes to the pool. Never throws; a wrong option rejects the promise.
 *
 * **Gotchas**
 *
 * The job has none of the caller's services or spans, since a promise has none. A promise that a job of the same pool
 * awaits is not seen by P9: with all workers held by such jobs they wait without end.
 *
 * **Example** (A handler that is an async function)
 *
 * ```ts
 * import { Effect, Exit, Scope } from "effect"
 * import { WorkerPool } from "sluice"
 *
 * const scope = Scope.makeUnsafe()
 * const pool = await Effect.runPromise(
 *   WorkerPool.make({ size: 4, run: (n: number) => Effect.as(Effect.yieldNow, n * n) }).pipe(Scope.provide(scope))
 * )
 * const handler = async (n: number, signal?: AbortSignal) =>
 *   `the square is ${await WorkerPool.runPromise(pool, n, { signal })}`
 *
 * console.log(await handler(3)) // => the square is 9
 * console.log(await handler(4, AbortSignal.abort("gone")).catch(String)) // => gone
 * await Effect.runPromise(Scope.close(scope, Exit.void))
 * ```
 *
 * @see {@link run} for the effect
 * @category combinators
 * @since 0.1.0
 */
export const runPromise = <Job, A, E>(
  self: WorkerPool<Job, A, E>,
  job: Job,
  options: RunPromiseOptions = {}
): Promise<A> => promiseOf(impl(self), job, options)

/**
 * Handles all errors of the pool itself in one place: `PoolClosed`, `JobLost`, `PoolFailed`, `QueueFull` and
 * `JobTimeout`. The job's own errors pass.
 *
 * **Details**
 *
 * Suspends, fails and returns as the effect does, or as the handler does when it runs. If a job itself fails with an
 * error of these classes, from another pool that it uses, the handler gets that error too.
 *
 * **Example** (One answer for all of them)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { WorkerPool } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* WorkerPool.make({ size: 1, run: (n: number) => Effect.succeed(n) })
 *   yield* WorkerPool.shutdown(pool)
 *   return yield* WorkerPool.run(pool, 1).pipe(
 *     WorkerPool.catchRunError((error) => Effect.succeed(`503: ${error._tag}`))
 *   )
 * })
 *
 * console.log(await Effect.runPromise(Effect.scoped(program))) // => 503: PoolClosed
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const catchRunError: {
  /**
   * Returns a function that handles all errors of the pool itself: `PoolClosed`, `JobLost`, `PoolFailed`, `QueueFull`
   * and `JobTimeout`.
   *
   * Suspends, returns and fails as the effect does, or as the handler does for one of these errors. The job's own
   * errors pass, unless they are of these classes: then the handler gets them too.
   */
  <B, E2, R2>(
    handler: (error: PoolError) => Effect.Effect<B, E2, R2>
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A | B, Exclude<E, PoolError> | E2, R | R2>
  /**
   * Handles all errors of the pool itself: `PoolClosed`, `JobLost`, `PoolFailed`, `QueueFull` and `JobTimeout`.
   *
   * Suspends, returns and fails as the effect does, or as the handler does for one of these errors. The job's own
   * errors pass, unless they are of these classes: then the handler gets them too.
   */
  <A, E, R, B, E2, R2>(
    self: Effect.Effect<A, E, R>,
    handler: (error: Extract<E, PoolError>) => Effect.Effect<B, E2, R2>
  ): Effect.Effect<A | B, Exclude<E, PoolError> | E2, R | R2>
} = /* @__PURE__ */ dual(
  2,
  <A, E, R, B, E2, R2>(
    self: Effect.Effect<A, E, R>,
    handler: (error: Extract<E, PoolError>) => Effect.Effect<B, E2, R2>
  ): Effect.Effect<A | B, Exclude<E, PoolError> | E2, R | R2> =>
    Effect.catch(
      self,
      (error): Effect.Effect<B, Exclude<E, PoolError> | E2, R2> =>
        isPoolError(error) ? handler(error) : Effect.fail(error as Exclude<E, PoolError>)
    )
)

/**
 * The errors that a pool itself fails with, rather than a job.
 *
 * @category errors
 * @since 0.1.0
 */
export type PoolError = RunError | QueueFull | JobTimeout

const isPoolError = <E>(error: E): error is Extract<E, PoolError> =>
  [PoolClosed, JobLost, PoolFailed, QueueFull, JobTimeout].some((kind) => error instanceof kind)

/**
 * Suspends until no job of the pool waits or runs: none for room, none for a worker, none for another attempt.
 *
 * **Details**
 *
 * Returns immediately if the pool has no job now. It also waits for jobs that come meanwhile. When the caller continues
 * there may be new jobs. It does not end the pool. Never fails. In a job of the pool it would wait for itself, and dies
 * with `PoolDeadlock` (P9). An interrupt stops the waiting only. O(1).
 *
 * **Example** (After a batch)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { WorkerPool } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* WorkerPool.make({ size: 2, run: (n: number) => Effect.as(Effect.yieldNow, n) })
 *   for (let n = 1; n <= 10; n++) yield* WorkerPool.submit(pool, n)
 *   yield* WorkerPool.idle(pool)
 *   console.log(WorkerPool.stats(pool).succeeded) // => 10
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @see {@link shutdown} for ending the pool as well
 * @category combinators
 * @since 0.1.0
 */
export const idle = <Job, A, E>(self: WorkerPool<Job, A, E>): Effect.Effect<void> => impl(self).idle

/**
 * Pauses the pool: it begins no job until `resume`.
 *
 * **Details**
 *
 * Running jobs continue, and `pause` does not wait for them. Jobs that come wait in the queue, as its bound and
 * strategy say, and the time of `deadlines.wait` stands still. A job that was assigned to a worker and has not begun is
 * first in line again (P20). Never suspends, never fails. In a pool that is paused, or that ends, it does nothing.
 * `shutdown` ends the pause, since it lets all accepted jobs run. `idle` returns only after `resume` if a job waits.
 * O(size).
 *
 * **Gotchas**
 *
 * A fiber that is interrupted before it calls `resume` leaves the pool paused: bracket the two with
 * `Effect.acquireUseRelease`.
 *
 * **Example** (While the server is down for maintenance)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { WorkerPool } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* WorkerPool.make({ size: 1, queue: { capacity: 9 }, run: (n: number) => Effect.succeed(n) })
 *   yield* WorkerPool.pause(pool)
 *   const handle = yield* WorkerPool.submit(pool, 1)
 *   console.log(WorkerPool.stats(pool).state, handle.state) // => paused queued
 *   yield* WorkerPool.resume(pool)
 *   console.log(yield* handle.join) // => 1
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @see {@link resume} for the end of the pause
 * @category combinators
 * @since 0.1.0
 */
export const pause = <Job, A, E>(self: WorkerPool<Job, A, E>): Effect.Effect<void> =>
  Effect.sync(() => impl(self).pause())

/**
 * Ends a pause: jobs that wait go to the workers, in their order, and begin in the next turn.
 *
 * **Details**
 *
 * Never suspends, never fails. In a pool that is not paused it does nothing. The time of `deadlines.wait` continues
 * from where it stood. O(size).
 *
 * **Example** (The order stays the same)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { WorkerPool } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const sent: Array<string> = []
 *   const run = (name: string) => Effect.sync(() => void sent.push(name))
 *   const pool = yield* WorkerPool.make({ size: 1, queue: { capacity: 9 }, run })
 *   yield* WorkerPool.pause(pool)
 *   for (const name of ["a", "b", "c"]) yield* WorkerPool.submit(pool, name)
 *   yield* WorkerPool.resume(pool)
 *   yield* WorkerPool.idle(pool)
 *   console.log(sent.join()) // => a,b,c
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @see {@link pause} for the beginning of the pause
 * @category combinators
 * @since 0.1.0
 */
export const resume = <Job, A, E>(self: WorkerPool<Job, A, E>): Effect.Effect<void> =>
  Effect.sync(() => impl(self).resume())

/**
 * Asks for the limits of every key again, so that a limit that has changed counts immediately.
 *
 * **Details**
 *
 * Calls the functions `perKey.concurrency` and `perKey.weight` for each key that has jobs. The pool itself calls them
 * as a job of the key comes, and as one begins: a limit that is raised in between counts from then on, or from this
 * call. Waiting jobs that a higher limit allows begin in the next turn. A function that throws, or returns no limit, is
 * a defect of this call, and changes nothing. Never suspends. O(keys).
 *
 * **Example** (A tenant's upgrade)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { WorkerPool } from "sluice"
 *
 * const limits = new Map([["ada", 1]])
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* WorkerPool.make({
 *     size: 4,
 *     queue: { capacity: 9, key: (tenant) => tenant, perKey: { concurrency: (tenant) => limits.get(tenant) ?? 1 } },
 *     run: (_tenant: string) => Effect.never
 *   })
 *   for (let n = 0; n < 4; n++) yield* WorkerPool.submit(pool, "ada")
 *   limits.set("ada", 3)
 *   console.log(WorkerPool.stats(pool).running) // => 1
 *   yield* WorkerPool.refreshKeys(pool)
 *   console.log(WorkerPool.stats(pool).running) // => 3
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const refreshKeys = <Job, A, E>(self: WorkerPool<Job, A, E>): Effect.Effect<void> =>
  Effect.sync(() => impl(self).refreshKeys())

/**
 * Takes all jobs out of the queue, and returns them in the order in which they would have gone.
 *
 * **Details**
 *
 * Each of these jobs is `returned` (P4): a caller that waits for its result fails with `JobLost`. A job that waited for
 * another attempt ends as its last attempt did. Running jobs, and jobs between two attempts, are not touched. Callers
 * that wait for room are let into the queue: `clear` takes accepted jobs only. Never suspends, never fails. O(n).
 *
 * **Example** (What has become pointless)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { WorkerPool } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* WorkerPool.make({ size: 1, queue: { capacity: 9 }, run: (_: string) => Effect.never })
 *   for (const name of ["a", "b", "c"]) yield* WorkerPool.submit(pool, name)
 *   console.log(yield* WorkerPool.clear(pool)) // => [ 'b', 'c' ]
 *   console.log(WorkerPool.stats(pool).returned) // => 2
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const clear = <Job, A, E>(self: WorkerPool<Job, A, E>): Effect.Effect<ReadonlyArray<Job>> =>
  Effect.sync(() => impl(self).clearQueue())

/**
 * Runs an effect of your own on a worker's resource, and returns its result.
 *
 * **When to use**
 *
 * Use for effects that differ from call to call, as queries on a connection do, each with its own type. An effect that
 * is the same each time is a job, for `run`.
 *
 * **Details**
 *
 * The call is a job of the pool like any other: it waits in line with other jobs, for room and for a worker, counts in
 * the ledger, has the pool's deadlines, and a defect costs the worker its resource. It fails as the effect does, or as
 * `run`. The effect has the caller's services and references. The pool does not retry it, and it is in no list of jobs.
 * An interrupt cancels it (P7). O(1).
 *
 * In a pool with `queue.priority`, `queue.key` or `queue.order`, `as` is the job that stands for it in the queue;
 * without `as` the call is a defect.
 *
 * **Example** (Queries on a few connections)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { WorkerPool } from "sluice"
 *
 * const connect = Effect.succeed({ query: (sql: string) => Effect.succeed([sql.length]) })
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* WorkerPool.make({ size: 4, worker: () => connect, run: (_: never) => Effect.void })
 *   const rows = yield* WorkerPool.use(pool, (connection) => connection.query("select 1"))
 *   const count = yield* WorkerPool.use(pool, ({ query }) => Effect.map(query("select 2"), (all) => all.length))
 *   console.log(rows, count) // => [ 8 ] 1
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @see {@link run} for jobs
 * @category combinators
 * @since 0.1.0
 */
export const use: {
  /**
   * Returns a function that runs the effect on a resource of a pool. It has no `as`: in a pool with `queue.priority`,
   * `queue.key` or `queue.order` it is a defect.
   *
   * The effect is a job of the pool: it waits in line with the others, for room and for a worker, has the pool's
   * deadlines, and a defect costs the worker its resource. It has the caller's services and references, and is never
   * retried. Suspends until the effect has ended, and returns its value. Fails as the effect fails; with `JobTimeout`
   * in a pool with deadlines; with `PoolClosed`, `JobLost` or `PoolFailed` as `run` does. An interrupt cancels the
   * effect, and waits for its end.
   */
  <W, B, E2, R2>(
    run: (resource: W, context: JobContext<W>) => Effect.Effect<B, E2, R2>
  ): <Job, A, E>(self: WorkerPool<Job, A, E, W>) => Effect.Effect<B, E2 | RunError | Extract<E, JobTimeout>, R2>
  /**
   * Runs an effect of your own on a worker's resource, and returns its result.
   *
   * The effect is a job of the pool: it waits in line with the others, for room and for a worker, has the pool's
   * deadlines, and a defect costs the worker its resource. It has the caller's services and references, and is never
   * retried. Suspends until the effect has ended, and returns its value. Fails as the effect fails; with `JobTimeout`
   * in a pool with deadlines; with `PoolClosed`, `JobLost` or `PoolFailed` as `run` does. An interrupt cancels the
   * effect, and waits for its end.
   */
  <Job, A, E, W, B, E2, R2>(
    self: WorkerPool<Job, A, E, W>,
    run: (resource: W, context: JobContext<W>) => Effect.Effect<B, E2, R2>,
    options?: {
      /**
       * The job that stands for the effect in the queue, for `queue.priority`, `queue.key` and `queue.order`. In a pool
       * with one of them the call is a defect without it. Default: none.
       */
      readonly as?: Job | undefined
    }
  ): Effect.Effect<B, E2 | RunError | Extract<E, JobTimeout>, R2>
} = /* @__PURE__ */ dual(
  (args) => isWorkerPool(args[0]),
  <Job, A, E, W, B, E2, R2>(
    self: WorkerPool<Job, A, E, W>,
    run: (resource: W, context: JobContext<W>) => Effect.Effect<B, E2, R2>,
    options?: { readonly as?: Job | undefined }
  ): Effect.Effect<B, E2 | RunError | Extract<E, JobTimeout>, R2> => {
    // The pool gives the effect its caller's context, and its own resource.
    const task = (context: JobContext<unknown>) => run(context.resource as W, context as JobContext<W>)
    return impl(self).use(task as TaskRun, options?.as) as ReturnType<typeof run>
  }
)

/**
 * Reserves a worker's place, for a job that is still to come.
 *
 * **When to use**
 *
 * Use to take jobs from elsewhere, from a broker or a database, only when a worker can begin them: first the place,
 * then the job. A job that is there already is for `run` or `submit`.
 *
 * **Details**
 *
 * Suspends until a worker is idle for which there is no job, first come, first served. Returns the place. Until the
 * scope closes or the place is used, the pool keeps one idle worker from other jobs (P22). A place is no worker in
 * particular: where a resource is replaced meanwhile, the next worker that becomes idle stands for it. Fails with
 * `PoolClosed` if the pool takes no more jobs. In a job of the same pool it dies with `PoolDeadlock` where no worker
 * could ever become idle (P9); a place that keeps one may be given back. An interrupt gives the place back. O(1).
 *
 * Jobs go first. A job that waits while places keep idle workers from it has the place recalled that was reserved
 * last. The pool's end, a pause and a lower size recall places, too. The holder of a place that still waits for a job
 * should give it back once `recalled` returns. `idle` and `shutdown` wait for no place, and places count in no column
 * of the ledger. In a pool with `resource.min`, workers come for the calls that wait.
 *
 * **Example** (Jobs from a broker, never more than there are workers for)
 *
 * ```ts
 * import { Effect, Queue } from "effect"
 * import { WorkerPool } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const broker = yield* Queue.unbounded<string>()
 *   const pool = yield* WorkerPool.make({ size: 2, run: (name: string) => Effect.succeed(`sent ${name}`) })
 *   const sendNext = Effect.scoped(Effect.gen(function*() {
 *     const slot = yield* WorkerPool.reserve(pool)
 *     return yield* slot.run(yield* Queue.take(broker))
 *   }))
 *   yield* Queue.offer(broker, "letter")
 *   console.log(yield* sendNext) // => sent letter
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @see {@link run} for a job that is there
 * @category combinators
 * @since 0.1.0
 */
export const reserve = <Job, A, E>(
  self: WorkerPool<Job, A, E>
): Effect.Effect<Slot<Job, A, E>, PoolClosed, Scope.Scope> => reservePlace(impl(self))

/**
 * Gives the pool a job, and returns a handle on it once it is accepted.
 *
 * **Details**
 *
 * Suspends while the queue is full, first come, first served: backpressure. With the strategies `"dropping"` and
 * `"sliding"` it never suspends. Fails with `PoolClosed` if the pool no longer accepts jobs. An interrupt while it
 * suspends cancels the job. Once the handle is returned, the job no longer depends on its caller. O(1).
 *
 * If a worker is idle the job starts immediately, up to its first suspension, or after jobs that wait for their turn
 * (P16).
 *
 * **Gotchas**
 *
 * In a job of the same pool, `submit` dies with `PoolDeadlock` where it would wait for room without end (P9). The
 * failure of a job whose handle is not awaited is only counted by the ledger.
 *
 * **Example** (Fire, and look later)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { WorkerPool } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* WorkerPool.make({ size: 1, run: (n: number) => Effect.as(Effect.yieldNow, n * 2) })
 *   const handle = yield* WorkerPool.submit(pool, 21)
 *   console.log(handle.id, handle.state) // => 1 running
 *   const exit = yield* handle.await
 *   console.log(exit._tag, handle.state) // => Success succeeded
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @see {@link run} for the result
 * @see {@link trySubmit} for an attempt that never waits
 * @category combinators
 * @since 0.1.0
 */
export const submit: {
  /**
   * Returns a function that gives a pool the job, and returns a handle on it once it is accepted.
   *
   * Suspends while the queue is full, first come, first served. With the strategies `"dropping"` and `"sliding"` it
   * never suspends. Fails with `PoolClosed` if the pool no longer accepts jobs. An interrupt while it suspends cancels
   * the job; once the handle is returned, the job no longer depends on its caller. In a job of the same pool it dies
   * with `PoolDeadlock` where it would wait for room without end.
   */
  <Job>(job: Job): <A, E>(self: WorkerPool<Job, A, E>) => Effect.Effect<JobHandle<A, E>, PoolClosed>
  /**
   * Gives the pool a job, and returns a handle on it once it is accepted.
   *
   * Suspends while the queue is full, first come, first served. With the strategies `"dropping"` and `"sliding"` it
   * never suspends. Fails with `PoolClosed` if the pool no longer accepts jobs. An interrupt while it suspends cancels
   * the job; once the handle is returned, the job no longer depends on its caller. In a job of the same pool it dies
   * with `PoolDeadlock` where it would wait for room without end.
   */
  <Job, A, E>(self: WorkerPool<Job, A, E>, job: Job): Effect.Effect<JobHandle<A, E>, PoolClosed>
} = /* @__PURE__ */ dual(2, <Job, A, E>(self: WorkerPool<Job, A, E>, job: Job) => impl(self).submit(job))

/**
 * Gives the pool a job as `submit` does, but fails with `QueueFull` where `submit` would suspend.
 *
 * **Details**
 *
 * Never suspends, and does not overtake: while anyone waits for room there is none. With the strategies that drop it
 * returns a handle, as `submit` does, which may be the handle of a dropped job. Fails with `PoolClosed` if the pool no
 * longer accepts jobs. O(1).
 *
 * **Example** (Shedding load)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { WorkerPool } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* WorkerPool.make({ size: 1, queue: { capacity: 1 }, run: (_: string) => Effect.never })
 *   const request = (name: string) =>
 *     WorkerPool.trySubmit(pool, name).pipe(
 *       Effect.map(() => "202 accepted"),
 *       Effect.catchTag("QueueFull", () => Effect.succeed("429 too many requests"))
 *     )
 *   console.log(yield* request("a")) // => 202 accepted
 *   console.log(yield* request("b")) // => 202 accepted
 *   console.log(yield* request("c")) // => 429 too many requests
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const trySubmit: {
  /**
   * Returns a function that gives a pool the job, and returns a handle on it, without a wait for room.
   *
   * Never suspends. Fails with `QueueFull` if the job would have to wait for room: while anyone waits for room there is
   * none. Fails with `PoolClosed` if the pool no longer accepts jobs. With the strategies that drop it returns a
   * handle, which may be the handle of a dropped job.
   */
  <Job>(job: Job): <A, E>(self: WorkerPool<Job, A, E>) => Effect.Effect<JobHandle<A, E>, QueueFull | PoolClosed>
  /**
   * Gives the pool a job, and returns a handle on it, without a wait for room.
   *
   * Never suspends. Fails with `QueueFull` if the job would have to wait for room: while anyone waits for room there is
   * none. Fails with `PoolClosed` if the pool no longer accepts jobs. With the strategies that drop it returns a
   * handle, which may be the handle of a dropped job.
   */
  <Job, A, E>(self: WorkerPool<Job, A, E>, job: Job): Effect.Effect<JobHandle<A, E>, QueueFull | PoolClosed>
} = /* @__PURE__ */ dual(2, <Job, A, E>(self: WorkerPool<Job, A, E>, job: Job) => impl(self).trySubmit(job))

/**
 * Runs every job of a source on the pool, and returns the stream of their results.
 *
 * **Details**
 *
 * The source is an iterable, an async iterable or a stream. `map` takes jobs from it one by one, as the pool and the
 * stream's consumer have room: never more than `size + capacity` jobs are between the two (three times the size, when
 * the capacity is unbounded), so that a source without end takes as much memory as a short one. `resize` and
 * `autoscale` change that bound immediately. A job of the source waits for room whatever the queue's `strategy`, so
 * that `map` never drops its own.
 *
 * Results come in the source's order; with `ordered: false`, as the jobs end. The first job that fails ends the stream
 * with its failure, as `run` would fail; in order, that comes after the results of earlier jobs. Jobs of the stream
 * that are still in the pool are cancelled then, and have ended when the stream ends. The same happens when the
 * consumer has enough, or is interrupted. A pool that no longer accepts jobs ends the stream with `PoolClosed`, after
 * the results of all jobs that it had accepted, even if the source is silent.
 *
 * With `exits: true` no job's failure ends the stream: it has a `Result` for each job, the job and its exit.
 *
 * The source is released before the stream ends, and nothing is taken from it after a job has failed or the pool has
 * closed. An iterator is closed with `return`, as `for` does after a `break`. An iterator that throws is a defect.
 *
 * **Gotchas**
 *
 * In a job of the same pool it may wait without end, which is not detected (P9). A stream comes in chunks, and a chunk
 * is taken as a whole: make chunks small if a job is large, or must not be lost when the pool closes. An async iterator
 * whose `next` is pending is closed without waiting for it, and a value that `next` brings later is lost.
 *
 * **Example** (A hundred jobs, four at a time)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { WorkerPool } from "sluice"
 *
 * function* numbers() {
 *   for (let n = 1; n <= 100; n++) yield n
 * }
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* WorkerPool.make({ size: 4, run: (n: number) => Effect.as(Effect.yieldNow, n * n) })
 *   const squares = yield* Stream.runCollect(WorkerPool.map(pool, numbers()))
 *   console.log(squares.slice(0, 4), squares.length) // => [ 1, 4, 9, 16 ] 100
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * **Example** (What failed, and what did not)
 *
 * ```ts
 * import { Effect, Exit, Stream } from "effect"
 * import { WorkerPool } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const fetch = (url: string) => url === "/b" ? Effect.fail("404") : Effect.succeed(`page ${url}`)
 *   const pool = yield* WorkerPool.make({ size: 2, run: fetch })
 *   yield* WorkerPool.map(pool, ["/a", "/b", "/c"], { exits: true }).pipe(
 *     Stream.runForEach(({ exit, job }) => Effect.sync(() => console.log(job, Exit.isSuccess(exit))))
 *   )
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * // => /a true
 * // => /b false
 * // => /c true
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const map: {
  /**
   * Returns a function that runs every job of a source on a pool, and returns the stream of a `Result` for each: the
   * job and its exit.
   *
   * The source is an iterable, an async iterable or a stream. At most `size + capacity` jobs are between source and
   * consumer, or three times the size when the capacity is unbounded. Jobs wait for room, whatever the `strategy`.
   * Results come in the order of the source, or with `ordered: false` as the jobs end. No job's failure ends the
   * stream. It fails as the source does, and with `PoolClosed`, after the results of all accepted jobs, if the pool no
   * longer accepts jobs. A stream that ends early cancels its jobs, and waits for their ends.
   */
  <Job, E2 = never, R2 = never>(
    jobs: Iterable<Job> | AsyncIterable<Job> | Stream.Stream<Job, E2, R2>,
    options: MapOptions & {
      /** The stream has a `Result` for each job. */
      readonly exits: true
    }
  ): <A, E>(self: WorkerPool<Job, A, E>) => Stream.Stream<Result<Job, A, E>, E2 | PoolClosed, R2>
  /**
   * Returns a function that runs every job of a source on a pool, and returns the stream of their values.
   *
   * The source is an iterable, an async iterable or a stream. At most `size + capacity` jobs are between source and
   * consumer, or three times the size when the capacity is unbounded. Jobs wait for room, whatever the `strategy`.
   * Results come in the order of the source, or with `ordered: false` as the jobs end. The first job that fails ends
   * the stream with its failure: its own, `JobLost` or `PoolFailed`. The stream also fails as the source does, and with
   * `PoolClosed`, after the results of all accepted jobs, if the pool no longer accepts jobs. A stream that ends early
   * cancels its jobs, and waits for their ends.
   */
  <Job, E2 = never, R2 = never>(
    jobs: Iterable<Job> | AsyncIterable<Job> | Stream.Stream<Job, E2, R2>,
    options?: MapOptions & {
      /** The stream has the jobs' values: the default. */
      readonly exits?: false | undefined
    }
  ): <A, E>(self: WorkerPool<Job, A, E>) => Stream.Stream<A, E | E2 | RunError, R2>
  /**
   * Runs every job of a source on the pool, and returns the stream of a `Result` for each: the job and its exit.
   *
   * The source is an iterable, an async iterable or a stream. At most `size + capacity` jobs are between source and
   * consumer, or three times the size when the capacity is unbounded. Jobs wait for room, whatever the `strategy`.
   * Results come in the order of the source, or with `ordered: false` as the jobs end. No job's failure ends the
   * stream. It fails as the source does, and with `PoolClosed`, after the results of all accepted jobs, if the pool no
   * longer accepts jobs. A stream that ends early cancels its jobs, and waits for their ends.
   */
  <Job, A, E, E2 = never, R2 = never>(
    self: WorkerPool<Job, A, E>,
    jobs: Iterable<Job> | AsyncIterable<Job> | Stream.Stream<Job, E2, R2>,
    options: MapOptions & {
      /** The stream has a `Result` for each job. */
      readonly exits: true
    }
  ): Stream.Stream<Result<Job, A, E>, E2 | PoolClosed, R2>
  /**
   * Runs every job of a source on the pool, and returns the stream of their values.
   *
   * The source is an iterable, an async iterable or a stream. At most `size + capacity` jobs are between source and
   * consumer, or three times the size when the capacity is unbounded. Jobs wait for room, whatever the `strategy`.
   * Results come in the order of the source, or with `ordered: false` as the jobs end. The first job that fails ends
   * the stream with its failure: its own, `JobLost` or `PoolFailed`. The stream also fails as the source does, and with
   * `PoolClosed`, after the results of all accepted jobs, if the pool no longer accepts jobs. A stream that ends early
   * cancels its jobs, and waits for their ends.
   */
  <Job, A, E, E2 = never, R2 = never>(
    self: WorkerPool<Job, A, E>,
    jobs: Iterable<Job> | AsyncIterable<Job> | Stream.Stream<Job, E2, R2>,
    options?: MapOptions & {
      /** The stream has the jobs' values: the default. */
      readonly exits?: false | undefined
    }
  ): Stream.Stream<A, E | E2 | RunError, R2>
} = /* @__PURE__ */ dual(
  (args) => isWorkerPool(args[0]),
  <Job, A, E, E2, R2>(
    self: WorkerPool<Job, A, E>,
    jobs: Iterable<Job> | AsyncIterable<Job> | Stream.Stream<Job, E2, R2>,
    { exits = false, ordered = true }: MapOptions = {}
  ): Stream.Stream<A | Result<Job, A, E>, E | E2 | RunError, R2> => {
    for (const [argument, value] of Object.entries({ exits, ordered })) {
      if (typeof value !== "boolean") return Stream.die(invalid("WorkerPool.map", argument, "true or false", value))
    }
    return exits ? mapJobs(impl(self), jobs, ordered, asResult) : mapJobs(impl(self), jobs, ordered, asValue)
  }
)

/**
 * Runs every job of a stream on the pool, and returns the stream of their results: `map` on the stream's side.
 *
 * **Details**
 *
 * The bound, the order, the failures and the end are as with `map`.
 *
 * **Example** (In a pipe)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { WorkerPool } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* WorkerPool.make({ size: 4, run: (n: number) => Effect.as(Effect.yieldNow, n * n) })
 *   return yield* Stream.make(1, 2, 3).pipe(WorkerPool.mapStream(pool), Stream.runCollect)
 * })
 *
 * console.log(await Effect.runPromise(Effect.scoped(program))) // => [ 1, 4, 9 ]
 * ```
 *
 * @see {@link map} for iterables and async iterables
 * @category combinators
 * @since 0.1.0
 */
export const mapStream: {
  /**
   * Returns a function that runs every job of a stream on this pool, and returns the stream of a `Result` for each: the
   * job and its exit.
   *
   * At most `size + capacity` jobs are between source and consumer, or three times the size when the capacity is
   * unbounded. Jobs wait for room, whatever the `strategy`. Results come in the order of the jobs, or with
   * `ordered: false` as the jobs end. No job's failure ends the stream. It fails as the source does, and with
   * `PoolClosed`, after the results of all accepted jobs, if the pool no longer accepts jobs. A stream that ends early
   * cancels its jobs, and waits for their ends.
   */
  <Job, A, E>(
    self: WorkerPool<Job, A, E>,
    options: MapOptions & {
      /** The stream has a `Result` for each job. */
      readonly exits: true
    }
  ): <E2, R2>(jobs: Stream.Stream<Job, E2, R2>) => Stream.Stream<Result<Job, A, E>, E2 | PoolClosed, R2>
  /**
   * Returns a function that runs every job of a stream on this pool, and returns the stream of their values.
   *
   * At most `size + capacity` jobs are between source and consumer, or three times the size when the capacity is
   * unbounded. Jobs wait for room, whatever the `strategy`. Results come in the order of the jobs, or with
   * `ordered: false` as the jobs end. The first job that fails ends the stream with its failure: its own, `JobLost` or
   * `PoolFailed`. The stream also fails as the source does, and with `PoolClosed`, after the results of all accepted
   * jobs, if the pool no longer accepts jobs. A stream that ends early cancels its jobs, and waits for their ends.
   */
  <Job, A, E>(
    self: WorkerPool<Job, A, E>,
    options?: MapOptions & {
      /** The stream has the jobs' values: the default. */
      readonly exits?: false | undefined
    }
  ): <E2, R2>(jobs: Stream.Stream<Job, E2, R2>) => Stream.Stream<A, E | E2 | RunError, R2>
} = <Job, A, E>(self: WorkerPool<Job, A, E>, options?: MapOptions) =>
// The overloads of `map` say the same.
<E2, R2>(jobs: Stream.Stream<Job, E2, R2>): Stream.Stream<never, never, R2> =>
  map(self, jobs, options as { readonly exits: true }) as Stream.Stream<never, never, R2>

/**
 * Ends the pool in good order: it accepts nothing more, runs all accepted jobs, releases the resources, and returns a
 * report of all jobs.
 *
 * **Details**
 *
 * Suspends until every job and every worker has ended. Callers that wait for room fail with `PoolClosed`. When the
 * `deadline` passes first, it acts as `shutdownNow`: jobs that have not started are returned, running ones are
 * interrupted. It still waits for the finalizers of jobs and resources.
 *
 * May be called any number of times, also after the end, and returns the same report. The earliest deadline holds. An
 * interrupt stops the waiting only: the pool still ends. A deadline that is negative or no duration is a defect.
 *
 * **Gotchas**
 *
 * `shutdown` does not wait for a job that calls it. The job dies with `PoolDeadlock` if the pool could not end even so:
 * no worker is left for the jobs that wait, or a running job waits for this one (P9).
 *
 * **Example** (A service that stops)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { WorkerPool } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* WorkerPool.make({
 *     size: 1,
 *     run: (name: string) => name === "slow" ? Effect.never : Effect.succeed(name)
 *   })
 *   for (const name of ["quick", "slow", "waiting"]) yield* WorkerPool.submit(pool, name)
 *   const report = yield* WorkerPool.shutdown(pool, { deadline: "50 millis" })
 *   console.log(report.counts.succeeded, report.aborted, report.returned) // => 1 [ 'slow' ] [ 'waiting' ]
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @see {@link shutdownNow} for an end that interrupts the jobs
 * @category combinators
 * @since 0.1.0
 */
export const shutdown: {
  /**
   * Returns a function that ends a pool in good order: it runs all accepted jobs, releases the resources, and returns a
   * report of all jobs.
   *
   * Suspends until every job and every worker has ended, finalizers included. The pool accepts nothing more: callers
   * that wait for room fail with `PoolClosed`. Never fails. May be called any number of times, also after the end, and
   * returns the same report; the earliest deadline holds. An interrupt stops the waiting only: the pool still ends. A
   * job that calls it is not waited for, and dies with `PoolDeadlock` if the pool could not end even so.
   */
  (
    options?: {
      /**
       * How long accepted jobs may run: a duration >= 0. Default: no limit. After it, jobs that have not started are
       * returned, and running ones are interrupted. Any other value is a defect.
       */
      readonly deadline?: Duration.Input | undefined
    }
  ): <Job, A, E>(self: WorkerPool<Job, A, E>) => Effect.Effect<ShutdownReport<Job>>
  /**
   * Ends the pool in good order: it runs all accepted jobs, releases the resources, and returns a report of all jobs.
   *
   * Suspends until every job and every worker has ended, finalizers included. The pool accepts nothing more: callers
   * that wait for room fail with `PoolClosed`. Never fails. May be called any number of times, also after the end, and
   * returns the same report; the earliest deadline holds. An interrupt stops the waiting only: the pool still ends. A
   * job that calls it is not waited for, and dies with `PoolDeadlock` if the pool could not end even so.
   */
  <Job, A, E>(
    self: WorkerPool<Job, A, E>,
    options?: {
      /**
       * How long accepted jobs may run: a duration >= 0. Default: no limit. After it, jobs that have not started are
       * returned, and running ones are interrupted. Any other value is a defect.
       */
      readonly deadline?: Duration.Input | undefined
    }
  ): Effect.Effect<ShutdownReport<Job>>
} = /* @__PURE__ */ dual(
  (args) => isWorkerPool(args[0]),
  <Job, A, E>(self: WorkerPool<Job, A, E>, options?: { readonly deadline?: Duration.Input | undefined }) =>
    Effect.suspend(() => {
      const { deadline = Duration.infinity } = options ?? {}
      const requirement = "a duration that is not negative"
      const millis = checkMillis("WorkerPool.shutdown", "deadline", deadline, requirement, (n) => n >= 0)
      return impl(self).shutdown(Duration.millis(millis))
    })
)

/**
 * Ends the pool immediately: it accepts nothing more, returns the jobs that have not started, interrupts running jobs,
 * and releases the resources.
 *
 * **Details**
 *
 * Suspends until every job and every worker has ended, finalizers included. Closing the pool's scope does the same
 * (P8). Never fails. May be called any number of times, also after `shutdown`: it ends the drain then. A job that calls
 * it is interrupted with the others.
 *
 * **Example** (What never started)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { WorkerPool } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* WorkerPool.make({ size: 1, run: (_: string) => Effect.never })
 *   for (const name of ["a", "b", "c"]) yield* WorkerPool.submit(pool, name)
 *   const report = yield* WorkerPool.shutdownNow(pool)
 *   console.log(report.aborted, report.returned) // => [ 'a' ] [ 'b', 'c' ]
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const shutdownNow = <Job, A, E>(self: WorkerPool<Job, A, E>): Effect.Effect<ShutdownReport<Job>> =>
  impl(self).shutdownNow

/**
 * Returns the options that it is given: for options that are written once and used twice.
 *
 * **When to use**
 *
 * Use for a class of `Service` whose `layerConfig` reads some of the options from the environment. The functions among
 * the options have the types that they have inside of `make`, without annotations.
 *
 * **Details**
 *
 * Never throws: `make` and the layers check the options. O(1).
 *
 * **Example** (A class of the environment's size)
 *
 * ```ts
 * import { ConfigProvider, Effect, Layer } from "effect"
 * import { WorkerPool } from "sluice"
 * import * as PoolConfig from "sluice/PoolConfig"
 *
 * const options = WorkerPool.options({
 *   size: 2,
 *   worker: ({ id }) => Effect.succeed({ query: (sql: string) => Effect.succeed(`${sql} by connection ${id}`) }),
 *   run: (sql: string, { resource }) => resource.query(sql),
 *   drain: "5 seconds"
 * })
 * class Db extends WorkerPool.Service<Db>()("app/Db", options) {}
 * const DbSettings = PoolConfig.settings("DB", { size: 2 })
 * const DbLive = WorkerPool.layerConfig(Db, DbSettings, ({ size }) => ({ ...options, size }))
 *
 * const program = Effect.gen(function*() {
 *   console.log(yield* Db.run("select 1")) // => select 1 by connection 1
 *   console.log((yield* Db.stats).size) // => 8
 * })
 * const env = ConfigProvider.layer(ConfigProvider.fromEnv({ env: { DB_SIZE: "8" } }))
 * await Effect.runPromise(Effect.provide(program, Layer.provide(DbLive, env)))
 * ```
 *
 * @see {@link layerConfig} for options that depend on a config
 * @category constructors
 * @since 0.1.0
 */
export const options = <
  Job,
  A,
  E = never,
  R = never,
  W = void,
  EW = never,
  RW = never,
  RC = never,
  RD = never,
  Key = unknown,
  const D extends Deadlines | undefined = undefined
>(
  options: Options<Job, A, E, R, W, EW, RW, RC, Key, D> & EndOptions<Job, RD>
): Options<Job, A, E, R, W, EW, RW, RC, Key, D> & EndOptions<Job, RD> => options

/**
 * Makes the layer of a pool. Its build makes the pool, and its close ends the pool.
 *
 * **Details**
 *
 * The options are the options of `make`, and two more. With `drain`, the close lets accepted jobs run for that time,
 * and interrupts them then. Without it they are interrupted, or returned, immediately. `onShutdown` receives the report
 * of the end, and the layer's close waits for it. The build fails as `make` does. A `drain` that is negative or no
 * duration is a defect of the build.
 *
 * **Example** (A pool for a service of your own)
 *
 * ```ts
 * import { Context, Effect } from "effect"
 * import { WorkerPool } from "sluice"
 *
 * class Squares extends Context.Service<Squares, WorkerPool.WorkerPool<number, number>>()("Squares") {}
 * const SquaresLive = WorkerPool.layer(Squares, { size: 2, run: (n: number) => Effect.succeed(n * n) })
 *
 * const program = Effect.flatMap(Squares, (pool) => WorkerPool.run(pool, 4))
 * console.log(await Effect.runPromise(Effect.provide(program, SquaresLive))) // => 16
 * ```
 *
 * @see {@link Service} for a class that has its layer and its operations
 * @category layers
 * @since 0.1.0
 */
export const layer = <
  Self,
  Job,
  A,
  KE = never,
  E extends KE = KE,
  R = never,
  KW = unknown,
  W extends KW = KW,
  EW = never,
  RW = never,
  RC = never,
  RD = never,
  Key = unknown,
  D extends DeadlinesOf<KE> = undefined
>(
  key: Context.Key<Self, WorkerPool<Job, A, KE, KW>>,
  options: Options<Job, A, E, R, W, EW, RW, RC, Key, D> & EndOptions<Job, RD>
): Layer.Layer<Self, EW, Exclude<R | RW | RC | RD, Scope.Scope>> =>
  Layer.effect(key, makeEnding("WorkerPool.layer", options))

/**
 * Makes the layer of a pool whose options depend on a `Config`, which the layer's build reads.
 *
 * **Details**
 *
 * `options` gets the value of the config, such as the settings of `PoolConfig.settings`, and returns the options of
 * `layer`. The build fails with a `ConfigError` if the config does, and otherwise as `make` does.
 *
 * **Example** (A pool of the environment's size)
 *
 * ```ts
 * import { ConfigProvider, Context, Effect, Layer } from "effect"
 * import { WorkerPool } from "sluice"
 * import * as PoolConfig from "sluice/PoolConfig"
 *
 * class Squares extends Context.Service<Squares, WorkerPool.WorkerPool<number, number>>()("Squares") {}
 * const SquaresLive = WorkerPool.layerConfig(Squares, PoolConfig.settings("SQUARES", { size: 2 }), ({ size }) => ({
 *   size,
 *   run: (n: number) => Effect.succeed(n * n)
 * }))
 *
 * const program = Effect.map(Squares, (pool) => WorkerPool.stats(pool).size)
 * const env = ConfigProvider.layer(ConfigProvider.fromEnv({ env: { SQUARES_SIZE: "8" } }))
 * console.log(await Effect.runPromise(Effect.provide(program, Layer.provide(SquaresLive, env)))) // => 8
 * ```
 *
 * @see `settings` of `sluice/PoolConfig` for the settings of a pool
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = <
  Self,
  S,
  Job,
  A,
  KE = never,
  E extends KE = KE,
  R = never,
  KW = unknown,
  W extends KW = KW,
  EW = never,
  RW = never,
  RC = never,
  RD = never,
  Key = unknown,
  D extends DeadlinesOf<KE> = undefined
>(
  key: Context.Key<Self, WorkerPool<Job, A, KE, KW>>,
  config: Configs.Config<S>,
  options: (
    settings: S
  ) => Options<Job, A, E, R, W, EW, RW, RC, Key, D> & EndOptions<Job, RD>
): Layer.Layer<Self, EW | Configs.ConfigError, Exclude<R | RW | RC | RD, Scope.Scope>> =>
  Layer.effect(
    key,
    Effect.flatMap(config, (settings) => makeEnding("WorkerPool.layerConfig", options(settings)))
  )

/**
 * Makes a class that is a pool as a service: the key, its layer, and its operations.
 *
 * **When to use**
 *
 * Use for a pool that several modules share. A pool that one function uses is shorter with `make`.
 *
 * **Details**
 *
 * The options are the options of `layer`. `Mailer.run(job)` runs a job on the pool of `Mailer.layer`; `tryRun`,
 * `submit`, `trySubmit`, `idle` and `stats` likewise. For all other operations `yield* Mailer` is the pool itself.
 *
 * **Example** (A service that drains as it stops)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { WorkerPool } from "sluice"
 *
 * class Mailer extends WorkerPool.Service<Mailer>()("app/Mailer", {
 *   size: 2,
 *   run: (user: string) => Effect.as(Effect.yieldNow, `sent to ${user}`),
 *   drain: "5 seconds",
 *   onShutdown: ({ counts }) => Effect.sync(() => console.log(`${counts.succeeded} sent`))
 * }) {}
 *
 * const program = Effect.gen(function*() {
 *   yield* Mailer.submit("ada")
 *   console.log(yield* Mailer.run("bob"))
 * })
 *
 * await Effect.runPromise(Effect.provide(program, Mailer.layer))
 * // => sent to bob
 * // => 2 sent
 * ```
 *
 * @see {@link layer} for a key of your own
 * @category layers
 * @since 0.1.0
 */
export const Service = <Self>() =>
<
  const Id extends string,
  Job,
  A,
  E = never,
  R = never,
  W = void,
  EW = never,
  RW = never,
  RC = never,
  RD = never,
  Key = unknown,
  D extends Deadlines | undefined = undefined
>(
  id: Id,
  options: Options<Job, A, E, R, W, EW, RW, RC, Key, D> & EndOptions<Job, RD>
): PoolService<Self, Id, Job, A, E | TimeoutOf<D>, W, EW, Exclude<R | RW | RC | RD, Scope.Scope>> => {
  const key = Context.Service<Self, WorkerPool<Job, A, E | TimeoutOf<D>, W>>()(id)
  const made = makeEnding(`WorkerPool.Service ${JSON.stringify(id)}`, options)
  return Object.assign(key, {
    layer: Layer.effect(key, made),
    run: (job: Job) => key.use((pool) => run(pool, job)),
    tryRun: (job: Job) => key.use((pool) => tryRun(pool, job)),
    submit: (job: Job) => key.use((pool) => submit(pool, job)),
    trySubmit: (job: Job) => key.use((pool) => trySubmit(pool, job)),
    idle: key.use((pool) => idle(pool)),
    stats: key.useSync((pool) => stats(pool))
  })
}

/**
 * Changes the number of workers, at any time.
 *
 * **Details**
 *
 * Never suspends, never fails, and interrupts no job (P10). Of the surplus workers, workers without a resource leave
 * first, then idle ones, then busy ones after their job. Each releases its resource. Missing workers acquire their
 * resources in parallel, and take part then. `size` is an integer from 1 to 1,000,000; anything else is a defect. The
 * queue's capacity stays as it is. Once the pool is stopping it does nothing. O(size).
 *
 * **Gotchas**
 *
 * If a new worker's resource cannot be acquired within `restart`, the pool continues without that worker, and `stats`
 * has the smaller size. If no other worker can serve then, the pool has failed.
 *
 * **Example** (More of them while there is more to do)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { WorkerPool } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* WorkerPool.make({ size: 1, run: (_: number) => Effect.never })
 *   for (const n of [1, 2, 3]) yield* WorkerPool.submit(pool, n)
 *   console.log(WorkerPool.stats(pool).running) // => 1
 *   yield* WorkerPool.resize(pool, 3)
 *   console.log(WorkerPool.stats(pool).running) // => 3
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const resize: {
  /**
   * Returns a function that changes the number of workers of a pool.
   *
   * Never suspends, never fails, and interrupts no job. Of the surplus workers, workers without a resource leave first,
   * then idle ones, then busy ones after their job. Missing workers acquire their resources in parallel, and take part
   * then; a worker whose resource cannot be acquired within `restart` is not added. `size` is an integer from 1 to
   * 1,000,000; anything else is a defect. The queue's capacity stays as it is. Once the pool is stopping it does
   * nothing.
   */
  (size: number): <Job, A, E>(self: WorkerPool<Job, A, E>) => Effect.Effect<void>
  /**
   * Changes the number of workers.
   *
   * Never suspends, never fails, and interrupts no job. Of the surplus workers, workers without a resource leave first,
   * then idle ones, then busy ones after their job. Missing workers acquire their resources in parallel, and take part
   * then; a worker whose resource cannot be acquired within `restart` is not added. `size` is an integer from 1 to
   * 1,000,000; anything else is a defect. The queue's capacity stays as it is. Once the pool is stopping it does
   * nothing.
   */
  <Job, A, E>(self: WorkerPool<Job, A, E>, size: number): Effect.Effect<void>
} = /* @__PURE__ */ dual(
  2,
  <Job, A, E>(self: WorkerPool<Job, A, E>, size: number) =>
    Effect.sync(() => impl(self).resize(checkSize("WorkerPool.resize", size)))
)

/**
 * Keeps the number of workers between two bounds, by how much waits for them, until the scope closes.
 *
 * **When to use**
 *
 * Use where the load rises and falls, and idle workers cost something. Where the downstream sets the limit, and not the
 * load, an `AdaptiveLimit` finds the limit.
 *
 * **Details**
 *
 * Grows by `step` while more than `growAbove` jobs wait for each worker; and, while no worker is idle, when callers
 * wait for room, when a `map` has reached its bound and has more jobs, when a job has found the queue full since the
 * last sample, or when each worker's job waits for this pool (P9). Jobs that the limit of their key holds back do not
 * count. Shrinks by `step` while none of these conditions holds, no job waits that a worker could take, and less than
 * the share `shrinkBelow` of the workers is busy. Between the marks nothing changes (U2).
 *
 * After a change it takes at least `dwell.grow` until it grows again, and `dwell.shrink` of low load without a break
 * until it shrinks: a load that comes and goes faster does not make the pool thrash (U3). It takes ten samples in the
 * shorter of the two times. It ends with the pool. Returns immediately. Options out of range are a defect.
 *
 * **Example** (Growing under load)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { TestClock } from "effect/testing"
 * import { WorkerPool } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* WorkerPool.make({
 *     size: 1,
 *     queue: { capacity: "unbounded" },
 *     run: (_: number) => Effect.sleep("1 second")
 *   })
 *   yield* WorkerPool.autoscale(pool, { min: 1, max: 4, dwell: "1 second" })
 *   for (let n = 0; n < 30; n++) yield* WorkerPool.submit(pool, n)
 *   yield* TestClock.adjust("5 seconds")
 *   console.log(WorkerPool.stats(pool).size) // => 4
 *   yield* TestClock.adjust("1 minute")
 *   console.log(WorkerPool.stats(pool).size) // => 1
 * })
 *
 * await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(TestClock.layer())))
 * ```
 *
 * @see {@link resize} for a size that you choose
 * @category combinators
 * @since 0.1.0
 */
export const autoscale: {
  /**
   * Returns a function that keeps the number of workers of a pool between two bounds, by its load, until the scope
   * closes.
   *
   * Returns immediately; a fiber in the scope takes samples and resizes the pool, and ends with the pool. Grows while
   * jobs wait for workers, or callers for room. Shrinks while few workers are busy and no job waits that a worker could
   * take. Never fails. Options with wrong values are a defect.
   */
  (options: Autoscaler.Options): <Job, A, E>(
    self: WorkerPool<Job, A, E>
  ) => Effect.Effect<void, never, Scope.Scope>
  /**
   * Keeps the number of workers between two bounds, by the load of the pool, until the scope closes.
   *
   * Returns immediately; a fiber in the scope takes samples and resizes the pool, and ends with the pool. Grows while
   * jobs wait for workers, or callers for room. Shrinks while few workers are busy and no job waits that a worker could
   * take. Never fails. Options with wrong values are a defect.
   */
  <Job, A, E>(self: WorkerPool<Job, A, E>, options: Autoscaler.Options): Effect.Effect<void, never, Scope.Scope>
} = /* @__PURE__ */ dual(
  2,
  <Job, A, E>(self: WorkerPool<Job, A, E>, options: Autoscaler.Options) =>
    Effect.suspend(() => {
      const settings = Autoscaler.settings(options)
      const pool = impl(self)
      const interval = Math.max(1, Math.min(settings.dwell.grow, settings.dwell.shrink) / 10)
      const loop = Effect.gen(function*() {
        for (let state = Autoscaler.initial; !pool.isEnding;) {
          const sample = pool.sample()
          const decision = pool.isPaused
            ? { state: Autoscaler.pause(state, sample), size: sample.size }
            : Autoscaler.next(settings, state, sample)
          state = decision.state
          if (decision.size !== sample.size) pool.resize(decision.size)
          yield* Effect.sleep(interval)
        }
      })
      // The pool knows of it: it reckons with the workers to come (P9), and its end is that of the loop.
      const known = Effect.withFiber((fiber) => {
        const autoscaler = { max: settings.max, fiber }
        return Effect.acquireUseRelease(
          Effect.sync(() => pool.autoscalers.add(autoscaler)),
          () => loop,
          () => Effect.sync(() => pool.autoscalers.delete(autoscaler))
        )
      })
      return Effect.asVoid(Effect.forkScoped(Effect.provideContext(known, pool.context), { startImmediately: true }))
    })
)

/**
 * Returns a stream of the dead letters that the pool keeps in memory. Reading a letter removes it.
 *
 * **Details**
 *
 * The stream waits for more letters, and ends with the pool, after the last letter. Never fails. Each letter goes to
 * one reader. When `deadLetters.capacity` letters wait, a new letter replaces the oldest, and a warning is logged. The
 * stream is empty if the pool has a sink for its letters, or keeps none.
 *
 * **Example** (What could not be sent)
 *
 * ```ts
 * import { Effect, Schedule, Stream } from "effect"
 * import { WorkerPool } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* WorkerPool.make({
 *     size: 2,
 *     retry: { schedule: Schedule.recurs(2), deadLetters: {} },
 *     run: (to: string) => to === "nobody" ? Effect.fail("no such user") : Effect.void
 *   })
 *   for (const to of ["ada", "nobody", "grace"]) yield* WorkerPool.submit(pool, to)
 *   const { counts } = yield* WorkerPool.shutdown(pool)
 *   console.log(counts.succeeded, counts.deadLettered) // => 2 1
 *   yield* Stream.runForEach(WorkerPool.deadLetters(pool), ({ attempts, job, reason }) =>
 *     Effect.sync(() => console.log(job, attempts, reason))) // => nobody 3 exhausted
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const deadLetters = <Job, A, E>(self: WorkerPool<Job, A, E>): Stream.Stream<DeadLetter<Job, E>> =>
  impl(self).config.deadLetters?.stream ?? Stream.empty

/**
 * Returns what the pool is doing now: a plain, synchronous snapshot. O(1).
 *
 * **Example** (Looking at a pool)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { WorkerPool } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* WorkerPool.make({ size: 2, run: (_: number) => Effect.never })
 *   for (const n of [1, 2, 3]) yield* WorkerPool.submit(pool, n)
 *   const { queued, running, state, submitted } = WorkerPool.stats(pool)
 *   console.log({ state, submitted, queued, running }) // => { state: 'running', submitted: 3, queued: 1, running: 2 }
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const stats = <Job, A, E>(self: WorkerPool<Job, A, E>): Stats => impl(self).stats()

/**
 * Returns how many workers a load takes, how long the queue may be, and how long jobs will wait.
 *
 * **When to use**
 *
 * Use for a first guess before there is anything to measure, and to see what a higher utilisation costs in waiting.
 *
 * **Details**
 *
 * By Little's law `arrivals` times `duration` jobs are in progress. The result has as many workers as keep to the
 * `utilization`, and more if the `patience` needs them; `capacity` is then the number of jobs that they can serve
 * within that patience.
 *
 * The waits are the waits of the queue M/M/c, by Erlang's C: jobs that arrive independently of each other, at one rate
 * (Poisson), exponential durations, a queue without a bound, first come, first served. O(workers).
 *
 * Throws a `RangeError` if an argument is out of range, or more than 1,000,000 workers would be needed.
 *
 * **Gotchas**
 *
 * The model does not hold for every load. With bursts, and with heavy tails, where a few jobs take very much longer
 * than the mean, jobs wait longer than it says, and no mean says how much longer: measure, and bound the duration with
 * an `Effect.timeout`. Jobs whose durations vary little wait less, down to about half. A downstream that all workers
 * wait for, such as a database, does not become faster with more workers.
 *
 * **Example** (200 messages a second, of 30 ms each)
 *
 * ```ts
 * import { Duration } from "effect"
 * import { WorkerPool } from "sluice"
 *
 * const { capacity, load, wait, waiting, workers } = WorkerPool.sizing({
 *   arrivals: 200,
 *   duration: "30 millis",
 *   patience: "1 second"
 * })
 * console.log({ load, workers, capacity }) // => { load: 6, workers: 9, capacity: 300 }
 * console.log(`${Math.round(waiting * 100)} % wait`) // => 20 % wait
 * console.log(`99 % no longer than ${Math.round(Duration.toMillis(wait.percentile))} ms`)
 * // => 99 % no longer than 30 ms
 *
 * const busier = WorkerPool.sizing({ arrivals: 200, duration: "30 millis", utilization: 0.9 })
 * console.log(busier.workers, `${Math.round(Duration.toMillis(busier.wait.percentile))} ms`) // => 7 124 ms
 * ```
 *
 * @see `settings` of `sluice/PoolConfig` for taking the size from the environment instead
 * @category getters
 * @since 0.1.0
 */
export const sizing: (workload: Workload) => Sizing = size

/**
 * Makes an order of your own for the option `queue.order`: it says which of the waiting jobs goes next.
 *
 * **When to use**
 *
 * Use for an order that arrival, `priority` and `key` cannot express: the earliest deadline first, the shortest job
 * first, last in, first out.
 *
 * **Details**
 *
 * `makeLine` is called once for each pool. `OrderLine` says what the pool calls, and when.
 *
 * **Gotchas**
 *
 * In an order of your own the pool does not prevent starvation.
 *
 * **Example** (Earliest deadline first)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { WorkerPool } from "sluice"
 *
 * interface Mail {
 *   readonly to: string
 *   readonly due: number
 * }
 *
 * const earliestDeadline = WorkerPool.order<Mail>(() => {
 *   const waiting = new Map<number, Mail>()
 *   return {
 *     add: (mail, number) => void waiting.set(number, mail),
 *     remove: (_, number) => void waiting.delete(number),
 *     next: () => [...waiting].reduce((one, other) => other[1].due < one[1].due ? other : one)[0]
 *   }
 * })
 *
 * const program = Effect.gen(function*() {
 *   const sent: Array<string> = []
 *   const pool = yield* WorkerPool.make({
 *     size: 1,
 *     queue: { capacity: 10, order: earliestDeadline },
 *     run: (mail: Mail) => Effect.andThen(Effect.yieldNow, Effect.sync(() => void sent.push(mail.to)))
 *   })
 *   for (const [to, due] of [["ann", 1], ["ben", 9], ["cy", 3]] as const) yield* WorkerPool.submit(pool, { to, due })
 *   yield* WorkerPool.shutdown(pool)
 *   console.log(sent.join()) // => ann,cy,ben
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const order: <Job>(makeLine: () => OrderLine<Job>) => Order<Job> = ownOrder
