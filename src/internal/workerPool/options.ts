import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type { JobTimeout } from "./errors.js"
import type { DeadLetter, JobContext, WorkerInfo } from "./model.js"
import type { Order } from "./ownOrder.js"
import type { Watcher } from "./watching.js"

/**
 * How long a job may take: `wait` in the queue, for a worker, and `run` on one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Deadlines {
  readonly wait?: Duration.Input | undefined
  readonly run?: Duration.Input | undefined
}

/**
 * How many jobs may wait, and what becomes of a job that finds the queue full.
 *
 * @category models
 * @since 0.1.0
 */
export interface QueueBound {
  /** How many jobs may wait for a worker, an integer >= 0 or `"unbounded"`; twice the size by default. */
  readonly capacity?: number | "unbounded" | undefined
}

/**
 * First come, first served (P3).
 *
 * @category models
 * @since 0.1.0
 */
export interface FirstComeQueue {
  /**
   * The strategy for a job that finds the queue full. `"suspend"`, the default, has `submit` wait for room;
   * `"dropping"` drops the job; `"sliding"` drops the job that has waited longest. A dropped job's handle says so (P3).
   * The last two are for a queue that has a bound.
   */
  readonly strategy?: "suspend" | "dropping" | "sliding" | undefined
  readonly priority?: undefined
  readonly aging?: undefined
}

/**
 * Urgent jobs first (P14).
 *
 * @category models
 * @since 0.1.0
 */
export interface PriorityQueue<in Job> {
  /** The strategy for a job that finds the queue full: `"suspend"`, the default, or `"dropping"`. */
  readonly strategy?: "suspend" | "dropping" | undefined
  /** The level of a job, an integer >= 0, of which 0 is the most urgent. First come, first served within a level. */
  readonly priority?: ((job: Job) => number) | undefined
  readonly aging?: undefined
}

/**
 * Urgent jobs first, with a bound of your own on how often a less urgent one is passed over (P14).
 *
 * @category models
 * @since 0.1.0
 */
export interface AgingQueue<in Job> {
  /** The strategy for a job that finds the queue full: `"suspend"`, the default, or `"dropping"`. */
  readonly strategy?: "suspend" | "dropping" | undefined
  /** The level of a job, an integer >= 0, of which 0 is the most urgent. First come, first served within a level. */
  readonly priority: (job: Job) => number
  /**
   * For each level how many jobs that come later may go first, 100 by default: so a job of level `n` is passed over by
   * at most `n` times as many (P14).
   */
  readonly aging?: number | undefined
}

/**
 * A queue for each key, of that `capacity`; they take turns at the workers (P15).
 *
 * @category models
 * @since 0.1.0
 */
export interface KeyedQueue<in Job, out Key = unknown> {
  /** Tells jobs apart, as a `Map` does. Without it, all jobs have one queue. */
  readonly key?: ((job: Job) => Key) | undefined
  readonly perKey?: undefined
}

/**
 * A queue for each key, and what each key may have (P15).
 *
 * @category models
 * @since 0.1.0
 */
export interface LimitedKeysQueue<in Job, in out Key = unknown> {
  /** Tells jobs apart, as a `Map` does. */
  readonly key: (job: Job) => Key
  /** The limits of each key. */
  readonly perKey?: KeyLimits<Key> | undefined
}

/**
 * The limits of each key. A function of the key is called as each job of the key comes, and as each begins: so a limit
 * may change at any time, and counts from then on.
 *
 * @category models
 * @since 0.1.0
 */
export interface KeyLimits<in Key = unknown> {
  /** How many jobs of a key may run at a time, an integer >= 1, or a function of the key; any number by default. */
  readonly concurrency?: number | ((key: Key) => number) | undefined
  /**
   * How many jobs a key may start in its turn, an integer from 1 to 1,000, or a function of the key; 1 by default.
   */
  readonly weight?: number | ((key: Key) => number) | undefined
}

/**
 * An order of your own.
 *
 * @category models
 * @since 0.1.0
 */
export interface OrderedQueue<in Job> {
  /** The strategy for a job that finds the queue full: `"suspend"`, the default, or `"dropping"`. */
  readonly strategy?: "suspend" | "dropping" | undefined
  /** Which waiting job is next: a value of `WorkerPool.order`. */
  readonly order: Order<Job>
  readonly priority?: undefined
  readonly aging?: undefined
  readonly key?: undefined
  readonly perKey?: undefined
}

/**
 * The queue of a pool: its bound, and its order. An option that needs another one does not compile without it.
 *
 * @category models
 * @since 0.1.0
 */
export type QueueOptions<Job, Key = unknown> =
  & QueueBound
  & (
    | (
      & (FirstComeQueue | PriorityQueue<Job> | AgingQueue<Job>)
      & (KeyedQueue<Job, Key> | LimitedKeysQueue<Job, Key>)
      & { readonly order?: undefined }
    )
    | OrderedQueue<Job>
  )

