// The counts that vitest reported, as the closing line.
import { readFileSync } from "node:fs"

const { numFailedTests, numPassedTests, numPendingTests } = JSON.parse(readFileSync(process.argv[2], "utf8"))
if (numPendingTests > 0) {
  console.log(`${numPendingTests} tests were skipped`)
  process.exitCode = 1
}
console.log(`${numPassedTests} passed, ${numFailedTests} failed`)
