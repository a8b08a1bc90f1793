import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Stats } from "./model.js"
import type { Outcome } from "./states.js"

/**
 * A pool, as its watchers see it.
 *
 * **Details**
 *
 * - `name`: the pool's, if it has one; `context`: the services and references of the caller of `make`.
 * - `stats`: what the pool is doing at this moment, in O(1).
 * - `releasesFailed`: how many releases of resources have died.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pool {
  readonly name: string | undefined
  readonly context: Context.Context<never>
  readonly stats: () => Stats
  readonly releasesFailed: () => number
}

/**
 * A job, as a watcher sees it. `id` is 0 until the pool accepts the job.
 *
 * @category models
 * @since 0.1.0
 */
export interface Job {
  readonly id: number
  readonly input: unknown
}

/**
 * An attempt that is about to run.
 *
 * **Details**
 *
 * - `job`: the job; `number`: 1 for its first attempt, 2 for the next.
 * - `worker`: the number of the worker that runs it, and `workerName` its name, as in logs.
 * - `judge`: what an exit of the attempt's effect is to the pool: its outcome, and the exit that counts. An attempt
 *   that was interrupted because it had run for too long has `"timedOut"`, and fails with `JobTimeout`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Attempt {
  readonly job: Job
  readonly number: number
  readonly worker: number
  readonly workerName: string
  readonly judge: (exit: Exit.Exit<unknown, unknown>) => {
    readonly outcome: Outcome
    readonly exit: Exit.Exit<unknown, unknown>
  }
}

/**
 * The functions that a watcher has for the events of one pool. The pool calls each function after its books have
 * changed, in the order in which things happened, and never two at a time. A function must not run effects, call the
 * pool, or wait.
 *
 * **Details**
 *
 * - `offered`: a caller brings a job by `run`, `submit` or `trySubmit`, whatever becomes of it. `caller` is its fiber.
 *   The result is the watcher's note about the job: the pool passes it to the other functions, and never looks at it.
 *   Jobs of `map` come as `"submit"`.
 * - `rejected`: so many jobs were not accepted.
 * - `began`: a worker begins an attempt. For each `began` there is exactly one `attempted` or `ended`, unless the pool
 *   hands the job to another worker: then `attempted` comes without an outcome.
 * - `attempted`: the attempt is over, and the job is not: it will be tried again, or becomes a dead letter. Without an
 *   outcome the resource was lost before the job had begun on it.
 * - `retried`: the job's next attempt is due.
 * - `ended`: the job has ended. Comes exactly once for each job that was accepted, and for no other.
 * - `around`: wraps the effect of an attempt, within the job's fiber. It must run `effect` once.
 * - `closed`: the pool's scope has closed. A job that has closed it itself may still end after that.
 *
 * If a function throws, the pool logs the error and calls the watcher no more. An error of `around` is a defect of its
 * attempt.
 *
 * @category models
 * @since 0.1.0
 */
export interface Watching<Note> {
  offered(job: Job, caller: Fiber.Fiber<unknown, unknown>, by: "run" | "submit"): Note
  rejected?(reason: "QueueFull" | "PoolClosed", jobs: number): void
  began?(note: Note, attempt: Attempt): void
  attempted?(note: Note, outcome: Outcome | undefined): void
  retried?(note: Note): void
  ended?(note: Note, outcome: Outcome): void
  around?<A, E>(note: Note, attempt: Attempt, effect: Effect.Effect<A, E>): Effect.Effect<A, E>
  closed?(): void
}

/**
 * A watcher, as the option `watch` of a pool takes it. One value may watch many pools: `make` calls `watch` once for
 * each.
 *
 * @category models
 * @since 0.1.0
 */
export interface Watcher {
  readonly watch: (pool: Pool) => Watching<unknown>
}
