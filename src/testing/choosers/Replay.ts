/**
 * Repeats a schedule: decides as it says, and by default elsewhere. Decisions at places that never come are passed
 * over.
 */
import type { Chooser, Situation } from "../Chooser.js"
import { canBeInterrupted, type Lane } from "../Lane.js"
import type { Decision, Schedule } from "../Schedule.js"

/** Decisions by place. */
type Decisions = Map<number, Decision>

const placeOf = (fiber: number, operation: number, turn: number): number => (fiber * 2 ** 24 + operation) * 1024 + turn

const at = (decisions: Decisions, lane: Lane | undefined, turn: number): Decision | undefined =>
  decisions.get(placeOf(lane?.index ?? 0, lane?.operations ?? 0, turn))

export class Replay implements Chooser {
  private readonly preemptions: Decisions = new Map()
  private readonly turns: Decisions = new Map()
  private readonly interrupts: Decisions = new Map()
  private readonly choices: Decisions = new Map()
  private situation: Situation | undefined
  /** How many choices the scenario has made in this run. */
  private chosen = 0

  constructor(schedule: Schedule) {
    const byKind: Record<Decision["kind"], Decisions> = {
      preempt: this.preemptions,
      go: this.turns,
      timer: this.turns,
      interrupt: this.turns,
      nested: this.interrupts,
      choose: this.choices
    }
    for (const decision of schedule) {
      const { fiber, kind, operation, turn } = decision
      byKind[kind].set(placeOf(fiber, operation, turn), decision)
    }
  }

  begin(situation: Situation): void {
    this.situation = situation
    this.chosen = 0
  }

  preempt(lane: Lane): boolean {
    return this.preemptions.size > 0 && at(this.preemptions, lane, 0) !== undefined
  }

  nested(outer: Lane, inner: Lane): boolean {
    return at(this.interrupts, inner, 0)?.pick === outer.index
  }

  next(): number {
    if (this.situation === undefined) return 0
    const { lanes, last, ready, timers } = this.situation
    const decision = at(this.turns, last, last?.turns ?? 0)
    if (decision === undefined) return 0
    const { kind, pick } = decision
    if (kind === "interrupt") return lanes[pick] !== undefined && canBeInterrupted(lanes[pick]) ? ~pick : 0
    if (kind === "timer") return pick < timers.length ? ready.length + pick : 0
    return pick < ready.length ? pick : 0
  }

  choose(): number {
    return this.choices.get(placeOf(0, this.chosen++, 0))?.pick ?? 0
  }
}
