// The counts that vitest reported, as the closing line: result.js TESTS.
import { existsSync, readFileSync } from "node:fs"

const [file = ""] = process.argv.slice(2)
const tests = existsSync(file)
  ? JSON.parse(readFileSync(file, "utf8"))
  : { numFailedTests: 0, numPassedTests: 0, numPendingTests: 0, testResults: [] }
// Those need a browser, and there may be none.
const inBrowser = tests.testResults
  .filter(({ name }) => name.endsWith("test/threads/browser.test.ts"))
  .flatMap(({ assertionResults }) => assertionResults)
const withoutBrowser = inBrowser.filter(({ status }) => status === "skipped").length
if (withoutBrowser > 0) console.log(`${withoutBrowser} tests were not run: there is no browser`)
if (tests.numPendingTests > withoutBrowser) {
  console.log(`${tests.numPendingTests - withoutBrowser} tests were skipped`)
  process.exitCode = 1
}
console.log(`${tests.numPassedTests} passed, ${tests.numFailedTests} failed`)
