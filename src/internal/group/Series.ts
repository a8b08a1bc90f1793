import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { capture, release, runIn } from "../asyncContext.js"
import * as stack from "../stack.js"
import type { AnyFiber } from "../stack.js"
import type { Waiting } from "./Pending.js"

type AnyEffect = Effect.Effect<unknown, unknown, unknown>

const startAndTake = <E>(series: Series<E>): boolean => series.startAndTake()

/**
 * A call of `forEach`: a child for each item, in order (G13). The call is one in the line, and goes to the line's end
 * after each child, in turns with the others.
 *
 *     starting ──no place──▶ waiting ──▶ admitted ──another item──▶ waiting
 *         └─────────────────────┴───────────┴──▶ over      no item left, interrupted, or refused
 *
 * An item is taken, and its child made, before there is a place, and no further one, as a loop over `go` does. In
 * `starting` the caller's own fiber starts the children, from a plain loop.
 */
export class Series<in out E> implements Waiting<E> {
  prev: Waiting<E> | undefined = undefined
  next: Waiting<E> | undefined = undefined
  private state: "starting" | "waiting" | "admitted" | "over" = "starting"
  private readonly iterator: Iterator<unknown>
  private isExhausted = false
  private index = -1
  /** The child of the item that was taken. */
  private child: AnyEffect = Effect.void
  private resume: (end: Exit.Exit<void, E>) => void = () => {}
  private end: Exit.Exit<void> = Exit.void
  /** The children's: that of their parent, and not of who frees their places. */
  private context: ReturnType<typeof capture> = undefined

  constructor(
    readonly parent: AnyFiber,
    items: Iterable<unknown>,
    private readonly f: (item: unknown, index: number) => AnyEffect,
    /** Starts a child of the group. Runs fibers. */
    private readonly start: (effect: AnyEffect, index: number) => void
  ) {
    this.iterator = items[Symbol.iterator]()
  }

  get isWaiting(): boolean {
    return this.state === "waiting"
  }

  private get isOver(): boolean {
    return this.state === "over"
  }

  get refuse(): (end: Exit.Exit<never, E>) => void {
    return this.resume
  }

  /**
   * Takes the next item, and returns whether there was one. Calls the user's iterator, and throws what that throws; and
   * `f`: where that throws, the child dies.
   */
  take(): boolean {
    // An iterator that throws is exhausted.
    this.isExhausted = true
    const next = this.iterator.next()
    if (next.done === true) return false
    this.isExhausted = false
    this.index++
    try {
      this.child = this.f(next.value, this.index)
    } catch (error) {
      this.child = Effect.die(error)
    }
    return true
  }

  /** Starts the child of the item that was taken. Runs fibers. */
  startNext(): void {
    this.start(this.child, this.index)
  }

  /** Waits for a place, until `resume` is called. */
  wait(resume: (end: Exit.Exit<void, E>) => void): void {
    this.state = "waiting"
    this.resume = resume
    this.context = capture()
  }

  admit(): "again" | "served" | "gone" {
    this.state = "admitted"
    const hasMore = runIn(this.context, startAndTake, this)
    if (this.isOver) return "gone"
    if (hasMore) {
      this.state = "waiting"
      return "again"
    }
    this.leave()
    return "served"
  }

  /** Begins the child of the item that was taken, and takes the next one. Returns whether there is one. Runs fibers. */
  startAndTake(): boolean {
    this.startNext()
    // Its caller may have left while the child began: then no further item is taken.
    if (this.isOver) return false
    try {
      return this.take()
    } catch (error) {
      this.end = Exit.die(error)
      return false
    }
  }

  goOn(): void {
    stack.resume(this.parent, this.resume, this.end)
  }

  leave(): void {
    release(this.context)
    this.context = undefined
    this.state = "over"
  }

  /** Closes the iterator of a call that ends before its last item, as a `for` loop does. */
  close(): Effect.Effect<void> | undefined {
    if (this.isExhausted || this.iterator.return === undefined) return undefined
    this.isExhausted = true
    return Effect.sync(() => void this.iterator.return?.())
  }
}
