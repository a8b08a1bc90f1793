/** The parts of a run that the laws of `WorkerPool` are about, as the user of a pool sees them. */
import type { Effect, Exit, Scope } from "effect"
import type { WorkerPool } from "sluice"

/** A job: its body runs on the resource of its worker. */
export interface Job {
  readonly name: string
  readonly body:
    | Effect.Effect<unknown, string>
    | ((context: WorkerPool.JobContext<Resource>) => Effect.Effect<unknown, string>)
}

export type TestPool = WorkerPool.WorkerPool<Job, unknown, string | WorkerPool.JobTimeout, Resource>
export type Handle = WorkerPool.JobHandle<unknown, string | WorkerPool.JobTimeout>

export interface StageOptions extends
  Partial<
    Pick<
      WorkerPool.Options<Job, unknown, string, never, Resource, string, Scope.Scope>,
      "size" | "queue" | "onDefect" | "restart" | "deadlines" | "retry"
    >
  >
{
  /** The limits of the option `resource`, without jitter. */
  readonly resource?: {
    readonly checkAfter?: number
    readonly checkTimeout?: number
    readonly maxJobs?: number
    readonly maxAge?: number
    readonly releaseTimeout?: number
    readonly min?: number
    readonly idleTimeout?: number
  }
  /** The check of a resource; `n` is its number, from 0. */
  readonly check?: (n: number, run: Pick<Seen, "pool" | "handles">) => Effect.Effect<unknown, unknown>
  /** Runs before a resource is acquired; `n` counts the attempts of all workers. */
  readonly acquire?: (n: number) => Effect.Effect<unknown, string>
  /** Runs as a resource is released; `n` counts the releases of all workers. */
  readonly release?: (n: number) => Effect.Effect<unknown>
}

export interface Resource {
  state: "held" | "released"
  /** How many jobs run on it. */
  users: number
  /** How many jobs were given to `run` with it. */
  jobs: number
  /** How many checks of it are in flight. */
  checks: number
  /**
   * "doubtful" once `invalidate` is called; "condemned" once that call has returned, a job has died on it, its check
   * has failed, or it has served its last job.
   */
  fate: "good" | "doubtful" | "condemned"
  readonly invalidate: Effect.Effect<void>
}

/** One call of the pool's `run`. */
export interface Attempt {
  readonly job: Job
  /** The number of the job in its pool. */
  readonly id: number
  /** 1 for the first attempt at the job. */
  readonly attempt: number
  readonly resource: Resource
}

/** A stream of results that has ended. */
export interface Mapped {
  readonly jobs: ReadonlyArray<Job>
  /** How many results the stream had. */
  readonly results: number
  readonly exit: Exit.Exit<unknown, unknown>
}

/** A handle after the end of its pool. */
export interface Settlement {
  readonly handle: Handle
  readonly exit: Exit.Exit<unknown, unknown>
  /** The exit that a second `await` returned. */
  readonly again: Exit.Exit<unknown, unknown>
  /** What `cancel` returned after that. */
  readonly wasCancelled: boolean
}

/** The history of one pool up to this moment. */
export interface Seen {
  readonly options: StageOptions
  readonly pool: TestPool | undefined
  /** The handles of submitted jobs, in order. */
  readonly handles: ReadonlyArray<Handle>
  /** The size that the pool is made with. */
  readonly size: number
  /** The largest size that anyone has asked for so far. */
  readonly largestSize: number
  /** By how much calls of `resize` have lowered the size: the sum of all steps down. */
  readonly lowered: number
  /** How many good resources were released while the pool was running. */
  readonly dismissed: number
  /** How many acquisitions are in flight. */
  readonly acquiring: number
  /** Every resource ever acquired, in the order of acquisition. */
  readonly resources: ReadonlyArray<Resource>
  /** Every attempt ever begun, in the order of their beginnings. */
  readonly begun: ReadonlyArray<Attempt>
  /** The attempts that have begun and not ended. */
  readonly running: ReadonlySet<Attempt>
  /** Whether there was a call of `reserve`. */
  readonly hasPlaces: boolean
  /** How many calls of `reserve` are in flight. */
  readonly reserving: number
  /** The state of the pool, once it is made. */
  readonly state: string | undefined
  /** Whether `map` or `runAll` brings jobs. */
  readonly isMapped: boolean
}
