/**
 * Probabilistic concurrency testing (Burckhardt et al., ASPLOS 2010): priorities that change at a few random places.
 */
import type { Situation } from "../Chooser.js"
import type { Lane } from "../Lane.js"
import type { Policy } from "./RandomChooser.js"

/**
 * Fibers have random priorities, and the highest that is ready always runs. At `depth - 1` places of the run the
 * running fiber falls behind all others. The probability of finding a bug of that depth does not sink with the fibers'
 * length.
 */
export class Pct implements Policy {
  private situation: Situation | undefined
  /** By lane, drawn when first needed. A fiber that has fallen behind is below 1, a task of no fiber is at 2. */
  private priorities: Array<number> = []
  /** The operations of the run at which the running fiber falls behind, in descending order. */
  private changes: Array<number> = []

  constructor(private readonly random: () => number, private readonly depth: number) {}

  begin(situation: Situation, length: number): void {
    this.situation = situation
    this.priorities = []
    this.changes = []
    for (let i = 1; i < this.depth; i++) this.changes.push(Math.floor(this.random() * length))
    this.changes.sort((a, b) => b - a)
  }

  private priorityOf(lane: Lane | undefined): number {
    return lane === undefined ? 2 : this.priorities[lane.index] ??= 1 + this.random()
  }

  preempt(lane: Lane, asked: number): boolean {
    const ready = this.situation?.ready ?? []
    if (ready.length === 0) return false
    const change = this.changes.at(-1)
    if (change !== undefined && asked >= change) {
      this.changes.pop()
      this.priorities[lane.index] = this.changes.length / 100
    }
    const own = this.priorityOf(lane)
    return ready.some((entry) => this.priorityOf(entry.lane) > own)
  }

  next(options: number): number {
    const ready = this.situation?.ready ?? []
    if (ready.length === 0) return Math.floor(this.random() * options)
    let best = 0
    for (let i = 1; i < ready.length; i++) {
      if (this.priorityOf(ready[i]?.lane) > this.priorityOf(ready[best]?.lane)) best = i
    }
    // Where time is uncertain too, a timer may fire.
    return options > ready.length && this.random() < 0.1 ? Math.floor(this.random() * options) : best
  }
}
