/** How many operations there had been: the only scale there is, where each event has a column of its own. */
import { line, text } from "./markup.js"
import { count, plural } from "./numbers.js"
import { margin } from "./page.js"
import type { Plan } from "./Plan.js"
import { Row } from "./Row.js"
import type { Hair, Sheet } from "./Sheet.js"
import { foldTip, middleOf } from "./spans.js"
import { widthOf } from "./text.js"

/** @param hairs what comes from above, and is not to go through a text */
export const axis = (sheet: Sheet, { lanes, spans }: Plan, hairs: ReadonlyArray<Hair>): void => {
  if (lanes.length === 0) return
  const row = new Row()
  const y = sheet.y + 12
  sheet.y += 22
  for (const { x } of hairs) row.take(x - 4, x + 4)
  sheet.label("operations of all fibers together", text("dim small", margin, y, "operations"))
  for (const span of spans) {
    if (!span.folded) continue
    row.take(span.x, span.x + span.width)
    sheet.label(foldTip(span), text("dim small mid", middleOf(span), y, `${count(span.operations)} ops`))
  }
  for (const span of spans) {
    if (span.folded || span.operations === 0) continue
    const label = count(span.at)
    if (!row.take(span.x - 2, span.x + widthOf(label, 10) + 6)) continue
    sheet.label(
      `${plural(span.at, "operation")} so far`,
      text("dim small", span.x, y, label) + line("rule-line", span.x, y + 3, span.x, y + 8)
    )
  }
}
