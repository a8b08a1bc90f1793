/** The parts of the landing page that are made of other pages, and of a run of the cache that they show. */
import { build } from "esbuild"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import type { Exploration, Result, Turn } from "../runtime/exploration.ts"
import { cache, root, site } from "./paths.ts"
import { lazy } from "./runtime.ts"

const read = (path: string) => readFileSync(join(root, path), "utf8")

/** The first TypeScript block of a page below a heading. */
const blockOf = (path: string, heading: string): string => {
  const [, below = ""] = read(path).split(new RegExp(`^#+ ${heading}$`, "m"))
  const block = /^```ts\n[^]*?^```$/m.exec(below)?.[0]
  if (block === undefined) throw new Error(`${path} has no block below "${heading}"`)
  return block
}

/** `<!-- block: PAGE: HEADING -->` becomes that block. */
export const withBlocks = (text: string): string =>
  text.replace(/^<!-- block: (\S+): (.+) -->$/gm, (_, path: string, heading: string) => blockOf(path, heading))

/** A comparison of docs/performance.md. */
export interface Ratio {
  readonly work: string
  readonly against: string
  readonly ratio: number
}

const ratios = (): ReadonlyArray<Ratio> => {
  const [, table = ""] = /<!-- ratios -->([^]*?)<!-- end -->/.exec(read("docs/performance.md")) ?? []
  return [...table.matchAll(/^\| ([^|]+) \| ([^|]+) \| (\d+\.\d+) \|/gm)].map(([, work = "", against = "", ratio]) => ({
    work,
    against,
    ratio: Number(ratio)
  }))
}

const laws = (): number => new Set(read("docs/laws.md").match(/^\| \[[A-Z]\d+\]/gm)).size

/** One turn of the failing run, with its line of the program. */
export interface Step extends Turn {
  readonly name: string
  readonly source: string
}

export interface Landing {
  readonly svg: string
  readonly steps: ReadonlyArray<Step>
  readonly key: string
  readonly kind: string
  readonly run: number
  readonly laws: number
  readonly ratios: ReadonlyArray<Ratio>
}

/** Runs the cache under the kit as the explorer does. Fails if the kit finds no deadlock in it. */
const failureOfCache = async (): Promise<NonNullable<Result["failure"]> & Pick<Landing, "steps">> => {
  const outfile = join(cache, "exploration.mjs")
  await build({
    entryPoints: [join(site, "runtime/exploration.ts")],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    plugins: [lazy],
    banner: { js: "import { createRequire } from \"node:module\"; const require = createRequire(import.meta.url)" },
    logLevel: "warning"
  })
  const { exploration } = await import(pathToFileURL(outfile).href) as {
    readonly exploration: (of: Exploration) => Promise<Result>
  }
  const code = blockOf("docs/testing.md", "A cache that hangs").replace(/^```.*\n?/gm, "")
  const { failure } = await exploration({ code, strategy: "portfolio", realism: "contract", seed: 1 })
  if (failure?.kind !== "deadlock") {
    throw new Error(`the cache of docs/testing.md shows ${failure?.kind ?? "no failure"}`)
  }
  const lines = code.split("\n")
  const steps = failure.turns.map((turn) => ({
    ...turn,
    name: failure.fibers[turn.fiber] ?? "",
    source: turn.kind === "end" ? "" : lines[turn.line - 1]?.trim() ?? ""
  }))
  return { ...failure, steps }
}

export const landing = async (): Promise<Landing> => {
  const { key, kind, run, steps, svg } = await failureOfCache()
  const found = { svg, steps, key, kind, run, laws: laws(), ratios: ratios() }
  if (found.laws === 0 || found.ratios.length === 0) throw new Error("the landing page has no laws or no ratios")
  writeFileSync(join(cache, "landing.json"), JSON.stringify(found))
  return found
}
