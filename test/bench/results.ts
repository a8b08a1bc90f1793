import { readFileSync } from "node:fs"
import { cpus } from "node:os"
import type { Growth } from "./growth.js"
import type { Fairness, Latency } from "./latency.js"
import type { Figure } from "./measure.js"
import type { Steps } from "./steps.js"
import type { Threads } from "./threads.js"
import type { Work } from "./work.js"

export interface WorkResult extends Omit<Work, "contenders"> {
  readonly figures: ReadonlyArray<Figure>
}

/** All that one run of the benchmarks has measured. It is docs/performance.json. */
export interface Results {
  readonly machine: string
  readonly versions: Readonly<Record<string, string>>
  /** Why there are no figures of Go, if there are none. */
  readonly go: string | undefined
  readonly works: ReadonlyArray<WorkResult>
  readonly steps: ReadonlyArray<Steps>
  readonly growth: { readonly sizes: ReadonlyArray<number>; readonly all: ReadonlyArray<Growth> }
  /** The most that a million jobs of `map` hold, in bytes. */
  readonly map: number
  readonly latency: ReadonlyArray<Latency>
  readonly fairness: ReadonlyArray<Fairness>
  readonly threads: Threads
}

const versionIn = (folder: string, name: string): string =>
  (JSON.parse(readFileSync(new URL(`${folder}node_modules/${name}/package.json`, import.meta.url), "utf8")) as {
    readonly version: string
  }).version

export const versionsOf = (): Record<string, string> => ({
  node: process.version,
  effect: versionIn("../../", "effect"),
  ...Object.fromEntries(
    ["p-limit", "p-queue", "async-mutex", "async-sema", "bottleneck", "piscina", "tinypool"].map(
      (name) => [name, versionIn("./", name)]
    )
  )
})

export const machineOf = (): string => `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}`

export interface Verdict {
  readonly against: string
  readonly ratio: number
  readonly goal: number
  readonly met: boolean
}

/** How the goals of a work are met: `ratio` is sluice's time over the other one's. */
export const verdictsOf = ({ figures, goals }: Pick<WorkResult, "figures" | "goals">): ReadonlyArray<Verdict> =>
  goals.map(({ against, ratio: goal }) => {
    const ratio = figures[0]!.median / figures.find(({ name }) => name === against)!.median
    return { against, ratio, goal, met: ratio <= goal }
  })
