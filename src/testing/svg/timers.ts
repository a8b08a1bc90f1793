/** The virtual time, each above the line that shows when the clock moved on. */
import { text } from "./markup.js"
import { timeOf } from "./numbers.js"
import type { Plan } from "./Plan.js"
import { Row } from "./Row.js"
import type { Hair, Sheet } from "./Sheet.js"
import { widthOf } from "./text.js"

const timerLine = 14

/** @param flags what comes from above, and is not to go through a text */
export const timers = (sheet: Sheet, plan: Plan, flags: ReadonlyArray<Hair>): ReadonlyArray<Hair> => {
  const rows = [new Row(), new Row()]
  for (const row of rows) for (const { x } of flags) row.take(x - 5, x + 5)
  let used = 0
  const top = sheet.y
  const hairs = plan.marked("timer").map(({ event, x }) => {
    sheet.used.add("timer")
    const label = timeOf(event.detail)
    const half = widthOf(label, 10) / 2 + 3
    const row = rows.findIndex((row) => row.take(x - half, x + half))
    const tip = `the clock moves on to ${label}`
    used = Math.max(used, row + 1)
    // Where neither row has room, the tooltip tells.
    if (row >= 0) sheet.label(tip, text("teal small mid", x, top + row * timerLine + 10, label))
    return { x, y: top + (row + 1) * timerLine, tip }
  })
  sheet.y += used * timerLine
  return hairs
}
