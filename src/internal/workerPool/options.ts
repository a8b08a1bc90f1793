import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type { JobTimeout } from "./errors.js"
import type { DeadLetter, JobContext, WorkerInfo } from "./model.js"
import type { Order } from "./ownOrder.js"
import type { Watcher } from "./watching.js"

/**
 * How long a job may take. A job that takes longer fails with `JobTimeout` (P11).
 *
 * @category models
 * @since 0.1.0
 */
export interface Deadlines {
  /**
   * How long an attempt may wait in the queue for a worker: a duration > 0. Default: no limit. The job leaves the queue
   * then. The time stands still while the pool is paused. Any other value is a defect.
   */
  readonly wait?: Duration.Input | undefined
  /**
   * How long an attempt may run on a worker: a duration > 0. Default: no limit. The job is interrupted then. Any other
   * value is a defect.
   */
  readonly run?: Duration.Input | undefined
}

/**
 * The bound of a queue: how many jobs may wait.
 *
 * @category models
 * @since 0.1.0
 */
export interface QueueBound {
  /**
   * How many jobs may wait for a worker, of each key if there is a `key`: an integer >= 0 or `"unbounded"`. Default:
   * twice the `size`. Anything else is a defect. `resize` does not change it.
   */
  readonly capacity?: number | "unbounded" | undefined
}

/**
 * The order of a queue without `priority`: first come, first served (P3).
 *
 * @category models
 * @since 0.1.0
 */
export interface FirstComeQueue {
  /**
   * The strategy for a job that finds the queue full. `"suspend"`, the default: `submit` waits for room. `"dropping"`
   * drops the job. `"sliding"` drops the job that has waited longest. A dropped job ends as `"dropped"` (P3). In a
   * queue with the capacity `"unbounded"` no job finds it full.
   */
  readonly strategy?: "suspend" | "dropping" | "sliding" | undefined
  /** Absent in this order. With a function, the queue is a `PriorityQueue`. */
  readonly priority?: undefined
  /** Absent in this order: it needs a `priority`, and is a defect without one. */
  readonly aging?: undefined
}

/**
 * The order of a queue with `priority`: urgent jobs first (P14).
 *
 * @category models
 * @since 0.1.0
 */
export interface PriorityQueue<in Job> {
  /**
   * The strategy for a job that finds the queue full. `"suspend"`, the default: `submit` waits for room. `"dropping"`
   * drops the job. `"sliding"` is a defect in this order.
   */
  readonly strategy?: "suspend" | "dropping" | undefined
  /**
   * Returns the level of a job, an integer from 0 to 1,000,000, of which 0 is the most urgent. First come, first served
   * within a level. Called once for each job. If it throws or returns any other value, the submission dies. Default:
   * none, and first come, first served.
   */
  readonly priority?: ((job: Job) => number) | undefined
  /** Absent in this order: it has the default, 100. With a number, the queue is an `AgingQueue`. */
  readonly aging?: undefined
}

/**
 * The order of a queue with `priority` and `aging`: urgent jobs first, with a bound of your own on how often a less
 * urgent job is passed over (P14).
 *
 * @category models
 * @since 0.1.0
 */
export interface AgingQueue<in Job> {
  /**
   * The strategy for a job that finds the queue full. `"suspend"`, the default: `submit` waits for room. `"dropping"`
   * drops the job. `"sliding"` is a defect in this order.
   */
  readonly strategy?: "suspend" | "dropping" | undefined
  /**
   * Returns the level of a job, an integer from 0 to 1,000,000, of which 0 is the most urgent. First come, first served
   * within a level. Called once for each job. If it throws or returns any other value, the submission dies. Required by
   * `aging`.
   */
  readonly priority: (job: Job) => number
  /**
   * How many later jobs may go first for each level: an integer from 0 to 1,000,000,000. Default: 100. At most
   * `n * aging` later jobs pass over a job of level `n` (P14). Any other value is a defect.
   */
  readonly aging?: number | undefined
}

/**
 * A queue for each key, each with the same `capacity`. The keys take turns at the workers (P15).
 *
 * @category models
 * @since 0.1.0
 */
export interface KeyedQueue<in Job, out Key = unknown> {
  /**
   * Returns the key of a job, compared as in a `Map`. Called once for each job. If it throws, the submission dies.
   * Default: none, and all jobs share one queue.
   */
  readonly key?: ((job: Job) => Key) | undefined
  /** Absent without limits of the keys. With them, the queue is a `LimitedKeysQueue`, which needs a `key`. */
  readonly perKey?: undefined
}

/**
 * A queue for each key, with limits of each key (P15).
 *
 * @category models
 * @since 0.1.0
 */
