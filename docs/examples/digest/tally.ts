import { Counts } from "./counts.js"

/** How far the program got. Everything counts here; the progress display, the summary and Ctrl-C look at it. */
export class Tally extends Counts {
  /** The most bytes of the budget that were in use at a time. */
  peak = 0

  /** What there is to do, as far as it has been counted. */
  total = { files: 0, bytes: 0, complete: false }

  private readonly started = performance.now()

  get seconds(): number {
    return (performance.now() - this.started) / 1000
  }
}
