/** What one process measures; its result is the last line that it prints, as JSON. */
import { measureGrowth, measureMap } from "./growth.js"
import { measureFairness, measureLatency } from "./latency.js"
import { measure } from "./measure.js"
import { measureSteps } from "./steps.js"
import { measureThreads } from "./threads.js"
import { works } from "./works/index.js"

const [what = "", rounds = "5", warmUp = "2"] = process.argv.slice(2)

const others: Record<string, () => Promise<unknown>> = {
  steps: measureSteps,
  growth: measureGrowth,
  map: measureMap,
  latency: measureLatency,
  fairness: measureFairness,
  threads: measureThreads
}

const work = works.find(({ id }) => id === what)
const result = work === undefined
  ? await others[what]?.()
  : await measure(work.contenders, work.items, { rounds: Number(rounds), warmUp: Number(warmUp) })
console.log(JSON.stringify(result))
