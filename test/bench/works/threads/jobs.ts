/** What a thread of sluice loads. */
import { ThreadWorker } from "sluice/threads"
import { add, compute, forever, spin, touch } from "./functions.js"

export const jobs = ThreadWorker.serve({
  add,
  spin,
  compute,
  forever,
  copy: touch,
  move: (bytes: Uint8Array<ArrayBuffer>) => ThreadWorker.transfer(touch(bytes), [bytes.buffer])
})
