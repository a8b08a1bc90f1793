/** The scenarios of docs/testing.md, for the explorer to begin with. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { docs } from "./paths.ts"

export interface Preset {
  readonly title: string
  readonly code: string
  /** The bounds of its exhaustive strategy, if it has one. */
  readonly bounds: { readonly preemptions: number; readonly cancels: number } | undefined
}

/** By the heading that a block is under, where that is not about the scenario. */
const titles: Readonly<Record<string, string>> = {
  "The first test": "A shop that sells each seat once",
  "The first repair": "The cache, after a first repair",
  "The second repair": "The cache, mended",
  Options: "A counter that loses an update",
  "One turn of the event loop": "Three requests in one turn",
  Linearizability: "A stack that is not linearizable",
  "Actors that are alike": "Customers who are alike",
  "Promises, files, sockets": "Two logins, with promises"
}

const boundsOf = (code: string): Preset["bounds"] => {
  const [, preemptions, cancels] = /exhaustive: \{ preemptions: (\d+), cancels: (\d+) \}/.exec(code) ?? []
  return preemptions === undefined ? undefined : { preemptions: Number(preemptions), cancels: Number(cancels) }
}

/** The cache comes first. */
export const presets = (): ReadonlyArray<Preset> => {
  const text = readFileSync(join(docs, "testing.md"), "utf8")
  const found: Array<Preset> = []
  let heading = ""
  for (const [, title, code] of text.matchAll(/^#+ (.+)$|^```ts\n([^]*?)^```$/gm)) {
    if (title !== undefined) heading = title
    // fast-check explores by itself, and one block makes a locator of its own.
    if (code === undefined || !code.includes("scenario(") || /fast-check|SourceLocator/.test(code)) continue
    found.push({ title: titles[heading] ?? heading, code, bounds: boundsOf(code) })
  }
  const isCache = ({ title }: Preset) => title === "A cache that hangs"
  if (!found.some(isCache)) throw new Error("docs/testing.md has no block under \"A cache that hangs\"")
  return [...found.filter(isCache), ...found.filter((preset) => !isCache(preset))]
}
