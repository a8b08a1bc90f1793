/** Lets chance decide: random walks of several strengths, and priorities that change at random. */
import { canBeInterrupted, type Chooser, type Lane, type Machine } from "./Machine.js"

/**
 * How chance decides in one run:
 *
 * - `walk`: before each operation it yields, to any of the others that are ready: with this probability, or so many times
 *   in a run. Every second time finds what is everywhere; three times in all finds what needs long stretches without.
 * - `pct`: fibers have priorities, the highest that is ready always runs, and at `depth - 1` places the one that runs
 *   falls behind all others. It finds a bug of that depth with a probability that does not sink with the fibers' length
 *   (Burckhardt et al., ASPLOS 2010).
 */
export type Style =
  | { readonly _tag: "walk"; readonly probability: number }
  | { readonly _tag: "walk"; readonly times: number }
  | { readonly _tag: "pct"; readonly depth: number }

/** The styles that a strategy takes turns with. The portfolio's are the mix that did best on the gallery of test/. */
export const styles: Record<"portfolio" | "random" | "sticky" | "pct", ReadonlyArray<Style>> = {
  random: [{ _tag: "walk", probability: 0.5 }],
  sticky: [{ _tag: "walk", times: 3 }],
  pct: [{ _tag: "pct", depth: 3 }],
  portfolio: [
    { _tag: "walk", probability: 0.5 },
    { _tag: "pct", depth: 3 },
    { _tag: "walk", probability: 0.2 },
    { _tag: "walk", times: 3 }
  ]
}

/**
 * An interrupt to come: from which operation on, and where: at one of the fiber's own, at one of another fiber's, between
 * turns, or nested.
 */
interface Planned {
  readonly at: number
  readonly where: "own" | "other" | "between" | "nested"
}

/** Lets chance decide, in the styles given, one after the other. */
export class Chance implements Chooser {
  private machine: Machine | undefined
  private run = 0
  private style: Style = { _tag: "walk", probability: 0 }
  /** How many operations have been asked about, in this run, and about how many there are in one: places are drawn of those. */
  private asked = 0
  private length = 40
  /** The walk's next preemption, and the fiber it has just preempted. */
  private preemptAt = Infinity
  private preempted: Lane | undefined
  private planned: Array<Planned> = []
  private due: Planned | undefined
  /** Yielded to be interrupted. */
  private victim: Lane | undefined
  private priorities: Array<number> = []
  private changes: Array<number> = []

  constructor(
    private readonly random: () => number,
    private readonly among: ReadonlyArray<Style>,
    private readonly cancels: number
  ) {}

  private below(n: number): number {
    return Math.floor(this.random() * n)
  }

  /** Where the walk preempts next. */
  private step(): number {
    const { length, style } = this
    if (style._tag === "pct") return Infinity
    const probability = "times" in style ? Math.min(0.5, style.times / length) : style.probability
    return this.asked + 1 + Math.floor(Math.log(1 - this.random()) / Math.log(1 - probability))
  }

  private priorityOf(lane: Lane | undefined): number {
    return lane === undefined ? 2 : this.priorities[lane.index] ??= 1 + this.random()
  }

  begin(machine: Machine): void {
    if (this.asked > 0) this.length = Math.max(this.asked, Math.ceil(this.length * 0.9))
    this.machine = machine
    this.asked = 0
    this.style = this.among[this.run++ % this.among.length] ?? this.style
    this.preemptAt = this.step()
    this.preempted = this.victim = undefined
    this.priorities = []
    const depth = this.style._tag === "pct" ? this.style.depth : 1
    this.changes = Array.from({ length: depth - 1 }, () => this.below(this.length)).sort((a, b) => b - a)
    // Often none, so that what needs no interrupt is found too.
    const count = Math.min(this.cancels, [0, 1, 1, 2, 1 + this.below(8)][this.below(5)] ?? 0)
    this.planned = Array.from({ length: count }, () => {
      const roll = this.random()
      const where = roll < 0.5 ? "own" : roll < 0.65 ? "other" : roll < 0.9 ? "between" : "nested"
      return { at: this.below(this.length), where } as const
    }).sort((a, b) => b.at - a.at)
    this.due = this.planned.pop()
  }

  /** Whether the interrupt that is due is one of these, and it is time. */
  private isDue(where: Planned["where"]): boolean {
    return this.due?.where === where && this.asked >= this.due.at
  }

  preempt(lane: Lane): boolean {
    const { machine, style } = this
    this.asked++
    if (machine === undefined || machine.realism === "suspension" || machine.realism === "nested") return false
    if (this.isDue("own") && lane.cancellable) {
      this.victim = lane
      this.due = this.planned.pop()
      return true
    }
    if (this.isDue("other")) return true
    const { ready } = machine
    if (style._tag === "walk") {
      if (this.asked < this.preemptAt) return false
      this.preemptAt = this.step()
      this.preempted = lane
      // With nothing else to go it would go on at once; not so one that runs on top of another, or within a task.
      return machine.others > 0 || machine.first !== lane || !machine.alone
    }
    if (ready.length === 0) return false
    const change = this.changes.at(-1)
    if (change !== undefined && this.asked >= change) {
      this.changes.pop()
      this.priorities[lane.index] = this.changes.length / 100
    }
    const own = this.priorityOf(lane)
    return ready.some((entry) => this.priorityOf(entry.lane) > own)
  }

  nested(outer: Lane): boolean {
    if (!this.isDue("nested") || !outer.cancellable) return false
    this.due = this.planned.pop()
    return true
  }

  next(): number {
    const { machine, preempted, style, victim } = this
    this.victim = this.preempted = undefined
    if (machine === undefined) return 0
    if (victim !== undefined && canBeInterrupted(victim)) return ~victim.index
    const { options, ready, realism } = machine
    // Where nothing may be preempted, all that is to be interrupted is so between turns.
    const between = this.isDue("between") || this.isDue("other") ||
      (this.due !== undefined && (options === 0 || (realism === "suspension" && this.asked >= this.due.at)))
    if (between) {
      this.due = this.planned.pop()
      const among = machine.lanes.filter(canBeInterrupted)
      const chosen = among[this.below(among.length)]
      if (chosen !== undefined) return ~chosen.index
    }
    if (options <= 1) return 0
    if (style._tag === "walk" || ready.length === 0) {
      const own = preempted?.parked === undefined ? -1 : ready.indexOf(preempted.parked)
      if (own < 0 || options === 1) return this.below(options)
      // Any but the one that has just been preempted.
      const other = this.below(options - 1)
      return other < own ? other : other + 1
    }
    let best = 0
    for (let i = 1; i < ready.length; i++) {
      if (this.priorityOf(ready[i]?.lane) > this.priorityOf(ready[best]?.lane)) best = i
    }
    // Where time is uncertain too, it may be a timer's turn.
    return options > ready.length && this.random() < 0.1 ? this.below(options) : best
  }

  choose(options: number): number {
    return this.below(options)
  }
}
