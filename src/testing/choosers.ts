/** Who decides: a schedule that is given, chance in several styles, or an enumeration of all there is. */
import type { Chooser, Lane, Machine, Recorder } from "./Machine.js"
import { matters, stretchOf } from "./runtime.js"
import type { Decision, Schedule } from "./Schedule.js"

/** Not before it has begun: that would be as if it were not there, and others may count on it. */
const canBeInterrupted = (lane: Lane): boolean =>
  lane.cancellable && lane.operations > 0 && lane.fiber.pollUnsafe() === undefined

const placeOf = (fiber: number, operation: number, turn: number): number => (fiber * 2 ** 24 + operation) * 1024 + turn

/** Decides as a schedule says, and by default where that says nothing. What the run does not come to is left out. */
export const scripted = (schedule: Schedule): Chooser => {
  const decisions: Record<"preempt" | "next" | "nested" | "choose", Map<number, Decision>> = {
    preempt: new Map(),
    next: new Map(),
    nested: new Map(),
    choose: new Map()
  }
  for (const decision of schedule) {
    const { fiber, kind, operation, turn } = decision
    const map = kind === "go" || kind === "timer" || kind === "interrupt" ? "next" : kind
    decisions[map].set(placeOf(fiber, operation, turn), decision)
  }
  let machine: Machine | undefined
  const find = (map: Map<number, Decision>, lane: Lane | undefined, turn: number) =>
    map.get(placeOf(lane?.index ?? 0, lane?.operations ?? 0, turn))
  return {
    begin: (of) => (machine = of),
    preempt: (lane) => decisions.preempt.size > 0 && find(decisions.preempt, lane, 0) !== undefined,
    nested: (outer, inner) => find(decisions.nested, inner, 0)?.pick === outer.index,
    next: () => {
      if (machine === undefined) return 0
      const { clock, lanes, last, ready } = machine
      const decision = find(decisions.next, last, last?.turns ?? 0)
      if (decision === undefined) return 0
      const { kind, pick } = decision
      if (kind === "interrupt") return lanes[pick] !== undefined && canBeInterrupted(lanes[pick]) ? ~pick : 0
      if (kind === "timer") return pick < clock.timers.length ? ready.length + pick : 0
      return pick < ready.length ? pick : 0
    },
    choose: () => 0,
    ...(decisions.choose.size > 0 && { choose: choosing(decisions.choose) })
  }
}

const choosing = (map: Map<number, Decision>) => {
  let count = 0
  return () => map.get(placeOf(0, count++, 0))?.pick ?? 0
}

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
      // With nobody ready it would go on at once; not so one that runs on top of another.
      return ready.length > 0 || machine.first !== lane
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

/**
 * Enumerates every schedule with at most so many preemptions and interrupts, depth first. An interrupt of the fiber that
 * runs is not also counted as a preemption. Left out is what cannot differ from something that is not: a stop before an
 * operation that only prepares its own fiber's continuation, unless that is a handler and the fiber can be interrupted;
 * and of the interrupts within an uninterruptible stretch all but the first, since they take effect at its end. And a
 * fiber is not interrupted before it has begun.
 */
export class Enumeration implements Chooser, Recorder {
  /** Of each choice on the way: which was taken, how many there are, and how many questions had come before the next. */
  private readonly taken: Array<number> = []
  private readonly counts: Array<number> = []
  private readonly asks: Array<number> = []
  private position = 0
  /** What each question whether to yield is about, in the order of the run: 1 a preemption, 2 an interrupt, 3 both. */
  private readonly modes: Array<number> = []
  private ask = 0
  private preemptions = 0
  private cancels = 0
  private machine: Machine | undefined
  /** The latest question was about this fiber, for the first time, and what its operation is has yet to be seen. */
  private asked: Lane | undefined
  /** Yielded straight to the driver, which is to make something of it. */
  private yielded: { readonly lane: Lane; readonly mode: number } | undefined
  /** By lane: the uninterruptible stretch that has had its interrupt. */
  private stretched: Array<number | undefined> = []

  constructor(private readonly bounds: { readonly preemptions: number; readonly cancels: number }) {}

