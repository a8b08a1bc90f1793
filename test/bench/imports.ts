/**
 * The CPU time of a cold import: of each entry of the built package, Effect's own, and the peers. Each import runs in a
 * process of its own, without a compile cache.
 *
 * `npm run build && npx tsx test/bench/imports.ts` prints the table.
 */
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { pathToFileURL } from "node:url"
import { median } from "./measure.js"

/** Milliseconds of CPU time, user and system. */
export interface ImportFigure {
  readonly name: string
  readonly median: number
  readonly low: number
  readonly high: number
  /** The median, over the rounds, of this import's time divided by that of `effect/Effect` in the same round. */
  readonly ratio: number
}

interface Module {
  readonly name: string
  readonly url: string
}

const root = new URL("../../", import.meta.url)

/** The entries that package.json names one by one: neither a pattern nor package.json itself. */
const entries = (): ReadonlyArray<Module> => {
  const { exports } = JSON.parse(readFileSync(new URL("package.json", root), "utf8")) as {
    readonly exports: Readonly<Record<string, { readonly default: string } | string | null>>
  }
  return Object.entries(exports).flatMap(([key, target]) => {
    if (key.includes("*") || typeof target !== "object" || target === null) return []
    const url = new URL(target.default, root)
    if (!existsSync(url)) throw new Error(`${url.pathname} does not exist: run npm run build first`)
    return [{ name: `sluice${key.slice(1)}`, url: url.href }]
  })
}

const packaged = (name: string): Module => ({ name, url: import.meta.resolve(name) })

/** `effect/Effect` is measured twice: the distance of the second ratio from 1 is the error of the measurement. */
const modules = (): ReadonlyArray<Module> => [
  packaged("effect/Effect"),
  { ...packaged("effect/Effect"), name: "effect/Effect, again" },
  ...entries(),
  ...["effect", "p-limit", "p-queue", "piscina"].map(packaged)
]

// Node's own start is not counted.
const program = `
const before = process.cpuUsage()
await import(process.argv[1])
const { system, user } = process.cpuUsage(before)
process.stdout.write(String((user + system) / 1000), () => process.exit())
`

// Neither a compile cache nor the options of the parent.
const env = { ...process.env, NODE_COMPILE_CACHE: undefined, NODE_OPTIONS: undefined }

const milliseconds = ({ url }: Module): number =>
  Number(execFileSync(process.execPath, ["--input-type=module", "--eval", program, url], { encoding: "utf8", env }))

/**
 * Imports each module once a round, in an order that turns by one each round. The first round is not counted: it reads
 * the files into the cache of the operating system.
 */
export const measureImports = (rounds = 15): ReadonlyArray<ImportFigure> => {
  const all = modules()
  const times = all.map(() => [] as Array<number>)
  for (let round = -1; round < rounds; round++) {
    for (let i = 0; i < all.length; i++) {
      const at = (i + round + 1) % all.length
      const time = milliseconds(all[at]!)
      if (round >= 0) times[at]!.push(time)
    }
  }
  const [base] = times
  return all.map(({ name }, i) => ({
    name,
    median: median(times[i]!),
    low: Math.min(...times[i]!),
    high: Math.max(...times[i]!),
    ratio: median(times[i]!.map((time, round) => time / base![round]!))
  }))
}

export const importsTable = (figures: ReadonlyArray<ImportFigure>): string =>
  [
    ["ms of CPU time for a cold import", "median", "lowest to highest", "this row / effect/Effect"],
    ["---", "---:", "---:", "---:"],
    ...figures.map(({ high, low, median, name, ratio }) => [
      `\`${name}\``,
      median.toFixed(0),
      `${low.toFixed(0)} to ${high.toFixed(0)}`,
      ratio.toFixed(2)
    ])
  ].map((cells) => `| ${cells.join(" | ")} |`).join("\n")

const [, script = ""] = process.argv
if (pathToFileURL(script).href === import.meta.url) console.log(importsTable(measureImports()))
