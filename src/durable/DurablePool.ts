/**
 * Runs durable jobs on a `WorkerPool`: each worker of the pool takes a job from the store when it is idle, begins it at
 * once, and acknowledges it when its result is recorded. The laws are D1 to D10, in `docs/durable.md`.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import type * as PersistedQueue from "effect/persistence/PersistedQueue"
import { hasProperty } from "effect/Predicate"
import * as Scope from "effect/Scope"
import { checkMillis, invalid } from "../internal/args.js"
import type { DurableJob } from "../internal/durable/jobs/model.js"
import { takingOf } from "../internal/durable/jobs/queue.js"
import { Results } from "../internal/durable/jobs/results.js"
import { Server } from "../internal/durable/jobs/serve.js"
import { outsideOfTransactions } from "../internal/durable/jobs/transactions.js"
import { observe as observeBy, type Observer } from "../internal/Observers.js"
import { TypeId } from "../internal/workerPool/model.js"
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
   * back: a finite duration >= 0. Make it longer than a question to the store takes. Default: 1 second.
   */
  readonly grace?: Duration.Input | undefined
  /**
   * How long the close of the scope lets jobs run that are under way: a duration >= 0. Jobs that it cuts off are given
   * back. Default: 0.
   */
  readonly drain?: Duration.Input | undefined
  /**
   * Counts the claims (`Watch.metrics()`), and gives each a span (`Watch.spans()`). Default: none. Anything else is a
   * defect.
   */
  readonly watch?: ReadonlyArray<Observer> | undefined
}

/**
 * The counts of a pool's claims, in this process.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats {
  /**
   * `"serving"`; `"draining"` after `drain`, or once the pool takes no more jobs, as one that has failed; `"drained"`
   * when no claim is left.
   */
  readonly phase: "serving" | "draining" | "drained"
  /** How many workers wait for a job of the store now. */
  readonly waiting: number
  /** How many claimed jobs have not ended yet. */
  readonly running: number
  /** How many jobs this process has claimed: the sum of `running` and the counts below. */
  readonly claimed: number
  /** How many have ended with a value, which is recorded. */
  readonly succeeded: number
  /** How many attempts have failed that were not the last one, or whose exit could not be recorded. */
  readonly failed: number
  /** How many jobs have failed in their last attempt, with the exit recorded. */
  readonly dead: number
  /** How many claims were given back without counting as an attempt. */
  readonly givenBack: number
  /** How many jobs were not begun, since their result had been recorded by a process that died before it said so. */
  readonly skipped: number
  /**
   * How many jobs were interrupted since the store had taken their claims back, and with no exit recorded. Only a store
   * that says so has any: that of `sluice/durable/bullmq`.
   */
  readonly lost: number
}

const isServing = (u: unknown): u is Serving => typeof u === "object" && u !== null && servers.has(u as Serving)

const servers = new WeakMap<Serving, Server<never, never, never, never>>()

/** The servers of each pool, until their scopes close. */
const sharing = new WeakMap<object, Set<Pick<Server<never, never, never, never>, "phase">>>()

const serverOf = (
  self: Serving
): Pick<Server<never, never, never, never>, "drain" | "stats"> => {
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
 * The end of the pool is no failure of a job: what it has not run goes back to the store (D5). Then the serving drains,
 * as with `drain`: a pool that has failed serves nothing any more, and `stats` says so. A job that the store
 * gives to a process that dies is begun elsewhere once its lock is over (D2).
 *
 * **Gotchas**
 *
 * Serve one kind of job on a pool. The claims of one kind keep all idle workers, so jobs of another kind on the same
 * pool wait until jobs of the first kind have used these claims up. A warning is logged.
 *
 * A job that drains its own serving is cut off at the deadline, and begun again elsewhere. Without a deadline the drain
 * and the job wait for each other.
 *
 * @category combinators
 * @since 0.1.0
 */
export const serve = <Payload, A, E, W>(
  job: DurableJob<Payload, A, E>,
  pool: WorkerPool<NoInfer<Payload>, NoInfer<A>, NoInfer<E> | JobTimeout, W>,
  options?: ServeOptions
): Effect.Effect<Serving, never, PersistedQueue.PersistedQueueFactory | Results | Scope.Scope> =>
  Effect.suspend(() => {
    const where = "DurablePool.serve"
    if (!hasProperty(pool, TypeId)) return Effect.die(invalid(where, "pool", "a WorkerPool", pool))
    const grace = checkMillis(where, "grace", options?.grace ?? "1 second", "a finite duration >= 0", (n) =>
      n >= 0 && n < Infinity)
    const deadline = Duration.millis(
      checkMillis(where, "drain", options?.drain ?? 0, "a duration that is not negative", (n) =>
        n >= 0)
    )
    return outsideOfTransactions(Effect.gen(function*() {
      const queue = yield* takingOf(job)
      const results = yield* Results
      const scope = yield* Scope.make()
      const context = yield* Effect.context()
      const observe = observeBy("DurablePool.serve", options?.watch, { kind: "serving", name: job.name, context })
      // The interface hides the state, and Pool is its only implementation.
      // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment
      const owned = pool as Pool<Payload, A, E | JobTimeout>
      const server = new Server({ job, pool: owned, queue, results, grace, observe }, scope)
      const sharers = sharing.get(pool) ?? new Set()
      const isShared = [...sharers].some(({ phase }) =>
        phase === "serving"
      )
      if (isShared) {
        yield* Effect.logWarning(
          `${where}: the claims of other jobs keep the idle workers of the pool, so jobs of ${job.name} may wait ` +
            "without end. Give each kind of job a pool of its own"
        )
      }
      yield* Effect.addFinalizer((exit) => {
        sharers.delete(server)
        return Effect.andThen(server.drain(deadline), Scope.close(scope, exit))
      })
      sharing.set(pool, sharers.add(server))
      yield* Effect.forkIn(server.serve, scope)
      const self: Serving = { job: job.name }
      servers.set(self, server as unknown as Server<never, never, never, never>)
      return self
    }))
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
  pool: Context.Key<Self, WorkerPool<NoInfer<Payload>, NoInfer<A>, NoInfer<E> | JobTimeout, W>>,
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
export const stats = (self: Serving): Stats => serverOf(self).stats()
