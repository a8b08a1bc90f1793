/**
 * Runs durable jobs on a `WorkerPool`: each worker of the pool takes a job from the store when it is idle, begins it at
 * once, and acknowledges it when its result is recorded. The laws are D1 to D8, in `docs/durable.md`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import { checkMillis } from "../internal/args.js"
import type { DurableJob } from "../internal/durable/jobs/model.js"
import { queueOf } from "../internal/durable/jobs/queue.js"
import { Results } from "../internal/durable/jobs/results.js"
import { Server } from "../internal/durable/jobs/serve.js"
import type { Pool } from "../internal/workerPool/Pool.js"
import type { JobTimeout, WorkerPool } from "../WorkerPool.js"

/**
 * A pool that takes durable jobs.
 *
 * @category models
 * @since 0.1.0
 */
export interface Serving {
  /** The name of the job that it serves. */
  readonly job: string
}

/**
 * How a pool takes jobs.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServeOptions {
  /**
   * How long a drain waits for jobs that the store may have given to this process as the drain began, to give them
   * back: a duration >= 0. Make it longer than a question to the store takes. Default: 1 second.
   */
  readonly grace?: Duration.Input | undefined
  /**
   * How long the close of the scope lets jobs run that are under way: a duration >= 0. Jobs that it cuts off are given
   * back. Default: 0.
   */
  readonly drain?: Duration.Input | undefined
}

/**
 * The counts of a pool's claims, in this process.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats {
  /** `"serving"`, `"draining"`, or `"drained"` when no claim is left. */
  readonly phase: "serving" | "draining" | "drained"
  /** How many workers wait for a job of the store now. */
  readonly waiting: number
  /** How many claimed jobs have not ended yet. */
  readonly running: number
  /** How many jobs this process has claimed: the sum of `running` and the counts below. */
  readonly claimed: number
  /** How many have ended with a value, which is recorded. */
  readonly succeeded: number
  /** How many attempts have failed that were not the last one. */
  readonly failed: number
  /** How many jobs have failed in their last attempt, with the exit recorded. */
  readonly dead: number
  /** How many claims were given back without counting as an attempt. */
  readonly givenBack: number
  /** How many jobs were not begun, since their result had been recorded by a process that died before it said so. */
  readonly skipped: number
}

const isServing = (u: unknown): u is Serving => typeof u === "object" && u !== null && servers.has(u as Serving)

const servers = new WeakMap<Serving, Server<never, never, never, never>>()

const serverOf = (
  self: Serving
): Pick<Server<never, never, never, never>, "drain" | "counts" | "phase" | "running" | "waiting"> => {
  const server = servers.get(self)
  if (server === undefined) throw new TypeError("DurablePool: not a value that DurablePool.serve returned")
  return server
}

/**
 * Runs the jobs of a kind on a pool, until the scope closes.
 *
 * **Details**
 *
 * Returns immediately. The process claims a job only when a worker of the pool is idle, and the job begins at once
 * (D3). Jobs that are given to the pool itself go first: a worker that waits for a job of the store is free for them.
 * The retries and deadlines of the pool are within one attempt of the durable job. When the scope closes, claims are
 * given back, those of running jobs after the time of `drain`.
 *
 * The end of the pool is no failure of a job: what it has not run goes back to the store (D5). A job that the store
 * gives to a process that dies is begun elsewhere once its lock is over (D2).
 *
 * @category combinators
 * @since 0.1.0
 */
export const serve = <Payload, A, E, W>(
  job: DurableJob<Payload, A, E>,
  pool: WorkerPool<Payload, A, NoInfer<E> | JobTimeout, W>,
  options?: ServeOptions
): Effect.Effect<Serving, never, PersistedQueue.PersistedQueueFactory | Results | Scope.Scope> =>
  Effect.suspend(() => {
    const millis = (name: "grace" | "drain", value: Duration.Input) =>
      checkMillis("DurablePool.serve", name, value, "a duration that is not negative", (n) => n >= 0)
    const grace = millis("grace", options?.grace ?? "1 second")
    const deadline = Duration.millis(millis("drain", options?.drain ?? 0))
    return Effect.gen(function*() {
      const queue = yield* queueOf(job)
      const results = yield* Results
      const scope = yield* Scope.make()
      // The interface hides the state, and Pool is its only implementation.
      // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment
      const server = new Server({ job, pool: pool as Pool<Payload, A, E | JobTimeout>, queue, results, grace }, scope)
      yield* Effect.addFinalizer((exit) => Effect.andThen(server.drain(deadline), Scope.close(scope, exit)))
      yield* Effect.forkIn(outsideOfTransactions(server.serve), scope)
      const self: Serving = { job: job.name }
      servers.set(self, server as unknown as Server<never, never, never, never>)
      return self
    })
  })

/** The engine's first taker in a process lends its context to the fiber that asks the database. */
const outsideOfTransactions = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.updateContext(effect, (context: Context.Context<never>) => {
    const sql = Context.getOption(context, SqlClient.SqlClient)
    return Option.isNone(sql) ? context : Context.omit(sql.value.transactionService)(context)
  })

/**
 * Serves the jobs of a kind for as long as the layer lives. The key is that of a pool in context, as of
 * `WorkerPool.Service`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <Payload, A, E, W, Self>(
  job: DurableJob<Payload, A, E>,
  pool: Context.Key<Self, WorkerPool<Payload, A, NoInfer<E> | JobTimeout, W>>,
  options?: ServeOptions
): Layer.Layer<never, never, Self | PersistedQueue.PersistedQueueFactory | Results> =>
  Layer.effectDiscard(Effect.flatMap(pool, (pool) => serve(job, pool, options)))

/**
 * Claims nothing more, lets jobs that are under way run to the deadline, and returns when this process has no claim
 * left (D4). Claims that the deadline cuts off are given back at once, and the attempt does not count.
 *
 * @category combinators
 * @since 0.1.0
 */
export const drain: {
  /** Returns a function that drains, as the data-first form does. */
  (options?: DrainOptions): (self: Serving) => Effect.Effect<void>
  /**
   * Claims nothing more, lets jobs that are under way run to the deadline, and returns when this process has no claim
   * left. Never fails. An interrupt stops the waiting only.
   */
  (self: Serving, options?: DrainOptions): Effect.Effect<void>
} = /* @__PURE__ */ dual(
  (args) => isServing(args[0]),
  (self: Serving, { deadline = "30 seconds" }: DrainOptions = {}): Effect.Effect<void> =>
    Effect.suspend(() => {
      const millis = checkMillis("DurablePool.drain", "deadline", deadline, "a duration >= 0", (n) => n >= 0)
      return serverOf(self).drain(Duration.millis(millis))
    })
)

/**
 * How long a drain may take.
 *
 * @category models
 * @since 0.1.0
 */
export interface DrainOptions {
  /** How long jobs under way may run: a duration >= 0, or `Infinity`. Default: 30 seconds. */
  readonly deadline?: Duration.Input | undefined
}

/**
 * Returns what the pool has done with durable jobs so far, in this process. Never fails.
 *
 * @category getters
 * @since 0.1.0
 */
export const stats = (self: Serving): Stats => {
  const { counts, phase, running, waiting } = serverOf(self)
  return { phase, waiting, running, ...counts }
}
