import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { constants } from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import { getSystemErrorMap } from "node:util"
import { type BytePath, show, toBuffer } from "./bytes.js"

/** A file or directory that could not be read, and why. */
export class Unreadable extends Data.TaggedError("Unreadable")<{ readonly path: BytePath; readonly reason: string }> {
  override get message(): string {
    return `${show(this.path)}: ${this.reason}`
  }
}

/** "permission denied" rather than "EACCES: permission denied, open 'x'": the caller says which file it was. */
export const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const known = "errno" in error && typeof error.errno === "number" ? getSystemErrorMap().get(error.errno) : undefined
  return known?.[1] ?? error.message
}

/** An operation of the file system on `path`. */
export const io = <A>(path: BytePath, operation: () => Promise<A>): Effect.Effect<A, Unreadable> =>
  Effect.tryPromise({ try: operation, catch: (error) => new Unreadable({ path, reason: reasonOf(error) }) })

export interface File {
  readonly path: BytePath
  /** When it was opened. It may have another size by the time it is read. */
  readonly size: number
  /** Reads on from where it is, and answers how many bytes it put into the buffer: 0 at the end. */
  readonly read: (buffer: Buffer) => Effect.Effect<number, Unreadable>
}

// Between being listed and being opened, the file may have become something else. A FIFO must not block the open, and a
// symbolic link must not be followed out of the tree. (Where a platform lacks a flag it is undefined, which `|` takes
// for 0.)
const listed = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW
// A path that the user gave is followed wherever it leads.
const named = constants.O_RDONLY | constants.O_NONBLOCK

/** Opens a regular file for as long as `use` runs. However that ends, the file is closed. */
export const withFile = <A, E, R>(
  path: BytePath,
  how: "listed" | "named",
  use: (file: File) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | Unreadable, R> =>
  Effect.acquireUseRelease(
    io(path, () => open(toBuffer(path), how === "listed" ? listed : named)),
    (handle) => Effect.flatMap(inspect(path, handle), use),
    (handle) => Effect.promise(() => handle.close())
  )

const inspect = (path: BytePath, handle: FileHandle): Effect.Effect<File, Unreadable> =>
  Effect.flatMap(io(path, () => handle.stat()), (stat) => {
    if (stat.isDirectory()) return Effect.fail(new Unreadable({ path, reason: "is a directory" }))
    if (!stat.isFile()) return Effect.fail(new Unreadable({ path, reason: "not a regular file" }))
    return Effect.succeed({
      path,
      size: stat.size,
      // A read cannot be taken back. Were its fiber to end before it, it would go on writing into memory that nobody
      // accounts for any more.
      read: (buffer) =>
        Effect.uninterruptible(Effect.map(io(path, () => handle.read(buffer)), ({ bytesRead }) => bytesRead))
    })
  })
