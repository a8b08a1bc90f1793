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
  readonly name: string | undefined
}

/**
 * A snapshot of a group.
 *
 * **Details**
 *
 * `active` children run or hold a place to run, `waiting` calls of `go` are suspended at the limit. Of the `started`
 * children, those that are no longer active have `succeeded`, `failed` (with an error or a defect) or were
 * `interrupted`. `state` is `"failed"` once a failure has cancelled the group (with `onFailure: "continue"` none does),
 * and `"closed"` once it was cancelled otherwise or its scope has closed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats {
  readonly limit: number | "unbounded"
  readonly active: number
  readonly waiting: number
  readonly started: number
  readonly succeeded: number
  readonly failed: number
  readonly interrupted: number
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
 * The caller of `Group.start` who waits for a value `V`, as a requirement of the child that reports it with
 * `Group.ready`.
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
