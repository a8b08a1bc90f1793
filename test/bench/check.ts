/**
 * `npm run bench:check` compares the figures of docs/performance.json with the project's goals. With `--strict` it
 * exits with 1 if a goal is missed.
 */
import { readFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { goals } from "./goals.js"
import type { Results } from "./results.js"
import { table } from "./tables.js"

const { values: { strict } } = parseArgs({ options: { strict: { type: "boolean", default: false } } })
// The benchmarks write the file.
const all = JSON.parse(readFileSync(new URL("../../docs/performance.json", import.meta.url), "utf8")) as Results

const number = (value: number): string => value.toLocaleString("en", { maximumFractionDigits: 2 })
const verdicts = goals.map((goal) => {
  const measured = goal.measured(all)
  return { ...goal, measured, met: measured !== undefined && measured <= goal.atMost }
})
const rows = verdicts.map(({ against, atMost, measured, met, work }) => [
  work,
  against,
  number(atMost),
  measured === undefined ? "not measured" : number(measured),
  met ? "met" : "MISSED"
])
console.log(table(["work", "against", "goal, at most", "measured", ""], rows))
const missed = verdicts.filter(({ met }) => !met).length
console.log(`\n${missed} of ${goals.length} goals are missed.`)
if (strict && missed > 0) process.exitCode = 1
