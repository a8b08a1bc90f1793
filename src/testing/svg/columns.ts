/**
 * The columns: each has an x of its own, so that no two marks overlap, and a width for as long as nothing is folded.
 */
import type { Event } from "../Trace.js"
import { kinds, widthOfMark } from "./kinds.js"

/** Operations of one fiber in a row, or one event of another kind. */
export interface Column {
  readonly first: number
  /** Exclusive; `first` itself for operations that the trace does not list. */
  end: number
  operations: number
  /** How many operations all fibers together had gone through before it. */
  readonly at: number
  /** How many of its events are none: 1 in a mark's column, 0 in one of operations. */
  readonly marks: number
  width: number
  /** How soon it is folded: 0 is last. */
  readonly weight: number
}

/** @param telling the events that matter more than others of their kind */
export const columnsFrom = (events: ReadonlyArray<Event>, telling: ReadonlySet<number>): ReadonlyArray<Column> => {
  const columns: Array<Column> = []
  let at = 0
  events.forEach((event, index) => {
    // A trace may leave operations out: they take their room all the same.
    const before = at
    at = Math.max(at, event.at)
    const passed = at - before
    const operation = event.kind === "operation"
    // By one, a mark may just count the operation that was listed before it.
    const operations = operation ? Math.max(1, passed) : passed > 1 ? passed - 1 : 0
    const end = operation ? index + 1 : index
    const last = columns.at(-1)
    if (operations > 0) {
      if (last && last.operations > 0 && (!operation || events[index - 1]?.fiber === event.fiber)) {
        last.end = end
        last.operations += operations
      } else {
        const { weight } = kinds.operation
        columns.push({ first: index, end, operations, at: before, marks: 0, width: 0, weight })
      }
    }
    if (!operation) {
      columns.push({
        first: index,
        end: index + 1,
        operations: 0,
        at,
        marks: 1,
        width: widthOfMark(event),
        weight: telling.has(index) ? 2 : kinds[event.kind].weight
      })
    }
  })
  for (const column of columns) if (column.operations > 0) column.width = 12 * Math.log2(1 + column.operations)
  return columns
}
