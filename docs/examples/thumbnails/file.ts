import * as Effect from "effect/Effect"
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"

/**
 * Writes a file that is there in full or not at all: first under a name of its own, which is gone afterwards whatever
 * happened. A disk that is full is the service's problem and not the image's, so it is a defect.
 */
export const writeAtomically = (path: string, content: Buffer, unique: number): Effect.Effect<void> =>
  // A write cannot be taken back: only when it has ended can its file be removed.
  Effect.uninterruptible(Effect.promise(async () => {
    const temporary = join(dirname(path), `.${process.pid}-${unique}.part`)
    try {
      await writeFile(temporary, content, { flag: "wx" })
      await rename(temporary, path)
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
  }))

export const makeDirectory = (path: string): Effect.Effect<void> =>
  Effect.promise(() => mkdir(path, { recursive: true }).then(() => {}))

/** A directory that is removed when the scope closes. */
export const temporaryDirectory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "thumbnails-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true }))
)
