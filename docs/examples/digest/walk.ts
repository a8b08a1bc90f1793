import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { readdir } from "node:fs/promises"
import { type BytePath, join, toBuffer } from "./bytes.js"
import { io, type Unreadable } from "./file.js"

/**
 * Visits files one after the other, each once its predecessor's visit has returned. A directory that cannot be read is
 * visited too, as a file whose path fails: so it comes in its place, and whoever visits decides what that means.
 */
export type Source = <E, R>(
  visit: (file: Effect.Effect<BytePath, Unreadable>) => Effect.Effect<void, E, R>
) => Effect.Effect<void, E, R>

interface Entry {
  readonly path: BytePath
  readonly isDirectory: boolean
}

/**
 * The regular files under a directory, as `find -type f` has them, and in the order of `LC_ALL=C sort`. Symbolic links
 * are not followed. Holds one directory's listing for each level, never the whole tree.
 */
export const walk = (root: BytePath, skip: ReadonlySet<BytePath>): Source => (visit) =>
  Effect.gen(function*() {
    // A stack of its own: a tree may be deeper than JavaScript's.
    const ahead: Array<Entry> = [{ path: root, isDirectory: true }]
    for (let entry = ahead.pop(); entry !== undefined; entry = ahead.pop()) {
      if (!entry.isDirectory) {
        if (!skip.has(entry.path)) yield* visit(Effect.succeed(entry.path))
        continue
      }
      const listing = yield* Effect.result(list(entry.path))
      if (Result.isFailure(listing)) yield* visit(Effect.fail(listing.failure))
      else for (const child of listing.success) ahead.push(child)
    }
  })

/** What to visit in a directory, last one first. */
export const list = (directory: BytePath): Effect.Effect<Array<Entry>, Unreadable> =>
  Effect.map(
    io(directory, () => readdir(toBuffer(directory), { withFileTypes: true, encoding: "buffer" })),
    (dirents) =>
      dirents
        .filter((dirent) => dirent.isFile() || dirent.isDirectory())
        .map((dirent) => {
          const name = dirent.name.toString("latin1")
          const isDirectory = dirent.isDirectory()
          // All paths below a directory start with its name and a slash. With the slash, the directory sorts as they do
          // ("a.txt" before "a/b", but after "a-b"), and the walk is in the order of the full paths.
          return { key: isDirectory ? `${name}/` : name, path: join(directory, name), isDirectory }
        })
        .sort((a, b) => a.key < b.key ? 1 : -1)
  )
