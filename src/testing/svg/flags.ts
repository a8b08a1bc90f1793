/** The failures, each above the line that shows when: a reader looks for them first. */
import { badge, rect, text } from "./markup.js"
import { margin } from "./page.js"
import type { Plan } from "./Plan.js"
import { Row } from "./Row.js"
import type { Hair, Sheet } from "./Sheet.js"
import { columnsIn, cut, visible, widthOf } from "./text.js"

const flagLine = 26

export const flags = (sheet: Sheet, plan: Plan): ReadonlyArray<Hair> => {
  const rows = [new Row(), new Row(), new Row()]
  let used = 0
  const top = sheet.y
  const hairs = plan.marked("failure").map(({ event, index, x }) => {
    const number = plan.callouts.numbers.get(index)
    const indent = number === undefined ? 8 : 27
    const label = cut(visible(event.detail) || "failure", columnsIn(plan.inner - 40))
    const size = widthOf(label) + indent + 8
    const from = Math.max(margin, Math.min(x - size / 2, plan.width - margin - size))
    const row = rows.findIndex((row) => row.take(from - 4, from + size + 4))
    const y = top + row * flagLine
    const tip = plan.words.tip(event, index)
    // Where no row has room, the line is there, and its tooltip.
    if (row < 0) return { x, y: top, tip }
    used = Math.max(used, row + 1)
    sheet.label(
      tip,
      rect("red-fill", from, y, size, 21, 4)
        + (number === undefined ? "" : badge("back", "red", from + 14, y + 10.5, number))
        + text("back strong mid", from + (indent + size - 8) / 2, y + 15, label)
    )
    return { x, y: y + 21, tip }
  })
  sheet.y += used * flagLine
  return hairs
}
