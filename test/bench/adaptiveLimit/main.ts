/**
 * `npm run bench:adaptive-limit` simulates `gradient()` and its peers on all traces, and prints the results for the
 * calls and for the limit. `npm run bench:adaptive-limit -- lognormal closed` takes the traces whose names contain
 * these words.
 */
import { names, simulated, traces } from "./table.js"

const words = process.argv.slice(2)
const chosen = traces.filter(({ name }) => words.every((word) => name.includes(word)))
const row = (cells: ReadonlyArray<string>) => console.log(`| ${cells.join(" | ")} |`)

row(["trace", "capacity", ...names.map((name) => `${name}, ms`), "/ Gradient2", "worst", "limit / optimum", "swing"])
row(["---", ...Array.from({ length: names.length + 5 }, () => "---:")])
for (const one of chosen) {
  for (const { calls, capacity, high, limit, low, ratio, trace, worst } of simulated(one)) {
    row([
      trace,
      String(capacity),
      ...calls.map((call) => call.toFixed(1)),
      ratio.toFixed(2),
      worst.toFixed(2),
      limit.toFixed(2),
      `${low.toFixed(2)} to ${high.toFixed(2)}`
    ])
  }
}
