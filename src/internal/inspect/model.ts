import type { Source } from "../../source/Source.js"

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
 * A semaphore, a group, a pool, an adaptive limit, or the threads of a pool.
 *
 * @category models
 * @since 0.1.0
 */
export interface Resource {
  /** Names the resource within the process: `semaphore-1`. The same in each dump of a process. */
  readonly id: string
  readonly kind: "semaphore" | "group" | "pool" | "limit" | "threads"
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
  readonly workers?: ReadonlyArray<WorkerInfo> | undefined
  readonly threads?: ReadonlyArray<ThreadInfo> | undefined
}

/**
 * A number of permits, places or workers, and who has them.
 *
 * @category models
 * @since 0.1.0
 */
export interface LineInfo {
  readonly of: "permits" | "places" | "workers" | "jobs of the key"
  readonly key?: string | undefined
  /** How many there are. Undefined: any number. */
  readonly capacity?: number | undefined
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
  readonly by: Ref
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
  readonly by: Ref
  /** Completes "waits for": `2 permits`. */
  readonly for: string
  /** The jobs and fibers whose ends it waits for, at most 10. Empty for a wait for permits, places or workers. */
  readonly on: ReadonlyArray<Ref>
  /** How many wait before it. */
  readonly ahead: number
  readonly millis?: number | undefined
  /** The line that waits. */
  readonly at?: Source | undefined
  /** The deadline that ends the wait in any case. */
  readonly ends?: string | undefined
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
  readonly id: number
  readonly state: string
  /** The number of its attempt, from 1. */
  readonly attempt: number
  readonly worker?: number | undefined
  /** The fiber that runs it. */
  readonly fiber?: Ref | undefined
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
  readonly id: number
  readonly state: string
  /** False for a surplus worker. */
  readonly stays: boolean
  readonly job?: number | undefined
  readonly fiber?: Ref | undefined
}

/**
 * A thread of a thread pool, and the calls that it has.
 *
 * @category models
 * @since 0.1.0
 */
export interface ThreadInfo {
  readonly id: number
  readonly state: string
  readonly calls: ReadonlyArray<{
    /** The name of the function. */
    readonly name: string
    readonly seat: number
    /** Whether the thread has begun it. */
    readonly begun: boolean
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
 * - `suspected`: some holds belong to scopes, which somebody else may close.
 *
 * @category models
 * @since 0.1.0
 */
export interface Deadlock {
  readonly id: string
  readonly evidence: "certain" | "derived" | "suspected"
  /** Each waits for what another of them holds. */
  readonly members: ReadonlyArray<{
    readonly by: Ref
    /** The id of the resource that it waits for. Undefined for a wait in an operation of Effect's. */
    readonly resource?: string | undefined
    readonly for: string
    readonly at?: Source | undefined
    readonly holds: ReadonlyArray<{
      readonly resource: string
      readonly weight: number
      readonly of: LineInfo["of"]
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
  | { readonly _tag: "Deadlock"; readonly deadlock: Deadlock; readonly text: string }
  | { readonly _tag: "Waited"; readonly resource: string; readonly wait: WaitInfo; readonly text: string }
  | {
    readonly _tag: "Held"
    readonly resource: string
    readonly hold: HoldInfo
    readonly over: boolean
    readonly text: string
  }
  | { readonly _tag: "Lingers"; readonly fiber: FiberInfo; readonly millis: number; readonly text: string }
  | { readonly _tag: "Starved"; readonly millis: number; readonly text: string }
  | { readonly _tag: "Lost"; readonly resource: string; readonly permits: number; readonly text: string }