export interface LimitedKeysQueue<in Job, in out Key = unknown> {
  /**
   * Returns the key of a job, compared as in a `Map`. Called once for each job. If it throws, the submission dies.
   * Required by `perKey`.
   */
  readonly key: (job: Job) => Key
  /**
   * The limits of each key. Default: any number of jobs of a key may run at a time, and a key starts one job in its
   * turn.
   */
  readonly perKey?: KeyLimits<Key> | undefined
}

/**
 * The limits of each key. A function of the key is called when a job of the key comes, and when a job of the key
 * begins. So a limit may change at any time, and counts from then on. `refreshKeys` asks for all limits again.
 *
 * @category models
 * @since 0.1.0
 */
export interface KeyLimits<in Key = unknown> {
  /**
   * How many jobs of a key may run at a time: an integer >= 1, or a function of the key that returns one. Default: any
   * number. Any other number is a defect of `make`. Of any other result of the function the submission of the job dies;
   * when a job begins, the key keeps its limits instead.
   */
  readonly concurrency?: number | ((key: Key) => number) | undefined
  /**
   * How many jobs a key may start in its turn: an integer from 1 to 1,000, or a function of the key that returns one.
   * Default: 1. Any other number is a defect of `make`. Of any other result of the function the submission of the job
   * dies; when a job begins, the key keeps its limits instead.
   */
  readonly weight?: number | ((key: Key) => number) | undefined
}

/**
 * A queue in an order of your own.
 *
 * @category models
 * @since 0.1.0
 */
export interface OrderedQueue<in Job> {
  /**
   * The strategy for a job that finds the queue full. `"suspend"`, the default: `submit` waits for room. `"dropping"`
   * drops the job. `"sliding"` is a defect in this order.
   */
  readonly strategy?: "suspend" | "dropping" | undefined
  /** Says which waiting job is next: a value of `WorkerPool.order`. Anything else is a defect. */
  readonly order: Order<Job>
  /** Absent in this order: a defect together with `order`. */
  readonly priority?: undefined
  /** Absent in this order: it needs a `priority`. */
  readonly aging?: undefined
  /** Absent in this order: a defect together with `order`. */
  readonly key?: undefined
  /** Absent in this order: it needs a `key`. */
  readonly perKey?: undefined
}

/**
 * The queue of a pool: its bound, and its order. An option that needs another option does not compile without it.
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
      & {
        /** Absent in these orders. With a value of `WorkerPool.order`, the queue is an `OrderedQueue`. */
        readonly order?: undefined
      }
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
  /** The share of the successes within the last `window` that may begin as retries: a number >= 0. Default: 0.2. */
  readonly ratio?: number | undefined
  /** How many retries may begin in addition, for each second of the `window`: a number >= 0. Default: 10. */
  readonly perSecond?: number | undefined
  /** How far back successes and retries count: a finite duration > 0. Default: 10 seconds. */
  readonly window?: Duration.Input | undefined
}

/**
 * Says when a job is tried again, and where a job goes after its last attempt (P12, P13).
 *
 * **Details**
 *
 * These are the options of `Effect.retry`, and more. A job is tried again if it has failed, or timed out as it ran, as
 * long as `while` or `until`, `times` and `schedule` all allow it. Without a `schedule` the next attempt comes after
 * 0.1 s, then 0.2 s, 0.4 s and so on, up to 10 s. Either `schedule` or `times` is required: without an end a job that
 * always fails would be tried without end. A wrong value is a defect of `make`.
 *
 * @category models
 * @since 0.1.0
 */
