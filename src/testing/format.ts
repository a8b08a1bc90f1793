/** A trace as text that a person reads: one line for each turn that a fiber had, and where that ended. */
import type { Event, Source, Trace } from "./Trace.js"

const maxText = 90

const at = (source: Source | undefined): string => {
  if (source === undefined) return "a place without a source"
  const { file, line, text = "" } = source
  return `${file}:${line}  ${text.length > maxText ? `${text.slice(0, maxText)}...` : text}`.trimEnd()
}

interface Line {
  readonly name: string
  readonly text: string
}

/** Describes one stay of a fiber, by the event that ended the stay. */
const tell = (event: Event, last: Source | undefined, trace: Trace): string => {
  const by = event.by === undefined ? "" : ` from within ${trace.fibers[event.by]?.name ?? "?"}, which it has resumed`
  switch (event.kind) {
    case "preempt":
      return `preempted before ${at(event.source)}`
    case "suspend":
      return `${event.detail === "Yield" ? "yields" : "waits"} at ${at(event.source)}`
    case "end":
      return `ends: ${event.detail}${last === undefined ? "" : `, last at ${at(last)}`}`
    case "interrupt":
      return `is interrupted${by}`
    case "timer":
      return `${event.detail} ms`
    case "start":
    case "resume":
    case "operation":
    case "choice":
      return event.detail
    case "failure":
      return event.source === undefined ? event.detail : `${event.detail}, at ${at(event.source)}`
  }
}

/** The lines of a trace: what the body does before anyone else has begun is left out. */
const linesOf = (trace: Trace): ReadonlyArray<Line> => {
  const lines: Array<Line> = []
  const last = new Map<number, Source>()
  for (const event of trace.events) {
    const { fiber, kind, source } = event
    if (kind === "operation") {
      if (fiber !== undefined && source !== undefined) last.set(fiber, source)
    } else if (kind !== "start" && kind !== "resume" && kind !== "choice") {
      const name = fiber === undefined ? "clock" : trace.fibers[fiber]?.name ?? "?"
      lines.push({
        name: kind === "failure" ? "FAILS" : name,
        text: tell(event, fiber === undefined ? undefined : last.get(fiber), trace)
      })
      if (fiber !== undefined && kind === "end") last.delete(fiber)
    }
  }
  return lines
}

/** At most so many lines: the beginning and, mostly, the end. */
const shorten = (lines: ReadonlyArray<Line>, max: number): ReadonlyArray<Line> => {
  if (lines.length <= max) return lines
  const head = Math.floor((max - 1) / 3)
  const tail = max - 1 - head
  const left = lines.length - head - tail
  return [...lines.slice(0, head), { name: "...", text: `${left} more` }, ...lines.slice(-tail)]
}

/** The trace in brief. */
export const brief = (trace: Trace, max = 15): string => {
  const lines = shorten(linesOf(trace), max)
  const width = Math.max(0, ...lines.map(({ name }) => name.length))
  return lines.map(({ name, text }) => `${name.padEnd(width)}  ${text}`).join("\n")
}

/** The trace in full, each operation on a line. */
export const full = (trace: Trace): string => {
  const width = Math.max(5, ...trace.fibers.map(({ name }) => name.length))
  return trace.events.map((event) => {
    const name = event.fiber === undefined ? "" : trace.fibers[event.fiber]?.name ?? "?"
    const what = event.kind === "operation" ? event.detail : `${event.kind} ${tell(event, undefined, trace)}`.trimEnd()
    const where = event.kind === "operation" && event.source !== undefined ? `  ${at(event.source)}` : ""
    return `${String(event.at).padStart(5)}  ${name.padEnd(width)}  ${what}${where}`
  }).join("\n")
}
