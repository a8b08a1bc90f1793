/** The layout that every part of the picture depends on, settled before anything is drawn: lanes, x, and numbers. */
import type { Event, Trace } from "../Trace.js"
import { type Callouts, calloutsFrom, tellingFrom } from "./callouts.js"
import { columnsFrom } from "./columns.js"
import { labelOf, type Lane, type Lanes, lanesOf } from "./lanes.js"
import { margin, maxWidth, minWidth } from "./page.js"
import { middleOf, place, type Span, spansFrom } from "./spans.js"
import { widthOf } from "./text.js"
import { Words } from "./words.js"

/** An event that is drawn, and where. */
export interface Marked {
  readonly event: Event
  readonly index: number
  readonly x: number
}

export class Plan {
  readonly events: ReadonlyArray<Event>
  readonly lanes: ReadonlyArray<Lane>
  readonly laneOf: Lanes["of"]
  readonly spans: ReadonlyArray<Span>
  /** The marks that are not folded, in the order of time. */
  readonly marks: ReadonlyArray<Marked>
  /** Their indices. */
  readonly drawn: ReadonlySet<number>
  readonly callouts: Callouts
  readonly words: Words
  /** Where time ends. */
  readonly right: number
  readonly width: number
  /** Between the margins. */
  readonly inner: number

  constructor(trace: Trace) {
    const { events } = trace
    const { lanes, of } = lanesOf(trace)
    const telling = tellingFrom(events)
    this.events = events
    this.lanes = lanes
    this.laneOf = of
    this.words = new Words(trace, telling)

    const nameWidth = Math.max(150, ...lanes.map((lane) => widthOf(labelOf(lane)) + 20))
    const left = margin + nameWidth
    this.spans = spansFrom(columnsFrom(events, telling), events, maxWidth - 2 * margin - nameWidth - 16)
    this.right = place(this.spans, left + 8, minWidth - margin - left - 16) + 8
    this.width = Math.round(Math.max(minWidth, this.right + margin))
    this.inner = this.width - 2 * margin

    this.marks = this.spans.flatMap((span) => {
      const event = events[span.first]
      return span.marks > 0 && !span.folded && event !== undefined
        ? [{ event, index: span.first, x: middleOf(span) }]
        : []
    })
    this.drawn = new Set(this.marks.map(({ index }) => index))
    this.callouts = calloutsFrom(events, this.drawn, telling)
  }

  marked(kind: Event["kind"]): ReadonlyArray<Marked> {
    return this.marks.filter(({ event }) => event.kind === kind)
  }
}
