import type * as Exit from "effect/Exit"
import { capture, release, runIn } from "../asyncContext.js"
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
  private current: "waiting" | "admitted" | "left" = "waiting"
  private begun: AnyFiber | undefined = undefined
  /** The child's: that of its parent, and not of who frees its place. */
  private readonly context = capture()

  constructor(
    readonly parent: AnyFiber,
    private readonly start: () => AnyFiber,
    /** With the child; or with the failure of the group. */
    readonly resume: (end: AnyFiber | Exit.Exit<never, E>) => void
  ) {}

  get state(): "waiting" | "admitted" | "left" {
    return this.current
  }

  get hasLeft(): boolean {
    return this.current === "left"
  }

  /** The child, once it has begun. */
  get child(): AnyFiber | undefined {
    return this.begun
  }

  /** Begins the child, for which there is a place, and returns it. Runs fibers: the caller may leave meanwhile. */
  admit(): AnyFiber {
    this.current = "admitted"
    const child = runIn(this.context, this.start, undefined)
    release(this.context)
    this.begun = child
    return child
  }

  leave(): void {
    if (this.current === "waiting") release(this.context)
    this.current = "left"
  }
}