export interface RetryOptions<in Job, in E> {
  /**
   * The waits between the attempts, and when they end: a schedule for all jobs, or a function that returns the schedule
   * of a job, or `undefined` for no retry of this job. The input of the schedule is the error. Default, if there is
   * `times`: 0.1 s, doubled each time, up to 10 s. Between two attempts a job has no worker, and no place in the queue
   * (P12).
   */
  readonly schedule?:
    | Schedule.Schedule<unknown, E>
    | ((job: Job) => Schedule.Schedule<unknown, E> | undefined)
    | undefined
  /**
   * How many retries a job may have at most: an integer >= 0. Default: as many as `schedule` allows. With 0 a job that
   * fails has had its last attempt, and `schedule`, `while`, `until` and `budget` are defects.
   */
  readonly times?: number | undefined
  /** Whether a job may be tried again after this error. Default: after any error. Not together with `until`. */
  readonly while?: ((error: E) => boolean | Effect.Effect<boolean>) | undefined
  /**
   * Whether this error is the last: the job is not tried again after it. Default: no error is. Not together with
   * `while`.
   */
  readonly until?: ((error: E) => boolean | Effect.Effect<boolean>) | undefined
  /**
   * How many retries may begin, in all jobs together. Default: no bound. A job whose retry the budget refuses has had
   * its last attempt.
   */
  readonly budget?: RetryBudgetOptions | undefined
  /**
   * Retries of jobs that die and so cost the worker its resource. Such a job is tried again, on another resource, until
   * it has killed `kills` resources. Default: a job that dies is not tried again. Not with `onDefect: "keep"`.
   */
  readonly poison?: {
    /** How many resources a job, or all jobs of a key together, may kill: an integer >= 1. Default: 3. */
    readonly kills?: number | undefined
    /**
     * Returns the key of a job: jobs with the same key count as one, compared as in a `Map`. Called once for each job.
     * Default: none, and each job counts alone. The latest 10,000 keys are remembered.
     */
    readonly key?: ((job: Job) => unknown) | undefined
  } | undefined
  /**
   * Where jobs go after their last attempt (P13): to the `sink`, or into memory, for `WorkerPool.deadLetters`. Default:
   * nowhere; such a job ends as failed, died or timed out.
   */
  readonly deadLetters?:
    | {
      /**
       * How many letters the pool keeps in memory, for `WorkerPool.deadLetters`: an integer >= 1. Default: 1,000. A new
       * letter replaces the oldest when it is full, which is logged.
       */
      readonly capacity?: number | undefined
      /** Absent where the pool keeps the letters. */
      readonly sink?: undefined
    }
    | {
      /**
       * Is run with each letter, by the pool, which does not interrupt it and waits for it at its end. A failure is
       * logged, and the job ends as its last attempt did. `WorkerPool.deadLetters` is empty then.
       */
      readonly sink: (letter: DeadLetter<Job, E>) => Effect.Effect<unknown>
      /** Absent with a `sink`: a defect together with it. */
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
   * Succeeds if the resource is still good. If it fails, dies or exceeds `checkTimeout`, the resource is replaced, and
   * its job goes to another worker. A job that is cancelled interrupts its check. The check has a scope of its own.
   */
  readonly check: (resource: W) => Effect.Effect<unknown, unknown, RC>
  /**
   * How long a resource has to be idle to be checked: a duration >= 0. Default: 30 seconds. With 0 it is checked
   * whenever it was idle.
   */
  readonly checkAfter?: Duration.Input | undefined
  /** How long a check may take: a duration > 0. Default: 5 seconds. */
  readonly checkTimeout?: Duration.Input | undefined
}

/**
 * A resource without a check.
 *
 * @category models
 * @since 0.1.0
 */
export interface UncheckedResource {
  /** Absent. With a function, this is a `CheckedResource`. */
  readonly check?: undefined
  /** Absent: it needs a `check`, and is a defect without one. */
  readonly checkAfter?: undefined
  /** Absent: it needs a `check`, and is a defect without one. */
  readonly checkTimeout?: undefined
}

/**
 * How long a resource may serve (P18). A resource that has reached a limit is replaced between two jobs.
 *
 * @category models
 * @since 0.1.0
 */
export interface ResourceLimits {
  /** How many jobs a resource may serve: an integer >= 1. Default: any number. `jitter` lowers it at random. */
  readonly maxJobs?: number | undefined
  /**
   * How long after its acquisition a resource may serve: a duration > 0. Default: no limit. No job is interrupted for
   * it. `jitter` lowers it at random.
   */
  readonly maxAge?: Duration.Input | undefined
}

/**
 * A spread of your own for the resources' limits. Needs a `maxJobs` or a `maxAge`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ResourceJitter {
  /**
   * The share by which each resource's own limits are lowered at most, at random: a number from 0 to 1. Default: 0.1.
   * So resources that were acquired together are not replaced together.
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
   * How long a worker waits for the release of its resource: a duration > 0. Default: no limit. A release that takes
   * longer continues by itself, while its worker acquires the next resource or ends: then there may be more resources
   * than workers.
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
   * How many workers there always are: an integer from 0 to the `size`. Default: the `size`. Other workers come when a
   * job would have to wait, up to the `size`, and leave when they have been idle for `idleTimeout`.
   */
  readonly min?: number | undefined
}

/**
 * How many workers there always are, with a timeout of your own for the others (P19).
 *
 * @category models
 * @since 0.1.0
 */
export interface ResourceIdleTimeout {
  /**
   * How many workers there always are: an integer from 0 to the `size`. Required by `idleTimeout`. Other workers come
   * when a job would have to wait, up to the `size`.
   */
  readonly min: number
  /**
   * How long a worker may be idle while there are more than `min` workers: a duration > 0. Default: 10 minutes. The
   * worker releases its resource and leaves then.
   */
  readonly idleTimeout?: Duration.Input | undefined
}

