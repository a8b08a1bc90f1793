/**
 * A `WorkerPool` whose workers own threads: jobs use all processors, and a job that ignores cancellation is terminated
 * with its thread.
 *
 * @since 0.1.0
 */
import type * as Configs from "effect/Config"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Inspectable } from "effect/Inspectable"
import * as Layer from "effect/Layer"
import type { Pipeable } from "effect/Pipeable"
import { hasProperty } from "effect/Predicate"
import * as Random from "effect/Random"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { checkMillis, checkNumber, invalid, isPositive } from "../internal/args.js"
import { Described } from "../internal/Described.js"
import type { CodecsByName } from "../internal/threads/codec.js"
import { Crew } from "../internal/threads/Crew.js"
import { NotCloneable, ThreadFailed, ThreadLost, ThreadNotClosed } from "../internal/threads/errors.js"
import { type Lease, leases } from "../internal/threads/Home.js"
import { capturing } from "../internal/threads/Lines.js"
import { nodePlatform } from "../internal/threads/node.js"
import { delivering, type OutputSource } from "../internal/threads/output.js"
import type { NodeOptions, Platform } from "../internal/threads/platform.js"
import { withProgress } from "../internal/threads/progress.js"
import { limitsOf, type Recycle } from "../internal/threads/recycle.js"
import { type Call, type ReportingCall, Thread } from "../internal/threads/Thread.js"
import { transfer } from "../internal/threads/transfer.js"
import { type Web, webPlatform } from "../internal/threads/web.js"
import { type Composite, PartsTypeId } from "../internal/view.js"
import { ending } from "../internal/workerPool/ending.js"
import { poolName } from "../internal/workerPool/errors.js"
import { makePool } from "../internal/workerPool/make.js"
import { mapSource, normalize, type Source } from "../internal/workerPool/source.js"
import * as WorkerPool from "../WorkerPool.js"
import type { JobContext, Jobs, Schemas } from "./ThreadWorker.js"

export { NotCloneable, ThreadFailed, ThreadLost, ThreadNotClosed }
export type { Call, NodeOptions, OutputSource, Platform, Recycle }
export type {
  OutputStream,
  PlatformThread,
  ThreadEnd,
  ThreadEvents,
  ThreadOptions
} from "../internal/threads/platform.js"

const TypeId = "~sluice/ThreadPool"

/** The functions that the jobs `J` of a module have, by their names. */
type HandlersOf<J> = J extends Jobs<infer Handlers, never> ? Handlers : never

/**
 * The data that each thread of the module starts with, as an option of `make`. Its type is the type of the parameter of
 * the function that the module gives to `serveWith`. A module that calls `serve` has no such option.
 *
 * @category models
 * @since 0.1.0
 */
export type DataOptions<J> = J extends Jobs<unknown, infer Data> ? unknown extends Data ? {
      /** Absent: the module takes no data, since it calls `serve`. */
      readonly data?: undefined
    }
  : {
    /**
     * The data itself; or a function that makes it from the thread's number, from 1, whenever a thread starts. A thread
     * that replaces another one has its number. The thread gets a clone, as by `structuredClone`. Required. Data that
     * cannot be cloned, and a function that throws, are a `ThreadFailed` with the reason `"data"`.
     */
    readonly data: Data | ((thread: number) => Data)
  }
  : unknown

/**
 * The errors that a call of the job may fail with because it runs in a thread, in addition to the job's own errors.
 *
 * @category models
 * @since 0.1.0
 */
export type CallError = ThreadLost | NotCloneable

/**
 * The input of a job, as arguments: none, or one.
 *
 * @category models
 * @since 0.1.0
 */
export type Input<H> = H extends (...args: infer Args) => unknown ? Args extends readonly [] ? []
  : Args extends readonly [infer I, ...ReadonlyArray<unknown>] ? [input: I]
  : [input?: Args[0]]
  : never

/**
 * The result of a job: the value that its effect succeeds with, or its promise resolves to, or the value itself.
 *
 * @category models
 * @since 0.1.0
 */
export type Success<H> = H extends (...args: never) => infer R
  // A result of type `any` stays `any`.
  ? 0 extends 1 & R ? R : R extends Effect.Effect<infer A, unknown, unknown> ? A : Awaited<R>
  : never

/**
 * The errors of a job: the errors of the effect that its function returns. `never` for a function without an effect.
 *
 * @category models
 * @since 0.1.0
 */
export type Failure<H> = H extends (...args: never) => infer R
  ? 0 extends 1 & R ? never : R extends Effect.Effect<unknown, infer E, unknown> ? E : never
  : never

/**
 * The reports of a job: the type of the progress that its function passes to `report` of its context.
 *
 * @category models
 * @since 0.1.0
 */
export type Progress<H> = H extends (input: never, context: infer Context) => unknown
  ? Context extends JobContext<infer P> ? P : never
  : never

