/** docs/performance.md and its charts, made of results. */
import * as charts from "./charts.js"
import { importsTable } from "./imports.js"
import type { Results } from "./results.js"
import * as tables from "./tables.js"

const partsOf = (all: Results): Readonly<Record<string, string>> => {
  const versions = Object.entries(all.versions).map((pair) => pair.join(" ")).join(", ")
  return {
    machine: `Measured on ${all.machine}, with ${versions}.`,
    ratios: tables.ratiosTable(all),
    noise: tables.noiseTable(all),
    simulation: tables.simulationTable(all),
    imports: importsTable(all.imports),
    memory: tables.memoryTable(all),
    steps: tables.stepsTable(all),
    latency: tables.latencyTable(all),
    fairness: tables.fairnessTable(all),
    "thread-times": tables.threadTimesTable(all),
    "thread-scaling": tables.scalingTable(all),
    growth: `![](performance/growth.svg)\n\n${tables.growthTable(all)}`,
    heaps: tables.heapsTable(all),
    ...Object.fromEntries(
      all.works.map((work) => [
        work.id,
        `${work.what}\n\n![](performance/${work.id}.svg)\n\n${tables.workTable(work)}`
      ])
    )
  }
}

/** The page with new figures between each mark and its end. People write the words around them. */
export const pageOf = (text: string, all: Results): string => {
  const parts = partsOf(all)
  return text.replaceAll(
    /(<!-- (\S+) -->\n)[^]*?(<!-- end -->)/g,
    (whole, mark: string, id: string, end: string) =>
      parts[id] === undefined ? whole : `${mark}\n${parts[id]}\n\n${end}`
  )
}

/** The charts: the name of each file, with its text. */
export const chartsOf = ({ growth: { all, sizes }, works }: Results): ReadonlyArray<readonly [string, string]> => [
  ["growth.svg", charts.lines("Time per item", sizes, all)],
  ...works.map(({ figures, id, title }) => [`${id}.svg`, charts.bars(title, figures)] as const)
]
