/** A random walk: fibers yield at random, to any of the others that are ready. */
import type { Situation } from "../Chooser.js"
import type { Lane } from "../Lane.js"
import type { Policy } from "./RandomChooser.js"

/**
 * How often a fiber yields: before each operation with a probability, or about so many times in a run. A probability of
 * one half finds frequent bugs; three times a run finds bugs that need long stretches without a preemption.
 */
export type Rate = { readonly probability: number } | { readonly times: number }

export class RandomWalk implements Policy {
  private situation: Situation | undefined
  private probability = 0
  /** The next preemption comes before this operation of the run. */
  private preemptAt = Infinity

  constructor(private readonly random: () => number, private readonly rate: Rate) {}

  begin(situation: Situation, length: number): void {
    this.situation = situation
    this.probability = "times" in this.rate ? Math.min(0.5, this.rate.times / length) : this.rate.probability
    this.drawPreemption(0)
  }

  /** Draws the gap to the next preemption from the geometric distribution: one number, rather than one an operation. */
  private drawPreemption(asked: number): void {
    this.preemptAt = asked + 1 + Math.floor(Math.log(1 - this.random()) / Math.log(1 - this.probability))
  }

  preempt(lane: Lane, asked: number): boolean {
    const { situation } = this
    if (situation === undefined || asked < this.preemptAt) return false
    this.drawPreemption(asked)
    // With no other way to go on, the fiber would continue at once; unless it runs on top of another, or within a task.
    return situation.others > 0 || situation.first !== lane || !situation.alone
  }

  next(options: number, preempted: Lane | undefined): number {
    const own = preempted?.parked === undefined ? -1 : this.situation?.ready.indexOf(preempted.parked) ?? -1
    if (own < 0) return Math.floor(this.random() * options)
    // Any but the fiber that has just been preempted.
    const other = Math.floor(this.random() * (options - 1))
    return other < own ? other : other + 1
  }
}