/**
 * A pool of threads that serve the jobs of a module. A job is a function of the module, by its name.
 *
 * @category models
 * @since 0.1.0
 */
export interface ThreadPool<J, Late = never> extends Pipeable, Inspectable {
  readonly [TypeId]: typeof TypeId
  /** The `name` that the pool was made with. `undefined` without one. */
  readonly name: string | undefined
  /**
   * For each job, by its name, the function that runs it in a thread and returns its result: `pool.run.digest(bytes)`.
   */
  readonly run: {
    readonly [K in keyof HandlersOf<J>]: {
      /**
       * Runs a job in a thread, and returns its result. Suspends until the job has ended; while the queue is full, it
       * waits for room first. Fails as the job fails; with `ThreadLost` if its thread ended; with `NotCloneable` if its
       * input or result cannot be sent; with `JobTimeout` in a pool with deadlines; with `PoolClosed`, `JobLost` or
       * `PoolFailed` as `WorkerPool.run` does. An interrupt cancels the job, and waits for its end: up to the `grace`
       * longer if it does not stop.
       */
      (
        ...input: Input<HandlersOf<J>[K]>
      ): Effect.Effect<
        Success<HandlersOf<J>[K]>,
        Failure<HandlersOf<J>[K]> | CallError | Late | WorkerPool.RunError
      >
    }
  }
  /**
   * For each job, by its name, the function that runs it, but fails with `QueueFull` if the job would have to wait for
   * room: `pool.tryRun.digest(bytes)`.
   */
  readonly tryRun: {
    readonly [K in keyof HandlersOf<J>]: {
      /**
       * Runs a job in a thread, and returns its result, but fails with `QueueFull` if the job would have to wait for
       * room. Suspends until the job has ended. Fails as `run` does. An interrupt cancels the job, and waits for its
       * end.
       */
      (
        ...input: Input<HandlersOf<J>[K]>
      ): Effect.Effect<
        Success<HandlersOf<J>[K]>,
        Failure<HandlersOf<J>[K]> | CallError | Late | WorkerPool.RunError | WorkerPool.QueueFull
      >
    }
  }
  /**
   * For each job, by its name, the function that runs it and calls `onProgress` for its reports:
   * `pool.runWithProgress.resize(image, (percent) => Console.log(percent))`.
   */
  readonly runWithProgress: {
    readonly [K in keyof HandlersOf<J>]: {
      /**
       * Runs a job as `run` does, and calls `onProgress` for its reports, one at a time, in the caller's fiber. A
       * report that comes before `onProgress` has ended replaces the one that waits. Suspends until the job and the
       * last `onProgress` have ended. Fails as `run` does, or as `onProgress` does: a failure of one interrupts the
       * other. An interrupt cancels both. A retry reports again from its beginning. An `onProgress` that is no function
       * is a defect.
       */
      <E = never, R = never>(
        input: Input<HandlersOf<J>[K]>[0],
        onProgress: (progress: Progress<HandlersOf<J>[K]>) => Effect.Effect<unknown, E, R>
      ): Effect.Effect<
        Success<HandlersOf<J>[K]>,
        E | Failure<HandlersOf<J>[K]> | CallError | Late | WorkerPool.RunError,
        R
      >
    }
  }
  /**
   * For each job, by its name, the function that submits it and returns a handle on it: `pool.submit.digest(bytes)`.
   */
  readonly submit: {
    readonly [K in keyof HandlersOf<J>]: {
      /**
       * Gives the pool a job, and returns a handle on it once it is accepted. Suspends while the queue is full. Fails
       * with `PoolClosed` if the pool no longer accepts jobs. An interrupt while it suspends cancels the job. The
       * handle fails as `run` does.
       */
      (
        ...input: Input<HandlersOf<J>[K]>
      ): Effect.Effect<
        WorkerPool.JobHandle<Success<HandlersOf<J>[K]>, Failure<HandlersOf<J>[K]> | CallError | Late>,
        WorkerPool.PoolClosed
      >
    }
  }
  /**
   * For each job, by its name, the function that submits it without a wait for room: `pool.trySubmit.digest(bytes)`.
   */
  readonly trySubmit: {
    readonly [K in keyof HandlersOf<J>]: {
      /**
       * Gives the pool a job, and returns a handle on it. Never suspends. Fails with `QueueFull` if the job would have
       * to wait for room, and with `PoolClosed` if the pool no longer accepts jobs. The handle fails as `run` does.
       */
      (
        ...input: Input<HandlersOf<J>[K]>
      ): Effect.Effect<
        WorkerPool.JobHandle<Success<HandlersOf<J>[K]>, Failure<HandlersOf<J>[K]> | CallError | Late>,
        WorkerPool.PoolClosed | WorkerPool.QueueFull
      >
    }
  }
  /** For each job, by its name, the function that runs it for each input of a source: `pool.map.digest(files)`. */
  readonly map: {
    readonly [K in keyof HandlersOf<J>]: {
      /**
       * Runs the job for each input of a source, and returns the stream of their results, as `WorkerPool.map` does. The
       * source is an iterable, an async iterable or a stream. The first job that fails ends the stream with its
       * failure: as `run` fails. The stream also fails as the source does. A stream that ends early cancels its jobs,
       * and waits for their ends.
       */
      <E = never, R = never>(
        inputs: Source<Input<HandlersOf<J>[K]>[0], E, R>,
        options?: {
          /** Whether results come in the order of the source, or as the jobs end. Default: true. */
          readonly ordered?: boolean | undefined
        }
      ): Stream.Stream<
        Success<HandlersOf<J>[K]>,
        E | Failure<HandlersOf<J>[K]> | CallError | Late | WorkerPool.RunError,
        R
      >
    }
  }
  /**
   * The pool behind it, for all other operations, such as `stats`, `resize` and `shutdown`:
   * `WorkerPool.shutdown(pool.workers)`. Each of its jobs is a `Call`. Its size is the number of places for calls: the
   * threads times the sum of `concurrency` and `prefetch`.
   */
  readonly workers: WorkerPool.WorkerPool<
    Call,
    Success<HandlersOf<J>[keyof HandlersOf<J>]>,
    Failure<HandlersOf<J>[keyof HandlersOf<J>]> | CallError | Late
  >
}

