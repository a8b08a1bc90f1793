/** The callouts: number, sentence, place and source line, as a table; and a failure's whole message. */
import type { Event } from "../Trace.js"
import { kinds } from "./kinds.js"
import { badge, text } from "./markup.js"
import { plural } from "./numbers.js"
import { margin } from "./page.js"
import { fileName, sourceOf } from "./places.js"
import type { Plan } from "./Plan.js"
import type { Sheet } from "./Sheet.js"
import { columnsIn, cut, visible, widthOf, wrap } from "./text.js"

const legendLine = 21
const sentenceX = margin + 24

interface Entry {
  readonly number: number
  readonly event: Event
  readonly tip: string
  readonly sentence: string
  readonly place: string
  readonly code: string
}

const entriesOf = ({ callouts, events, words }: Plan): ReadonlyArray<Entry> =>
  [...callouts.numbers].map(([index, number]) => {
    const event = events[index]
    if (event === undefined) throw new RangeError(`sluice/testing: there is no event ${index}`)
    const source = sourceOf(events, index)
    return {
      number,
      event,
      tip: words.tip(event, index),
      sentence: cut(words.sentence(event, index, source !== undefined), 64),
      place: source === undefined ? "" : cut(fileName(source), 36),
      code: visible(source?.text ?? "")
    }
  })

export const legend = (sheet: Sheet, plan: Plan): void => {
  const entries = entriesOf(plan)
  if (entries.length === 0) return
  const right = plan.width - margin
  const placeX = sentenceX + Math.max(...entries.map(({ sentence }) => widthOf(sentence))) + 18
  const codeX = placeX + Math.max(...entries.map(({ place }) => widthOf(place))) + 18
  sheet.y += 14
  for (const { code, event, number, place, sentence, tip } of entries) {
    sheet.y += legendLine
    const body = [
      badge(kinds[event.kind].colour, "back", margin + 8, sheet.y - 4, number),
      text(event.kind === "failure" ? "red strong" : "text", sentenceX, sheet.y, sentence),
      place === "" ? "" : text("dim", placeX, sheet.y, place),
      code === "" ? "" : text("text", codeX, sheet.y, cut(code, columnsIn(right - codeX)))
    ]
    if (event.kind === "failure") {
      for (const part of wrap(visible(event.detail), columnsIn(right - sentenceX), 6)) {
        sheet.y += legendLine - 3
        body.push(text("red", sentenceX, sheet.y, part))
      }
    }
    sheet.label(tip, body.join(""))
  }
  if (plan.callouts.left > 0) {
    sheet.y += legendLine + 4
    const note = `and ${plural(plan.callouts.left, "event")} like these without a number`
    sheet.label(note, text("dim", sentenceX, sheet.y, note))
  }
}
