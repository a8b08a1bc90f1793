import type { Effect } from "effect"
import { allErrors } from "./all-errors.js"
import { cancel } from "./cancel.js"
import { closing } from "./closing.js"
import { drop } from "./drop.js"
import { errorsAsResults } from "./errors-as-results.js"
import { failFast } from "./fail-fast.js"
import { invalidate } from "./invalidate.js"
import { order } from "./order.js"
import { poison } from "./poison.js"
import { reject } from "./reject.js"
import { shutdown } from "./shutdown.js"
import { workers } from "./workers.js"

interface Pattern {
  readonly file: string
  readonly heading: string
  readonly program: Effect.Effect<unknown, unknown>
}

/** In the order in which to read them. */
export const patterns: ReadonlyArray<Pattern> = [
  { file: "workers.ts", heading: "Three workers, five jobs", program: workers },
  { file: "order.ts", heading: "Results in the order of the jobs, or as they end", program: order },
  { file: "closing.ts", heading: "Everything is closed by itself", program: closing },
  { file: "fail-fast.ts", heading: "The first failure ends the rest", program: failFast },
  { file: "errors-as-results.ts", heading: "Failures among the results", program: errorsAsResults },
  { file: "all-errors.ts", heading: "All failures at the end", program: allErrors },
  { file: "reject.ts", heading: "Reject a job that finds the queue full", program: reject },
  { file: "drop.ts", heading: "Drop the newest, or the oldest", program: drop },
  { file: "cancel.ts", heading: "Cancel a job", program: cancel },
  { file: "invalidate.ts", heading: "Replace a resource that has broken", program: invalidate },
  { file: "poison.ts", heading: "Go on after a job that throws", program: poison },
  { file: "shutdown.ts", heading: "Stop by a deadline", program: shutdown }
]
