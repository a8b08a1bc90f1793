// The counts that vitest reported, as the closing line, and at least one failure if a step failed:
// result.js CODE TESTS...
import { existsSync, readFileSync } from "node:fs"

const [code, ...files] = process.argv.slice(2)
const reports = files.filter(existsSync).map((file) => JSON.parse(readFileSync(file, "utf8")))
const sum = (count) => reports.reduce((total, report) => total + report[count], 0)
const skipped = reports
  .flatMap(({ testResults }) => testResults)
  .flatMap(({ assertionResults, name }) => assertionResults.map(({ status }) => ({ name, status })))
  .filter(({ status }) => status === "skipped" || status === "pending")
// Those need a browser, and there may be none.
const isInBrowser = ({ name }) => name.endsWith("test/threads/browser.test.ts")
const withoutBrowser = skipped.filter(isInBrowser).length
if (withoutBrowser > 0) console.log(`${withoutBrowser} tests were not run: there is no browser`)
if (skipped.length > withoutBrowser) {
  console.log(`${skipped.length - withoutBrowser} tests were skipped`)
  process.exitCode = 1
}
console.log(`${sum("numPassedTests")} passed, ${Math.max(sum("numFailedTests"), code === "0" ? 0 : 1)} failed`)
