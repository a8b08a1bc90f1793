/** The guide shows the message that `check` throws. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { check, CheckFailed, type Scenario } from "sluice/testing"
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

test("the first test of docs/testing.md fails without its lock, with the message that the page shows", async () => {
  const [, block = ""] = /```ts\n([^]*?)```/.exec(read("../../docs/testing.md")) ?? []
  const broken = block.replace("lock.withPermit(buy)", "buy").replace("const twoCustomers", "export const twoCustomers")
  expect(broken).not.toContain("lock.withPermit")
  const folder = join(import.meta.dirname, "../../node_modules/.cache/sluice-guide")
  mkdirSync(folder, { recursive: true })
  const file = join(folder, "firstTest.ts")
  writeFileSync(file, broken.replace(/^import { test } .*$|^test\(.*$/gm, ""))
  const { twoCustomers } = await import(/* @vite-ignore */ pathToFileURL(file).href) as {
    readonly twoCustomers: Scenario
  }
  const { message } = catchFailed(() => check(twoCustomers))
  expect(message).toMatch(/^expectation: one seat was sold twice\n/)
})

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
