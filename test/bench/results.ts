import { readFileSync } from "node:fs"
import { cpus } from "node:os"
import type { Simulated } from "./adaptiveLimit/table.js"
import type { Growth } from "./growth.js"
import type { ImportFigure } from "./imports.js"
import type { Fairness, Latency } from "./latency.js"
import { againOf, type Figure } from "./measure.js"
import type { Steps } from "./steps.js"
import type { Threads } from "./threads.js"
import type { Work } from "./work.js"

export interface WorkResult extends Omit<Work, "contenders"> {
  readonly figures: ReadonlyArray<Figure>
}

/** The figures of one run of the benchmarks: docs/performance.json. */
export interface Results {
  readonly machine: string
  readonly versions: Readonly<Record<string, string>>
  /** Why there are no figures of Go, if there are none. */
  readonly go: string | undefined
  readonly works: ReadonlyArray<WorkResult>
  readonly steps: ReadonlyArray<Steps>
  readonly growth: {
    readonly sizes: ReadonlyArray<number>
    readonly all: ReadonlyArray<Growth>
    /** The most that a million jobs of `map` hold, in bytes. */
    readonly map: number
  }
  readonly latency: ReadonlyArray<Latency>
  readonly fairness: ReadonlyArray<Fairness>
  readonly threads: Threads
  readonly simulation: ReadonlyArray<Simulated>
  readonly imports: ReadonlyArray<ImportFigure>
}

const versionIn = (folder: string, name: string): string =>
  (JSON.parse(readFileSync(new URL(`${folder}node_modules/${name}/package.json`, import.meta.url), "utf8")) as {
    readonly version: string
  }).version

export const versionsOf = (): Record<string, string> => ({
  node: process.version,
  effect: versionIn("../../", "effect"),
  ...Object.fromEntries(
    ["p-limit", "p-map", "p-queue", "async-mutex", "async-sema", "bottleneck", "piscina", "tinypool"].map(
      (name) => [name, versionIn("./", name)]
    )
  )
})

export const machineOf = (): string => `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}`

const figureOf = ({ works }: Pick<Results, "works">, id: string, name: string): Figure | undefined =>
  works.find((work) => work.id === id)?.figures.find((figure) => figure.name === name)

/**
 * The time of the work's first contender, or of the contender `of`, divided by the time of `against`. Undefined if one
 * of them was not measured: Go may be absent.
 */
export const ratioOf = (
  all: Pick<Results, "works">,
  work: string,
  against: string,
  of?: string
): number | undefined => {
  const ratio = figureOf(all, work, against)?.ratio
  const own = of === undefined ? 1 : figureOf(all, work, of)?.ratio
  return ratio === undefined || own === undefined ? undefined : ratio / own
}

/** The null test of a work: the ratio of its first contender against itself. */
export const noiseOf = ({ figures }: Pick<WorkResult, "figures">): number =>
  figures.find(({ name }) => name === againOf(figures[0]!.name))!.ratio

const bytesOf = ({ growth: { all, sizes } }: Pick<Results, "growth">, name: string): number =>
  all.find((one) => one.name === name)!.heaps[sizes.indexOf(100_000)]!

/** The heap of a fiber that waits for a permit, beyond that of a suspended fiber. */
export const waiterBytes = (all: Pick<Results, "growth">): number =>
  bytesOf(all, "waiting for permits") - bytesOf(all, "suspended fibers, no semaphore")

/** The heap of a job in the queue of a pool. */
export const jobBytes = (all: Pick<Results, "growth">): number => bytesOf(all, "queued jobs, returned")
