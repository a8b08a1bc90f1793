/** How a fiber came out, which a trace tells by the text of its exit only. */
import type { Sign } from "./signs.js"

type Outcome = "success" | "failure" | "interruption"

/** The exit's text tells what it is. One that has failed as well as been interrupted has failed. */
export const outcomeOf = (detail: string): Outcome => {
  if (/^\W*(?:exit\W+)?(?:succe|ok\b|done\b|void\b|$)/iu.test(detail)) return "success"
  if (/interrupt/iu.test(detail) && !/\b(?:fail|die)\b/iu.test(detail)) return "interruption"
  return /interrupt|fail|die|defect|error|exception/iu.test(detail) ? "failure" : "success"
}

interface Telling {
  readonly sign: Sign
  readonly verb: string
  readonly word: string
}

export const outcomes: Readonly<Record<Outcome, Telling>> = {
  success: { sign: "success", verb: "succeeds", word: "succeeded" },
  failure: { sign: "failed", verb: "fails", word: "failed" },
  interruption: { sign: "interrupted", verb: "ends interrupted", word: "interrupted" }
}
