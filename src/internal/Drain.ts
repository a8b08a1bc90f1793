import * as stack from "./stack.js"
import type { AnyFiber } from "./stack.js"

/** How many a drain serves in one turn: a few milliseconds, as long as a fiber runs at a stretch. */
const turn = 1024

/**
 * A line that a drain serves.
 *
 * - `first` returns the fiber of the first that can be served now, or undefined where nobody can. It changes nothing.
 * - `serve` serves those who can be served, about as many as `most`. It may break off sooner, but not without progress.
 */
export interface Line {
  first(): AnyFiber | undefined
  serve(most: number): void
}

/**
 * One loop that serves a line, however often and from wherever it is called.
 *
 * To serve runs fibers, on the caller's stack, and a fiber may do anything there: it may change the line, and call the
 * drain again. A call from within the loop returns at once, and the loop sees what has changed. So the stack stays
 * flat, and the line is served in order.
 *
 *     idle ──run──▶ running, or postponed to a later turn if the stack is deep
 *     running ──▶ idle, or postponed if the loop breaks off while somebody can be served
 *     postponed ──▶ running
 *
 * The loop does not starve the rest of the program where those it serves come back as fast as they are served: it
 * breaks off after a while, and goes on in the next turn.
 */
export class Drain {
  private state: "idle" | "postponed" | "running" = "idle"

  constructor(private readonly line: Line) {}

  /** Serves the line: now, or in a later turn if the stack is deep. Runs fibers. */
  run(): void {
    if (this.state !== "idle") return
    const first = this.line.first()
    if (first === undefined) return
    this.state = "postponed"
    stack.run(first, this.loop)
  }

  private readonly loop = (): void => {
    this.state = "running"
    this.line.serve(turn)
    this.state = "idle"
    const first = this.line.first()
    if (first === undefined) return
    this.state = "postponed"
    stack.later(first, this.loop)
  }
}