/**
 * How many retries may begin in all, so that a downstream that fails is not asked many times as much as one that works
 * (R1).
 *
 * @category models
 * @since 0.1.0
 */
export interface RetryBudgetOptions {
  /** The share of the successes within the last `window`, 0.2 by default. */
  readonly ratio?: number | undefined
  /** As many in addition for each second of the `window`, 10 by default. */
  readonly perSecond?: number | undefined
  /** How far back successes and retries count, 10 seconds by default. */
  readonly window?: Duration.Input | undefined
}

/**
 * When a job is tried again, and what becomes of a job that has had its last attempt (P12, P13).
 *
 * **Details**
 *
 * These are the options of `Effect.retry`, and more. A job is tried again if it has failed, or timed out as it ran, for
 * as long as `while` or `until`, `times` and `schedule` all allow it. Without a `schedule` the next attempt comes after
 * 0.1 s, then 0.2 s, 0.4 s and so on, up to 10 s. Either `schedule` or `times` is needed: without an end a job that
 * always fails would be tried without one.
 *
 * @category models
 * @since 0.1.0
 */
export interface RetryOptions<in Job, in E> {
  /**
   * The waits between the attempts, and when they end; or a schedule for each job, or none for it. Its input is the
   * error. Meanwhile the job is outside the workers and outside the queue's bound (P12).
   */
  readonly schedule?:
    | Schedule.Schedule<unknown, E>
    | ((job: Job) => Schedule.Schedule<unknown, E> | undefined)
    | undefined
  /** At most as many retries, an integer >= 0. With 0 a job that fails has had its last attempt. */
  readonly times?: number | undefined
  /** Whether a job may be tried again after this error. Any error by default. Not together with `until`. */
  readonly while?: ((error: E) => boolean | Effect.Effect<boolean>) | undefined
  /** Whether this error is the last: no other attempt follows it. No error by default. Not together with `while`. */
  readonly until?: ((error: E) => boolean | Effect.Effect<boolean>) | undefined
  /** How many retries may begin in all jobs together. Without it as many as the above says. */
  readonly budget?: RetryBudgetOptions | undefined
  /**
   * Jobs that die, and cost the worker its resource. Such a job is tried again, on another resource, until it has
   * killed `kills` of them, 3 by default. Jobs with the same `key` count as one. Not with `onDefect: "keep"`.
   */
  readonly poison?: {
    readonly kills?: number | undefined
    readonly key?: ((job: Job) => unknown) | undefined
  } | undefined
  /**
   * Where jobs go that have had their last attempt (P13): to the `sink`, or into memory, `capacity` of them, 1,000 by
   * default, to be read from `WorkerPool.deadLetters`.
   */
  readonly deadLetters?:
    | { readonly capacity?: number | undefined; readonly sink?: undefined }
    | {
      readonly sink: (letter: DeadLetter<Job, E>) => Effect.Effect<unknown>
      readonly capacity?: undefined
    }
    | undefined
}

/**
 * A check of a resource that was idle, before the next job begins on it (P17).
 *
 * @category models
 * @since 0.1.0
 */
export interface CheckedResource<in W, out RC> {
  /**
   * Succeeds if the resource is still good. If the check fails, dies or takes too long, the resource is replaced, and
   * its job goes to another worker. A job that is cancelled interrupts its check. The check has a scope of its own.
   */
  readonly check: (resource: W) => Effect.Effect<unknown, unknown, RC>
  /** How long a resource has to be idle to be checked, a duration >= 0; 30 seconds by default. */
  readonly checkAfter?: Duration.Input | undefined
  /** How long a check may take, a duration > 0; 5 seconds by default. */
  readonly checkTimeout?: Duration.Input | undefined
}

/**
 * No check.
 *
 * @category models
 * @since 0.1.0
 */
export interface UncheckedResource {
  readonly check?: undefined
  readonly checkAfter?: undefined
  readonly checkTimeout?: undefined
}

/**
 * How long a resource may serve (P18). By default as long as it is good.
 *
 * @category models
 * @since 0.1.0
 */
export interface ResourceLimits {
  /** How many jobs a resource may serve, an integer >= 1. */
  readonly maxJobs?: number | undefined
  /** How long after its acquisition a resource may serve, a duration > 0. No job is interrupted for it. */
  readonly maxAge?: Duration.Input | undefined
}

/**
 * The same, with a spread of your own.
 *
 * @category models
 * @since 0.1.0
 */
export interface ResourceJitter {
  /**
   * The share, from 0 to 1, by which each resource's own limits are lowered at most, at random: so that resources which
   * were acquired together are not replaced together. 0.1 by default.
   */
  readonly jitter?: number | undefined
}

