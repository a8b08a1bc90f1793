import { Effect, Pool, type Scope } from "effect"
import { WorkerPool } from "sluice"
import { lastingEffect } from "../lasting.js"
import type { Contender } from "../measure.js"
import type { Work } from "../work.js"

const large = 1_000
const small = 8
const jobs = 40_000

type Jobs = WorkerPool.WorkerPool<number, void>

const poolOf = (size: number) =>
  WorkerPool.make<number, void>({ size, queue: { capacity: 16 }, run: () => Effect.yieldNow })

const submitAll = (pool: Jobs) =>
  Effect.gen(function*() {
    for (let n = 0; n < jobs; n++) yield* WorkerPool.submit(pool, n)
    yield* WorkerPool.idle(pool)
  })

/** As many callers as there are workers in the large pool, so that all of them are busy. */
const byCallers = (job: Effect.Effect<unknown, unknown>) =>
  Effect.forEach(Array.from({ length: large }), () =>
    Effect.gen(function*() {
      for (let n = 0; n < jobs / large; n++) yield* job
    }), { concurrency: "unbounded", discard: true })

const runAll = (pool: Jobs) => byCallers(WorkerPool.run(pool, 1))

export const largePool: Work = {
  id: "pool-large",
  title: "WorkerPool of 1,000 workers",
  what:
    "40,000 jobs in a pool of 1,000 workers, and in one of 8: one fiber submits all of them, or 1,000 callers run " +
    "40 each. Each job yields once. The pools last for all rounds.",
  items: jobs,
  clock: "cpu",
  contenders: [
    lastingEffect("submit, 1,000 workers", poolOf(large), { run: submitAll }),
    lastingEffect("submit, 8 workers", poolOf(small), { run: submitAll }),
    lastingEffect("run, 1,000 workers", poolOf(large), { run: runAll }),
    lastingEffect("run, 8 workers", poolOf(small), { run: runAll }),
    lastingEffect("Effect Pool of 1,000", Pool.make({ acquire: Effect.void, size: large }), {
      run: (pool) => byCallers(Effect.scoped(Effect.andThen(Pool.get(pool), Effect.yieldNow)))
    })
  ]
}

const workers = 4 * large
const resource = Effect.acquireRelease(Effect.succeed(1), () => Effect.void)
const run = () => Effect.void

interface Sized {
  readonly size: number
}

const withResources = ({ size }: Sized) => WorkerPool.make({ size, worker: () => resource, run })
const without = ({ size }: Sized) => WorkerPool.make({ size, run })
const effectPool = ({ size }: Sized) => Pool.make({ acquire: resource, size })

/** One pool after the other, until there were `workers` in all. */
const madeAndClosed = (
  name: string,
  size: number,
  make: (options: Sized) => Effect.Effect<unknown, unknown, Scope.Scope>
): Contender => ({
  name,
  run: () =>
    Effect.runPromise(Effect.gen(function*() {
      for (let i = 0; i < workers; i += size) yield* Effect.scoped(make({ size }))
    }))
})

export const largePoolMade: Work = {
  id: "pool-made",
  title: "WorkerPool of 1,000 workers, made and shut down",
  what: "Four pools of 1,000 workers, one after the other, or 500 pools of 8, each made and shut down. The times are " +
    "for one worker.",
  items: workers,
  clock: "cpu",
  contenders: [
    madeAndClosed("1,000 workers, a resource each", large, withResources),
    madeAndClosed("8 workers, a resource each", small, withResources),
    madeAndClosed("1,000 workers, no resources", large, without),
    madeAndClosed("8 workers, no resources", small, without),
    madeAndClosed("Effect Pool of 1,000", large, effectPool),
    madeAndClosed("Effect Pool of 8", small, effectPool)
  ]
}