/** The options of `WorkerPool.make` that a pool of threads has too, for jobs that are a `Call`. */
type PoolOptions<E> = Omit<
  WorkerPool.Options<Call, unknown, E, never, never, ThreadFailed, never>,
  "size" | "run" | "worker" | "resource" | "deadlines" | "restart"
>

/**
 * How a pool of threads is made. A wrong value is a defect.
 *
 * **Details**
 *
 * All other options are the options of `WorkerPool`, whose workers are the places for calls: `size` times the sum of
 * `concurrency` and `prefetch`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<E> extends PoolOptions<E> {
  /** The URL of the module that each thread loads. It has to call `ThreadWorker.serve` or `serveWith`. Required. */
  readonly module: URL
  /** How many threads there are: an integer from 1 to 10,000. Default: as many as can run at a time on this machine. */
  readonly size?: number | undefined
  /**
   * How many calls a thread runs at a time: an integer from 1 to 10,000. Default: 1. More is for jobs that wait, for a
   * file or a promise: jobs that compute still run one after the other.
   */
  readonly concurrency?: number | undefined
  /**
   * How many calls a thread is given in addition to the running ones: an integer from 0 to 10,000. Default: 0. A thread
   * that has its next call does not wait for it: with jobs that take less than a millisecond that wait is most of the
   * time, and several calls travel together. But a call may then wait behind a long one while another thread is idle.
   */
  readonly prefetch?: number | undefined
  /**
   * How long a call that is cancelled may take to stop before its thread is terminated: a duration >= 0. Default: 1
   * second.
   */
  readonly grace?: Duration.Input | undefined
  /**
   * How long a thread may take until it serves, its module loaded and its layer built: a duration > 0. Default: 30
   * seconds. A thread that takes longer fails with `ThreadFailed`, and the reason `"silent"`.
   */
  readonly startTimeout?: Duration.Input | undefined
  /**
   * How long the finalizers of the layer of a thread that is no longer needed may take: a duration > 0. Default: no
   * limit. A thread that takes longer is terminated, and the pool's report has a `ThreadNotClosed`.
   */
  readonly closeTimeout?: Duration.Input | undefined
  /**
   * How long a call may wait for a thread, and how long it may run. A call that takes longer fails with `JobTimeout`.
   * Default: no limits.
   */
  readonly deadlines?: WorkerPool.Deadlines | undefined
  /**
   * How often, and at what intervals, starting a thread in place of another is tried again. Default: 5 times, after
   * 0.1, 0.2, 0.4, 0.8 and 1.6 seconds, each 20 % shorter or longer at random. When the schedule ends, the pool has
   * failed.
   */
  readonly restart?: Schedule.Schedule<unknown, ThreadFailed> | undefined
  /**
   * Says when a healthy thread is replaced: after so many calls, or once its heap is too large. Default: never. Such a
   * thread is given no more calls. Its calls end there, or on another thread if it has not begun them and its heap is
   * too large. Then it closes, and its successor starts.
   */
  readonly recycle?: Recycle | undefined
  /**
   * Receives each line that a thread writes to its stdout or stderr. Default: threads write to stdout and stderr of the
   * process. Only where the platform `capturesOutput`, as in Node; elsewhere, in Bun, Deno and browsers, it is a
   * defect.
   *
   * A fiber of the pool runs it for one line at a time, in each stream's order, with the services of `make`. A line has
   * no line break at its end. The last lines of a thread come before its end, and the pool's scope closes once `output`
   * has ended for all of them. The first failure or defect is logged as an error, and no failure stops the pool or
   * later lines.
   *
   * Lines wait without a bound for an `output` that is slow. A thread that is terminated loses the lines that it has
   * not sent yet: a function that computes sends its lines when it ends.
   */
  readonly output?: ((line: string, source: OutputSource) => Effect.Effect<unknown, unknown>) | undefined
  /**
   * Options for the threads of Node, such as `resourceLimits`. Default: the defaults of Node. Bun and Deno do not keep
   * to them, and browsers ignore them.
   */
  readonly node?: NodeOptions | undefined
  /**
   * The source of threads. Default: `node:worker_threads` in Node, Bun and Deno, and `Worker` in browsers. Without
   * either, `make` dies.
   */
  readonly platform?: Platform | undefined
}

