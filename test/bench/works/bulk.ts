import { Effect, Stream } from "effect"
import pLimit from "p-limit"
import pMap from "p-map"
import { WorkerPool } from "sluice"
import type { Contender } from "../measure.js"
import type { Work } from "../work.js"

const lists = 5
const list = Array.from({ length: 10_000 }, (_, n) => n)
const size = 8

const job = (n: number) => Effect.sync(() => n + 1)
const task = (n: number) => Promise.resolve(n + 1)

type Jobs = WorkerPool.WorkerPool<number, number>

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

const submitAll = (pool: Jobs) =>
  Effect.gen(function*() {
    for (const n of list) yield* WorkerPool.submit(pool, n)
    yield* WorkerPool.idle(pool)
  })

const ofPools: ReadonlyArray<Contender> = [
  inPools("WorkerPool.map", (pool) => Stream.runDrain(WorkerPool.map(pool, list))),
  inPools("a loop of submit, no results", submitAll)
]

const byPromises = (name: string, one: () => Promise<unknown>): Contender => ({
  name,
  run: async () => {
    for (let i = 0; i < lists; i++) await one()
  }
})

export const bulk: Work = {
  id: "bulk",
  title: "WorkerPool, a list of tiny jobs",
  what:
    "A list of 10,000 jobs on 8 workers, five times. Each job adds 1 synchronously; those of p-map and p-limit are " +
    "promises.",
  items: lists * list.length,
  clock: "cpu",
  contenders: [
    ...ofPools,
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
