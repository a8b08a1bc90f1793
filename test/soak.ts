/**
 * Explores the laws' scenarios for as long as asked: `SOAK=10 npm run soak` for ten minutes, each round with a seed of
 * its own. The first is `SLUICE_SEED`, or drawn. It prints how much it ran, and ends at the first schedule that fails.
 */
import { SingleBar } from "cli-progress"
import { explore } from "sluice/testing"
import * as adaptiveLimit from "./scenarios/adaptiveLimit.js"
import * as group from "./scenarios/group.js"
import * as limit from "./scenarios/limit.js"
import * as pipelines from "./scenarios/pipelines.js"
import * as semaphore from "./scenarios/semaphore.js"
import * as threads from "./scenarios/threads.js"
import * as workerPool from "./scenarios/workerPool.js"

const minutes = Number(process.env["SOAK"] ?? 1)
if (!(minutes > 0)) throw new Error(`SOAK must be a number of minutes above 0, got ${process.env["SOAK"] ?? ""}`)

const { SLUICE_SEED = "random" } = process.env
const firstSeed = SLUICE_SEED === "random" ? Math.floor(Math.random() * 2 ** 31) : Number(SLUICE_SEED)
if (!Number.isInteger(firstSeed)) throw new Error(`SLUICE_SEED must be an integer or "random", got "${SLUICE_SEED}"`)

const acquire = { kind: "acquire", n: 1, hold: 1 } as const
const go = { kind: "go", n: 1, work: 1 } as const
const scenarios = [
  ...Object.entries(semaphore.exhausted).map(([name, self]) => [`Semaphore: ${name}`, self] as const),
  ...Object.entries(group.exhausted).map(([name, self]) => [`Group: ${name}`, self] as const),
  ...Object.entries(adaptiveLimit.exhausted).map(([name, self]) => [`AdaptiveLimit: ${name}`, self] as const),
  ...Object.entries(limit.exhausted).map(([name, self]) => [`Limit: ${name}`, self] as const),
  ...Object.entries(workerPool.exhausted).map(([name, self]) => [`WorkerPool: ${name}`, self] as const),
  ...Object.entries(threads.exhausted).map(([name, self]) => [`Threads: ${name}`, self] as const),
  ...Object.entries(pipelines.exhausted).map(([name, self]) => [`Pipelines: ${name}`, self] as const),
  [
    "Semaphore: linearizable",
    semaphore.history([acquire, { ...acquire, n: 2 }, { ...acquire, kind: "try" }, {
      ...acquire,
      kind: "resize"
    }])
  ] as const,
  [
    "Group: linearizable",
    group.history([go, { ...go, work: 2 }, { ...go, kind: "tryGo" }, {
      kind: "setLimit",
      n: 2,
      work: 0
    }])
  ] as const
]

// So that each has its turn in a short soak as well.
const slice = Math.min(2_000, minutes * 60_000 / scenarios.length)

const began = Date.now()
const seconds = () => Math.round((Date.now() - began) / 1000)
const bar = new SingleBar({
  format: "{bar} {value} of {total} s, {runs} schedules, {rate} a second",
  stream: process.stderr,
  noTTYOutput: true,
  notTTYSchedule: 30_000
})
bar.start(Math.round(minutes * 60), 0, { runs: 0, rate: 0 })
const totals = new Map<string, { runs: number; distinct: number; millis: number }>()
let all = 0
for (let seed = firstSeed; seconds() < minutes * 60; seed++) {
  for (const [name, self] of scenarios) {
    const report = explore(self, { seed, runs: 20_000, cancels: 3, millis: slice })
    if (report.failure !== undefined) {
      bar.stop()
      console.log(`${name}, again with: SOAK=${minutes} SLUICE_SEED=${seed} npm run soak\n${report.toString()}`)
      process.exit(1)
    }
    const { distinct, millis, runs } = report
    const total = totals.get(name) ?? { runs: 0, distinct: 0, millis: 0 }
    // Distinct within a round: between rounds they may be the same again.
    totals.set(name, {
      runs: total.runs + runs,
      distinct: total.distinct + distinct,
      millis: total.millis + millis
    })
    all += runs
    bar.update(Math.min(seconds(), Math.round(minutes * 60)), {
      runs: all,
      rate: Math.round(all * 1000 / (Date.now() - began))
    })
    if (seconds() >= minutes * 60) break
  }
}
bar.stop()
console.table(
  Object.fromEntries(
    [...totals].map(([name, { distinct, millis, runs }]) => [name, {
      schedules: runs,
      "distinct, a round": distinct,
      "a second": Math.round(runs * 1000 / millis)
    }])
  )
)
console.log(`${all} schedules in ${seconds()} s, no failure`)
