/** The signs that a picture uses, in the order of its key; each with its meaning, so that none goes unexplained. */
import { arrow, circle, line, path, rect } from "./markup.js"

const bar = (className: string): string => rect(className, -9, -5, 18, 10)
const dash = (className: string): string => line(className, -10, 0, 10, 0)

/** Each is drawn around the origin; those of events are no larger than 18 by 18. */
export const signs = {
  run: ["runs", bar("run-fill")],
  beneath: ["has resumed another", bar("run-fill beneath")],
  wait: ["suspended", dash("run-line wait")],
  stays: ["suspended for good", dash("amber-line wait")],
  ready: ["waits for its turn", dash("run-line")],
  folded: ["runs, folded", path("run-line folded", "M-9 0H9")],
  inline: ["resumes inline", arrow("text", 0, -17, 17)],
  timer: ["virtual time", line("teal-line hair", 0, -9, 0, 9)],
  start: ["starts", line("dim-line bold", 0, -9, 0, 9)],
  suspend: ["suspends", circle("back-fill dim-line ring", 0, 0, 4.5)],
  preempt: [
    "preempted",
    rect("amber-fill", -7, -8, 14, 16, 3) + rect("back-fill", -3.5, -4, 2.5, 8) + rect("back-fill", 1, -4, 2.5, 8)
  ],
  interrupt: ["interrupted", circle("back-fill", 0, 0, 9) + path("red-fill", "M2.5-10L-6 1.8H-.8L-2.5 10L6-1.8H.8z")],
  choice: ["the test's choice", path("violet-fill", "M0-8L8 0L0 8L-8 0z")],
  success: ["succeeded", circle("green-fill", 0, 0, 7.5) + path("back-line bold", "M-3.5 0L-1 3L4-2.5")],
  failed: ["failed", circle("red-fill", 0, 0, 7.5) + path("back-line bold", "M-3-3L3 3M3-3L-3 3")],
  interrupted: [
    "ended by interruption",
    circle("back-fill", 0, 0, 8.5) + circle("red-line bold none", 0, 0, 6.5) +
    line("red-line bold", -4.5, 4.5, 4.5, -4.5)
  ],
  failure: [
    "goes wrong",
    circle("red-fill", 0, 0, 8.5) + line("back-line bold", 0, -4.5, 0, 1) + circle("back-fill", 0, 4, 1.3)
  ]
} as const satisfies Readonly<Record<string, readonly [meaning: string, drawing: string]>>

export type Sign = keyof typeof signs
