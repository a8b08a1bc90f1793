/**
 * A plan of a run, which survives changes: the fiber of each turn, and where fibers are stopped. A schedule names a
 * ready fiber by its place in the queue, and only where that is not the first: without one decision, all later ones
 * mean other fibers. A plan names the fibers themselves. A part of a plan that the run does not reach is passed over.
 */
import type { Chooser, Situation } from "./Chooser.js"
import { canBeInterrupted, isAlive, type Lane } from "./Lane.js"

/** A turn: of the fiber `fiber`, of the timer of that place, or an interrupt of that fiber. */
export interface Turn {
  readonly kind: "go" | "timer" | "interrupt"
  readonly of: number
  /** The fiber that would have gone by default. */
  readonly instead?: number | undefined
}

/** The fiber yields before this operation; or, as it begins there, interrupts the fiber `outer` that has resumed it. */
export interface Stop {
  readonly fiber: number
  readonly operation: number
  readonly outer?: number | undefined
  /** In which of the plan's turns it did. */
  readonly turn?: number
}

export interface Plan {
  readonly turns: ReadonlyArray<Turn>
  readonly stops: ReadonlyArray<Stop>
  readonly choices: ReadonlyArray<number>
  /** The fibers that had not ended when the run did. */
  readonly held: ReadonlyArray<number>
}

/**
 * Follows a plan. A fiber with no turn left in the plan goes when it is the first in the queue, as by default. A held
 * fiber goes when the plan is through.
 */
export const planned = ({ choices, held, stops, turns }: Plan): Chooser => {
  const left = new Map(held.map((fiber) => [fiber, Infinity]))
  for (const { kind, of } of turns) if (kind === "go") left.set(of, (left.get(of) ?? 0) + 1)
  const yields = new Set(stops.filter(({ outer }) => outer === undefined).map(placeOf))
  const outers = new Map(stops.filter(({ outer }) => outer !== undefined).map((stop) => [placeOf(stop), stop.outer]))
  let situation: Situation | undefined
  let next = 0
  let choice = 0
  return {
    begin: (of) => (situation = of),
    preempt: ({ index, operations }) => yields.has(placeOf({ fiber: index, operation: operations })),
    nested: (outer, { index, operations }) =>
      outers.get(placeOf({ fiber: index, operation: operations })) === outer.index,
    next: () => {
      while (situation !== undefined && next < turns.length) {
        const first = situation.ready[0]?.lane?.index
        if (first !== undefined && (left.get(first) ?? 0) === 0) return 0
        const turn = turns[next++]
        if (turn?.kind === "go") left.set(turn.of, (left.get(turn.of) ?? 0) - 1)
        const found = indexOf(situation, turn)
        if (found !== undefined) return found
      }
      return 0
    },
    choose: () => choices[choice++] ?? 0
  }
}

const placeOf = ({ fiber, operation }: Stop): number => fiber * 2 ** 24 + operation

/** The return value of a chooser's `next` for this turn; undefined if the turn is not possible now. */
const indexOf = (situation: Situation, turn: Turn | undefined): number | undefined => {
  if (turn === undefined) return undefined
  const { kind, of } = turn
  if (kind === "interrupt") {
    const lane = situation.lanes[of]
    return lane !== undefined && canBeInterrupted(lane) ? ~of : undefined
  }
  const index = kind === "timer"
    ? situation.ready.length + of
    : situation.ready.findIndex(({ lane }) => (lane?.index ?? -1) === of)
  return index >= 0 && index < situation.options ? index : undefined
}

