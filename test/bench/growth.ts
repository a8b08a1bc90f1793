/** Time and heap per item, as the items grow in number: what does not grow with them has an exponent near 0. */
import { Effect, Fiber, Stream } from "effect"
import { Group, Semaphore, WorkerPool } from "sluice"
import { median } from "./measure.js"
import { cancelFibers, cancelGroup } from "./works/cancel.js"
import { sluiceWaiters, suspendedFibers } from "./works/semaphore.js"

export interface Growth {
  readonly name: string
  /** Nanoseconds per item for each of `sizes`. */
  readonly times: ReadonlyArray<number>
  /** Of the time per item: 0 when it does not depend on how many there are. */
  readonly exponent: number
}

export const sizes = [1_000, 10_000, 100_000, 1_000_000]

const queuedJobs = (n: number): Promise<unknown> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const pool = yield* WorkerPool.make<number, void>({
      size: 1,
      queue: { capacity: "unbounded" },
      run: () => Effect.never
    })
    for (let i = 0; i < n; i++) yield* WorkerPool.submit(pool, i)
    yield* WorkerPool.shutdownNow(pool)
  })))

const children = (n: number): Promise<unknown> =>
  Effect.runPromise(Group.scoped({}, (group) =>
    Effect.gen(function*() {
      for (let i = 0; i < n; i++) yield* Group.go(group, Effect.yieldNow)
    })))

const works: ReadonlyArray<readonly [name: string, run: (n: number) => Promise<unknown>]> = [
  ["waiting for permits", sluiceWaiters],
  ["suspended fibers, no semaphore", suspendedFibers],
  ["queued jobs, returned", queuedJobs],
  ["children of a group", children],
  ["children that are cancelled", cancelGroup],
  ["fibers that are interrupted, no group", cancelFibers]
]

// Small sizes are repeated: alone they are over before the clock can tell.
const perItem = async (run: (n: number) => Promise<unknown>, n: number): Promise<number> => {
  const repeats = Math.max(1, 100_000 / n)
  globalThis.gc?.()
  const start = process.hrtime.bigint()
  for (let i = 0; i < repeats; i++) await run(n)
  return Number(process.hrtime.bigint() - start) / n / repeats
}

/** The slope of the line of least squares through the logarithms. */
const exponentOf = (xs: ReadonlyArray<number>, ys: ReadonlyArray<number>): number => {
  const mean = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [x, y] = [xs.map(Math.log), ys.map(Math.log)]
  const [mx, my] = [mean(x), mean(y)]
  const above = x.reduce((sum, value, i) => sum + (value - mx) * (y[i]! - my), 0)
  return above / x.reduce((sum, value) => sum + (value - mx) ** 2, 0)
}

export const measureGrowth = async (): Promise<ReadonlyArray<Growth>> => {
  const all: Array<Growth> = []
  for (const [name, run] of works) {
    const times: Array<number> = []
    await perItem(run, 10_000)
    for (const n of sizes) {
      const rounds: Array<number> = []
      for (let round = 0; round < (n < 1_000_000 ? 5 : 3); round++) rounds.push(await perItem(run, n))
      times.push(median(rounds))
    }
    all.push({ name, times, exponent: exponentOf(sizes, times) })
  }
  return all
}

// Memory

export interface Memory {
  readonly name: string
  readonly bytes: number
  readonly goal: number
  readonly unit: "bytes each" | "bytes in all"
}

const heap = (): number => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

const n = 100_000

/** What `n` fibers hold that are suspended in `wait`. */
const heapOfWaiting = (wait: Effect.Effect<unknown, unknown>): Promise<number> =>
  Effect.runPromise(Effect.gen(function*() {
    const fibers: Array<Fiber.Fiber<unknown, unknown>> = Array.from({ length: n })
    const before = heap()
    for (let i = 0; i < n; i++) fibers[i] = yield* Effect.forkDetach(wait, { startImmediately: true })
    const bytes = (heap() - before) / n
    yield* Fiber.interruptAll(fibers)
    return bytes
  }))

export const measureMemory = async (): Promise<ReadonlyArray<Memory>> => {
  const bare = await heapOfWaiting(Effect.callback<void>(() => Effect.void))
  const waiting = await heapOfWaiting(Semaphore.withPermit(Semaphore.makeUnsafe(1), Effect.never))
  const { jobs, mapped } = await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const pool = yield* WorkerPool.make<number, void>({
      size: 8,
      queue: { capacity: "unbounded" },
      run: () => Effect.never
    })
    const before = heap()
    for (let i = 0; i < n; i++) yield* WorkerPool.submit(pool, i)
    const jobs = (heap() - before) / n
    yield* WorkerPool.shutdownNow(pool)
    return { jobs, mapped: yield* heapOfMap }
  })))
  return [
    {
      name: "a fiber that waits for a permit, beyond one that is suspended anyway",
      bytes: waiting - bare,
      goal: 200,
      unit: "bytes each"
    },
    { name: "a job that waits in the queue of a pool", bytes: jobs, goal: 200, unit: "bytes each" },
    { name: "a million jobs through WorkerPool.map, at most", bytes: mapped, goal: 16 * 2 ** 20, unit: "bytes in all" }
  ]
}

const heapOfMap = Effect.scoped(Effect.gen(function*() {
  const pool = yield* WorkerPool.make<number, void>({ size: 8, run: () => Effect.yieldNow })
  let done = 0
  let highest = 0
  const before = heap()
  const numbers = {
    *[Symbol.iterator]() {
      for (let i = 0; i < 1_000_000; i++) yield i
    }
  }
  yield* Stream.runForEach(WorkerPool.map(pool, numbers), () =>
    Effect.sync(() => {
      if (++done % 50_000 === 0) highest = Math.max(highest, heap() - before)
    }))
  return highest
}))
