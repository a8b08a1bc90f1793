import type { Frame, Source } from "../../source/Source.js"

/** The public types of `sluice/inspect`: plain data, as in JSON. `schema` changes when a field changes its meaning. */

/**
 * A snapshot: all that runs and waits at one moment.
 *
 * @category models
 * @since 0.1.0
 */
export interface Dump {
  /** The version of these types. Fields may be added to a version, and none changes its meaning. */
  readonly schema: "sluice/inspect/1"
  /** When: milliseconds since 1970. */
  readonly at: number
  /** Since when somebody watches: milliseconds since 1970. Undefined: nobody does, so no duration is known. */
  readonly watchedSince?: number | undefined
  /** Deadlocks first. */
  readonly deadlocks: ReadonlyArray<Deadlock>
  /** Every semaphore, group, pool, limit and thread pool that is known. */
  readonly resources: ReadonlyArray<Resource>
  /** Every fiber that holds something of a resource, or waits for one. */
  readonly fibers: ReadonlyArray<FiberInfo>
  /** A sentence for each thing that could not be seen, with the reason. */
  readonly missing: ReadonlyArray<string>
}

/**
 * Names what waits or holds: `fiber 6`, or `job 5 of pool-1` for a job that has no fiber yet.
 *
 * @category models
 * @since 0.1.0
 */
export type Ref = string

/**
 * A semaphore, a group, a pool, an adaptive limit, the threads of a pool, a pool that takes durable jobs, or a limit
 * that holds across processes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Resource {
  /** Names the resource within the process: `semaphore-1`. The same in each dump of a process. */
  readonly id: string
  /** `limit`: an adaptive limit. `serving`: a pool that takes durable jobs. `lease`: a limit across processes. */
  readonly kind: "semaphore" | "group" | "pool" | "limit" | "threads" | "serving" | "lease"
  /** The option `name` of the resource. */
  readonly name?: string | undefined
  /** Of the semaphore of a key: that key, as text. */
  readonly key?: string | undefined
  /** The statistics that the resource's own `stats` returns. */
  readonly stats: Readonly<Record<string, string | number>>
  /** The permits, places or workers, and their holders. */
  readonly lines: ReadonlyArray<LineInfo>
  /** In the order in which they wait, at most 1,000. */
  readonly waits: ReadonlyArray<WaitInfo>
  /** How many wait in all. */
  readonly waiting: number
  /** Of a pool: its jobs that have not ended, at most 1,000. */
  readonly jobs?: ReadonlyArray<JobInfo> | undefined
  /** Of a pool: its workers. */
  readonly workers?: ReadonlyArray<WorkerInfo> | undefined
  /** Of the threads of a pool. */
  readonly threads?: ReadonlyArray<ThreadInfo> | undefined
}

/**
 * A number of permits, places or workers, and who has them.
 *
 * @category models
 * @since 0.1.0
 */
export interface LineInfo {
  /** The unit. */
  readonly of: "permits" | "places" | "workers" | "jobs of the key"
  /** The key whose limit the line is. */
  readonly key?: string | undefined
  /** How many there are. Undefined: any number. */
  readonly capacity?: number | undefined
  /** How many are held. */
  readonly held: number
  /** The longest holds first, at most 1,000. Holders that are not known count in `held` alone. */
  readonly holders: ReadonlyArray<HoldInfo>
  /** How many are held by fibers that were garbage collected: nobody gives them back. */
  readonly lost?: number | undefined
}

/**
 * One hold.
 *
 * @category models
 * @since 0.1.0
 */
export interface HoldInfo {
  /** The holder. */
  readonly by: Ref
  /** How many it holds. */
  readonly weight: number
  /** The event that gives it back: the end of the holder, or the close of a scope. */
  readonly until: "exit" | "scope"
  /** For how long, in milliseconds, as far as the watch knows. */
  readonly millis?: number | undefined
  /** The line that took it. */
  readonly at?: Source | undefined
}

/**
 * One wait.
 *
 * @category models
 * @since 0.1.0
 */