/** The errors of the jobs `J` of a module, and the errors of calls to a thread. */
type ErrorsOf<J> = Failure<HandlersOf<J>[keyof HandlersOf<J>]> | CallError

/**
 * Returns whether a value is a `ThreadPool`.
 *
 * @category guards
 * @since 0.1.0
 */
export const isThreadPool = (u: unknown): u is ThreadPool<unknown> => hasProperty(u, TypeId)

/** And a turn more: where this thread was busy meanwhile, the other one may have said long ago what is waited for. */
const patience = (millis: number): Effect.Effect<void> =>
  millis === Infinity ? Effect.never : Effect.andThen(Effect.sleep(millis), Effect.yieldNow)

// An idle thread takes a few milliseconds to answer, or to end; a machine that is busy some hundred.
const answerMillis = 1_000

type Operation = (input?: unknown, more?: never) => unknown

type OnProgress = (progress: unknown) => Effect.Effect<unknown, unknown, unknown>

const notFunction = (onProgress: unknown) =>
  invalid("ThreadPool.runWithProgress", "onProgress", "a function", onProgress)

/** For each job an operation. */
const byName = (names: ReadonlyArray<string>, operation: (name: string) => Operation): Record<string, Operation> =>
  Object.fromEntries(names.map((name) => [name, operation(name)]))

class ThreadPoolImpl extends Described implements Composite {
  readonly [TypeId] = TypeId
  readonly name: string | undefined
  readonly run: Record<string, Operation>
  readonly tryRun: Record<string, Operation>
  readonly runWithProgress: Record<string, Operation>
  readonly submit: Record<string, Operation>
  readonly trySubmit: Record<string, Operation>
  readonly map: Record<string, Operation>

  constructor(readonly workers: WorkerPool.WorkerPool<Call, unknown, unknown>, private readonly crew: Crew) {
    super()
    const names = crew.jobs
    this.name = workers.name
    this.run = byName(names, (name) => (input) => WorkerPool.run(workers, { name, input }))
    this.tryRun = byName(names, (name) => (input) => WorkerPool.tryRun(workers, { name, input }))
    this.runWithProgress = byName(
      names,
      (name) => (input, onProgress?: OnProgress) =>
        Effect.suspend(() => {
          if (typeof onProgress !== "function") throw notFunction(onProgress)
          return withProgress((report) => {
            const call: ReportingCall = { name, input, onProgress: report }
            return WorkerPool.run(workers, call)
          }, onProgress)
        })
    )
    this.submit = byName(names, (name) => (input) => WorkerPool.submit(workers, { name, input }))
    this.trySubmit = byName(names, (name) => (input) => WorkerPool.trySubmit(workers, { name, input }))
    this.map = byName(
      names,
      (name) => (inputs, options) =>
        WorkerPool.map(
          workers,
          mapSource(normalize(inputs as Iterable<unknown>, "ThreadPool.map", "inputs"), (input) => ({ name, input })),
          options
        )
    )
  }

  [PartsTypeId](): ReadonlyArray<object> {
    return [this.workers, this.crew]
  }

  toJSON(): unknown {
    return { _id: "ThreadPool", name: this.name, jobs: Object.keys(this.run), ...WorkerPool.stats(this.workers) }
  }
}

interface Globals extends Partial<Web> {
  readonly process?: { readonly getBuiltinModule?: (id: string) => unknown }
}

const platformHere = (): Platform => {
  const globals = globalThis as unknown as Globals
  const builtin = globals.process?.getBuiltinModule
  if (builtin !== undefined) return nodePlatform(builtin)
  if (globals.Worker !== undefined) return webPlatform(globals as Web)
  throw new Error("ThreadPool.make: there are no threads here")
}

// A thread is some megabytes: no machine has more, and nobody means it.
const most = 10_000

const count = (where: string, argument: string, value: number, least: number): number => {
  const isValid = (n: number) => Number.isSafeInteger(n) && n >= least && n <= most
  return checkNumber(where, argument, value, `an integer from ${least} to ${most}`, isValid)
}

