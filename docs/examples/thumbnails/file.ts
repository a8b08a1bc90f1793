import * as Effect from "effect/Effect"
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"

export interface File {
  readonly path: string
  readonly content: Buffer
}

/**
 * Writes files that are there in full or not at all: first under names of their own, which are gone afterwards whatever
 * happened, and none of the files if one cannot be written. A disk that is full is the service's problem and not the
 * image's, so it is a defect.
 */
export const writeAtomically = (files: ReadonlyArray<File>, unique: number): Effect.Effect<void> =>
  // A write cannot be taken back: only when it has ended can its file be removed.
  Effect.uninterruptible(Effect.promise(async () => {
    const written: Array<string> = []
    try {
      const temporary = (path: string, i: number) => join(dirname(path), `.${process.pid}-${unique}-${i}.part`)
      for (const [i, { content, path }] of files.entries()) {
        written.push(temporary(path, i))
        await writeFile(temporary(path, i), content, { flag: "wx" })
      }
      for (const [i, { path }] of files.entries()) {
        await rename(temporary(path, i), path)
        written.push(path)
      }
    } catch (error) {
      for (const path of written) await rm(path, { force: true })
      throw error
    }
  }))

/** They may be gone already. */
export const remove = (paths: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.promise(async () => {
    for (const path of paths) await rm(path, { force: true })
  })

export const makeDirectory = (path: string): Effect.Effect<void> =>
  Effect.promise(() => mkdir(path, { recursive: true }).then(() => {}))

/** A directory that is removed when the scope closes. */
export const temporaryDirectory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "thumbnails-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true }))
)
