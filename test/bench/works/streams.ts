import { Effect, Stream } from "effect"
import { pMapIterable } from "p-map"
import { WorkerPool } from "sluice"
import type { Contender } from "../measure.js"
import type { Work } from "../work.js"

const list = Array.from({ length: 20_000 }, (_, n) => n)
const concurrency = 8

type Job = (n: number) => Effect.Effect<number>
type Jobs = WorkerPool.WorkerPool<number, number>

const contenders = (job: Job, task: (n: number) => Promise<number>): ReadonlyArray<Contender> => {
  const inPool = (name: string, results: (pool: Jobs) => Stream.Stream<number, unknown>): Contender => ({
    name,
    run: () =>
      Effect.runPromise(Effect.scoped(Effect.gen(function*() {
        yield* Stream.runDrain(results(yield* WorkerPool.make({ size: concurrency, run: job })))
      })))
  })
  const mapEffect = (name: string, unordered: boolean): Contender => ({
    name,
    run: () =>
      Stream.fromIterable(list).pipe(
        Stream.mapEffect(job, { concurrency, unordered }),
        Stream.runDrain,
        Effect.runPromise
      )
  })
  return [
    inPool("WorkerPool.map", (pool) => WorkerPool.map(pool, list)),
    inPool("WorkerPool.map, unordered", (pool) => WorkerPool.map(pool, list, { ordered: false })),
    inPool("WorkerPool.mapStream", (pool) => Stream.fromIterable(list).pipe(WorkerPool.mapStream(pool))),
    mapEffect("Stream.mapEffect, concurrency 8", false),
    mapEffect("Stream.mapEffect, unordered", true),
    {
      name: "pMapIterable of p-map",
      run: async () => {
        let sum = 0
        for await (const n of pMapIterable(list, task, { concurrency })) sum += n
        return sum
      }
    }
  ]
}

export const streamSynchronous: Work = {
  id: "stream-sync",
  title: "WorkerPool.map, synchronous jobs",
  what: "A stream of the results of 20,000 jobs, 8 at a time, which nobody collects. Each job adds 1 synchronously.",
  items: list.length,
  clock: "cpu",
  contenders: contenders((n) => Effect.sync(() => n + 1), (n) => Promise.resolve(n + 1))
}

export const stream: Work = {
  id: "stream",
  title: "WorkerPool.map, jobs that yield",
  what: "The same stream. Each job yields once.",
  items: list.length,
  clock: "cpu",
  contenders: contenders(
    (n) => Effect.as(Effect.yieldNow, n),
    (n) => new Promise((resolve) => setImmediate(resolve, n))
  )
}
