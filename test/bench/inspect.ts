/**
 * `npm run bench:inspect`: what `sluice/inspect` costs while somebody watches, while nobody does, and next to a build
 * without the checks of the watch (I5). Prints Markdown.
 *
 * Each way has processes of its own, which take turns: two builds in one process would share what the compiler learns
 * about Effect. A row has the medians of the processor times, in nanoseconds, and of the ratios within each turn.
 */
import { build, type Plugin } from "esbuild"
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { cpus } from "node:os"
import { fileURLToPath } from "node:url"
import { median } from "./measure.js"

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const turns = Number(process.argv[2] ?? 15)

/** Takes the checks of the watch out of the sources. */
const unwatched = (): { readonly plugin: Plugin; readonly found: () => number } => {
  let found = 0
  const plugin: Plugin = {
    name: "without the watch",
    setup: (build) => {
      build.onLoad({ filter: /[\\/]src[\\/]internal[\\/].*\.ts$/ }, ({ path }) => {
        const contents = readFileSync(path, "utf8")
          .replaceAll(/\bwatch !== undefined\b/g, () => (found++, "false"))
          .replaceAll(/\bwatch === undefined\b/g, () => (found++, "true"))
          .replaceAll(/\b(?:watch|inspecting)\?\.appeared\(this\)/g, () => (found++, "void 0"))
        return { contents, loader: "ts" }
      })
    }
  }
  return { plugin, found: () => found }
}

const bundle = (name: string, plugins: Array<Plugin>) =>
  build({
    entryPoints: [path("works/inspect.ts")],
    outfile: path(`node_modules/.cache/${name}.mjs`),
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    logLevel: "warning",
    plugins
  })

const without = unwatched()
await bundle("inspect-with", [])
await bundle("inspect-without", [without.plugin])
if (without.found() < 8) throw new Error(`bench:inspect: ${without.found()} checks of the watch found`)

type Times = Readonly<Record<string, number>>
const measure = (name: string, mode: "watched" | "unwatched"): Times => {
  const options = ["--expose-gc", path(`node_modules/.cache/${name}.mjs`), mode]
  return JSON.parse(execFileSync(process.execPath, options, { encoding: "utf8" })) as Times
}

const rounds: Array<{ readonly without: Times; readonly unwatched: Times; readonly watched: Times }> = []
for (let turn = 0; turn < turns; turn++) {
  console.error(`turn ${turn + 1} of ${turns}`)
  const [one, other] = turn % 2 === 0
    ? [measure("inspect-without", "unwatched"), measure("inspect-with", "unwatched")]
    : [measure("inspect-with", "unwatched"), measure("inspect-without", "unwatched")].toReversed() as [Times, Times]
  rounds.push({ without: one, unwatched: other, watched: measure("inspect-with", "watched") })
}

const of = (way: keyof (typeof rounds)[number], work: string): number =>
  median(rounds.map((round) => round[way][work] ?? NaN))
const ratio = (way: "unwatched" | "watched", work: string): string =>
  median(rounds.map((round) => (round[way][work] ?? NaN) / (round.without[work] ?? NaN))).toFixed(2)

console.log(`Node ${process.version}, ${cpus()[0]?.model ?? "an unknown processor"}, ${turns} turns\n`)
console.log("| operation | without, ns | not watched | watched |\n| --- | ---: | ---: | ---: |")
for (const work of Object.keys(rounds[0]?.without ?? {})) {
  console.log(
    `| ${work} | ${of("without", work).toFixed(0)} | ${ratio("unwatched", work)} | ${ratio("watched", work)} |`
  )
}
