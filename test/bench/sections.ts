/** The measurements that are not works: each has its process, its place in docs/performance.json and its tables. */
import type { Simulated } from "./adaptiveLimit/table.js"
import { type Growth, sizes } from "./growth.js"
import { importsTable, measureImports } from "./imports.js"
import type { Fairness, Latency } from "./latency.js"
import { build, measureApart } from "./processes.js"
import type { Results } from "./results.js"
import type { Steps } from "./steps.js"
import * as tables from "./tables.js"
import type { Threads } from "./threads.js"

const youngHeap = ["--min-semi-space-size=512", "--max-semi-space-size=512"]

interface Section<Result> {
  readonly measure: () => Result
  readonly tables: (result: Result) => ReadonlyArray<string>
}

/** Everything in docs/performance.json but the works and their surroundings. */
type Measured = Omit<Results, "machine" | "versions" | "go" | "works">

export const sections: { readonly [Name in keyof Measured]: Section<Measured[Name]> } = {
  steps: {
    // With a young heap of this size no object moves or is collected, so that all of them can be counted.
    measure: () => measureApart<ReadonlyArray<Steps>>("steps", { options: youngHeap }),
    tables: (steps) => [tables.stepsTable({ steps })]
  },
  growth: {
    measure: () => ({ sizes, all: measureApart<ReadonlyArray<Growth>>("growth"), map: measureApart<number>("map") }),
    tables: (growth) => [tables.growthTable({ growth }), tables.heapsTable({ growth }), tables.memoryTable({ growth })]
  },
  latency: {
    measure: () => measureApart<ReadonlyArray<Latency>>("latency"),
    tables: (latency) => [tables.latencyTable({ latency })]
  },
  fairness: {
    measure: () => measureApart<ReadonlyArray<Fairness>>("fairness"),
    tables: (fairness) => [tables.fairnessTable({ fairness })]
  },
  threads: {
    measure: () => measureApart<Threads>("threads"),
    tables: (threads) => [tables.threadTimesTable({ threads }), tables.scalingTable({ threads })]
  },
  simulation: {
    measure: () => measureApart<ReadonlyArray<Simulated>>("simulation"),
    tables: (simulation) => [tables.simulationTable({ simulation })]
  },
  imports: {
    // Each import has a process of its own.
    measure: () => {
      build()
      return measureImports()
    },
    tables: (imports) => [importsTable(imports)]
  }
}

/** Measures a section, prints its tables and returns its place in the results. */
export const measureSection = <Name extends keyof Measured>(name: Name): Pick<Measured, Name> => {
  const result = sections[name].measure()
  for (const table of sections[name].tables(result)) console.log(`\n${table}`)
  // TypeScript widens a computed key to string.
  return { [name]: result } as Pick<Measured, Name>
}