const checkOutput = (where: string, output: unknown, platform: Platform): void => {
  if (output === undefined) return
  if (typeof output !== "function") throw invalid(where, "output", "a function", output)
  if (platform.capturesOutput === true) return
  throw new Error(`${where}: output is given, but the threads of this platform have no output to capture`)
}

// The class has the operations by the jobs' names, which only the type of the module tells.
const poolOf = <J>(workers: WorkerPool.WorkerPool<Call, unknown, unknown>, crew: Crew) =>
  new ThreadPoolImpl(workers, crew) as unknown as ThreadPool<J>

const isURL = (u: unknown): u is URL => typeof u === "object" && u !== null && "href" in u

interface AnyOptions<RD> extends Options<never>, WorkerPool.EndOptions<Call, RD> {
  readonly schemas?: CodecsByName
  readonly data?: unknown
}

/** Starts a pool of threads. `where` is the function that was called. */
const startPool = <J, RD = never>(
  where: string,
  options: AnyOptions<RD>
): Effect.Effect<ThreadPool<J>, ThreadFailed, RD | Scope.Scope> =>
  Effect.gen(function*() {
    const context = yield* Effect.context()
    const { closeTimeout = Infinity, concurrency = 1, grace = "1 second", module, prefetch = 0, ...more } = options
    const { data, drain, onShutdown, output, recycle = {}, startTimeout = "30 seconds", ...rest } = more
    const { node = {}, platform = platformHere(), schemas, size = platform.parallelism, ...pool } = rest
    if (!isURL(module)) throw invalid(where, "module", "a URL", module)
    count(where, "size", size, 1)
    const seats = count(where, "concurrency", concurrency, 1) + count(where, "prefetch", prefetch, 0)
    const graceMillis = checkMillis(where, "grace", grace, "a duration that is not negative", (n) => n >= 0)
    const startMillis = checkMillis(where, "startTimeout", startTimeout, "a duration > 0", isPositive)
    const closeMillis = checkMillis(where, "closeTimeout", closeTimeout, "a duration > 0", isPositive)
    checkOutput(where, output, platform)
    const ends = ending(where, { drain, onShutdown })
    const random = Context.get(context, Random.Random)
    const limits = limitsOf(where, recycle, platform, () => random.nextDoubleUnsafe())
    // First: its finalizer runs after the pool's, when all threads have ended.
    const heard = output && (yield* delivering(output, poolName(pool.name)))
    // A function cannot be cloned, so it is none of the data.
    const dataOf = (place: number) => typeof data === "function" ? (data as (place: number) => unknown)(place) : data
    const fork = Effect.runForkWith(context)
    const crew = new Crew(pool.name, seats, (place) => {
      const name = `${poolName(pool.name)}/thread-${place}`
      const spawn = heard === undefined
        ? platform.spawn
        : capturing(platform.spawn, (line, stream) => heard(line, { thread: place, stream }))
      return {
        thread: (owner) =>
          new Thread(spawn, { module, name, node }, seats, concurrency, owner, () => dataOf(place), limits()),
        seats,
        grace: patience(graceMillis),
        startTimeout: patience(startMillis),
        closeTimeout: patience(closeMillis),
        patience: patience(Math.min(closeMillis, answerMillis)),
        fork
      }
    })
    const make = (run: (call: Call, lease: Lease) => Effect.Effect<unknown, unknown>) =>
      Effect.tap(
        makePool({
          ...pool,
          size: size * seats,
          worker: ({ invalidate }) => crew.acquire(invalidate),
          // The module's type says which errors and results the jobs have.
          run: (call: Call, { resource }) => run(call, resource) as Effect.Effect<unknown>
        }, leases),
        ends
      )
    if (schemas === undefined) return poolOf<J>(yield* make((call, lease) => lease.call(call)), crew)
    // The codec is a large module, and most pools have no schemas.
    const { encodedCall } = yield* Effect.promise(() => import("../internal/threads/codec.js"))
    const workers = yield* make((call, lease) => encodedCall(schemas, call, (encoded) => lease.call(encoded)))
    return poolOf<J>(workers, crew)
  })

