/** Interrupts fibers at random. A `Policy` decides where fibers are preempted and which one goes next. */
import type { Chooser, Situation } from "../Chooser.js"
import { canBeInterrupted, type Lane } from "../Lane.js"

/**
 * Decides preemptions and order, without interrupts. Several policies may alternate, one run each. A policy is asked
 * only in its own runs, and `begin` is called before each of these.
 */
export interface Policy {
  /** Runs of the scenario have had about `length` operations so far. */
  readonly begin: (situation: Situation, length: number) => void
  /** Whether this fiber yields before the operation that it has come to, the `asked`-th of the run. */
  readonly preempt: (lane: Lane, asked: number) => boolean
  /**
   * The index of the next turn, below `options`, which is at least 2. `preempted` has yielded because the policy said
   * so, and no fiber has been chosen since.
   */
  readonly next: (options: number, preempted: Lane | undefined) => number
}

/**
 * An interrupt to come, from the `at`-th operation on: at one of the fiber's own operations, at one of another fiber's,
 * between turns, or nested.
 */
interface Planned {
  readonly at: number
  readonly where: "own" | "other" | "between" | "nested"
}

export class RandomChooser implements Chooser {
  private situation: Situation | undefined
  private run = 0
  private policy: Policy | undefined
  /** How many operations this run has been asked about. */
  private asked = 0
  /** About how many operations a run is asked about. Places are drawn below this number. */
  private length = 40
  private planned: Array<Planned> = []
  private due: Planned | undefined
  /** The fiber that has yielded to be interrupted. */
  private victim: Lane | undefined
  private preempted: Lane | undefined

  /** At most `cancels` interrupts a run. */
  constructor(
    private readonly random: () => number,
    private readonly policies: ReadonlyArray<Policy>,
    private readonly cancels: number
  ) {}

  private below(n: number): number {
    return Math.floor(this.random() * n)
  }

  begin(situation: Situation): void {
    if (this.asked > 0) this.length = Math.max(this.asked, Math.ceil(this.length * 0.9))
    this.situation = situation
    this.asked = 0
    this.victim = this.preempted = undefined
    this.policy = this.policies[this.run++ % this.policies.length]
    this.policy?.begin(situation, this.length)
    // Many runs have none, so that bugs that need no interrupt are found too.
    const count = Math.min(this.cancels, [0, 1, 1, 2, 1 + this.below(8)][this.below(5)] ?? 0)
    this.planned = []
    for (let i = 0; i < count; i++) {
      const roll = this.random()
      const where = roll < 0.5 ? "own" : roll < 0.65 ? "other" : roll < 0.9 ? "between" : "nested"
      this.planned.push({ at: this.below(this.length), where })
    }
    this.planned.sort((a, b) => b.at - a.at)
    this.due = this.planned.pop()
  }

  private isDue(where: Planned["where"]): boolean {
    return this.due?.where === where && this.asked >= this.due.at
  }

  preempt(lane: Lane): boolean {
    const { situation } = this
    this.asked++
    if (situation === undefined || situation.realism === "suspension" || situation.realism === "nested") return false
    if (this.isDue("own") && lane.cancellable) {
      this.victim = lane
      this.due = this.planned.pop()
      return true
    }
    if (this.isDue("other")) return true
    if (this.policy?.preempt(lane, this.asked) !== true) return false
    this.preempted = lane
    return true
  }

  nested(outer: Lane): boolean {
    if (!this.isDue("nested") || !outer.cancellable) return false
    this.due = this.planned.pop()
    return true
  }

  next(): number {
    const { situation, preempted, victim } = this
    this.victim = this.preempted = undefined
    if (situation === undefined) return 0
    if (victim !== undefined && canBeInterrupted(victim)) return ~victim.index
    const { options } = situation
    if (this.isDueBetween(situation, options)) {
      this.due = this.planned.pop()
      const among = situation.lanes.filter(canBeInterrupted)
      const chosen = among[this.below(among.length)]
      if (chosen !== undefined) return ~chosen.index
    }
    return options <= 1 ? 0 : this.policy?.next(options, preempted) ?? 0
  }

  /** Where no fiber may be preempted, every planned interrupt comes between turns. */
  private isDueBetween({ realism }: Situation, options: number): boolean {
    return this.isDue("between") || this.isDue("other") ||
      (this.due !== undefined && (options === 0 || (realism === "suspension" && this.asked >= this.due.at)))
  }

  choose(options: number): number {
    return this.below(options)
  }
}
