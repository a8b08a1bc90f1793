import * as Effect from "effect/Effect"
import { readFile } from "node:fs/promises"
import { Group } from "sluice"
import { BytePath, fromText } from "./bytes.js"
import { io, type Unreadable } from "./file.js"
import { escape } from "./format.js"
import { type Entry, type List, parseList } from "./list.js"
import { formatCount } from "./messages.js"
import type { InOrder } from "./order.js"
import { digestFile, type Work } from "./tree.js"

/** What has become of one line of the list. */
export type Verdict =
  | { readonly _tag: "Match"; readonly entry: Entry }
  | { readonly _tag: "Mismatch"; readonly entry: Entry }
  | { readonly _tag: "Unreadable"; readonly entry: Entry; readonly error: Unreadable }

/** Checks every line of a list. A file that cannot be read is a verdict too, so no child fails. */
export const verify = (
  entries: ReadonlyArray<Entry>,
  work: Work,
  verdicts: InOrder<Verdict>
): Effect.Effect<void> =>
  Group.scoped({ limit: work.limit, name: "verifiers" }, (group) =>
    Effect.gen(function*() {
      for (const entry of entries) {
        const place = yield* verdicts.next
        yield* Group.go(group, Effect.flatMap(check(entry, work), place))
      }
    }))

const check = (entry: Entry, work: Work): Effect.Effect<Verdict> =>
  Effect.match(digestFile(entry.path, "named", [entry.algorithm], work), {
    onSuccess: ({ digests }): Verdict => ({ _tag: digests[0] === entry.digest ? "Match" : "Mismatch", entry }),
    onFailure: (error): Verdict => ({ _tag: "Unreadable", entry, error })
  })

export const readList = (name: string): Effect.Effect<List, Unreadable> =>
  Effect.map(
    name === "-"
      ? io(BytePath("standard input"), readStdin)
      : io(fromText(name), () => readFile(name, "latin1")),
    parseList
  )

const readStdin = async (): Promise<string> => {
  let text = ""
  for await (const chunk of process.stdin.setEncoding("latin1")) text += String(chunk)
  return text
}

/** Prints the verdicts, and keeps what the warnings at the end need. */
export class Verdicts {
  private readonly unreadable: Array<Unreadable> = []
  private mismatches = 0

  constructor(private readonly quiet: boolean, private readonly write: (text: string) => void) {}

  add(verdicts: ReadonlyArray<Verdict>): void {
    const text = verdicts.map((verdict) => this.line(verdict)).join("")
    if (text !== "") this.write(text)
  }

  /** As `md5sum -c` words them. There are none when all is well. */
  warnings(list: List, name: string): ReadonlyArray<string> {
    if (list.entries.length === 0) {
      return [`${name === "-" ? "standard input" : name}: no properly formatted checksum lines found`]
    }
    const [malformed, unreadable, mismatches] = [list.malformed, this.unreadable.length, this.mismatches]
    return [
      ...this.unreadable.map((error) => error.message),
      ...warning(malformed, `${formatCount(malformed, "line is", "lines are")} improperly formatted`),
      ...warning(unreadable, `${formatCount(unreadable, "listed file")} could not be read`),
      ...warning(mismatches, `${formatCount(mismatches, "computed checksum")} did NOT match`)
    ]
  }

  private line(verdict: Verdict): string {
    const path = printed(verdict.entry.path)
    switch (verdict._tag) {
      case "Match":
        return this.quiet ? "" : `${path}: OK\n`
      case "Mismatch":
        this.mismatches++
        return `${path}: FAILED\n`
      case "Unreadable":
        this.unreadable.push(verdict.error)
        return `${path}: FAILED open or read\n`
    }
  }
}

const warning = (count: number, message: string): ReadonlyArray<string> => count > 0 ? [`WARNING: ${message}`] : []

/** `md5sum -c` escapes a name only if it would break its line. */
const printed = (path: BytePath): string => {
  if (!path.includes("\n")) return path
  const { mark, name } = escape(path)
  return mark + name
}
