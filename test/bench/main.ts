/**
 * `npm run bench` measures everything, compared with the peers, and writes docs/performance.md, its charts and
 * docs/performance.json. `npm run bench -- pool-submit latency` measures these works and sections, prints them and
 * writes nothing. `npm run bench:quick` measures the comparisons of the page's first table in three minutes, and writes
 * nothing.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { comparedIn } from "./compared.js"
import type { Figure } from "./measure.js"
import { chartsOf, pageOf } from "./page.js"
import { type GoFigure, measureApart, measureGo, prepare } from "./processes.js"
import { machineOf, type Results, versionsOf, type WorkResult } from "./results.js"
import { measureSection, sections } from "./sections.js"
import * as tables from "./tables.js"
import type { Work } from "./work.js"
import { works } from "./works/index.js"

const { positionals: only, values: { quick } } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: "boolean", default: false } }
})
// The keys are literals in sections.ts.
const sectionNames = Object.keys(sections) as ReadonlyArray<keyof typeof sections>
const ids = [...works.map(({ id }) => id), ...sectionNames]
const wrong = only.find((id) => !ids.includes(id))
if (wrong !== undefined) {
  console.error(`bench: no work or section ${JSON.stringify(wrong)}; there are ${ids.join(", ")}`)
  process.exit(1)
}
const whole = only.length === 0 && !quick
const isChosen = (id: string): boolean => only.length === 0 || only.includes(id)
const chosen = works.filter(({ id }) => isChosen(id) && (!quick || comparedIn(id).length > 0))
const chosenSections = quick ? [] : sectionNames.filter(isChosen)

const began = performance.now()
let done = 0
const steps = chosen.length + chosenSections.length + (whole ? 1 : 0)

const step = <T>(name: string, run: () => T): T => {
  const seconds = ((performance.now() - began) / 1_000).toFixed(0)
  console.error(`[${++done}/${steps}] ${name} (${seconds} s so far)`)
  return run()
}

const measureWork = ({ clock, id, items, title, what }: Work, go: ReadonlyArray<GoFigure>): WorkResult => {
  const asked = quick ? { only: comparedIn(id), rounds: 5, warmUp: 2 } : {}
  const measured = step(title, () => measureApart<ReadonlyArray<Figure>>(id, asked))
  // Go has a process of its own, so that its rounds are no pairs with those of the first contender.
  const ofGo = go.filter(({ work }) => work === id).map(({ figure }) => ({
    ...figure,
    ratio: measured[0]!.median / figure.median
  }))
  const result = { id, title, what, items, clock, figures: [...measured, ...ofGo] }
  if (!quick) console.log(`\n${title}\n\n${tables.workTable(result)}\n`)
  return result
}

prepare()
const go = whole ? step("Go", measureGo) : "not asked for"
if (whole && typeof go === "string") console.error(`without Go: ${go}`)
const measured = chosen.map((work) => measureWork(work, typeof go === "string" ? [] : go.figures))
const summary = [tables.ratiosTable({ works: measured }), tables.noiseTable({ works: measured })]

if (whole) {
  const results: Results = {
    machine: machineOf(),
    versions: { ...versionsOf(), ...(typeof go === "string" ? {} : { go: go.version }) },
    go: typeof go === "string" ? go : undefined,
    works: measured,
    ...step("steps", () => measureSection("steps")),
    ...step("growth", () => measureSection("growth")),
    ...step("latency", () => measureSection("latency")),
    ...step("fairness", () => measureSection("fairness")),
    ...step("threads", () => measureSection("threads")),
    ...step("simulation", () => measureSection("simulation")),
    ...step("imports", () => measureSection("imports"))
  }
  write(results)
} else {
  for (const name of chosenSections) step(name, () => measureSection(name))
}
if (measured.length > 0) console.log(`\n${summary.join("\n\n")}`)
console.error(`${((performance.now() - began) / 1_000).toFixed(0)} s in all`)

function write(all: Results): void {
  const docs = new URL("../../docs/", import.meta.url)
  mkdirSync(new URL("performance/", docs), { recursive: true })
  for (const [name, chart] of chartsOf(all)) writeFileSync(new URL(`performance/${name}`, docs), chart)
  const page = new URL("performance.md", docs)
  writeFileSync(page, pageOf(readFileSync(page, "utf8"), all))
  writeFileSync(new URL("performance.json", docs), `${JSON.stringify(all, undefined, 2)}\n`)
}
