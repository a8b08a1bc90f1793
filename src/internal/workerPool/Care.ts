import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** The record of one resource in a pool that has an upkeep, which alone writes it. */
export class Care {
  jobs = 0
  /** When the resource became idle; undefined while it is in use. A cancelled check is no use. */
  idleSince: number | undefined = undefined

  constructor(readonly maxJobs: number) {}
}

/** A resource, as the upkeep sees it. */
export interface Tended {
  readonly resource: unknown
  readonly scope: Scope.Scope
  readonly invalidate: Effect.Effect<void>
  care: Care | undefined
}
