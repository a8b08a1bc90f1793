/** What a thread of sluice loads. */
import * as ThreadWorker from "sluice/threads/ThreadWorker"
import { add, compute, forever, touch } from "./functions.js"

export const jobs = ThreadWorker.serve({
  add,
  compute,
  forever,
  copy: touch,
  move: (bytes: Uint8Array<ArrayBuffer>) => ThreadWorker.transfer(touch(bytes), [bytes.buffer])
})
