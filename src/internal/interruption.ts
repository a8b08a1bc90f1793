import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"

/**
 * While somebody watches, each interrupt that a group or a pool makes is annotated with its reason and its interruptor.
 * One object describes one cancellation, however many fibers it interrupts.
 *
 * Two interrupts of one fiber by the same fiber are one reason of its cause, and two where they are annotated. Effect
 * does the same with interrupts by a fiber that is in an `Effect.fn`. No interruptor and no law depends on it.
 */

/** Why a group or a pool interrupts fibers. */
export type Why =
  // A group
  | "a child failed"
  | "the body failed"
  | "the body was interrupted"
  | "finish"
  | "its owner was interrupted"
  // Both
  | "cancel"
  | "its caller was interrupted"
  | "its scope closed"
  // A pool: one job, or the jobs of one call
  | "the deadline of its run"
  | "its signal was aborted"
  | "another job failed"
  | "its stream closed"
  // A pool: all jobs, or the acquisitions of resources
  | "shutdown"
  | "shutdownNow"
  | "the deadline of the shutdown"
  | "the pool closed"
  | "a resource could not be acquired"
  | "resize"

/** One cancellation. */
export interface Interruption {
  readonly by: { readonly kind: "group" | "pool"; readonly name: string | undefined }
  readonly why: Why
  /** The id of the fiber in whose name it interrupts: the child that failed, or the fiber that cancelled. */
  readonly fiber?: number | undefined
  /** The cause of the child, the body, the job or the resource that failed. */
  readonly cause?: Cause.Cause<unknown> | undefined
  /** The cancellation that led to this one: the one that interrupted the owner, or the caller. */
  readonly parent?: Interruption | undefined
}

/** The annotations of the interrupts of one cancellation. */
export type Annotations = Context.Context<never>
