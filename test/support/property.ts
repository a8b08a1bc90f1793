/** Properties over workloads of fast-check's, each run under schedules of the kit's. */
import * as fc from "fast-check"
import { check, type CheckOptions, explore, type Realism, type Scenario } from "sluice/testing"
import { seed, soak } from "./seed.js"

export { soak }

/**
 * No workload fails under any of the schedules tried. For one that does, fast-check reduces the workload and the kit the
 * schedule, and the error shows both, with the trace.
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
  const { counterexample, failed } = fc.check(property, { numRuns: Math.ceil(workloads * soak) })
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

/** The scenario fails under none of `runs` schedules drawn by chance; `SOAK` times as many with that. */
export const holdsByChance = (scenario: Scenario, { runs, ...options }: CheckOptions & { readonly runs: number }) =>
  void check(scenario, { ...options, seed: seed(), runs: Math.ceil(runs * soak) })
