/** The title, and the line below it: over several lines where they are long, so that they may hold a whole message. */
import { text } from "./markup.js"
import { margin } from "./page.js"
import type { Plan } from "./Plan.js"
import type { Sheet } from "./Sheet.js"
import { columnsIn, cut, visible, wrap } from "./text.js"

export interface Options {
  readonly title: string
  readonly subtitle?: string
}

export const heading = (sheet: Sheet, plan: Plan, { subtitle, title }: Options): void => {
  const paragraph = (className: string, fontSize: number, leading: number, content: string, lines: number) => {
    const whole = visible(content)
    const wrapped = wrap(whole, columnsIn(plan.inner, fontSize), lines)
    sheet.label(cut(whole, 600), wrapped.map((line) => text(className, margin, sheet.y += leading, line)).join(""))
  }
  paragraph("text title", 17, 24, title, 2)
  // It may hold the key that replays the run: worth more lines than a title.
  sheet.y += 2
  if (subtitle !== undefined) paragraph("dim", 12, 18, subtitle, 4)
  sheet.y += 14
}
