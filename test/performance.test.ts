/** `docs/performance.md` and its charts are made of `docs/performance.json`. */
import { readFileSync } from "node:fs"
import { pathToFileURL } from "node:url"
import { expect, test } from "vitest"

const root = pathToFileURL(`${import.meta.dirname}/../`)
const read = (file: string) => readFileSync(new URL(file, root), "utf8")
// Not by its types, which need the peers that only the benchmarks install.
const { chartsOf, pageOf } = await import(new URL("test/bench/page.ts", root).href) as {
  readonly pageOf: (text: string, all: unknown) => string
  readonly chartsOf: (all: unknown) => ReadonlyArray<readonly [name: string, text: string]>
}
const { goals } = await import(new URL("test/bench/goals.ts", root).href) as {
  readonly goals: ReadonlyArray<{
    readonly work: string
    readonly against: string
    readonly measured: (all: unknown) => number | undefined
  }>
}
const all: unknown = JSON.parse(read("docs/performance.json"))

test("docs/performance.md shows the figures of docs/performance.json", () => {
  const page = read("docs/performance.md")
  expect(pageOf(page, all)).toBe(page)
})

test("the page and the benchmarks have the same charts", () => {
  const shown = [...read("docs/performance.md").matchAll(/!\[\]\((performance\/.*?)\)/g)].map(([, file]) => file!)
  expect(shown.toSorted()).toEqual(chartsOf(all).map(([name]) => `performance/${name}`).toSorted())
  for (const [name, chart] of chartsOf(all)) expect(read(`docs/performance/${name}`)).toBe(chart)
})

test("every goal names figures of docs/performance.json", () => {
  for (const { against, measured, work } of goals) expect(measured(all), `${work}, ${against}`).toBeGreaterThan(0)
})

test("the page shows no goal", () => {
  expect(read("docs/performance.md")).not.toMatch(/\bgoals?\b/i)
})
