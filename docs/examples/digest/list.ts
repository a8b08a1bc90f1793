import { BytePath } from "./bytes.js"
import type { Algorithm } from "./digest.js"
import { tags } from "./format.js"

/** One line of a saved list. */
export interface Entry {
  readonly path: BytePath
  readonly algorithm: Algorithm
  readonly digest: string
}

export interface List {
  readonly entries: ReadonlyArray<Entry>
  /** How many lines are neither an entry nor a comment. */
  readonly malformed: number
}

const plain = /^[ \t]*(\\?)([0-9a-f]{32}|[0-9a-f]{64}) [ *](.+)$/is
const tagged = /^[ \t]*(\\?)(MD5|SHA256) ?\((.+)\) ?= ([0-9a-f]+)$/s
const hexLength: Readonly<Record<Algorithm, number>> = { md5: 32, sha256: 64 }

/** Reads what `md5sum` and `sha256sum` write, with and without `--tag`, in any mixture. The text is latin1. */
export const parseList = (text: string): List => {
  const lines = text.split("\n")
  // The last line ends with a newline, rather than being followed by an empty one.
  if (lines.at(-1) === "") lines.pop()
  const entries: Array<Entry> = []
  let malformed = 0
  for (const line of lines) {
    if (line.startsWith("#")) continue
    const entry = parseLine(line.endsWith("\r") ? line.slice(0, -1) : line)
    if (entry === undefined) malformed++
    else entries.push(entry)
  }
  return { entries, malformed }
}

const parseLine = (line: string): Entry | undefined => {
  const [, mark, tag, name, hex] = tagged.exec(line) ?? []
  if (tag !== undefined) return entryOf(mark, name, hex, tag === tags.md5 ? "md5" : "sha256")
  const [, plainMark, plainHex, plainName] = plain.exec(line) ?? []
  return entryOf(plainMark, plainName, plainHex, plainHex?.length === hexLength.md5 ? "md5" : "sha256")
}

const entryOf = (
  mark: string | undefined,
  name: string | undefined,
  hex: string | undefined,
  algorithm: Algorithm
): Entry | undefined => {
  if (name === undefined || hex?.length !== hexLength[algorithm]) return undefined
  const path = mark === "\\" ? unescape(name) : name
  return path === undefined ? undefined : { path: BytePath(path), algorithm, digest: hex.toLowerCase() }
}

const unescape = (name: string): string | undefined =>
  /^(?:[^\\]|\\[\\nr])*$/s.test(name)
    ? name.replace(/\\([\\nr])/g, (_, char: string) => char === "n" ? "\n" : char === "r" ? "\r" : "\\")
    : undefined
