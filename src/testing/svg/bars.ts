/** The lanes' lines: bars where a fiber runs, thinner lines where it waits, and a tooltip for each operation. */
import { thicknessOf } from "./lanes.js"
import { line, rect, withTip } from "./markup.js"
import { count } from "./numbers.js"
import type { Plan } from "./Plan.js"
import type { Sheet } from "./Sheet.js"
import { foldTip } from "./spans.js"
import type { Segment, States } from "./States.js"
import { cut } from "./text.js"
import type { Tracks } from "./Tracks.js"

/** Operations have tooltips of their own, those nearest to the end first, until these are so many characters. */
const maxCellText = 60_000

const stateWords: Readonly<Record<Segment["state"], string>> = {
  none: "",
  run: "runs",
  beneath: "has resumed another fiber inline, and goes on after it",
  ready: "is preempted",
  wait: "is suspended",
  ended: "",
  folded: "runs now and then, which is folded here",
  stays: "is suspended, and nothing resumes it"
}

export const folds = (sheet: Sheet, { spans }: Plan, { height, top }: Tracks): void => {
  for (const span of spans) {
    if (span.folded) sheet.bands.push(withTip(foldTip(span), rect("rule-fill fold", span.x, top, span.width, height)))
  }
}

export const bars = (sheet: Sheet, { lanes }: Plan, tracks: Tracks, { segments }: States): void => {
  for (const { from, fromAt, lane, state, to, toAt } of segments) {
    if (state === "none" || state === "ended") continue
    sheet.used.add(state)
    const tone = lanes[lane]?.primary === true ? "run" : "other"
    const height = thicknessOf(lanes[lane])
    const y = tracks.middleOf(lane)
    const tip = `${cut(lanes[lane]?.name ?? "", 40)} ${stateWords[state]}\noperations ${count(fromAt)} to ${
      count(toAt)
    }`
    if (state === "run" || state === "beneath") {
      sheet.bars.push(withTip(tip, rect(`${tone}-fill ${state}`, from, y - height / 2, to - from, height)))
    } else {
      sheet.idle.push(withTip(tip, line(`${state === "stays" ? "amber" : tone}-line ${state}`, from, y, to, y)))
    }
  }
}

/** Each operation's own tooltip, and the gaps between them. */
export const cells = (sheet: Sheet, { events, laneOf, lanes, spans, words }: Plan, tracks: Tracks): void => {
  let length = 0
  for (const span of spans.toReversed()) {
    const listed = events.slice(span.first, span.end)
    const size = span.width / listed.length
    if (span.folded || span.operations === 0 || size < 3) continue
    const lane = laneOf(listed[0]?.fiber)
    if (lane === undefined) continue
    const height = thicknessOf(lanes[lane])
    const cells = listed.map((event, index) =>
      withTip(
        words.tip(event, span.first + index),
        rect("back-line cell", span.x + index * size, tracks.middleOf(lane) - height / 2, size, height)
      )
    ).join("")
    length += cells.length
    if (length > maxCellText) return
    sheet.bars.push(cells)
  }
}
