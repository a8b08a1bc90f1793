/**
 * A run as a picture: a stand-alone SVG time line with one lane per fiber, which any browser shows.
 *
 * Time goes from left to right, event by event: each mark has a column of its own, so that no two marks overlap, and
 * operations of one fiber in a row share a column as wide as the logarithm of their number. A run that does not fit on
 * a screen is folded: first the stretches far from the failure and from its causes. The parts' limits bound the
 * picture's size, whatever the trace.
 */
import type { Trace } from "../Trace.js"
import { axis } from "./axis.js"
import { bars, cells, folds } from "./bars.js"
import { flags } from "./flags.js"
import { heading, type Options } from "./heading.js"
import { key } from "./key.js"
import { legend } from "./legend.js"
import { marks } from "./marks.js"
import { line, withTip } from "./markup.js"
import { names } from "./names.js"
import { Plan } from "./Plan.js"
import { type Hair, Sheet } from "./Sheet.js"
import { States } from "./States.js"
import { cut, visible } from "./text.js"
import { timers } from "./timers.js"
import { Tracks } from "./Tracks.js"

/** From left to right and from top to bottom: each part starts where the one above it has ended. */
const draw = (trace: Trace, options: Options): Sheet => {
  const plan = new Plan(trace)
  const sheet = new Sheet(plan.width)
  heading(sheet, plan, options)
  const failures = flags(sheet, plan)
  const times = timers(sheet, plan, failures)
  axis(sheet, plan, [...failures, ...times])

  const tracks = new Tracks(sheet.y, plan.lanes.length)
  const states = new States(plan)
  const hair = (className: string, { tip, x, y }: Hair) =>
    sheet.lines.push(withTip(tip, line(className, x, y, x, tracks.bottom)))
  folds(sheet, plan, tracks)
  marks(sheet, plan, tracks)
  bars(sheet, plan, tracks, states)
  cells(sheet, plan, tracks)
  names(sheet, plan, tracks, states)
  for (const time of times) hair("teal-line hair", time)
  for (const failure of failures) hair("red-line bold", failure)

  sheet.y = tracks.bottom
  key(sheet, plan)
  legend(sheet, plan)
  return sheet
}

/**
 * The trace as an SVG document. Equal traces give equal documents, at most 1,920 pixels wide.
 *
 * It holds no script and loads nothing, and its colours follow the reader's light or dark mode. Whatever the names, the
 * messages and the source lines hold is text in it, never markup.
 */
export const toSvg = (trace: Trace, options: { readonly title: string; readonly subtitle?: string }): string =>
  draw(trace, options).toSvg(cut(visible(options.title), 300))