/** Writes down as a plan what another chooser decides. */
export const recording = (chooser: Chooser): Chooser & { readonly plan: () => Plan } => {
  const turns: Array<Turn> = []
  const stops: Array<Stop> = []
  const choices: Array<number> = []
  let situation: Situation | undefined
  /** The run's own list, which outlives the run. */
  let lanes: Situation["lanes"] = []
  const stop = (lane: Lane, outer?: number) =>
    stops.push({ fiber: lane.index, operation: lane.operations, outer, turn: turns.length - 1 })
  return {
    plan: () => {
      return { turns, stops, choices, held: lanes.filter(isAlive).map(({ index }) => index) }
    },
    begin: (of) => {
      situation = of
      lanes = of.lanes
      chooser.begin(of)
    },
    preempt: (lane) => {
      const yields = chooser.preempt(lane)
      if (yields) stop(lane)
      return yields
    },
    nested: (outer, inner) => {
      const interrupts = chooser.nested(outer, inner)
      if (interrupts) stop(inner, outer.index)
      return interrupts
    },
    next: () => {
      const index = chooser.next()
      const ready = situation?.ready ?? []
      const indexOfLane = (i: number) => ready[i]?.lane?.index ?? -1
      if (index < 0) turns.push({ kind: "interrupt", of: ~index })
      else if (index < ready.length) turns.push({ kind: "go", of: indexOfLane(index), instead: indexOfLane(0) })
      else turns.push({ kind: "timer", of: index - ready.length })
      return index
    },
    choose: (options) => {
      const pick = chooser.choose(options)
      choices.push(pick)
      return pick
    }
  }
}

/** The i-th change of its kind to a plan, as candidates; undefined when there is no i-th. */
type Change = (plan: Plan, i: number) => ReadonlyArray<Plan> | undefined

const without = <T>(list: ReadonlyArray<T>, ...indices: ReadonlyArray<number>): ReadonlyArray<T> =>
  list.filter((_, i) => !indices.includes(i))

/** The i-th fiber is not stopped, and goes by default; or when the plan is through. */
export const withoutFiber: Change = (plan, i) => {
  const { held, stops, turns } = plan
  const fibers = [...new Set(turns.map(({ of }) => of))]
  const fiber = fibers[i]
  if (fiber === undefined) return undefined
  const rest = {
    ...plan,
    turns: turns.filter(({ kind, of }) => kind === "timer" || of !== fiber),
    stops: stops.filter((stop) => stop.fiber !== fiber)
  }
  const others = held.filter((other) => other !== fiber)
  return [{ ...rest, held: others }, { ...rest, held: [...others, fiber] }]
}

/** The i-th stop is left out: the fiber does at once what it did in its next turn, or only then what it did before. */
export const withoutStop: Change = (plan, i) => {
  const stop = plan.stops[i]
  if (stop === undefined) return undefined
  const stops = without(plan.stops, i)
  const { fiber, turn = 0 } = stop
  const isOwn = ({ kind, of }: Turn | { kind: undefined; of: undefined }) => kind === "go" && of === fiber
  const next = plan.turns.findIndex((other, at) => at > turn && isOwn(other))
  return [
    ...(next < 0 ? [] : [{ ...plan, stops, turns: without(plan.turns, next) }]),
    ...(plan.turns[turn]?.of === fiber ? [{ ...plan, stops, turns: without(plan.turns, turn) }] : []),
    { ...plan, stops }
  ]
}

/** The i-th turn goes to the default fiber, or is left out. The fiber that goes now comes later. */
export const withoutTurn: Change = (plan, i) => {
  const turn = plan.turns[i]
  if (turn === undefined) return undefined
  const { instead, kind, of } = turn
  if (kind === "go" && (instead === undefined || instead === of)) return []
  const candidates: Array<Plan> = [{ ...plan, turns: without(plan.turns, i) }]
  if (instead !== undefined) {
    const later = plan.turns.findIndex((other, at) => at > i && other.kind === "go" && other.of === instead)
    const rest = later < 0 ? plan.turns : without(plan.turns, later)
    candidates.unshift({ ...plan, turns: [...rest.slice(0, i), { kind: "go", of: instead }, ...rest.slice(i)] })
  }
  return candidates
}
