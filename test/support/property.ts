/** Properties over workloads of fast-check's, each run under schedules of the kit's. */
import * as fc from "fast-check"
import { check, explore, type Realism, type Scenario } from "sluice/testing"

/** How many runs a property gets. `SOAK=10 npm test` runs ten times as many. */
export const soak = Number(process.env["SOAK"] ?? 1)

/**
 * No workload fails under any of the schedules tried. One that does is reduced, by fast-check the workload and by the
 * kit the schedule, and told with its trace.
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
  const { counterexample, failed, seed } = fc.check(property, { numRuns: workloads * soak })
  if (!failed || counterexample === null) return
  const [least, scheduleSeed] = counterexample
  try {
    check(scenarioOf(least), { seed: scheduleSeed, realism, cancels, runs: 4 })
  } catch (error) {
    throw new Error(`fast-check seed ${seed}, workload ${JSON.stringify(least)}: ${String(error)}`, { cause: error })
  }
}
