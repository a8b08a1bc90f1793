/**
 * The spans of a picture, from left to right. A run that does not fit on the page is folded: first the stretches far
 * from the failure and from its causes, which a reader misses least.
 */
import type { Event } from "../Trace.js"
import type { Column } from "./columns.js"
import { plural } from "./numbers.js"

const foldWidth = 84

/** A span between two x: a column, or several that are folded into one. */
export interface Span extends Column {
  readonly folded: boolean
  x: number
}

export const middleOf = (span: Span): number => span.x + span.width / 2

export const foldTip = (span: Span): string =>
  `folded: ${plural(span.operations, "operation")} and ${plural(span.marks, "other event")}`

const total = (columns: ReadonlyArray<Column>, key: "marks" | "operations" | "width"): number =>
  columns.reduce((sum, column) => sum + column[key], 0)

const unfolded = (column: Column): Span => ({ ...column, folded: false, x: 0 })

const fold = (gap: ReadonlyArray<Column>): ReadonlyArray<Span> => {
  const [head] = gap
  // A fold that is wider than what it folds hides for nothing.
  if (head === undefined || total(gap, "width") <= foldWidth) return gap.map(unfolded)
  return [{
    first: head.first,
    end: gap.at(-1)?.end ?? 0,
    operations: total(gap, "operations"),
    at: head.at,
    marks: total(gap, "marks"),
    width: foldWidth,
    weight: 0,
    folded: gap.length > 1,
    x: 0
  }]
}

/** As many columns as there is room for, with what is next to them, in the order of their weight and nearness. */
export const spansFrom = (
  columns: ReadonlyArray<Column>,
  events: ReadonlyArray<Event>,
  room: number
): ReadonlyArray<Span> => {
  const failure = events.findIndex((event) => event.kind === "failure")
  const pivot = failure < 0 ? events.length : failure
  const order = columns
    .map((column, index) => ({ index, weight: column.weight, distance: Math.abs(column.first - pivot) }))
    .sort((a, b) => a.weight - b.weight || a.distance - b.distance || a.index - b.index)
  for (let seeds = order.length;; seeds = Math.floor(seeds * 0.85)) {
    const kept = new Set<number>()
    for (const { index } of order.slice(0, seeds)) {
      for (let near = index - 2; near <= index + 2; near++) kept.add(near)
    }
    const spans: Array<Span> = []
    let gap: Array<Column> = []
    columns.forEach((column, index) => {
      if (!kept.has(index)) return gap.push(column)
      spans.push(...fold(gap), unfolded(column))
      return gap = []
    })
    spans.push(...fold(gap))
    if (total(spans, "width") <= room || seeds === 0) return spans
  }
}

/** Gives each span its x, from `from` on; returns the x where the last one ends. */
export const place = (spans: ReadonlyArray<Span>, from: number, room: number): number => {
  // A short run is not stretched over the whole page.
  const scale = Math.min(3, Math.max(1, room / total(spans, "width")))
  let x = from
  for (const span of spans) {
    span.x = x
    span.width *= scale
    x += span.width
  }
  return x
}
