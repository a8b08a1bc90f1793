/** Which fiber has which lane: those that matter have their own, so that the page does not grow with the run. */
import type { Trace } from "../Trace.js"
import { barHeight } from "./page.js"
import { cut, visible } from "./text.js"

/** Fibers beyond these share one lane. */
const maxLanes = 32
const maxName = 20

export interface Lane {
  readonly name: string
  /** An actor or the scenario's own body. */
  readonly primary: boolean
  /** Several fibers share it: it has bars and marks, but no state between them. */
  readonly shared: boolean
}

export interface Lanes {
  readonly lanes: ReadonlyArray<Lane>
  /** `undefined` for what has no lane: the clock, and a failure of the run as a whole. */
  readonly of: (fiber: number | undefined) => number | undefined
}

/** A trace may not list all of its fibers: the others are distinguished by their numbers. */
export const nameOf = (trace: Trace, fiber: number): string => visible(trace.fibers[fiber]?.name ?? `#${fiber}`)

/** Its name, as short as the page's left column is wide. */
export const labelOf = ({ name }: Lane): string => cut(name, maxName)

export const thicknessOf = (lane: Lane | undefined): number => lane?.primary === true ? barHeight : barHeight - 4

export const lanesOf = (trace: Trace): Lanes => {
  const events = new Map<number, number>()
  let orphans = false
  for (const { by, fiber, kind } of trace.events) {
    if (fiber !== undefined) events.set(fiber, (events.get(fiber) ?? 0) + 1)
    else if (kind !== "timer" && kind !== "failure") orphans = true
    if (by !== undefined && !events.has(by)) events.set(by, 0)
  }
  const primary = (fiber: number): boolean => {
    const traced = trace.fibers[fiber]
    return traced !== undefined && (traced.actor || traced.name === "main")
  }
  const drawn = [...events.keys()]
    .sort((a, b) => Number(primary(b)) - Number(primary(a)) || (events.get(b) ?? 0) - (events.get(a) ?? 0) || a - b)
    .slice(0, maxLanes)
    .sort((a, b) => a - b)
  const lanes: Array<Lane> = drawn.map((fiber) => ({
    name: nameOf(trace, fiber),
    primary: primary(fiber),
    shared: false
  }))
  const index = new Map(drawn.map((fiber, lane) => [fiber, lane]))
  const shared = (name: string): number => lanes.push({ name, primary: false, shared: true }) - 1
  const rest = events.size > drawn.length ? shared(`${events.size - drawn.length} others`) : undefined
  const none = orphans ? shared("no fiber") : undefined
  return { lanes, of: (fiber) => fiber === undefined ? none : index.get(fiber) ?? rest }
}
