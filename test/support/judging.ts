import * as fc from "fast-check"
import { explore } from "sluice/testing"
import { seed, soak } from "./seed.js"
import { type Break, judging, type Tally, workload } from "./waiting.js"

/** The targets of weak references stay in memory until the event loop has its turn. */
const aTurn = () => new Promise((resolve) => setImmediate(resolve))

/** In milliseconds, of one test. */
export const patience = 240_000 * Math.max(1, soak)

/** Runs random programs, each under three schedules, up to the first that fails. */
export const judge = async (
  programs: number,
  breaks?: Break,
  workloads = workload,
  closures = false
): Promise<{ readonly tally: Tally; readonly failure: string | undefined }> => {
  const tally: Tally = { programs: 0, deadlocked: 0 }
  let tried = 0
  const property = fc.asyncProperty(workloads, fc.nat(), async (workload, seed) => {
    if (tried++ % 20 === 0) await aTurn()
    const { failure } = explore(judging(workload, tally, { breaks, closures }), { seed, runs: 2, shrink: false })
    if (failure !== undefined) throw new Error(failure.message)
  })
  const { counterexample, errorInstance, failed } = await fc.check(property, {
    numRuns: programs,
    seed: seed(),
    endOnFailure: breaks !== undefined,
    // To shrink a large program may take an hour.
    interruptAfterTimeLimit: patience * 0.9,
    markInterruptAsFailure: true
  })
  return { tally, failure: failed ? `${String(errorInstance)}: ${JSON.stringify(counterexample)}` : undefined }
}
