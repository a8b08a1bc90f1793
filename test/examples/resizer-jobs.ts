/** Threads whose images take as long as their width says. */
import { ThreadWorker } from "sluice/threads"
import type { Job } from "../../docs/examples/resizer/thread.js"

export const widths = { untilCancelled: 2, forever: 3, aWhile: 4 } as const

let calls = 0

/** Answers an image of one pixel: of how many calls of this thread it is. */
const numbered = () => ({ width: 1, height: 1, pixels: new Uint8Array([++calls, 0, 0]) })

export const jobs = ThreadWorker.serve({
  resize: ({ width }: Job, { isCancelled }: ThreadWorker.JobContext) => {
    const until = performance.now() + 200
    while (width === widths.untilCancelled && !isCancelled());
    while (width === widths.forever);
    while (width === widths.aWhile && performance.now() < until);
    return numbered()
  }
})
