/** One process measures one thing. The last line that it prints is the result as JSON. */
import { measureSimulation } from "./adaptiveLimit/table.js"
import { measureGrowth, measureMap } from "./growth.js"
import { measureFairness, measureLatency } from "./latency.js"
import { measure, type Rounds } from "./measure.js"
import { measureSteps } from "./steps.js"
import { measureThreads } from "./threads.js"
import { works } from "./works/index.js"

/** The second argument of the process, as JSON. */
export interface Asked extends Rounds {
  /** The contenders besides the first. Default: all. */
  readonly only?: ReadonlyArray<string>
}

const [what = "", json = "{}"] = process.argv.slice(2)

const others: Record<string, () => Promise<unknown>> = {
  steps: measureSteps,
  growth: measureGrowth,
  map: measureMap,
  latency: measureLatency,
  fairness: measureFairness,
  threads: measureThreads,
  simulation: measureSimulation
}

const work = works.find(({ id }) => id === what)

const measureWork = async ({ contenders, ...rest }: NonNullable<typeof work>) => {
  const { only, ...rounds } = JSON.parse(json) as Asked
  const chosen = contenders.filter(({ name }, i) => i === 0 || only === undefined || only.includes(name))
  return measure(chosen, rest, rounds)
}

console.log(JSON.stringify(await (work === undefined ? others[what]?.() : measureWork(work))))
