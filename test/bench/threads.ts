/** What threads take to stop, to be replaced and to start; and how much more of them can do. */
import { Effect, Fiber, type Scope } from "effect"
import { availableParallelism } from "node:os"
import { median } from "./measure.js"
import { byFibers } from "./works/threads/loops.js"
import { makePiscina, size, threadPool } from "./works/threads/pools.js"
import { units } from "./works/threads/units.js"

/** In milliseconds. */
export interface ThreadTime {
  readonly what: string
  readonly name: string
  readonly median: number
  readonly max: number
}

/** How many jobs a second there are with so many threads. */
export interface Scaling {
  readonly threads: number
  readonly jobs: number
  /** Where each thread does its part in one call. */
  readonly alone: number
}

export interface Threads {
  readonly times: ReadonlyArray<ThreadTime>
  readonly scaling: ReadonlyArray<Scaling>
}

const samples = 15
/** Until a job certainly computes. */
const settling = 20

const scoped = <A>(effect: Effect.Effect<A, unknown, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(effect))

interface Stop {
  /** Until the job's caller goes on. */
  readonly ended: number
  /** Until the thread that comes instead has done a job. */
  readonly replaced: number
}

const interrupted = () =>
  scoped(Effect.gen(function*() {
    const pool = yield* threadPool({ size: 1, grace: 0 })
    const stops: Array<Stop> = []
    for (let i = 0; i < samples; i++) {
      const fiber = yield* Effect.forkChild(pool.run.forever(), { startImmediately: true })
      yield* Effect.sleep(settling)
      const from = performance.now()
      yield* Fiber.interrupt(fiber)
      const ended = performance.now() - from
      yield* pool.run.add(1)
      stops.push({ ended, replaced: performance.now() - from })
    }
    return stops
  }))

const aborted = async (): Promise<Array<Stop>> => {
  const pool = makePiscina({ minThreads: 1, maxThreads: 1 })
  const stops: Array<Stop> = []
  await pool.run(1, { name: "add" })
  for (let i = 0; i < samples; i++) {
    const controller = new AbortController()
    const result = pool.run(undefined, { name: "forever", signal: controller.signal }).catch(() => {})
    await new Promise((resolve) => setTimeout(resolve, settling))
    const from = performance.now()
    controller.abort()
    await result
    const ended = performance.now() - from
    await pool.run(1, { name: "add" })
    stops.push({ ended, replaced: performance.now() - from })
  }
  await pool.destroy()
  return stops
}

const repeated = async (once: () => Promise<number>): Promise<ReadonlyArray<number>> => {
  const times: Array<number> = []
  for (let i = 0; i < samples; i++) times.push(await once())
  return times
}

const started = () =>
  scoped(Effect.gen(function*() {
    const from = performance.now()
    const pool = yield* threadPool()
    yield* Effect.all([pool.run.compute(units(20)), pool.run.compute(units(20))], { concurrency: 2 })
    return performance.now() - from
  }))

const startedByPiscina = async () => {
  const from = performance.now()
  const pool = makePiscina()
  // Long enough for both threads to have one; one that is ended as it loads can bring Node down.
  await Promise.all([pool.run(units(20), { name: "compute" }), pool.run(units(20), { name: "compute" })])
  const time = performance.now() - from
  await pool.destroy()
  return time
}

const jobs = 600

const perSecond = (effect: Effect.Effect<unknown, unknown>) =>
  Effect.gen(function*() {
    const rates: Array<number> = []
    for (let round = -1; round < 5; round++) {
      const from = performance.now()
      yield* effect
      if (round >= 0) rates.push(jobs * 1_000 / (performance.now() - from))
    }
    return median(rates)
  })

const scalingOf = (threads: number): Promise<Scaling> =>
  scoped(Effect.gen(function*() {
    const { run } = yield* threadPool({ size: threads, prefetch: 1 })
    const each = { callers: threads, jobs: threads }
    return {
      threads,
      jobs: yield* perSecond(byFibers({ callers: 4 * threads, jobs }, () => run.compute(units(1)))),
      alone: yield* perSecond(byFibers(each, () => run.compute(units(jobs / threads))))
    }
  }))

const timeOf = (what: string, name: string, times: ReadonlyArray<number>): ThreadTime => ({
  what,
  name,
  median: median(times),
  max: Math.max(...times)
})

export const measureThreads = async (): Promise<Threads> => {
  const [ours, theirs] = [await interrupted(), await aborted()]
  const [stop, next] = ["a busy loop is cancelled, until its caller goes on", "… until the next job has its result"]
  const start = `a pool of ${size} threads starts, until each has done a job of 20 ms`
  const times = [
    timeOf(stop, "ThreadPool, grace 0", ours.map(({ ended }) => ended)),
    timeOf(stop, "piscina", theirs.map(({ ended }) => ended)),
    timeOf(next, "ThreadPool, grace 0", ours.map(({ replaced }) => replaced)),
    timeOf(next, "piscina", theirs.map(({ replaced }) => replaced)),
    timeOf(start, "ThreadPool", await repeated(started)),
    timeOf(start, "piscina", await repeated(startedByPiscina))
  ]
  const scaling: Array<Scaling> = []
  for (let threads = 1; threads <= availableParallelism(); threads++) scaling.push(await scalingOf(threads))
  return { times, scaling }
}
