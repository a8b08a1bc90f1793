// The counts that vitest reported, as the closing line.
import { readFileSync } from "node:fs"

const { numFailedTests, numPassedTests, numPendingTests, testResults } = JSON.parse(
  readFileSync(process.argv[2], "utf8")
)
// Those need a browser, and there may be none.
const inBrowser = testResults
  .filter(({ name }) => name.endsWith("test/threads/browser.test.ts"))
  .flatMap(({ assertionResults }) => assertionResults)
const withoutBrowser = inBrowser.filter(({ status }) => status === "skipped").length
if (withoutBrowser > 0) console.log(`${withoutBrowser} tests were not run: there is no browser`)
if (numPendingTests > withoutBrowser) {
  console.log(`${numPendingTests - withoutBrowser} tests were skipped`)
  process.exitCode = 1
}
console.log(`${numPassedTests} passed, ${numFailedTests} failed`)
