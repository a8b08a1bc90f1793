/**
 * The runtime's work for one item: how often its loop goes round, which is the same on every machine, and how many
 * bytes it allocates, which nearly is.
 */
import { Effect, Scheduler, Semaphore as EffectSemaphore } from "effect"
import { Group, Semaphore, WorkerPool } from "sluice"

export interface Steps {
  readonly name: string
  readonly steps: number
  readonly bytes: number
}

const items = 20_000

/** The loop asks before each step whether it is time to yield. */
class Counting extends Scheduler.MixedScheduler {
  steps = 0
  override shouldYield(fiber: Parameters<Scheduler.MixedScheduler["shouldYield"]>[0]): boolean {
    this.steps++
    return super.shouldYield(fiber)
  }
}

const loop = (step: Effect.Effect<unknown, unknown>, times = items): Effect.Effect<void, unknown> =>
  Effect.gen(function*() {
    for (let n = 0; n < times; n++) yield* step
  })

const synchronous = Effect.sync(() => 1)
const array = Array.from({ length: items }, (_, n) => n)

const group = (child: Effect.Effect<unknown>) => Group.scoped({ limit: 8 }, (group) => loop(Group.go(group, child)))

const forEach = (child: Effect.Effect<unknown>) => Effect.forEach(array, () => child, { concurrency: 8, discard: true })

const eight = (effect: Effect.Effect<unknown, unknown>) =>
  Effect.forEach([1, 2, 3, 4, 5, 6, 7, 8], () => effect, { concurrency: "unbounded", discard: true })

const pool = (body: (pool: WorkerPool.WorkerPool<number, void>) => Effect.Effect<unknown, unknown>) =>
  Effect.scoped(Effect.gen(function*() {
    const pool = yield* WorkerPool.make<number, void>({ size: 8, queue: { capacity: 16 }, run: () => Effect.yieldNow })
    yield* body(pool)
    yield* WorkerPool.shutdown(pool)
  }))

const works: ReadonlyArray<readonly [name: string, effect: Effect.Effect<unknown, unknown>]> = [
  ["a generator's step with Effect.sync", loop(synchronous)],
  ["a generator's step with Effect.withFiber", loop(Effect.withFiber(() => Effect.void))],
  ["withPermit, nobody else: sluice", loop(Semaphore.withPermit(Semaphore.makeUnsafe(8), Effect.void))],
  ["withPermit, nobody else: Effect", loop(EffectSemaphore.makeUnsafe(8).withPermit(Effect.void))],
  ["a synchronous child: Group.go", group(synchronous)],
  ["a synchronous child: Effect.forEach", forEach(synchronous)],
  ["a child that yields: Group.go", group(Effect.yieldNow)],
  ["a child that yields: Effect.forEach", forEach(Effect.yieldNow)],
  ["a yield in a loop, one of 8 fibers", eight(loop(Effect.yieldNow, items / 8))],
  ["a job that yields: WorkerPool.submit", pool((pool) => loop(WorkerPool.submit(pool, 1)))],
  ["a job that yields: WorkerPool.run, 8 callers", pool((pool) => eight(loop(WorkerPool.run(pool, 1), items / 8)))]
]

export const measureSteps = async (): Promise<ReadonlyArray<Steps>> => {
  const all: Array<Steps> = []
  for (const [name, effect] of works) {
    const run = (scheduler = new Scheduler.MixedScheduler()) => Effect.runPromise(effect, { scheduler })
    await run()
    // The heap of this process is so large that nothing is collected in between.
    globalThis.gc?.()
    const before = process.memoryUsage().heapUsed
    await run()
    const bytes = (process.memoryUsage().heapUsed - before) / items
    const counting = new Counting()
    await run(counting)
    all.push({ name, steps: counting.steps / items, bytes })
  }
  return all
}
