import Bottleneck from "bottleneck"
import { Effect, Pool, Queue } from "effect"
import pLimit from "p-limit"
import PQueue from "p-queue"
import { WorkerPool } from "sluice"
import { type Work } from "../work.js"

const items = 51_200
const size = 8
const capacity = 16
const callers = 64

type Jobs = WorkerPool.WorkerPool<number, void>

const inPool = (job: Effect.Effect<void>, body: (pool: Jobs) => Effect.Effect<unknown, unknown>) => () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const pool = yield* WorkerPool.make<number, void>({ size, queue: { capacity }, run: () => job })
    yield* body(pool)
  })))

const submitAll = (pool: Jobs) =>
  Effect.gen(function*() {
    for (let n = 0; n < items; n++) yield* WorkerPool.submit(pool, n)
    yield* WorkerPool.shutdown(pool)
  })

const loops = () =>
  Effect.runPromise(Effect.forEach(Array.from({ length: size }), () =>
    Effect.gen(function*() {
      for (let n = 0; n < items / size; n++) yield* Effect.yieldNow
    }), { concurrency: "unbounded", discard: true }))

const queueAndFibers = () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const queue = yield* Queue.bounded<number>(capacity)
    const consumer = Effect.gen(function*() {
      while ((yield* Queue.take(queue)) >= 0) yield* Effect.yieldNow
    })
    const consumers = yield* Effect.forkScoped(
      Effect.all(Array.from({ length: size }, () => consumer), { concurrency: "unbounded", discard: true })
    )
    for (let n = 0; n < items; n++) yield* Queue.offer(queue, n)
    for (let n = 0; n < size; n++) yield* Queue.offer(queue, -1)
    yield* Effect.callback<void>((resume) => void consumers.addObserver(() => resume(Effect.void)))
  })))

export const poolSubmit: Work = {
  id: "pool-submit",
  title: "WorkerPool, fire and forget",
  what: "One fiber submits 51,200 jobs to 8 workers with a queue of 16. Each job yields once.",
  items,
  clock: "cpu",
  contenders: [
    { name: "WorkerPool.submit", run: inPool(Effect.yieldNow, submitAll) },
    { name: "8 fibers that loop over yieldNow", run: loops },
    { name: "Queue.bounded(16) and 8 fibers", run: queueAndFibers }
  ]
}

/** `callers` fibers, each of which does its share of the jobs one after the other. */
const shared = (job: (n: number) => Effect.Effect<unknown, unknown>, count: number): Effect.Effect<void, unknown> =>
  Effect.forEach(Array.from({ length: callers }), () =>
    Effect.gen(function*() {
      for (let n = 0; n < count / callers; n++) yield* job(n)
    }), { concurrency: "unbounded", discard: true })

const byEffects = (job: () => Promise<unknown>, count = items) =>
  Effect.runPromise(shared(() => Effect.promise(job), count))

const byPromises = (job: () => Promise<unknown>) =>
  Promise.all(Array.from({ length: callers }, async () => {
    for (let n = 0; n < items / callers; n++) await job()
  }))

const asPromise = () => Effect.runPromise(Effect.yieldNow)
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
const few = 320

const effectPool = () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const pool = yield* Pool.make({ acquire: Effect.void, size })
    const job = Effect.scoped(Effect.andThen(Pool.get(pool), Effect.yieldNow))
    yield* shared(() => job, items)
  })))

/** What callers and jobs cost by themselves: each job a fiber, and its caller suspended until that has ended. */
const forkAndAwait = () =>
  Effect.runPromise(shared(() =>
    Effect.callback<void>((resume) => {
      Effect.runFork(Effect.yieldNow).addObserver(() => resume(Effect.void))
    }), items))

/** `run`, and the promise pools, whose callers are `drive` and whose jobs are all `task`. */
const contenders = (
  drive: (job: () => Promise<unknown>) => Promise<unknown>,
  task: () => Promise<unknown>
): Work["contenders"] => [
  { name: "WorkerPool.run", run: inPool(Effect.yieldNow, (pool) => shared((n) => WorkerPool.run(pool, n), items)) },
  {
    name: "p-limit",
    run: () => {
      const limit = pLimit(size)
      return drive(() => limit(task))
    }
  },
  {
    name: "p-queue",
    run: () => {
      const queue = new PQueue({ concurrency: size })
      return drive(() => queue.add(task))
    }
  }
]

export const poolRun: Work = {
  id: "pool-run",
  title: "WorkerPool, awaited",
  what: "64 callers run 51,200 jobs on 8 workers, one at a time each. Each job yields once. All callers and jobs are " +
    "effects: a promise pool receives each job as a promise and returns a promise. (Bottleneck runs 320 jobs.)",
  items,
  clock: "cpu",
  contenders: [
    ...contenders(byEffects, asPromise),
    {
      name: "bottleneck",
      items: few,
      run: () => {
        const limiter = new Bottleneck({ maxConcurrent: size })
        return byEffects(() => limiter.schedule(asPromise), few)
      }
    },
    { name: "Effect Pool", run: effectPool },
    { name: "a fiber for each job, no pool", run: forkAndAwait }
  ]
}

export const poolRunPromises: Work = {
  id: "pool-run-promises",
  title: "WorkerPool, awaited, against promises alone",
  what: "The same work, but the callers are promises, and so are the jobs of p-limit and p-queue, without Effect.",
  items,
  clock: "cpu",
  contenders: [
    {
      name: "WorkerPool.runPromise",
      run: inPool(Effect.yieldNow, (pool) => Effect.promise(() => byPromises(() => WorkerPool.runPromise(pool, 0))))
    },
    ...contenders(byPromises, turn)
  ]
}
