/** The words for a turn, as the kit's own message has them. */
import type { Turn } from "./result.ts"

export const turnText = ({ by, detail, kind }: Turn): string => {
  switch (kind) {
    case "yield":
      return "yields"
    case "suspend":
      return "waits"
    case "preempt":
      return "is preempted"
    case "interrupt":
      return by === "" ? "is interrupted" : `is interrupted from within ${by}`
    case "end":
      return `ends: ${detail}`
    case "timer":
      return `the clock is at ${detail} ms`
    default:
      return detail
  }
}

/** The sign of a turn in its lane. */
export const signs: Readonly<Record<string, string>> = {
  yield: "↻",
  suspend: "‖",
  preempt: "⊣",
  interrupt: "✕",
  end: "■",
  timer: "◷",
  failure: "!"
}
