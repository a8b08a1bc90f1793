import type * as Exit from "effect/Exit"
import { capture, release, runIn } from "../asyncContext.js"
import { cancellation } from "../cancellation.js"
import * as stack from "../stack.js"
import type { AnyFiber } from "../stack.js"

/** A call that waits for a place of its group. */
export interface Waiting<in out E> {
  prev: Waiting<E> | undefined
  next: Waiting<E> | undefined
  readonly parent: AnyFiber
  /** Whether the call stands in the line: until it is admitted, leaves or is refused. */
  readonly isWaiting: boolean
  /** How the call ends when the group refuses it. */
  readonly refuse: (end: Exit.Exit<never, E>) => void
  /**
   * Begins a child, for which there is a place. Returns whether the call waits for another place, or goes on, or has
   * left meanwhile. Runs fibers.
   */
  admit(): "again" | "served" | "gone"
  /** Lets the caller of a call that was served go on. Runs it. */
  goOn(): void
  /** The call waits no more: it was interrupted, or refused by a group that has ended. */
  leave(): void
}

/**
 * A call of `go`.
 *
 *     waiting ──▶ admitted      its child has a place, and begins; the call returns at the latest a turn later
 *        └────────────┴──▶ left     it was interrupted, or refused by a group that has ended
 */
export class Pending<in out E> implements Waiting<E> {
  prev: Waiting<E> | undefined = undefined
  next: Waiting<E> | undefined = undefined
  private state: "waiting" | "admitted" | "left" = "waiting"
  private begun: AnyFiber | undefined = undefined
  /** The child's: that of its parent, and not of who frees its place. */
  private readonly context = capture()

  constructor(
    readonly parent: AnyFiber,
    private readonly group: string | undefined,
    private readonly start: () => AnyFiber,
    /** With the child; or with the failure of the group. */
    private readonly resume: (end: AnyFiber | Exit.Exit<never, E>) => void
  ) {}

  get isWaiting(): boolean {
    return this.state === "waiting"
  }

  private get hasLeft(): boolean {
    return this.state === "left"
  }

  get refuse(): (end: Exit.Exit<never, E>) => void {
    return this.resume
  }

  /** The child, once it has begun. */
  get child(): AnyFiber | undefined {
    return this.begun
  }

  admit(): "served" | "gone" {
    this.state = "admitted"
    const child = runIn(this.context, this.start, undefined)
    release(this.context)
    this.begun = child
    // Its caller may have left while the child began.
    if (!this.hasLeft) return "served"
    const { group, parent } = this
    stack.interrupt(child, parent.id, cancellation("group", group, "its caller was interrupted", parent))
    return "gone"
  }

  goOn(): void {
    if (this.begun !== undefined) stack.resume(this.parent, this.resume, this.begun)
  }

  leave(): void {
    if (this.state === "waiting") release(this.context)
    this.state = "left"
  }
}
