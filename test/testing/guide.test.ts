/** The guide shows the message that `check` throws. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { check, CheckFailed } from "sluice/testing"
import { expect, test } from "vitest"
import { twoReaders } from "./cache.js"

const read = (path: string) => readFileSync(join(import.meta.dirname, path), "utf8")

const catchFailed = (f: () => unknown): CheckFailed => {
  try {
    f()
  } catch (error) {
    if (error instanceof CheckFailed) return error
    throw error
  }
  throw new Error("nothing was thrown")
}

test("the message in docs/testing.md is the one that is printed", () => {
  const guide = read("../../docs/testing.md")
  const source = read("cache.ts").replace("import { scenario }", "import { explore, scenario }")
  expect(guide).toContain(source.replace("export const twoReaders", "const twoReaders"))
  const { message } = catchFailed(() => check(twoReaders))
  const [shown = ""] = message.replaceAll("test/testing/cache.ts", "cache.test.ts").split("\n\nA program that shows it")
  expect(guide).toContain(shown.replace(/^(?=.)/gm, "    "))
  const lines = message.split("\n")
  // "a program of forty lines"
  expect(lines.length - lines.findIndex((line) => line.startsWith("// deadlock"))).toBeCloseTo(40, -1)
})
