import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Stats } from "./model.js"
import type { Outcome } from "./states.js"

/**
 * A pool, as its watchers see it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pool {
  /** The `name` of the pool. `undefined` without one. */
  readonly name: string | undefined
  /** The services and references of the caller of `make`. */
  readonly context: Context.Context<never>
  /** Returns what the pool is doing at this moment. Synchronous, O(1). */
  readonly stats: () => Stats
  /** Returns how many releases of resources have died so far. */
  readonly releasesFailed: () => number
}

/**
 * A job, as a watcher sees it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Job {
  /** The number of the job, from 1, as in its handle. 0 until the pool accepts the job. */
  readonly id: number
  /** The job itself, as it was submitted. For a call of `use`, its `as`. */
  readonly input: unknown
}

/**
 * An attempt that is about to run.
 *
 * @category models
 * @since 0.1.0
 */
export interface Attempt {
  /** The job of the attempt. */
  readonly job: Job
  /** 1 for the first attempt at the job, and one more for each retry. */
  readonly number: number
  /** The number of the worker that runs it, from 1. */
  readonly worker: number
  /** The name of the worker that runs it, as in logs: `name/worker-3`, or `pool/worker-3` in a pool without a name. */
  readonly workerName: string
  /**
   * Returns what an exit of the attempt's effect is to the pool. An attempt that was interrupted because it ran for too
   * long has the outcome `"timedOut"`, and an exit that fails with `JobTimeout`.
   */
  readonly judge: (exit: Exit.Exit<unknown, unknown>) => {
    /** How the attempt ended, by the name of a column of `Ledger`. */
    readonly outcome: Outcome
    /** The exit that counts for the pool. */
    readonly exit: Exit.Exit<unknown, unknown>
  }
}

/**
 * The functions that a watcher has for the events of one pool. Only `offered` is required.
 *
 * **Details**
 *
 * The pool calls each function after its books have changed, in the order in which things happened, and never two at a
 * time. A function must not run effects, call the pool, or wait. If a function throws, the pool logs the error and
 * never calls that watcher again. An error of `around` is a defect of its attempt.
 *
 * @category models
 * @since 0.1.0
 */
export interface Watching<Note> {
  /**
   * A caller brings a job. `caller` has the caller's services and references, and is empty for `runPromise`. `by` is
   * `"run"` if the caller waits for the result, and `"submit"` otherwise; jobs of `map` and `runAll` come as
   * `"submit"`. Returns the note of the watcher about the job: the pool passes it to the other functions, and never
   * looks at it. The pool may still reject the job.
   */
  offered(job: Job, caller: Context.Context<never>, by: "run" | "submit"): Note
  /** The pool has not accepted so many `jobs`, for this `reason`. */
  rejected?(reason: "QueueFull" | "PoolClosed", jobs: number): void
  /**
   * A worker begins an attempt. After each call comes exactly one `attempted` or `ended`, unless the pool hands the job
   * to another worker: then `attempted` comes without an outcome.
   */
  began?(note: Note, attempt: Attempt): void
  /**
   * The attempt is over, and the job is not: it will be tried again, or becomes a dead letter. `outcome` is `undefined`
   * if the resource was lost before the job had begun on it.
   */
  attempted?(note: Note, outcome: Outcome | undefined): void
  /** The job's next attempt is due. */
  retried?(note: Note): void
  /** The job has ended. Comes exactly once for each job that was accepted, and for no other. */
  ended?(note: Note, outcome: Outcome): void
  /** Wraps the effect of an attempt, within the job's fiber. It must run `effect` once, and return its value. */
  around?<A, E>(note: Note, attempt: Attempt, effect: Effect.Effect<A, E>): Effect.Effect<A, E>
  /** The pool's scope has closed. A job that has closed it itself may still end after that. */
  closed?(): void
}

/**
 * A watcher, for the option `watch` of a pool. One value may watch many pools.
 *
 * @category models
 * @since 0.1.0
 */
export interface Watcher {
  /** Returns the functions of the watcher for one pool. `make` calls it once for each pool. */
  readonly watch: (pool: Pool) => Watching<unknown>
}