  /** Goes on to the next schedule; false when that was the last. */
  advance(): boolean {
    while (this.taken.length > 0) {
      const last = this.taken.length - 1
      const next = (this.taken[last] ?? 0) + 1
      if (next < (this.counts[last] ?? 0)) {
        this.taken[last] = next
        return true
      }
      this.drop()
    }
    return false
  }

  private drop(): void {
    this.taken.pop()
    this.counts.pop()
    this.asks.pop()
  }

  begin(machine: Machine): void {
    this.machine = machine
    this.position = this.ask = 0
    this.preemptions = this.bounds.preemptions
    this.cancels = this.bounds.cancels
    this.asked = this.yielded = undefined
    this.stretched = []
    // Up to the last choice this run is the one before; what came after that is unknown again.
    this.modes.length = Math.min(this.modes.length, this.asks.at(-1) ?? 0)
  }

  /** The choice at this place: the one on the way there, or the first of a new one. */
  private pick(count: number): number {
    if (count <= 1) return 0
    const position = this.position++
    if (position < this.taken.length) return this.taken[position] ?? 0
    this.taken.push(0)
    this.counts.push(count)
    this.asks.push(this.ask)
    return 0
  }

  preempt(lane: Lane): boolean {
    this.asked = undefined
    const machine = this.machine
    if (machine === undefined) return false
    if (machine.realism === "suspension" || machine.realism === "nested") return false
    const straight = machine.first === lane
    const stretch = stretchOf(lane.fiber)
    const stretched = stretch !== undefined && this.stretched[lane.index] === stretch
    if (!stretched) this.stretched[lane.index] = undefined
    const isNew = this.ask === this.modes.length
    if (isNew) {
      // With nobody ready it would go on at once; not so one that runs on top of another.
      const preempt = this.preemptions > 0 && (machine.ready.length > 0 || !straight ||
        (this.cancels > 0 && machine.lanes.some((other) => other !== lane && canBeInterrupted(other))))
      const interrupt = this.cancels > 0 && lane.cancellable && (straight || this.preemptions > 0) && !stretched
      this.modes.push((preempt ? 1 : 0) | (interrupt ? 2 : 0))
    }
    const mode = this.modes[this.ask++] ?? 0
    if (mode === 0) return false
    if ((mode & 2) !== 0) this.stretched[lane.index] = stretch
    if (this.pick(2) === 0) {
      if (isNew) this.asked = lane
      return false
    }
    if (straight) this.yielded = { lane, mode }
    else this.preemptions--
    return true
  }

  /** Looks at the operation that was just asked about: where it cannot matter, there was no choice. */
  operation(primitive: unknown, lane: Lane): void {
    if (this.asked !== lane) return
    this.asked = undefined
    if (matters(primitive, lane.fiber)) return
    this.modes[this.ask - 1] = 0
    this.stretched[lane.index] = undefined
    this.drop()
    this.position--
  }

  nested(outer: Lane): boolean {
    if (this.cancels === 0 || !outer.cancellable || this.pick(2) === 0) return false
    this.cancels--
    return true
  }

  next(): number {
    this.asked = undefined
    const machine = this.machine
    if (machine === undefined) return 0
    const { yielded } = this
    this.yielded = undefined
    const actions: Array<number> = []
    if (yielded === undefined) {
      for (let i = 0; i < machine.options; i++) actions.push(i)
      if (actions.length === 0) actions.push(0)
    } else if ((yielded.mode & 1) !== 0) {
      // Anything but the fiber itself: that would be no preemption.
      for (let i = 0; i < machine.ready.length; i++) if (machine.ready[i] !== yielded.lane.parked) actions.push(i)
    }
    if (this.cancels > 0) {
      for (const lane of machine.lanes) {
        const own = yielded === undefined || (yielded.mode & (lane === yielded.lane ? 2 : 1)) !== 0
        if (own && canBeInterrupted(lane)) actions.push(~lane.index)
      }
    }
    const action = actions[this.pick(actions.length)] ?? 0
    if (action < 0) this.cancels--
    if (yielded !== undefined && action !== ~yielded.lane.index) this.preemptions--
    return action
  }

  choose(options: number): number {
    return this.pick(options)
  }

  readonly event = (): void => {}
}