export interface WaitInfo {
  /** The fiber that waits. */
  readonly by: Ref
  /** Completes "waits for": `2 permits`. */
  readonly for: string
  /** The jobs and fibers whose ends it waits for, at most 10. Empty for a wait for permits, places or workers. */
  readonly on: ReadonlyArray<Ref>
  /** How many wait before it. */
  readonly ahead: number
  /** For how long, in milliseconds, as far as the watch knows. */
  readonly millis?: number | undefined
  /** The line that waits. */
  readonly at?: Source | undefined
  /** The event that ends the wait as well, such as a deadline. Then the wait is in no deadlock. */
  readonly ends?: string | undefined
  /** There is room for it here. It waits for room in another resource as well, as `Semaphore.withAll` does. */
  readonly fits?: boolean | undefined
  /** The deadlock that it is a part of, or waits behind: its `id`. */
  readonly deadlock?: string | undefined
}

/**
 * A job of a pool.
 *
 * @category models
 * @since 0.1.0
 */
export interface JobInfo {
  /**
   * As other fields refer to it: `job 5 of pool-1`. While it waits for room it has no number, and is
   * `blocked job 2 of pool-1`, the second one of this dump.
   */
  readonly ref: Ref
  /** Its number in the pool. 0 while it waits for room. */
  readonly id: number
  /** Its phase: `queued`, `running`, `blocked` while it waits for room, or `retrying`. */
  readonly state: string
  /** The number of its attempt, from 1. */
  readonly attempt: number
  /** The number of its worker. */
  readonly worker?: number | undefined
  /** The fiber that runs it. */
  readonly fiber?: Ref | undefined
  /** The place in `lines` of its key's limit, from 0. Undefined where its key has none. */
  readonly line?: number | undefined
  /** How long it has been in the pool, in milliseconds, as far as the watch knows. */
  readonly millis?: number | undefined
}

/**
 * A worker of a pool.
 *
 * @category models
 * @since 0.1.0
 */
export interface WorkerInfo {
  /** Its number in the pool. */
  readonly id: number
  /** `acquiring`, `idle`, `busy`, `releasing` or `givenUp`. */
  readonly state: string
  /** False for a surplus worker. */
  readonly stays: boolean
  /** The number of its job. */
  readonly job?: number | undefined
  /** The fiber of its job; or its own, while it acquires or releases a resource. */
  readonly fiber?: Ref | undefined
}

/**
 * A thread of a thread pool, and the calls that it has.
 *
 * @category models
 * @since 0.1.0
 */
export interface ThreadInfo {
  /** The number of its place in the pool. */
  readonly id: number
  /** Its state; `vacant` for a place without a thread. */
  readonly state: string
  /** The calls that it was given, the oldest first. */
  readonly calls: ReadonlyArray<{
    /** The name of the function. */
    readonly name: string
    /** The seat that the call has in the thread, from 0. */
    readonly seat: number
    /** Whether the thread has begun it. */
    readonly begun: boolean
    /** For how long it has had the call, in milliseconds, as far as the watch knows. */
    readonly millis?: number | undefined
  }>
  /** The functions on its stack, innermost first. Only where a dump was asked for it. */
  readonly stack?: ReadonlyArray<Source> | undefined
}

/**
 * A fiber, and where it stands.
 *
 * @category models
 * @since 0.1.0
 */
export interface FiberInfo {
  /** `fiber 6`, by the number that Effect gives it. */
  readonly id: Ref
  /** The name of its span. */
  readonly name?: string | undefined
  /** `running` only for the fiber that asks. */
  readonly state: "waiting" | "suspended" | "running" | "ended"
  /** Where it stands: the lines of its suspended generators, innermost first. */
  readonly stack: ReadonlyArray<Source>
  /** The fibers that it waits for in an operation of Effect's, such as `Effect.all`, as far as closures tell. */
  readonly joins?: ReadonlyArray<Ref> | undefined
  /** It was interrupted, and has not ended. */
  readonly interrupted?: boolean | undefined
}

/**
 * Fibers that wait for nothing but each other.
 *
 * - `certain`: each hold returns through its holder alone. None goes on unless one is interrupted, or a capacity, a
 *   limit or a size is raised.
 * - `derived`: as `certain`, but some of them wait for each other in Effect's own operations, which the watch has read
 *   from closures.
 * - `suspected`: some holds belong to scopes, which somebody else may close; or a member ends with another fiber, such
 *   as its parent or the consumer of its stream, which a timeout or a race may end.
 *
 * @category models
 * @since 0.1.0
 */
