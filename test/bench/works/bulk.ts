import { Effect, Stream } from "effect"
import pLimit from "p-limit"
import pMap from "p-map"
import { WorkerPool } from "sluice"
import type { Contender } from "../measure.js"
import type { Work } from "../work.js"

const lists = 5
const list = Array.from({ length: 10_000 }, (_, n) => n)
const size = 8

type Job = (n: number) => Effect.Effect<number>
type Task = (n: number) => Promise<number>
type Jobs = WorkerPool.WorkerPool<number, number>

const submitAll = (pool: Jobs) =>
  Effect.gen(function*() {
    for (const n of list) yield* WorkerPool.submit(pool, n)
    yield* WorkerPool.idle(pool)
  })

const contenders = (job: Job, task: Task): ReadonlyArray<Contender> => {
  /** Every list in a pool of its own. */
  const inPools = (name: string, body: (pool: Jobs) => Effect.Effect<unknown, unknown>): Contender => {
    const one = Effect.scoped(Effect.flatMap(WorkerPool.make({ size, queue: { capacity: 16 }, run: job }), body))
    return {
      name,
      run: () =>
        Effect.runPromise(Effect.gen(function*() {
          for (let i = 0; i < lists; i++) yield* one
        }))
    }
  }
  const byPromises = (name: string, one: () => Promise<unknown>): Contender => ({
    name,
    run: async () => {
      for (let i = 0; i < lists; i++) await one()
    }
  })
  return [
    inPools("WorkerPool.runAll", (pool) => WorkerPool.runAll(pool, list)),
    inPools("WorkerPool.map", (pool) => Stream.runDrain(WorkerPool.map(pool, list))),
    inPools("a loop of submit, no results", submitAll),
    {
      name: "Effect.forEach, concurrency 8",
      run: () =>
        Effect.runPromise(Effect.gen(function*() {
          for (let i = 0; i < lists; i++) yield* Effect.forEach(list, job, { concurrency: size })
        }))
    },
    byPromises("p-map", () => pMap(list, task, { concurrency: size })),
    byPromises("p-limit", () => {
      const limit = pLimit(size)
      return Promise.all(list.map((n) => limit(task, n)))
    })
  ]
}

export const bulk: Work = {
  id: "bulk",
  title: "WorkerPool, a list of jobs that yield",
  what:
    "A list of 10,000 jobs on 8 workers, five times. Each job yields once; those of p-map and p-limit are promises.",
  items: lists * list.length,
  clock: "cpu",
  contenders: contenders(
    (n) => Effect.as(Effect.yieldNow, n),
    (n) => new Promise((resolve) => setImmediate(resolve, n))
  )
}

export const bulkSynchronous: Work = {
  id: "bulk-sync",
  title: "WorkerPool, a list of synchronous jobs",
  what: "The same lists. Each job adds 1 synchronously.",
  items: lists * list.length,
  clock: "cpu",
  contenders: contenders((n) => Effect.sync(() => n + 1), (n) => Promise.resolve(n + 1))
}
