/**
 * Files and their digests, for `digest.ts`; and what its threads load: a job is the path of a file. Import few modules
 * in such a module, one by one: each thread loads them.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { createHash } from "node:crypto"
import { constants } from "node:fs"
import { type FileHandle, open, readdir } from "node:fs/promises"
import { getSystemErrorMap } from "node:util"
import * as ThreadWorker from "sluice/threads/ThreadWorker"

/** A path is bytes, one character each (latin1), since names of files need not be valid UTF-8. */
export interface Digest {
  readonly path: string
  readonly bytes: number
  readonly md5: string
  readonly sha256: string
  /** Why the file could not be read. Such a file is a result like any other, so it does not end the run. */
  readonly error?: string
}

/** A piece of a file, and the size of a buffer that a worker owns: a larger one makes nothing faster. */
export const largest = 1024 * 1024

/** Opens a regular file while `use` runs. Between its listing and now, it may have become a FIFO or a link. */
export const withFile = (
  path: string,
  use: (file: FileHandle, size: number) => Effect.Effect<Digest, unknown>
): Effect.Effect<Digest> =>
  Effect.acquireUseRelease(
    attempt(() => open(bytesOf(path), constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)),
    (file) =>
      Effect.flatMap(attempt(() => file.stat()), (stat) =>
        stat.isFile() ? use(file, stat.size) : Effect.fail("not a regular file")),
    (file) =>
      Effect.promise(() => file.close())
  ).pipe(Effect.catch((error) => Effect.succeed({ path, bytes: 0, md5: "", sha256: "", error: reasonOf(error) })))

/** Reads a file to its end, piece by piece in this buffer. */
export const hash = Effect.fnUntraced(function*(path: string, file: FileHandle, buffer: Buffer) {
  const [md5, sha256] = [createHash("md5"), createHash("sha256")]
  // A read cannot be taken back: if its fiber ended first, it would write into the buffer of the next file.
  const read = Effect.uninterruptible(attempt(() => file.read(buffer)))
  let bytes = 0
  for (let piece = yield* read; piece.bytesRead > 0; piece = yield* read) {
    const data = buffer.subarray(0, piece.bytesRead)
    md5.update(data)
    sha256.update(data)
    bytes += piece.bytesRead
  }
  return { path, bytes, md5: md5.digest("hex"), sha256: sha256.digest("hex") }
})

const bytesOf = (path: string): Buffer => Buffer.from(path, "latin1")

const attempt = <A>(operation: () => Promise<A>): Effect.Effect<A, unknown> =>
  Effect.tryPromise({ try: operation, catch: (error) => error })

/** "permission denied" */
const reasonOf = (error: unknown): string => {
  const { errno, message } = error as Partial<NodeJS.ErrnoException>
  return getSystemErrorMap().get(errno ?? 0)?.[1] ?? message ?? String(error)
}

/** All regular files under a directory, as `find DIR -type f | LC_ALL=C sort` prints them. */
export const filesUnder = Effect.fn("filesUnder")(function*(root: string) {
  const [files, ahead]: [Array<string>, Array<string>] = [[], [Buffer.from(root).toString("latin1")]]
  for (let path = ahead.pop(); path !== undefined; path = ahead.pop()) {
    const directory = bytesOf(path)
    const listed = yield* Effect.result(attempt(() => readdir(directory, { withFileTypes: true, encoding: "buffer" })))
    // A directory that cannot be listed cannot be opened as a file either: that reports it, with the reason.
    if (Result.isFailure(listed)) files.push(path)
    else {for (const entry of listed.success) {
        const child = `${path.replace(/\/$/, "")}/${entry.name.toString("latin1")}`
        if (entry.isDirectory()) ahead.push(child)
        else if (entry.isFile()) files.push(child)
      }}
  }
  return files.sort()
})

/** The line of `md5sum` or `sha256sum`: a name that would break the line is escaped, and the line marked. */
export const line = ({ path }: Digest, digest: string): string => {
  const name = path.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\r", "\\r")
  return `${name === path ? "" : "\\"}${digest}  ${name}\n`
}

/** For messages: a name stays on its line, and does not control the terminal. */
export const show = (path: string): string => bytesOf(path).toString().replace(/\p{Cc}/gu, "?")

let buffer: Buffer | undefined

export const jobs = ThreadWorker.serve({
  digest: (path: string) => {
    const own = buffer ??= Buffer.allocUnsafeSlow(largest)
    return withFile(path, (file) => hash(path, file, own))
  }
})
