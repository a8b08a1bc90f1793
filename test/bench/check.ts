/**
 * Six ratios that decide, in less than a minute: exits with 1 when one misses its goal by more than a quarter. For the
 * whole of it, `npm run bench`.
 */
import type { Figure } from "./measure.js"
import { measureApart, prepare } from "./processes.js"
import { verdictsOf } from "./results.js"
import { works } from "./works/index.js"

const decisive = [
  ["semaphore-waiting", "fibers without a semaphore"],
  ["semaphore-uncontended", "Effect Semaphore"],
  ["group-limit", "Effect.forEach, concurrency 8"],
  ["group-unbounded", "FiberSet.run and awaitEmpty"],
  ["pool-submit", "8 fibers that loop over yieldNow"],
  ["threads-tiny", "piscina, 32 jobs a thread"]
] as const

prepare()
for (const [id, against] of decisive) {
  const { goals, title } = works.find((work) => work.id === id)!
  const figures = measureApart<ReadonlyArray<Figure>>(id, { rounds: 5, warmUp: 2 })
  const { goal, ratio } = verdictsOf({ figures, goals }).find((verdict) => verdict.against === against)!
  const missed = ratio > goal * 1.25
  if (missed) process.exitCode = 1
  const verdict = missed ? "MISSED by more than a quarter" : ratio > goal ? "missed, by less than a quarter" : "met"
  console.log(`${title}: ${ratio.toFixed(2)} times ${against}, goal ${goal}: ${verdict}`)
}
