/** The key: the meaning of each sign in the picture, so that nobody has to look it up. */
import { moved, text, withTip } from "./markup.js"
import { margin } from "./page.js"
import type { Plan } from "./Plan.js"
import type { Sheet } from "./Sheet.js"
import { type Sign, signs } from "./signs.js"
import { widthOf } from "./text.js"

export const key = (sheet: Sheet, { width }: Plan): void => {
  if (sheet.used.size === 0) return
  let x = margin
  sheet.y += 26
  for (const [sign, [meaning, drawing]] of Object.entries(signs)) {
    if (!sheet.used.has(sign as Sign)) continue
    const size = 30 + widthOf(meaning, 11) + 16
    if (x + size - 16 > width - margin && x > margin) {
      x = margin
      sheet.y += 24
    }
    sheet.marks.push(withTip(
      meaning,
      moved(x + 11, sheet.y, drawing) + text("dim note", x + 28, sheet.y + 4, meaning)
    ))
    x += size
  }
  sheet.y += 8
}