/**
 * Starts a pool of threads that lives as long as the scope, once all of them serve.
 *
 * **When to use**
 *
 * Use for jobs that compute: fibers share one processor. A job that only waits needs no thread.
 *
 * **Details**
 *
 * Suspends until each thread has loaded the `module`, and fails with `ThreadFailed` if one cannot. The type parameter
 * is the type of the result of `serve`: `ThreadPool.make<typeof jobs>`, with `import type`, which loads nothing here.
 *
 * The pool is a `WorkerPool` and keeps its laws, and the laws of threads, T1 to T8 in `docs/threads.md`. A worker's
 * resource is a thread; with `concurrency` and `prefetch`, several workers share a thread. A call that is interrupted,
 * or exceeds its deadline, is asked to stop: an effect is interrupted in its thread, a function may look at its
 * context. If the call has not ended after the `grace`, its thread is terminated and another one takes its place. Calls
 * that the thread had not begun go to the head of the queue. A call that was running in a thread that ends fails with
 * `ThreadLost`, which `retry` handles like any failure.
 *
 * An idle pool does not keep a Node process alive: a program that has nothing left to do ends, though the scope never
 * closes. A running call keeps the process alive.
 *
 * The scope's close returns when every thread has ended: first the finalizers of its layer, within `closeTimeout`; then
 * everything that it has logged is written. `releaseFailures` of the pool's report has the defects of the finalizers,
 * and `ThreadNotClosed` for finalizers that could not run.
 *
 * An option with a wrong value is a defect.
 *
 * **Gotchas**
 *
 * An interrupted `run` returns when its call has ended (T4): up to the `grace` later, if the call does not stop.
 *
 * A browser shares memory only within a page that is cross-origin isolated. In any other page a function that computes
 * cannot see that it is cancelled, and calls that a terminated thread had not begun fail with `ThreadLost`. No browser
 * reports that a thread has closed itself: its calls last until they are cancelled. In Chromium a thread that runs out
 * of memory ends its page too.
 *
 * **Example** (Two threads)
 *
 * The module is in the example of `ThreadWorker.serve`.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { ThreadPool } from "sluice/threads"
 * import type { jobs } from "./numbers.js"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* ThreadPool.make<typeof jobs>({ module: new URL("./numbers.js", import.meta.url), size: 2 })
 *   const [sum, root] = yield* Effect.all([pool.run.sum([1, 2, 3]), pool.run.root(16)], { concurrency: 2 })
 *   console.log(sum, root) // => 6 4
 *   console.log((yield* Effect.flip(pool.run.root(-1)))._tag) // => Negative
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @see {@link WorkerPool.make} for jobs that wait rather than compute
 * @category constructors
 * @since 0.1.0
 */
export const make: {
  /**
   * Starts a pool of threads that lives as long as the scope.
   *
   * Suspends until each thread has loaded the `module` and serves. Fails with `ThreadFailed` if one cannot, and ends
   * the others. An option with a wrong value is a defect. The scope's close ends every thread, after the finalizers of
   * its layer. The type parameter is the type of the result of `serve`: `ThreadPool.make<typeof jobs>`.
   */
  <J extends Jobs<unknown, never>>(
    options: Options<ErrorsOf<J>> & DataOptions<J> & {
      /** The schemas of the jobs, the same as the module gives to `serve`. Default: values are sent as they are. */
      readonly schemas?: Schemas<HandlersOf<J>>
      /** Absent: with deadlines, `JobTimeout` is an error of the calls. */
      readonly deadlines?: undefined
    }
  ): Effect.Effect<ThreadPool<J>, ThreadFailed, Scope.Scope>
  /**
   * Starts a pool of threads with deadlines, which add `JobTimeout` to the errors of the calls. It lives as long as the
   * scope.
   *
   * Suspends until each thread has loaded the `module` and serves. Fails with `ThreadFailed` if one cannot, and ends
   * the others. An option with a wrong value is a defect. The scope's close ends every thread, after the finalizers of
   * its layer. The type parameter is the type of the result of `serve`: `ThreadPool.make<typeof jobs>`.
   */
  <J extends Jobs<unknown, never>>(
    options: Options<ErrorsOf<J>> & DataOptions<J> & {
      /** The schemas of the jobs, the same as the module gives to `serve`. Default: values are sent as they are. */
      readonly schemas?: Schemas<HandlersOf<J>>
    }
  ): Effect.Effect<ThreadPool<J, WorkerPool.JobTimeout>, ThreadFailed, Scope.Scope>
} = <J extends Jobs<unknown, never>>(
  options: AnyOptions<never>
): Effect.Effect<ThreadPool<J>, ThreadFailed, Scope.Scope> => startPool<J>("ThreadPool.make", options)

/**
 * How a pool of threads is made by a layer, and ends with it.
 *
 * @category models
 * @since 0.1.0
 */
export type LayerOptions<J extends Jobs<unknown, never>, D extends WorkerPool.Deadlines | undefined, RD> =
  & Options<ErrorsOf<J>>
  & DataOptions<J>
  & WorkerPool.EndOptions<Call, RD>
  & {
    /** The schemas of the jobs' inputs and results, the same that the module gives to `serve`. Default: none. */
    readonly schemas?: Schemas<HandlersOf<J>>
    /** How long a call may wait for a thread, and run there. Default: no bounds, and no `JobTimeout` in the errors. */
    readonly deadlines?: D
  }

