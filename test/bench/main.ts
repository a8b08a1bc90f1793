/**
 * Measures everything, beside the peers, and writes what it finds into docs/performance.md, its charts, and
 * docs/performance.json. `npm run bench` takes some six minutes; `npm run bench -- pool-submit cancel` measures only
 * these works, prints them, and writes nothing.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { type Growth, sizes } from "./growth.js"
import type { Fairness, Latency } from "./latency.js"
import type { Figure } from "./measure.js"
import { chartsOf, pageOf } from "./page.js"
import { type GoFigure, measureApart, measureGo, prepare } from "./processes.js"
import { machineOf, type Results, versionsOf, type WorkResult } from "./results.js"
import type { Steps } from "./steps.js"
import * as tables from "./tables.js"
import type { Threads } from "./threads.js"
import { works } from "./works/index.js"

const only = process.argv.slice(2)
const ids = [...works.map(({ id }) => id), "threads"]
const wrong = only.find((id) => !ids.includes(id))
if (wrong !== undefined) {
  console.error(`there is no work ${JSON.stringify(wrong)}; there are ${ids.join(", ")}`)
  process.exit(1)
}
const chosen = only.length === 0 ? works : works.filter(({ id }) => only.includes(id))
const began = performance.now()
let done = 0
const steps = chosen.length + (only.length === 0 ? 7 : only.includes("threads") ? 1 : 0)

const step = <T>(name: string, run: () => T): T => {
  const seconds = ((performance.now() - began) / 1_000).toFixed(0)
  console.error(`[${++done}/${steps}] ${name} (${seconds} s so far)`)
  return run()
}

const youngHeap = ["--min-semi-space-size=512", "--max-semi-space-size=512"]

prepare()
const go = only.length === 0 ? step("Go", measureGo) : "not asked for"
const goFigures: ReadonlyArray<GoFigure> = typeof go === "string" ? [] : go.figures
if (typeof go === "string") console.error(`without Go: ${go}`)

const results = chosen.map(({ goals, id, items, title, what }): WorkResult => {
  const measured = step(title, () => measureApart<ReadonlyArray<Figure>>(id))
  const figures = [...measured, ...goFigures.filter(({ work }) => work === id)]
  const result = { id, title, what, items, goals, figures }
  console.log(`\n${[title, tables.workTable(result), ...tables.goalsOf(result)].join("\n\n")}\n`)
  return result
})

const measureThreads = () => step("threads", () => measureApart<Threads>("threads"))
const threadTables = [tables.threadTimesTable, tables.scalingTable]

if (only.includes("threads")) {
  const threads = measureThreads()
  for (const table of threadTables) console.log(`\n${table({ threads })}`)
}

if (only.length === 0) {
  const all: Results = {
    machine: machineOf(),
    versions: { ...versionsOf(), ...(typeof go === "string" ? {} : { go: go.version }) },
    go: typeof go === "string" ? go : undefined,
    works: results,
    // New objects then stay where they are made, and can be counted.
    steps: step("steps", () => measureApart<ReadonlyArray<Steps>>("steps", { options: youngHeap })),
    growth: { sizes, all: step("growth", () => measureApart<ReadonlyArray<Growth>>("growth")) },
    map: step("map", () => measureApart<number>("map")),
    latency: step("latency", () => measureApart<ReadonlyArray<Latency>>("latency")),
    fairness: step("fairness", () => measureApart<ReadonlyArray<Fairness>>("fairness")),
    threads: measureThreads()
  }
  for (
    const table of [
      tables.stepsTable,
      tables.growthTable,
      tables.heapsTable,
      tables.memoryTable,
      tables.latencyTable,
      tables.fairnessTable,
      ...threadTables,
      tables.goalsTable
    ]
  ) {
    console.log(`\n${table(all)}`)
  }
  write(all)
}

function write(all: Results): void {
  const docs = new URL("../../docs/", import.meta.url)
  mkdirSync(new URL("performance/", docs), { recursive: true })
  for (const [name, chart] of chartsOf(all)) writeFileSync(new URL(`performance/${name}`, docs), chart)
  const page = new URL("performance.md", docs)
  writeFileSync(page, pageOf(readFileSync(page, "utf8"), all))
  writeFileSync(new URL("performance.json", docs), `${JSON.stringify(all, undefined, 2)}\n`)
}
