/** Who decides: a schedule that is given, chance in several styles, or an enumeration of all there is. */
import type { Chooser, Lane, Machine, Recorder } from "./Machine.js"
import { interruptMatters, isInterruptible, matters } from "./runtime.js"
import type { Decision, Schedule } from "./Schedule.js"

/** One that has not begun has nothing to lose: it would be as if it were not there. */
const canBeInterrupted = (lane: Lane): boolean =>
  lane.cancellable && lane.operations > 0 && lane.fiber.pollUnsafe() === undefined

const placeOf = (fiber: number, operation: number, turn: number): number => (fiber * 2 ** 24 + operation) * 64 + turn

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
 * - `walk`: before each operation it yields with this probability, and any that is ready goes next. Half the time finds
 *   what is everywhere; once in fifty finds what needs long stretches without a switch.
 * - `pct`: fibers have priorities, the highest that is ready always runs, and at `depth - 1` places the one that runs
 *   falls behind all others. It finds a bug of that depth with a probability that does not sink with the fibers' length
 *   (Burckhardt et al., ASPLOS 2010).
 */
export type Style =
  | { readonly _tag: "walk"; readonly preemption: number }
  | { readonly _tag: "pct"; readonly depth: number }

/** The styles that a strategy takes turns with. */
export const styles: Record<"portfolio" | "random" | "sticky" | "pct", ReadonlyArray<Style>> = {
  random: [{ _tag: "walk", preemption: 0.5 }],
  sticky: [{ _tag: "walk", preemption: 0.04 }],
  pct: [{ _tag: "pct", depth: 3 }],
  portfolio: [
    { _tag: "walk", preemption: 0.2 },
    { _tag: "pct", depth: 3 },
    { _tag: "walk", preemption: 0.04 },
    { _tag: "walk", preemption: 0 },
    { _tag: "pct", depth: 2 },
    { _tag: "walk", preemption: 0.5 },
    { _tag: "walk", preemption: 0.02 },
    { _tag: "pct", depth: 4 }
  ]
}

/** An interrupt to come: from which operation on, and where: at one of the fiber's own, between turns, or nested. */
interface Planned {
  readonly at: number
  readonly where: "own" | "between" | "nested"
}

/** Lets chance decide, in the styles given, one after the other. */
export const chance = (random: () => number, among: ReadonlyArray<Style>, cancels: number): Chooser => {
  let machine: Machine | undefined
  let run = 0
  let style: Style = { _tag: "walk", preemption: 0 }
  /** How long a run is, as far as is known: the places are chosen from that. */
  let length = 40
  let preemptAt = Infinity
  let planned: Array<Planned> = []
  let due: Planned | undefined
  let victim: Lane | undefined
  let priorities: Array<number> = []
  let changes: Array<number> = []

  const below = (n: number) => Math.floor(random() * n)
  const gap = (probability: number) =>
    probability === 0 ? Infinity : 1 + Math.floor(Math.log(1 - random()) / Math.log(1 - probability))
  const plan = () => {
    due = planned.pop()
  }
  const priorityOf = (lane: Lane | undefined): number =>
    lane === undefined ? 2 : priorities[lane.index] ??= 1 + random()

  return {
    begin: (of) => {
      if (of.operations > 0) length = Math.max(of.operations, Math.ceil(length * 0.9))
      machine = of
      style = among[run++ % among.length] ?? style
      preemptAt = style._tag === "walk" ? gap(style.preemption) : Infinity
      priorities = []
      changes = style._tag === "pct"
        ? Array.from({ length: style.depth - 1 }, () => below(length)).sort((a, b) => b - a)
        : []
      victim = undefined
      // As often none as one, so that what needs no interrupt is found too.
      const count = cancels === 0 ? 0 : Math.min(cancels, [0, 1, 1, 2][below(4)] ?? 0) || below(2) * below(2)
      planned = Array.from({ length: Math.min(count, cancels) }, () => {
        const roll = random()
        return { at: below(length), where: roll < 0.55 ? "own" : roll < 0.9 ? "between" : "nested" } as const
      }).sort((a, b) => b.at - a.at)
      plan()
    },
    preempt: (lane) => {
      if (machine === undefined) return false
      const { operations, ready, realism } = machine
      if (realism === "suspension" || realism === "nested") return false
      if (due?.where === "own" && operations >= due.at && lane.cancellable) {
        victim = lane
        plan()
        return true
      }
      if (style._tag === "walk") {
        if (operations < preemptAt) return false
        preemptAt = operations + gap(style.preemption)
        return ready.length > 0
      }
      if (ready.length === 0) return false
      const change = changes.at(-1)
      if (change !== undefined && operations >= change) {
        changes.pop()
        priorities[lane.index] = changes.length / 100
      }
      const own = priorityOf(lane)
      return ready.some((entry) => priorityOf(entry.lane) > own)
    },
    nested: (outer) => {
      if (due?.where !== "nested" || machine === undefined || machine.operations < due.at) return false
      if (!outer.cancellable) return false
      plan()
      return true
    },
    next: () => {
      if (machine === undefined) return 0
      if (victim !== undefined) {
        const { index } = victim
        const can = canBeInterrupted(victim)
        victim = undefined
        if (can) return ~index
      }
      const { operations, options, ready, realism } = machine
      // Where nothing may be preempted, all that is to be interrupted is so between turns.
      const between = due?.where === "between" || realism === "suspension"
      if (due !== undefined && between && (operations >= due.at || options === 0)) {
        plan()
        const among = machine.lanes.filter(canBeInterrupted)
        const chosen = among[below(among.length)]
        if (chosen !== undefined) return ~chosen.index
      }
      if (options <= 1) return 0
      if (style._tag === "walk" || ready.length === 0) return below(options)
      let best = 0
      for (let i = 1; i < ready.length; i++) {
        if (priorityOf(ready[i]?.lane) > priorityOf(ready[best]?.lane)) best = i
      }
      // Where time is uncertain too, it may be a timer's turn.
      return options > ready.length && random() < 0.1 ? below(options) : best
    },
    choose: (options) => below(options)
  }
}

/**
 * Enumerates every schedule with at most so many preemptions and interrupts, depth first. An interrupt of the fiber that
 * runs is not also counted as a preemption. Operations that only prepare their own fiber's continuation are not places
 * for a preemption, nor for an interrupt unless they install a handler; and of the operations of an uninterruptible
 * stretch the first stands for all, since the interrupt takes effect at its end.
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
  /** By lane: its uninterruptible stretch has had its interrupt. */
  private stretched: Array<boolean> = []

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
    const interruptible = isInterruptible(lane.fiber)
    if (interruptible) this.stretched[lane.index] = false
    const isNew = this.ask === this.modes.length
    if (isNew) {
      const preempt = this.preemptions > 0 && machine.ready.length > 0
      const interrupt = this.cancels > 0 && lane.cancellable && (straight || this.preemptions > 0) &&
        this.stretched[lane.index] !== true
      this.modes.push((preempt ? 1 : 0) | (interrupt ? 2 : 0))
    }
    const mode = this.modes[this.ask++] ?? 0
    if (mode === 0) return false
    if ((mode & 2) !== 0 && !interruptible) this.stretched[lane.index] = true
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
    let mode = this.modes[this.ask - 1] ?? 0
    if (!matters(primitive)) mode &= 2
    if ((mode & 2) !== 0 && !interruptMatters(primitive)) {
      mode &= 1
      this.stretched[lane.index] = false
    }
    this.modes[this.ask - 1] = mode
    if (mode !== 0) return
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
