import * as ThreadWorker from "sluice/threads/ThreadWorker"
import { shrink } from "./filter.js"
import type { Image } from "./image.js"

export interface Job {
  readonly image: Image
  readonly width: number
}

export const jobs = ThreadWorker.serve({
  resize: ({ image, width }: Job, { isCancelled }: ThreadWorker.JobContext) => {
    const made = shrink(image, width, isCancelled)
    return ThreadWorker.transfer(made, [made.pixels.buffer])
  }
})
