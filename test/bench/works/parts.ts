import { Effect, Schedule } from "effect"
import { WorkerPool } from "sluice"
import { type Work } from "../work.js"

const items = 100_000

type Parts = Pick<WorkerPool.Options<number, void, never, never, void, never, never>, "deadlines" | "queue" | "retry">

const submitAll = (parts: Parts) => () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const { queue, ...rest } = parts
    const pool = yield* WorkerPool.make({
      ...rest,
      size: 8,
      queue: { ...queue, capacity: 16 },
      run: (n: number) => Effect.as(Effect.yieldNow, n)
    })
    for (let n = 0; n < items; n++) yield* WorkerPool.submit(pool, n)
    yield* WorkerPool.shutdown(pool)
  })))

/** What a part of the pool costs each job when it is asked for. */
export const poolParts: Work = {
  id: "pool-parts",
  title: "WorkerPool, with more than a queue",
  what:
    "One fiber submits 100,000 jobs to 8 workers with a queue of 16, as above, to a pool with one more option each " +
    "time. No job fails or times out.",
  items,
  clock: "cpu",
  contenders: [
    { name: "nothing else", run: submitAll({}) },
    { name: "deadlines to wait and to run", run: submitAll({ deadlines: { wait: "1 minute", run: "1 minute" } }) },
    { name: "a retry", run: submitAll({ retry: { schedule: Schedule.recurs(3) } }) },
    { name: "four priorities", run: submitAll({ queue: { priority: (n) => n % 4 } }) },
    { name: "a hundred keys", run: submitAll({ queue: { key: (n) => n % 100 } }) },
    {
      name: "a hundred keys, one at a time",
      run: submitAll({ queue: { key: (n) => n % 100, perKey: { concurrency: 1 } } })
    }
  ]
}
