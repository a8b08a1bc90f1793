/** Decides as a given schedule says. */
import { canBeInterrupted, type Chooser, type Lane, type Machine } from "./Machine.js"
import type { Decision, Schedule } from "./Schedule.js"

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
