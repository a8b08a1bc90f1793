/** The lanes' names, with how each fiber came out: who is who, and who is still there, is seen at one glance. */
import { labelOf } from "./lanes.js"
import { rect, text } from "./markup.js"
import { plural } from "./numbers.js"
import { outcomeOf, outcomes } from "./outcomes.js"
import { margin } from "./page.js"
import type { Plan } from "./Plan.js"
import type { Sheet } from "./Sheet.js"
import type { State, States } from "./States.js"
import { cut } from "./text.js"
import type { Tracks } from "./Tracks.js"

const lastWords: Readonly<Record<State, string>> = {
  none: "",
  run: "running",
  beneath: "running",
  ready: "preempted",
  wait: "suspended",
  ended: "ended"
}

export const names = (sheet: Sheet, { events, inner, laneOf, lanes }: Plan, tracks: Tracks, states: States): void => {
  const operations = lanes.map(() => 0)
  const outcome = lanes.map((_, lane) => lastWords[states.of(lane)])
  for (const { detail, fiber, kind, operation } of events) {
    const lane = laneOf(fiber)
    if (lane === undefined) continue
    operations[lane] = lanes[lane]?.shared === true
      ? (operations[lane] ?? 0) + Number(kind === "operation")
      : operation
    if (kind === "end") outcome[lane] = outcomes[outcomeOf(detail)].word
  }
  lanes.forEach((self, lane) => {
    const y = tracks.middleOf(lane)
    const ending = self.shared || outcome[lane] === "" ? "" : `, ${outcome[lane] ?? ""}`
    const note = `${plural(operations[lane] ?? 0, "op")}${ending}`
    if (lane % 2 === 0) {
      sheet.bands.unshift(rect("row-fill", margin - 8, tracks.topOf(lane), inner + 16, tracks.laneHeight, 4))
    }
    sheet.label(
      `${cut(self.name, 300)}\n${note}`,
      text(self.primary ? "text strong" : "dim", margin, y - 4, labelOf(self)) +
        text("dim small", margin, y + 10, note)
    )
  })
}
