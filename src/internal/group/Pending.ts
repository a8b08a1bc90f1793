import type * as Exit from "effect/Exit"
import { capture } from "../asyncContext.js"
import type { AnyFiber } from "../stack.js"

/**
 * A call of `go` that waits for a place.
 *
 *     waiting ──▶ admitted      its child has a place, and begins; the call returns at the latest a turn later
 *        └────────────┴──▶ left     it was interrupted, or refused by a group that has ended
 */
export class Pending<in out E> {
  prev: Pending<E> | undefined = undefined
  next: Pending<E> | undefined = undefined
  state: "waiting" | "admitted" | "left" = "waiting"
  child: AnyFiber | undefined = undefined
  /** The child's: that of its parent, and not of who frees its place. */
  readonly context = capture()

  constructor(
    readonly parent: AnyFiber,
    readonly start: () => AnyFiber,
    /** With the child; or with the failure of the group. */
    readonly resume: (end: AnyFiber | Exit.Exit<never, E>) => void
  ) {}
}

export const isLeft = <E>({ state }: Pending<E>): boolean => state === "left"