export interface Deadlock {
  /** Names the deadlock within its dump: `deadlock-1`. */
  readonly id: string
  /** How sure the verdict is. */
  readonly evidence: "certain" | "derived" | "suspected"
  /** Each waits for what another of them holds. */
  readonly members: ReadonlyArray<{
    /** The fiber or the job that waits. */
    readonly by: Ref
    /** The id of the resource that it waits for. Undefined for a wait in an operation of Effect's. */
    readonly resource?: string | undefined
    /** Completes "waits for". */
    readonly for: string
    /** The line that waits. */
    readonly at?: Source | undefined
    /** The holds of the member, also those that nobody in the deadlock waits for. */
    readonly holds: ReadonlyArray<{
      /** The id of the resource. */
      readonly resource: string
      /** How many it holds. */
      readonly weight: number
      /** The unit. */
      readonly of: LineInfo["of"]
      /** The line that took them. */
      readonly at?: Source | undefined
    }>
  }>
  /** How many more wait for these. */
  readonly behind: number
  /** For how long, in milliseconds, as far as the watch knows. */
  readonly millis?: number | undefined
}

/**
 * A finding of the watch. Each is reported once; `held` is reported again as it ends, with `over: true`.
 *
 * @category models
 * @since 0.1.0
 */
export type Report =
  | {
    /** A deadlock that no earlier sweep has seen. */
    readonly _tag: "Deadlock"
    /** The deadlock. */
    readonly deadlock: Deadlock
    /** The report in words. */
    readonly text: string
  }
  | {
    /** A request has waited for longer than `waitedFor`. */
    readonly _tag: "Waited"
    /** The id of the resource. */
    readonly resource: string
    /** The wait. */
    readonly wait: WaitInfo
    /** The report in words. */
    readonly text: string
  }
  | {
    /** Something has been held for longer than `heldFor`, while somebody waits for it; or is given back. */
    readonly _tag: "Held"
    /** The id of the resource. */
    readonly resource: string
    /** The hold. */
    readonly hold: HoldInfo
    /** Whether the hold, which was reported, has ended. */
    readonly over: boolean
    /** The report in words. */
    readonly text: string
  }
  | {
    /** A fiber was interrupted longer than `lingersFor` ago, and has not ended. */
    readonly _tag: "Lingers"
    /** The fiber. */
    readonly fiber: FiberInfo
    /** How long ago the interrupt was first seen, in milliseconds. */
    readonly millis: number
    /** The report in words. */
    readonly text: string
  }
  | {
    /** A sweep came later than `starvedFor`, or the watchdog saw it: the event loop was blocked. */
    readonly _tag: "Starved"
    /** How late the sweep was, or how long the event loop was blocked, in milliseconds. */
    readonly millis: number
    /** The functions that blocked it, innermost first. Only of the option `watchdog`. */
    readonly stack?: ReadonlyArray<Frame> | undefined
    /** The fiber that ran meanwhile. Only of the option `watchdog`. */
    readonly fiber?: Ref | undefined
    /** The report in words. */
    readonly text: string
  }
  | {
    /**
     * A lock-order inversion: fibers took resources in orders that make a circle. No deadlock yet, but one is possible
     * when they do so at the same time.
     */
    readonly _tag: "Inverted"
    /** One fiber for each resource of the circle. Each waited for a resource that the next one held, at some time. */
    readonly edges: ReadonlyArray<{
      /** The fiber, which may have ended. */
      readonly by: Ref
      /** The resource that it held. */
      readonly held: {
        /** The id of the resource. */
        readonly resource: string
        /** The unit. */
        readonly of: LineInfo["of"]
        /** The line that took it. */
        readonly at?: Source | undefined
      }
      /** The resource that it waited for. */
      readonly wanted: {
        /** The id of the resource. */
        readonly resource: string
        /** The unit. */
        readonly of: LineInfo["of"]
        /** The line that waited. */
        readonly at?: Source | undefined
      }
    }>
    /** The report in words. */
    readonly text: string
  }
  | {
    /** Fibers were garbage collected that held permits for which others wait: nobody gives them back. */
    readonly _tag: "Lost"
    /** The id of the semaphore. */
    readonly resource: string
    /** How many permits. */
    readonly permits: number
    /** The report in words. */
    readonly text: string
  }
