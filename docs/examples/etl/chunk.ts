import * as Data from "effect/Data"
import * as Stream from "effect/Stream"
import { open } from "node:fs/promises"
import { join } from "node:path"

export class Unreadable extends Data.TaggedError("Unreadable")<{ readonly error: unknown }> {
  override get message(): string {
    return this.error instanceof Error ? this.error.message : String(this.error)
  }
}

/** How far a file has been read: the first byte that has not, and the number of its line. */
export interface Position {
  readonly file: string
  readonly byte: number
  readonly line: number
}

/** Whole records of a file, as they are in it. */
export interface Chunk {
  readonly from: Position
  readonly to: Position
  readonly bytes: Buffer
  /** Where in `bytes` each record ends, and on which line of the file it begins. */
  readonly ends: ReadonlyArray<number>
  readonly lines: ReadonlyArray<number>
}

/** How much is read at a time. */
const piece = 64 * 1024

/** Beyond this a record is broken: somebody has opened a quote and not closed it. */
export const longest = 64 * 1024

/** The files from these positions on, one after the other. */
export const chunks = (directory: string, positions: ReadonlyArray<Position>): Stream.Stream<Chunk, Unreadable> =>
  Stream.fromAsyncIterable(readAll(directory, positions), (error) => new Unreadable({ error }))

async function* readAll(directory: string, positions: ReadonlyArray<Position>): AsyncGenerator<Chunk> {
  for (const position of positions) yield* readFile(directory, position)
}

async function* readFile(directory: string, start: Position): AsyncGenerator<Chunk> {
  const handle = await open(join(directory, start.file))
  try {
    let from = start
    let rest = Buffer.alloc(0)
    for (let ended = false; !ended;) {
      const buffer = Buffer.allocUnsafe(rest.length + piece)
      rest.copy(buffer)
      const { bytesRead } = await handle.read(buffer, rest.length, piece, from.byte + rest.length)
      ended = bytesRead === 0
      const bytes = buffer.subarray(0, rest.length + bytesRead)
      const chunk = cut(bytes, from, ended)
      rest = bytes.subarray(chunk.bytes.length)
      from = chunk.to
      if (chunk.ends.length > 0) yield chunk
    }
  } finally {
    await handle.close()
  }
}

/** The whole records at the beginning of the bytes. `complete`: nothing comes after the bytes. */
export const cut = (bytes: Buffer, from: Position, complete: boolean): Chunk => {
  const ends: Array<number> = []
  const lines: Array<number> = []
  let { line } = from
  let start = 0
  while (start < bytes.length) {
    const end = recordEnd(bytes, start, complete)
    if (end === undefined) break
    ends.push(end)
    lines.push(line)
    for (let i = bytes.indexOf(newline, start); i !== -1 && i < end; i = bytes.indexOf(newline, i + 1)) line++
    start = end
  }
  return { from, to: { file: from.file, byte: from.byte + start, line }, bytes: bytes.subarray(0, start), ends, lines }
}

const [newline, quote, comma] = [10, 34, 44]

/**
 * Where the record ends, or undefined while the bytes do not tell. A newline ends it, unless it is in a field that begins
 * with a quote; but a quote that is never closed spoils its own line, and not the rest of the file. It depends on nothing
 * before `start`, so that a file may be read on from the end of any record.
 */
const recordEnd = (bytes: Buffer, start: number, complete: boolean): number | undefined => {
  const most = Math.min(bytes.length, start + longest)
  const lineEnd = bytes.indexOf(newline, start) + 1
  let at = start
  while (at < most) {
    if (bytes[at] === quote) {
      at = closing(bytes, at + 1, most)
      // Its last byte may be the first half of two quotes, which are one in the text.
      if (at === most && !complete && most < start + longest) return undefined
    }
    while (at < most && bytes[at] !== comma && bytes[at] !== newline) at++
    if (at < most && bytes[at] === newline) return at + 1
    at++
  }
  if (most < start + longest && !complete) return undefined
  return lineEnd > 0 && lineEnd <= most ? lineEnd : most
}

/** After the quote that closes the field; `most` if none does. */
const closing = (bytes: Buffer, from: number, most: number): number => {
  for (let at = bytes.indexOf(quote, from); at !== -1 && at < most; at = bytes.indexOf(quote, at + 2)) {
    if (bytes[at + 1] !== quote) return at + 1
  }
  return most
}
