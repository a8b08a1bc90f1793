/** Where an event happened. Many name no place: a neighbour's is as good, or there is none. */
import type { Event, Source } from "../Trace.js"
import { cut, visible } from "./text.js"

/** Where it happened. Failing that, where the fiber's next operation is, for a preemption, and else its last one. */
export const sourceOf = (events: ReadonlyArray<Event>, index: number): Source | undefined => {
  const event = events[index]
  if (event?.source !== undefined || event?.fiber === undefined) return event?.source
  const step = event.kind === "preempt" ? 1 : -1
  for (let i = index + step; i >= 0 && i < events.length; i += step) {
    const other = events[i]
    if (other?.fiber !== event.fiber) continue
    // Neither has a place of its own. Any other does, or it is not known: an older one would be a wrong one.
    if (other.kind !== "resume" && other.kind !== "interrupt") return other.source
  }
  return undefined
}

export const fileName = (source: Source): string =>
  `${visible(source.file).replace(/[?#].*$/u, "").replace(/^.*[\\/](?=.)/u, "")}:${source.line}`

export const sourceTip = (source: Source | undefined): string =>
  source === undefined
    ? ""
    : `\n${cut(visible(source.file), 160)}:${source.line}:${source.column}${
      source.text === undefined ? "" : `\n${cut(visible(source.text), 120)}`
    }`
