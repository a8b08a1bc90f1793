/**
 * What effect 4.1.0's own modules do under the kit, and that it is still so. A failure here after an upgrade of effect
 * is news, good or bad: look at the verdict, change `expected`, and make docs/effect-modules.md again.
 */
import { readFileSync } from "node:fs"
import * as path from "node:path"
import { explore, type Realism } from "sluice/testing"
import { describe, expect, test, vi } from "vitest"
import { effectVersion, type ModuleScenario, programs, scenarios } from "./effect-modules.js"

const root = path.resolve(import.meta.dirname, "../..")
const titled = scenarios.map((scenario) => [`${scenario.module}: ${scenario.name}`, scenario] as const)

test(`the verdicts are about the effect that is installed, ${effectVersion}`, () => {
  const manifest = readFileSync(path.join(root, "node_modules/effect/package.json"), "utf8")
  expect(JSON.parse(manifest)).toMatchObject({ version: effectVersion })
})

const weaker: Record<Realism, Realism | undefined> = {
  suspension: undefined,
  nested: "suspension",
  contract: "nested",
  scheduler: "contract",
  any: "scheduler"
}

/** The same with less power over the runtime. Not exhaustive: that would interrupt at any operation all the same. */
const within = ({ scenario }: ModuleScenario, realism: Realism) =>
  explore(scenario, { strategy: "portfolio", realism, runs: 500 })

describe("each scenario ends as is written down", () => {
  test.each(titled)("%s", (_, self) => {
    const { expected, options, scenario } = self
    const { exhausted, failure } = explore(scenario, options)
    if (expected === "holds") {
      expect(failure).toBe(undefined)
      // A strategy that is to run every schedule has done so: the bounds are chosen for that.
      expect(exhausted).toBe(typeof options.strategy === "object")
      return
    }
    expect(failure).toMatchObject({ kind: expected.kind, message: expected.message, realism: expected.realism })
    const less = weaker[expected.realism]
    if (less !== undefined) expect(within(self, less).failure).toBe(undefined)
  })
})

describe("on the stock runtime, without the kit", () => {
  test.each(programs.map(({ file, prints }) => [file, prints]))("%s", async (file, prints) => {
    const log = vi.spyOn(console, "log").mockImplementation(() => {})
    try {
      await import(`./effect-modules/${file}.ts`)
      expect(log.mock.calls).toEqual([[prints]])
    } finally {
      log.mockRestore()
    }
  })
})

test("the page has every scenario, with its verdict", () => {
  const page = readFileSync(path.join(root, "docs/effect-modules.md"), "utf8")
  for (const { expected, module, name } of scenarios) {
    const row = page.split("\n").find((line) => line.startsWith(`| ${module} | ${name} |`))
    const verdict = expected === "holds" ? "| holds |" : `| ${expected.message} | ${expected.realism} |`
    expect(row).toContain(verdict)
    if (expected !== "holds") {
      expect(row).toContain(expected.program ? `${expected.program.file}.ts` : "only under the kit")
    }
  }
})
