import type { Inspectable } from "effect/Inspectable"
import type { Pipeable } from "effect/Pipeable"
import type { Covariant, Invariant } from "effect/Types"

/** The public types of a group, but for its options. `Group.ts` exports them. */
export const TypeId = "~sluice/Group"

/**
 * A group whose children may fail with `E`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Group<in out E> extends Pipeable, Inspectable {
  readonly [TypeId]: { readonly _E: Invariant<E> }
  /** The `name` that the group was made with. `undefined` without one. */
  readonly name: string | undefined
}

/**
 * A snapshot of a group. Later changes of the group do not change it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats {
  /** How many children may run at a time: an integer >= 1, or `"unbounded"`. `setLimit` changes it. */
  readonly limit: number | "unbounded"
  /** How many children run or hold a place to run. May exceed `limit` after `setLimit` has lowered it. */
  readonly active: number
  /** How many calls of `go`, `fork` and `start` are suspended at the limit. */
  readonly waiting: number
  /** How many children the group has started so far, ended children included. */
  readonly started: number
  /** How many children have ended with a value so far. */
  readonly succeeded: number
  /** How many children have ended with an error or a defect so far. */
  readonly failed: number
  /** How many children have ended by an interrupt alone so far: from outside, or by the group. */
  readonly interrupted: number
  /**
   * `"open"` while the group takes children. `"failed"` once a failure has cancelled the group, which never happens
   * with `onFailure: "continue"`. `"closed"` once `cancel` or `finish` was called, the body of `scoped` has failed,
   * `scoped` has returned, or the scope has closed. A failed group becomes `"closed"` too when its scope ends.
   */
  readonly state: "open" | "failed" | "closed"
}

export const CurrentTypeId = "~sluice/Group/Current"

/**
 * The group that `Group.scoped` has put into the context, as a requirement of what starts children in it, or ends it.
 *
 * **Details**
 *
 * `E` is an error that a child may fail with, `V` a value that `finish` ends the group with. Each `go`, `fork`, `start`
 * and `finish` adds its own; `Group.scoped` takes all of them out of the requirements, and puts the errors and values
 * into its own result. A requirement outlives every handler of errors, so none of them can be lost on the way.
 *
 * @category models
 * @since 0.1.0
 */
export interface Current<out E, out V = never> {
  readonly [CurrentTypeId]: { readonly _E: Covariant<E>; readonly _V: Covariant<V> }
}

/**
 * The errors of the children that an effect with the requirements `R` starts in the current group.
 *
 * @category utility types
 * @since 0.1.0
 */
export type ErrorOf<R> = R extends Current<infer E, unknown> ? E : never

/**
 * The values that an effect with the requirements `R` may finish the current group with.
 *
 * @category utility types
 * @since 0.1.0
 */
export type ValueOf<R> = R extends Current<unknown, infer V> ? V : never

export const ReadyTypeId = "~sluice/Group/Ready"

/**
 * A requirement of the child that reports a value `V` with `Group.ready`: the call of `Group.start` that waits for it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ready<out V> {
  readonly [ReadyTypeId]: { readonly _V: Covariant<V> }
}

/**
 * The values that an effect with the requirements `R` may report with `Group.ready`.
 *
 * @category utility types
 * @since 0.1.0
 */
export type ReadyOf<R> = R extends Ready<infer V> ? V : never