/**
 * How long a worker waits for the release of its resource (P2).
 *
 * @category models
 * @since 0.1.0
 */
export interface ResourceRelease {
  /**
   * A duration > 0; as long as it takes, by default. A release that takes longer goes on by itself, while its worker
   * acquires the next resource or ends: then there may be more resources than workers.
   */
  readonly releaseTimeout?: Duration.Input | undefined
}

/**
 * How many workers there always are (P19).
 *
 * @category models
 * @since 0.1.0
 */
export interface ResourceMinimum {
  /**
   * How many workers there always are, an integer from 0 to the size, which is the default. Others come when a job
   * would have to wait, up to the size, and leave when they have been idle for `idleTimeout`.
   */
  readonly min?: number | undefined
}

/**
 * The same, with a timeout of your own.
 *
 * @category models
 * @since 0.1.0
 */
export interface ResourceIdleTimeout {
  readonly min: number
  /** How long a worker may be idle while there are more than `min`, a duration > 0; 10 minutes by default. */
  readonly idleTimeout?: Duration.Input | undefined
}

/**
 * How resources are kept in order: when one is checked, how long one may serve, and how long its release may take. An
 * option that needs another one does not compile without it.
 *
 * @category models
 * @since 0.1.0
 */
export type ResourceOptions<W, RC> =
  & ResourceRelease
  & ((ResourceMinimum & { readonly idleTimeout?: undefined }) | ResourceIdleTimeout)
  & (CheckedResource<W, RC> | UncheckedResource)
  & (
    | (ResourceLimits & { readonly jitter?: undefined })
    | (ResourceLimits & ResourceJitter & { readonly maxJobs: number })
    | (ResourceLimits & ResourceJitter & { readonly maxAge: Duration.Input })
  )

/**
 * How a pool is made. An option that is out of range is a defect of `make`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<
  in Job,
  out A,
  in out E,
  out R,
  W,
  EW,
  out RW,
  out RC = never,
  in out Key = unknown,
  D extends Deadlines | undefined = Deadlines | undefined
> {
  /** How many workers there are, an integer from 1 to 1,000,000. */
  readonly size: number
  /** The effect of a job. A typed failure is the result of this job only (P6). */
  readonly run: (job: Job, context: JobContext<W>) => Effect.Effect<A, E, R>
  /**
   * Acquires a worker's resource, in a scope that closes when the worker is done with it. Without it, workers have
   * none.
   */
  readonly worker?: ((info: WorkerInfo) => Effect.Effect<W, EW, RW>) | undefined
  /**
   * How resources are kept in order. Only with a `worker`, and after it, so that the type of the resource is known. By
   * default nothing is checked, and nothing has a limit.
   */
  readonly resource?: ResourceOptions<NoInfer<W>, RC> | undefined
  /** How many jobs may wait, and in which order they go. By default twice the size, first come, first served. */
  readonly queue?: QueueOptions<Job, Key> | undefined
  /** Whether the resource is replaced after a job has died on it, which is the default, or `"keep"` (P5). */
  readonly onDefect?: "replace" | "keep" | undefined
  /**
   * How often, and at what intervals, acquiring a replacement is tried again. When it ends, the pool has failed,
   * whatever the other workers do; what runs on them goes on. By default 5 times, after 0.1, 0.2, 0.4, 0.8 and 1.6
   * seconds, each 20 % shorter or longer at random, so that workers that have lost their resources together do not come
   * back together. A defect is not tried again. Only with a `worker`.
   */
  readonly restart?: Schedule.Schedule<unknown, EW> | undefined
  /**
   * How long a job may wait in the queue, and how long it may run. A job that takes longer leaves the queue, or is
   * interrupted, and fails with `JobTimeout` (P11). By default as long as it takes.
   */
  readonly deadlines?: D | undefined
  /** When a job is tried again, and where it goes after its last attempt. Without it, each attempt is the only one. */
  readonly retry?: RetryOptions<Job, NoInfer<E | TimeoutOf<D>>> | undefined
  /**
   * Whose services and references a job has: those of the caller of `make`, which is the default; or of whoever brings
   * the job, and those of `make` where the caller has none. The type of `run` is the same: what it requires, `make`
   * does.
   */
  readonly context?: "make" | "caller" | undefined
  /** Shown in messages, logs, metrics and spans: `name/worker-3`. */
  readonly name?: string | undefined
  /** Watchers of the pool's jobs: `Watch.metrics`, `Watch.spans`, your own. None by default, which costs nothing. */
  readonly watch?: ReadonlyArray<Watcher> | undefined
}

/**
 * The error that deadlines add to those of a pool's jobs: `JobTimeout`, or none where there are no deadlines.
 *
 * @category models
 * @since 0.1.0
 */
export type TimeoutOf<D> = D extends undefined ? never : JobTimeout
