import * as Fiber from "effect/Fiber"
import * as stack from "../stack.js"
import type { AnyFiber } from "../stack.js"
import type { Taking, Wait } from "../view.js"

/** A call that waits for several jobs, as `sluice/inspect` sees it. */
export interface Call {
  /** The waits of its fibers. */
  readonly waits: ReadonlyArray<Wait>
  /** The jobs that end with its caller. */
  readonly takes: Taking
}

export const isCall = (by: AnyFiber | Call | undefined): by is Call => by !== undefined && "waits" in by

/** One that waits for an event with a `T`: first the books of its wait's end, then the wake-up. */
export interface Observer<in T> {
  prev: Observer<T> | undefined
  next: Observer<T> | undefined
  readonly state: "waiting" | "served"
  /** The fiber or the call that waits. Undefined for a promise. */
  readonly by: AnyFiber | Call | undefined
  /** The wait is over in the books. Runs no fiber. */
  served(): void
  /** Runs fibers. */
  wake(value: T): void
}

/** A fiber that is suspended until it is woken with a `T`. */
export class Suspended<T> implements Observer<T> {
  prev: Observer<T> | undefined = undefined
  next: Observer<T> | undefined = undefined
  state: "waiting" | "served" = "waiting"

  /** `onServed` changes the books of the wait's end. It runs no fiber. */
  constructor(
    readonly fiber: AnyFiber,
    private readonly resume: (value: T) => void,
    private readonly onServed?: (() => void) | undefined
  ) {}

  get by(): AnyFiber {
    return this.fiber
  }

  /** The wait is over in the books; the fiber may go on in a later turn. */
  served(): void {
    if (this.state === "served") return
    this.state = "served"
    this.onServed?.()
  }

  /** Runs the fiber. */
  wake(value: T): void {
    this.served()
    stack.resume(this.fiber, this.resume, value)
  }
}

/** A fiber that reads the result of a handle. Its interrupt stops the waiting, and leaves the job. */
export class ResultReader<T> extends Suspended<T> {}

/** The fiber that calls. Only for code that a fiber runs. */
export const currentFiber = (): AnyFiber => Fiber.getCurrent() as AnyFiber
