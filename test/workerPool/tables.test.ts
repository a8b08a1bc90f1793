/** The tables of states in the docs are those that the code checks each step against. */
import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import {
  jobPhases,
  jobTransitions,
  poolTransitions,
  step,
  type Transitions,
  workerTransitions
} from "../../src/internal/workerPool/states.js"

const stepsOf = (transitions: Transitions<string>) =>
  Object.entries(transitions).flatMap(([from, tos]) => tos.map((to) => `${from} -> ${to}`)).toSorted()

/** The steps of a table whose first two columns are states. A row may name several that follow. */
const tableOf = (file: string, title: string) => {
  const docs = readFileSync(file, "utf8")
  const table = docs.slice(docs.indexOf(title)).split("\n\n")[0]!
  const rows = [...table.matchAll(/^\| `(\w+)` +\| (`[^|]+) \|/gm)]
  return rows.flatMap(([, from, tos]) => [...tos!.matchAll(/`(\w+)`/g)].map(([, to]) => `${from} -> ${to}`)).toSorted()
}

test.each(
  [
    ["pool", "docs/services.md", "| from ", poolTransitions],
    ["job", "docs/internals.md", "| phase of a job ", jobTransitions],
    ["worker", "docs/internals.md", "| state of a worker ", workerTransitions]
  ] as const
)("the docs have the %s's table", (_, file, title, transitions) => {
  expect(tableOf(file, title)).toEqual(stepsOf(transitions))
})

test("a step that the table does not have is an error that names both states", () => {
  expect(step("job", jobPhases.offered, jobPhases.queued)).toBe(jobPhases.queued)
  expect(() => step("job", jobPhases.succeeded, jobPhases.queued)).toThrow(
    "WorkerPool: a job that is succeeded cannot become queued"
  )
})
