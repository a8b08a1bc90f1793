import type { Inspectable } from "effect/Inspectable"
import type { Pipeable } from "effect/Pipeable"
import type { Invariant } from "effect/Types"

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