/**
 * Makes the layer of a pool of threads: it starts the threads as it is built, and ends them as it closes.
 *
 * **Details**
 *
 * The options are those of `make`, and `drain` and `onShutdown` as in `WorkerPool.layer`. With `drain`, the close lets
 * accepted calls run on for so long, and cancels them then. Without it they are cancelled, or returned, at once.
 * `onShutdown` receives the report of the end. Built, the layer fails with `ThreadFailed` as `make` does.
 *
 * **Example** (A pool of threads for a key of one's own)
 *
 * The module is that of `ThreadWorker.serve`.
 *
 * ```ts
 * import { Context, Effect } from "effect"
 * import { ThreadPool } from "sluice/threads"
 * import type { jobs } from "./numbers.js"
 *
 * class Numbers extends Context.Service<Numbers, ThreadPool.ThreadPool<typeof jobs>>()("Numbers") {}
 * const NumbersLive = ThreadPool.layer(Numbers, { module: new URL("./numbers.js", import.meta.url), size: 2 })
 *
 * const program = Effect.flatMap(Numbers, (pool) => pool.run.root(16))
 * console.log(await Effect.runPromise(Effect.provide(program, NumbersLive))) // => 4
 * ```
 *
 * @see {@link Service} for a class that has its layer and its operations
 * @category layers
 * @since 0.1.0
 */
export const layer = <Self, J extends Jobs<unknown, never>, Late = never, RD = never>(
  key: Context.Key<Self, ThreadPool<J, Late>>,
  options: LayerOptions<J, WorkerPool.DeadlinesOf<Late>, RD>
): Layer.Layer<Self, ThreadFailed, Exclude<RD, Scope.Scope>> =>
  Layer.effect(key, startPool<J, RD>("ThreadPool.layer", options as AnyOptions<RD>))

/**
 * Makes the layer of a pool of threads whose options depend on a `Config`, which is read as the layer is built.
 *
 * **Details**
 *
 * `options` gets the value of the config and returns the options of `layer`. Built, the layer fails with a
 * `ConfigError` where the config does, and with `ThreadFailed` as `make` does.
 *
 * **Example** (As many threads as the environment says)
 *
 * The module is that of `ThreadWorker.serve`.
 *
 * ```ts
 * import { Config, ConfigProvider, Context, Effect, Layer } from "effect"
 * import { WorkerPool } from "sluice"
 * import { ThreadPool } from "sluice/threads"
 * import type { jobs } from "./numbers.js"
 *
 * class Numbers extends Context.Service<Numbers, ThreadPool.ThreadPool<typeof jobs>>()("Numbers") {}
 * const module = new URL("./numbers.js", import.meta.url)
 * const NumbersLive = ThreadPool.layerConfig(Numbers, Config.Int("THREADS"), (size) => ({ module, size }))
 *
 * const program = Effect.map(Numbers, ({ workers }) => WorkerPool.stats(workers).size)
 * const env = ConfigProvider.layer(ConfigProvider.fromEnv({ env: { THREADS: "1" } }))
 * console.log(await Effect.runPromise(Effect.provide(program, Layer.provide(NumbersLive, env)))) // => 1
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = <Self, S, J extends Jobs<unknown, never>, Late = never, RD = never>(
  key: Context.Key<Self, ThreadPool<J, Late>>,
  config: Configs.Config<S>,
  options: (settings: S) => LayerOptions<J, WorkerPool.DeadlinesOf<Late>, RD>
): Layer.Layer<Self, ThreadFailed | Configs.ConfigError, Exclude<RD, Scope.Scope>> =>
  Layer.effect(
    key,
    Effect.flatMap(
      config,
      (settings) => startPool<J, RD>("ThreadPool.layerConfig", options(settings) as AnyOptions<RD>)
    )
  )

/**
 * A class that is the key of a pool of threads, has its layer, and its operations as effects that require the class.
 *
 * The class itself is an effect of the pool, for all other operations.
 *
 * @category models
 * @since 0.1.0
 */
