import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { List } from "../List.js"
import type { AnyFiber } from "../stack.js"
import type { PoolClosed } from "./errors.js"
import { currentFiber, type Observer, Suspended } from "./Suspended.js"

/**
 * One call of `reserve`.
 *
 *     new      ──▶ waiting, or held if a place is free
 *     waiting  ──▶ held, when a worker is idle for which there is no job; gone, when its caller is interrupted
 *     held     ──▶ recalled, when the pool wants the worker back
 *     held, recalled ──▶ gone, when the place is used or given back
 *     any      ──▶ gone, when the pool takes no more jobs
 */
export class Reservation {
  prev: Reservation | undefined = undefined
  next: Reservation | undefined = undefined
  state: "new" | "waiting" | "held" | "recalled" | "gone" = "new"
  readonly observers = new List<Observer<void>>()
  readonly caller: Suspended<Exit.Exit<void, PoolClosed>>
  /** Lets the caller go on. Set as it begins to wait. */
  resume: (exit: Exit.Exit<void, PoolClosed>) => void = () => {}
  /** Notified when the pool wants the worker back; unlike `observers`, not when the place is used or given back. */
  readonly recallee: Observer<void> | undefined
  /** Ends the wait of a job of the same pool, in the books (P9). */
  ends: (() => void) | undefined = undefined

  /** `recalled`: called at most once, in the name of the fiber. */
  constructor(fiber: AnyFiber, recalled?: () => void) {
    this.recallee = recalled === undefined ? undefined : new Suspended<void>(fiber, recalled)
    this.caller = new Suspended(fiber, (exit) => this.resume(exit), () => this.ends?.())
  }

  /** Suspends until the pool wants the worker back. */
  readonly recalled: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.state !== "held") return resume(Effect.void)
    const observer = new Suspended<void>(currentFiber(), () => resume(Effect.void))
    this.observers.push(observer)
    return Effect.sync(() => {
      if (observer.state === "waiting") this.observers.remove(observer)
      observer.served()
    })
  })
}
