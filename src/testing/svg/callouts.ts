/** Which events have a number, that the legend explains: as many as a reader may go through, the telling ones first. */
import type { Event } from "../Trace.js"
import { kinds } from "./kinds.js"
import { outcomeOf } from "./outcomes.js"

const maxCallouts = 24

/** How each fiber came to its end: its failure or interruption, or the suspension from which nothing resumed it. */
export const tellingFrom = (events: ReadonlyArray<Event>): ReadonlySet<number> => {
  const last = new Map<number, number>()
  events.forEach(({ fiber, kind }, index) => {
    if (fiber !== undefined && kind !== "failure" && kind !== "interrupt" && kind !== "choice") last.set(fiber, index)
  })
  return new Set([...last.values()].filter((index) => {
    const event = events[index]
    return event?.kind === "suspend" || event?.kind === "end" && outcomeOf(event.detail) !== "success"
  }))
}

/** Smaller is more important; `undefined` is not worth a number. */
const rank = ({ kind }: Event, telling: boolean): number | undefined => {
  switch (kind) {
    case "failure":
    case "interrupt":
    case "preempt":
    case "choice":
      return kinds[kind].weight
    case "suspend":
      return telling ? 2 : kinds[kind].weight
    case "end":
      return telling ? 2 : undefined
    case "start":
    case "operation":
    case "resume":
    case "timer":
      return undefined
  }
}

export interface Callouts {
  /** The events that have one, in the order of time, of those that are drawn. */
  readonly numbers: ReadonlyMap<number, number>
  /** How many are like them, and have none. */
  readonly left: number
}

export const calloutsFrom = (
  events: ReadonlyArray<Event>,
  drawn: ReadonlySet<number>,
  telling: ReadonlySet<number>
): Callouts => {
  const ranked: Array<{ readonly index: number; readonly rank: number }> = []
  events.forEach((event, index) => {
    const own = rank(event, telling.has(index))
    // One that is folded has no place to be called out at, but is counted.
    if (own !== undefined) ranked.push({ index, rank: drawn.has(index) ? own : Infinity })
  })
  const taken = ranked
    .filter(({ rank }) => rank < Infinity)
    // The later of two is the nearer one to the failure.
    .sort((a, b) => a.rank - b.rank || b.index - a.index)
    .slice(0, maxCallouts)
    .sort((a, b) => a.index - b.index)
  return {
    numbers: new Map(taken.map(({ index }, number) => [index, number + 1])),
    left: ranked.length - taken.length
  }
}
