import * as ThreadWorker from "sluice/threads/ThreadWorker"
import type { BytePath } from "./bytes.js"
import { Counts } from "./counts.js"
import { type Algorithm, hash } from "./digest.js"
import { withFile } from "./file.js"

/** What a thread is told about a file. */
export interface Job {
  readonly path: BytePath
  readonly algorithms: ReadonlyArray<Algorithm>
  /** How much memory the thread may read files with. */
  readonly share: number
  /** Where it counts what it has digested. */
  readonly counts: Counts["words"]
}

// For all files of this thread, which come one after the other. A read that has begun ends before its job does, so that it
// never writes into the next job's file.
let buffer: Buffer | undefined = undefined

export const jobs = ThreadWorker.serve({
  digest: ({ algorithms, counts, path, share }: Job) => {
    const memory = buffer ??= Buffer.allocUnsafeSlow(share)
    return withFile(path, "listed", (file) => hash(file, memory, algorithms, new Counts(counts)))
  }
})