/**
 * How resources are maintained: when one is checked, how long one may serve, and how long its release may take. An
 * option that needs another option does not compile without it.
 *
 * @category models
 * @since 0.1.0
 */
export type ResourceOptions<W, RC> =
  & ResourceRelease
  & (
    | (ResourceMinimum & {
      /** Absent without a `min`, which it needs. With `min` and without this option, it is 10 minutes. */
      readonly idleTimeout?: undefined
    })
    | ResourceIdleTimeout
  )
  & (CheckedResource<W, RC> | UncheckedResource)
  & (
    | (ResourceLimits & {
      /** Absent without a limit to lower. With a limit and without this option, it is 0.1. */
      readonly jitter?: undefined
    })
    | (ResourceLimits & ResourceJitter & {
      /** How many jobs a resource may serve, an integer >= 1. Here it is required: `jitter` needs a limit. */
      readonly maxJobs: number
    })
    | (ResourceLimits & ResourceJitter & {
      /** How long after its acquisition a resource may serve, a duration > 0. Here it is required by `jitter`. */
      readonly maxAge: Duration.Input
    })
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
  /**
   * How many workers there are: an integer from 1 to 1,000,000. Required. Anything else is a defect. `resize` and
   * `autoscale` change it.
   */
  readonly size: number
  /**
   * Returns the effect of a job. Required. A typed failure is the result of this job only (P6). A defect, and an
   * exception of the function itself, costs the worker its resource, as `onDefect` says.
   */
  readonly run: (job: Job, context: JobContext<W>) => Effect.Effect<A, E, R>
  /**
   * Acquires a worker's resource, in a scope that closes when the worker is done with it. Default: none, and `resource`
   * of the job's context is `undefined`.
   */
  readonly worker?: ((info: WorkerInfo) => Effect.Effect<W, EW, RW>) | undefined
  /**
   * How resources are maintained. Needs a `worker`, and has to come after a `worker` with a parameter, so that the type
   * of the resource is known. Default: no resource is checked, and none has a limit.
   */
  readonly resource?: ResourceOptions<NoInfer<W>, RC> | undefined
  /**
   * How many jobs may wait, and in which order they go. Default: twice the `size`, first come, first served, and
   * `submit` waits for room.
   */
  readonly queue?: QueueOptions<Job, Key> | undefined
  /**
   * Whether a resource is replaced after a job has died on it (P5): `"replace"`, the default, or `"keep"`. Anything
   * else is a defect.
   */
  readonly onDefect?: "replace" | "keep" | undefined
  /**
   * How often, and at what intervals, acquiring a replacement is tried again. Needs a `worker`. Default: 5 times, after
   * 0.1, 0.2, 0.4, 0.8 and 1.6 seconds, each 20 % shorter or longer at random, so that workers that have lost their
   * resources together do not come back together. A defect of the acquisition is not tried again. When the schedule
   * ends, the pool has failed; jobs that run on other workers continue.
   */
  readonly restart?: Schedule.Schedule<unknown, EW> | undefined
  /**
   * How long a job may wait in the queue, and how long it may run. A job that takes longer leaves the queue, or is
   * interrupted, and fails with `JobTimeout` (P11). Default: no limits.
   */
  readonly deadlines?: D | undefined
  /** Says when a job is tried again, and where a job goes after its last attempt. Default: each job has one attempt. */
  readonly retry?: RetryOptions<Job, NoInfer<E | TimeoutOf<D>>> | undefined
  /**
   * Whose services and references a job has. `"make"`, the default: the caller of `make`. `"caller"`: the caller that
   * submits the job, and the caller of `make` for everything that it lacks. The type of `run` is the same: `make`
   * requires everything that `run` requires. Anything else is a defect.
   */
  readonly context?: "make" | "caller" | undefined
  /**
   * Names the pool in errors, logs, metrics and spans, and its workers: `name/worker-3`. Default: none; logs, metrics
   * and spans then say `pool`.
   */
  readonly name?: string | undefined
  /**
   * Watchers of the jobs: `Watch.metrics()`, `Watch.spans()`, or your own of `Watch.make`. Default: none, which costs
   * nothing. Anything but an array of watchers is a defect.
   */
  readonly watch?: ReadonlyArray<Watcher> | undefined
}

/**
 * The error that deadlines add to the errors of the jobs: `JobTimeout`, or none in a pool without deadlines.
 *
 * @category models
 * @since 0.1.0
 */
export type TimeoutOf<D> = D extends undefined ? never : JobTimeout

/**
 * The deadlines that a pool may have whose jobs fail with `E`: none, if `JobTimeout` is not among these errors.
 *
 * @category models
 * @since 0.1.0
 */
export type DeadlinesOf<E> = JobTimeout extends E ? Deadlines | undefined : undefined