export interface ThreadService<in out Self, in out Id extends string, in out J, in out Late, out R>
  extends Context.ServiceClass<Self, Id, ThreadPool<J, Late>>
{
  /** Starts the threads as it is built, and ends them as it closes, as `drain` and `onShutdown` say. */
  readonly layer: Layer.Layer<Self, ThreadFailed, R>
  /** For each job, by its name, the function that runs it on the pool in context: `Numbers.run.sum([1, 2])`. */
  readonly run: {
    readonly [K in keyof HandlersOf<J>]: {
      /**
       * Runs a job on the pool in context, and returns its result. Suspends until the job has ended; while the queue is
       * full, it waits for room first. Fails as the pool's own `run` does. An interrupt cancels the job. A job that the
       * module does not serve is a defect.
       */
      (
        ...input: Input<HandlersOf<J>[K]>
      ): Effect.Effect<
        Success<HandlersOf<J>[K]>,
        Failure<HandlersOf<J>[K]> | CallError | Late | WorkerPool.RunError,
        Self
      >
    }
  }
  /**
   * For each job, by its name, the function that runs it on the pool in context, but fails with `QueueFull` if the job
   * would have to wait for room.
   */
  readonly tryRun: {
    readonly [K in keyof HandlersOf<J>]: {
      /**
       * Runs a job on the pool in context, and returns its result, but fails with `QueueFull` if the job would have to
       * wait for room. Suspends until the job has ended. Fails as the pool's own `run` does. An interrupt cancels the
       * job. A job that the module does not serve is a defect.
       */
      (
        ...input: Input<HandlersOf<J>[K]>
      ): Effect.Effect<
        Success<HandlersOf<J>[K]>,
        Failure<HandlersOf<J>[K]> | CallError | Late | WorkerPool.RunError | WorkerPool.QueueFull,
        Self
      >
    }
  }
  /** For each job, by its name, the function that submits it to the pool in context. */
  readonly submit: {
    readonly [K in keyof HandlersOf<J>]: {
      /**
       * Gives the pool in context a job, and returns a handle on it once it is accepted. Suspends while the queue is
       * full. Fails with `PoolClosed` if the pool no longer accepts jobs. An interrupt while it suspends cancels the
       * job.
       */
      (
        ...input: Input<HandlersOf<J>[K]>
      ): Effect.Effect<
        WorkerPool.JobHandle<Success<HandlersOf<J>[K]>, Failure<HandlersOf<J>[K]> | CallError | Late>,
        WorkerPool.PoolClosed,
        Self
      >
    }
  }
  /** The statistics of the pool's workers, which are the places for calls. Never suspends. */
  readonly stats: Effect.Effect<WorkerPool.Stats, never, Self>
}

/** The jobs' names are known only once a thread serves them. */
const byAnyName = (operation: (name: string) => Operation): unknown =>
  new Proxy({}, { get: (_, name) => typeof name === "string" ? operation(name) : undefined })

/**
 * Makes a class that is a pool of threads as a service: the key, its layer, and its operations.
 *
 * **When to use**
 *
 * Use for threads that several modules share. A pool that one function uses is shorter with `make`.
 *
 * **Details**
 *
 * The type parameters are the class and what the module serves. The options are those of `layer`.
 * `Numbers.run.root(16)` runs a job on the pool of `Numbers.layer`; `tryRun`, `submit` and `stats` likewise. For all
 * other operations `yield* Numbers` is the pool itself. A job that the module does not serve is a defect.
 *
 * **Example** (Threads as a service)
 *
 * The module is that of `ThreadWorker.serve`.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { ThreadPool } from "sluice/threads"
 * import type { jobs } from "./numbers.js"
 *
 * class Numbers extends ThreadPool.Service<Numbers, typeof jobs>()("app/Numbers", {
 *   module: new URL("./numbers.js", import.meta.url),
 *   size: 2,
 *   drain: "5 seconds"
 * }) {}
 *
 * console.log(await Effect.runPromise(Effect.provide(Numbers.run.root(16), Numbers.layer))) // => 4
 * ```
 *
 * @see {@link layer} for a key of one's own
 * @category layers
 * @since 0.1.0
 */
export const Service =
  <Self, J extends Jobs<unknown, never>>() =>
  <const Id extends string, RD = never, D extends WorkerPool.Deadlines | undefined = undefined>(
    id: Id,
    options: LayerOptions<J, D, RD>
  ): ThreadService<Self, Id, J, WorkerPool.TimeoutOf<D>, Exclude<RD, Scope.Scope>> => {
    const key = Context.Service<Self, ThreadPool<J, WorkerPool.TimeoutOf<D>>>()(id)
    const made = startPool<J, RD>(`ThreadPool.Service ${JSON.stringify(id)}`, options)
    const operation = (of: "run" | "tryRun" | "submit") => (name: string) => (input?: unknown) =>
      key.use((pool) => {
        const operations = (pool as unknown as ThreadPoolImpl)[of]
        const call = Object.hasOwn(operations, name) ? operations[name] : undefined
        if (call !== undefined) return call(input) as Effect.Effect<unknown>
        throw new Error(`${id}.${of}.${name}: the module serves ${Object.keys(operations).join(", ")}`)
      })
    return Object.assign(key, {
      layer: Layer.effect(key, made),
      run: byAnyName(operation("run")),
      tryRun: byAnyName(operation("tryRun")),
      submit: byAnyName(operation("submit")),
      stats: key.useSync(({ workers }) => WorkerPool.stats(workers))
    }) as unknown as ThreadService<Self, Id, J, WorkerPool.TimeoutOf<D>, Exclude<RD, Scope.Scope>>
  }

export {
  /**
   * Marks objects within a value that are moved to the thread rather than copied, such as an `ArrayBuffer` or a
   * `MessagePort`. Returns the value itself. The same as `ThreadWorker.transfer`.
   *
   * @category combinators
   * @since 0.1.0
   */
  transfer
}
