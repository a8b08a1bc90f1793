/** The events of the fibers: a sign at each, with its number, and an arrow from the fiber that caused it. */
import { kinds, signOf } from "./kinds.js"
import { arrow, badge, elbow, moved, withTip } from "./markup.js"
import type { Marked, Plan } from "./Plan.js"
import type { Sheet } from "./Sheet.js"
import { signs } from "./signs.js"
import type { Tracks } from "./Tracks.js"

const mark = (sheet: Sheet, plan: Plan, tracks: Tracks, { event, index, x }: Marked): void => {
  const lane = plan.laneOf(event.fiber)
  if (lane === undefined) return
  const by = event.by === undefined ? undefined : plan.laneOf(event.by)
  const tip = plan.words.tip(event, index)
  const y = tracks.middleOf(lane)
  // An interrupt's arrow comes from the side, since a number is above.
  const shift = event.kind === "interrupt" ? 7 : 0
  if (by !== undefined && by !== lane) {
    if (event.kind === "resume" || event.kind === "start") {
      sheet.used.add("inline")
      sheet.lines.push(withTip(tip, arrow("text", x, tracks.middleOf(by), y)))
    } else if (event.kind === "interrupt") {
      sheet.lines.push(withTip(tip, elbow("red", x - 9, tracks.middleOf(by), x - 2, y)))
    }
  }
  const sign = signOf(event)
  if (sign === undefined) return
  sheet.used.add(sign)
  // A failure's is on its flag.
  const number = event.kind === "failure" ? undefined : plan.callouts.numbers.get(index)
  sheet.marks.push(withTip(
    tip,
    moved(x + shift, y, signs[sign][1])
      + (number === undefined ? "" : badge(kinds[event.kind].colour, "back", x + shift, y - 19, number))
  ))
}

export const marks = (sheet: Sheet, plan: Plan, tracks: Tracks): void => {
  for (const marked of plan.marks) mark(sheet, plan, tracks, marked)
}
