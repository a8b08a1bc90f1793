import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import type { BytePath } from "./bytes.js"
import type { Counts } from "./counts.js"
import type { File, Unreadable } from "./file.js"

export type Algorithm = "md5" | "sha256"

export interface Digested {
  readonly path: BytePath
  /** In hexadecimal, one for each algorithm. */
  readonly digests: ReadonlyArray<string>
}

// Reading happens on other threads, but hashing holds up this one: 1 MiB for about 5 ms. So Ctrl-C, the progress bar and
// the other files wait no longer than that. Larger pieces would not be any faster.
export const largest = 1024 * 1024
// A file may grow after it was opened, and those of /proc say that they are empty.
export const smallest = 4096

/** How much memory to read a file with: enough for all of it at once, unless that is too much. */
export const bufferSize = (fileSize: number, budget: number): number =>
  Math.min(Math.max(fileSize, smallest), largest, budget)

/** Reads a file to its end, whatever size it had before, piece by piece in this buffer. */
export const hash = (
  file: File,
  buffer: Buffer,
  algorithms: ReadonlyArray<Algorithm>,
  counts: Counts
): Effect.Effect<Digested, Unreadable> =>
  Effect.gen(function*() {
    const hashes = algorithms.map((algorithm) => createHash(algorithm))
    for (let length = yield* file.read(buffer); length > 0; length = yield* file.read(buffer)) {
      const piece = buffer.subarray(0, length)
      for (const hash of hashes) hash.update(piece)
      counts.addBytes(length)
    }
    counts.addFile()
    return { path: file.path, digests: hashes.map((hash) => hash.digest("hex")) }
  })
