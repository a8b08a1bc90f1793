/**
 * The view that `sluice/inspect` has of a resource: one small interface, which every primitive implements. A view is a
 * snapshot in plain objects, made when somebody looks. The names and the version are a protocol: `sluice ps` reads the
 * views of a process that has another version of sluice in it.
 */
import type * as Cause from "effect/Cause"
import type { Annotations, Interruption, Why } from "./interruption.js"
import type { AnyFiber } from "./stack.js"

export const ViewTypeId = "~sluice/inspect/View"

/** The key of a method of whatever may hold something: it returns its hold, and the line's own object. */
export const HoldTypeId = "~sluice/inspect/Hold"

/** The key of a method of an object that is no resource, and has some: it returns them. */
export const PartsTypeId = "~sluice/inspect/Parts"

/** An object that has resources, as a `ThreadPool` has a pool and its threads. */
export interface Composite {
  readonly [PartsTypeId]: () => ReadonlyArray<object>
}

/** A hold that the heap has, and not the line: it began before anybody watched. */
export interface Holding {
  readonly [HoldTypeId]: () => { readonly of: object; readonly hold: Hold } | undefined
}

/**
 * `waits`: nothing that nobody waits for. `sweep`: likewise, but with children that run; and holds that the resource
 * has noted become older, and weak. `all`: everything.
 */
export type Detail = "waits" | "sweep" | "all"

/** A resource: a semaphore, a group, a pool, a limit. */
export interface Viewable {
  /** Returns a view; undefined where `detail` asks for less. Runs no fiber, changes no book (I1). O(holds + waits). */
  readonly [ViewTypeId]: (detail: Detail) => View | undefined
}

/** Something that waits, or is waited for: a fiber, a job, or an event, such as the end of a group's children. */
export type Node = object

/** So much of a line is taken. */
export interface Hold {
  readonly node: Node
  readonly weight: number
  /** `exit`: the node itself gives it back, and nobody else does. `scope`: the close of a scope does. */
  readonly until: "exit" | "scope"
  /** An object that lives as long as the hold: what is known about the hold is kept with it. */
  readonly key: object
  /** When a sweep first saw it. Undefined: the resource does not note that. */
  readonly since?: number | undefined
}

/** A number of permits, places or workers, of which each holder has some. */
export interface Line {
  readonly of: "permits" | "places" | "workers" | "jobs of the key"
  readonly key?: unknown
  readonly capacity: number
  /** The capacity that calls may come to by themselves as they end. Undefined: the same. */
  readonly reach?: number | undefined
  /** How much of it is taken. Undefined: as much as the holds say. */
  readonly held?: number | undefined
  /** The holds that are known. Holds that began before anybody watched may be missing. */
  readonly holds: ReadonlyArray<Hold>
  /** How much is held by fibers that were collected while somebody watched: nobody gives it back. */
  readonly lost?: number | undefined
  /** The object that has the line. */
  readonly self: object
}

/**
 * One wait. The node goes on when there is room in all `rooms`, none of `all` is stuck, and one of `any` is not stuck,
 * if there are any. A node with several waits goes on when each of them says so.
 */
export interface Wait {
  readonly node: Node
  readonly who: "fiber" | "job" | "event"
  /** "2 permits", "a place", "job 5": completes "waits for". */
  readonly for: string
  readonly rooms?: ReadonlyArray<readonly [line: Line, weight: number]> | undefined
  readonly all?: ReadonlyArray<Node> | undefined
  readonly any?: ReadonlyArray<Node> | undefined
  /** A deadline, or its like, that ends the wait as well: then it is nobody's deadlock. */
  readonly ends?: string | undefined
  /** As that of a hold. */
  readonly key: object
}

/** An interrupt of `by` interrupts these nodes, whether or not it waits for them: a timeout of it ends their waits. */
export interface Taking {
  readonly by: Node
  readonly nodes: ReadonlyArray<Node>
  /** It does so if the scope that closes with `by` is theirs. */
  readonly isUnsure?: boolean | undefined
}

/** A job, with the fiber that runs it. */
export interface JobView {
  readonly node: Node
  readonly id: number
  readonly state: string
  readonly attempt: number
  readonly worker?: number | undefined
  readonly fiber?: Node | undefined
  /** The line of its key, where that has a limit. */
  readonly line?: Line | undefined
}

export interface WorkerView {
  readonly id: number
  readonly state: string
  readonly stays: boolean
  readonly job?: number | undefined
  /** The fiber of its job; or its own, while it acquires or releases a resource. */
  readonly fiber?: Node | undefined
}

export interface ThreadView {
  readonly id: number
  readonly state: string
  readonly calls: ReadonlyArray<
    { readonly name: string; readonly seat: number; readonly begun: boolean; readonly node: Node; readonly key: object }
  >
}

export interface View {
  readonly version: 1
  /** `serving`: a pool that takes durable jobs. `lease`: a limit that holds across processes. */
  readonly kind: "semaphore" | "group" | "pool" | "limit" | "threads" | "serving" | "lease"
  readonly name: string | undefined
  /** Of a keyed semaphore: the key that this one is for. */
  readonly key?: unknown
  readonly self: object
  /** Numbers and texts, by their names. */
  readonly stats: object
  readonly lines: ReadonlyArray<Line>
  readonly waits: ReadonlyArray<Wait>
  readonly takes?: ReadonlyArray<Taking> | undefined
  readonly jobs?: ReadonlyArray<JobView> | undefined
  readonly workers?: ReadonlyArray<WorkerView> | undefined
  readonly threads?: ReadonlyArray<ThreadView> | undefined
  /** Fibers that a deadline will interrupt. */
  readonly bounded?: ReadonlyArray<Node> | undefined
  /** Fibers that race: each may interrupt the others as it ends, as the attempts of `Group.any` do. */
  readonly rivals?: ReadonlyArray<Node> | undefined
  /** Nodes whose places others may take, as a new job takes that of the oldest one in a queue that slides. */
  readonly replaceable?: ReadonlyArray<Node> | undefined
  /** The semaphores of a keyed one's keys. */
  readonly parts?: ReadonlyArray<View> | undefined
}

/** Somebody who watches: new resources are made known to it, and holds are noted. */
export interface Watch {
  /** When the present or the last sweep began: milliseconds since 1970. */
  readonly sweptAt: number
  appeared(self: Viewable): void
  /** A group or a pool is about to interrupt fibers. Returns the annotations of the interrupts. */
  cancelled(
    by: Interruption["by"],
    why: Why,
    fiber: AnyFiber | number | undefined,
    led: Cause.Cause<unknown> | undefined
  ): Annotations
}

/** Undefined until somebody watches. A live binding: one check of it is all that an operation costs meanwhile (I5). */
export let watch: Watch | undefined = undefined

export const setWatch = (next: Watch | undefined): void => {
  watch = next
}
