/** Properties over workloads of fast-check's, each run under schedules of the kit's. */
import * as fc from "fast-check"
import { check, type CheckOptions, explore, type Realism, type Scenario } from "sluice/testing"
import { describe, expect, test } from "vitest"
import { isWhole, seed, soak, times } from "./seed.js"

export { soak, times }

/**
 * No workload fails under any of the schedules tried. For one that does, fast-check reduces the workload and the kit
 * the schedule, and the error shows both, with the trace.
 */
export const holds = <W>(
  workload: fc.Arbitrary<W>,
  scenarioOf: (workload: W) => Scenario,
  options: { readonly realism: Realism; readonly cancels: number; readonly workloads: number }
): void => {
  const { cancels, realism, workloads } = options
  const property = fc.property(
    workload,
    fc.nat(),
    (workload, seed) =>
      explore(scenarioOf(workload), { seed, realism, cancels, runs: 4, shrink: false }).failure ===
        undefined
  )
  const { counterexample, failed } = fc.check(property, { numRuns: times(workloads) })
  if (!failed) return
  const [least, scheduleSeed] = counterexample!
  const found = `schedule seed ${scheduleSeed}, workload ${JSON.stringify(least)}`
  try {
    check(scenarioOf(least), { seed: scheduleSeed, realism, cancels, runs: 4 })
  } catch (error) {
    throw new Error(`${found}: ${String(error)}`, { cause: error })
  }
  throw new Error(`${found}: failed once, and not again`)
}

// Of the schedules of one scenario, in the order of their enumeration.
const shareOfSchedules = 200

/** How many preemptions and interrupts a schedule may have. */
export interface Bounds {
  readonly preemptions: number
  readonly cancels: number
}

/**
 * The scenario fails under no schedule within the bounds: all of them are tried, or the first of them where few are
 * asked.
 */
export const holdsWithin = (scenario: Scenario, bounds: Bounds, realism: Realism = "contract"): void => {
  const options: CheckOptions = { realism, strategy: { exhaustive: bounds } }
  if (!isWhole) return void check(scenario, { ...options, runs: shareOfSchedules })
  expect(check(scenario, options).exhausted).toBe(true)
}

/** The scenario fails under none of `runs` schedules drawn by chance; `SOAK` times as many with that. */
export const holdsByChance = (scenario: Scenario, { runs, ...options }: CheckOptions & { readonly runs: number }) =>
  void check(scenario, { ...options, seed: seed(), runs: times(runs) })

/**
 * The laws that each scenario checks by itself hold: under every schedule within its bounds, and under `runs` schedules
 * drawn by chance, each with up to three interrupts.
 */
export const lawsOf = (
  scenarios: Readonly<Record<string, Scenario>>,
  { bounds, runs }: { readonly bounds: (name: string) => Bounds; readonly runs: number }
): void => {
  describe("over every schedule within the bounds", () => {
    test.each(Object.entries(scenarios))("%s", (name, scenario) => holdsWithin(scenario, bounds(name)))
  })

  describe("over schedules by chance", () => {
    test.each(Object.entries(scenarios))("%s", (_, scenario) => holdsByChance(scenario, { runs, cancels: 3 }))
  })
}
