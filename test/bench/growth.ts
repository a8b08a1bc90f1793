/** Time and heap per item, as the items grow in number: what does not grow with them has an exponent near 0. */
import { Effect, Fiber, Latch, type Scope, Stream } from "effect"
import { Group, Semaphore, WorkerPool } from "sluice"
import { median, timed } from "./measure.js"
import { cancelFibers, cancelGroup } from "./works/cancel.js"
import { sluiceWaiters, suspendedFibers } from "./works/semaphore.js"

export interface Growth {
  readonly name: string
  /** Nanoseconds of processor time per item for each of `sizes`. */
  readonly times: ReadonlyArray<number>
  /** Bytes per item for each of `sizes`, while all of them are held. */
  readonly heaps: ReadonlyArray<number>
  /** Of the time per item: 0 when it does not depend on how many there are. */
  readonly exponent: number
}

export const sizes = [1_000, 10_000, 100_000, 1_000_000]

interface GrowthWork {
  readonly name: string
  /** Starts `n` items, and ends them. */
  readonly run: (n: number) => Promise<unknown>
  /** Starts `n` items, which last as long as the scope. */
  readonly hold: (n: number) => Effect.Effect<unknown, unknown, Scope.Scope>
}

const pool = WorkerPool.make<number, void>({ size: 1, queue: { capacity: "unbounded" }, run: () => Effect.never })

const submitted = (n: number) =>
  Effect.gen(function*() {
    const jobs = yield* pool
    for (let i = 0; i < n; i++) yield* WorkerPool.submit(jobs, i)
  })

/** Scopes end them in their own time; here all are to be gone when the scope is. */
const forked = (n: number, effect: Effect.Effect<unknown, unknown>) =>
  Effect.gen(function*() {
    const fibers: Array<Fiber.Fiber<unknown, unknown>> = Array.from({ length: n })
    yield* Effect.addFinalizer(() => Fiber.interruptAll(fibers))
    for (let i = 0; i < n; i++) fibers[i] = yield* Effect.forkDetach(effect, { startImmediately: true })
    return fibers
  })

const children = (n: number, child: Effect.Effect<unknown>) =>
  Effect.gen(function*() {
    const group = yield* Group.make()
    for (let i = 0; i < n; i++) yield* Group.go(group, child)
    return group
  })

/** Children that are interrupted, and wait in their finalizers until the scope ends. */
const inFinalizers = (interrupt: (child: Effect.Effect<unknown>) => Effect.Effect<unknown, unknown, Scope.Scope>) =>
  Effect.gen(function*() {
    const latch = yield* Latch.make()
    yield* interrupt(Effect.onInterrupt(Effect.never, () => latch.await))
    yield* Effect.addFinalizer(() => latch.open)
  })

const works: ReadonlyArray<GrowthWork> = [
  {
    name: "waiting for permits",
    run: sluiceWaiters,
    hold: (n) => Effect.suspend(() => forked(n, Semaphore.withPermit(Semaphore.makeUnsafe(1), Effect.never)))
  },
  {
    name: "suspended fibers, no semaphore",
    run: suspendedFibers,
    hold: (n) => forked(n, Effect.callback<void>(() => Effect.void))
  },
  {
    name: "queued jobs, returned",
    run: (n) => Effect.runPromise(Effect.scoped(submitted(n))),
    hold: submitted
  },
  {
    name: "children of a group",
    run: (n) => Effect.runPromise(Effect.scoped(Effect.flatMap(children(n, Effect.yieldNow), Group.wait))),
    hold: (n) => children(n, Effect.never)
  },
  {
    name: "children that are cancelled",
    run: cancelGroup,
    hold: (n) =>
      inFinalizers((child) =>
        Effect.flatMap(
          children(n, child),
          (group) => Effect.forkScoped(Group.cancel(group), { startImmediately: true })
        )
      )
  },
  {
    name: "fibers that are interrupted, no group",
    run: cancelFibers,
    hold: (n) =>
      inFinalizers((child) =>
        Effect.flatMap(
          forked(n, child),
          (fibers) => Effect.forkScoped(Fiber.interruptAll(fibers), { startImmediately: true })
        )
      )
  }
]

// Small sizes are repeated: alone they are over before the clock can tell.
const perItem = async (run: (n: number) => Promise<unknown>, n: number): Promise<number> => {
  const repeats = Math.max(1, 100_000 / n)
  const repeated = async () => {
    for (let i = 0; i < repeats; i++) await run(n)
  }
  return await timed(repeated) / n / repeats
}

/** The slope of the line of least squares through the logarithms. */
const exponentOf = (xs: ReadonlyArray<number>, ys: ReadonlyArray<number>): number => {
  const mean = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [x, y] = [xs.map(Math.log), ys.map(Math.log)]
  const [mx, my] = [mean(x), mean(y)]
  const above = x.reduce((sum, value, i) => sum + (value - mx) * (y[i]! - my), 0)
  return above / x.reduce((sum, value) => sum + (value - mx) ** 2, 0)
}

const heap = (): number => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

/** Small numbers are held several times over. */
const heapPerItem = (hold: GrowthWork["hold"], n: number): Promise<number> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const repeats = Math.max(1, 100_000 / n)
    const before = heap()
    for (let i = 0; i < repeats; i++) yield* hold(n)
    return (heap() - before) / n / repeats
  })))

export const measureGrowth = async (): Promise<ReadonlyArray<Growth>> => {
  const all: Array<Growth> = []
  for (const { hold, name, run } of works) {
    const times: Array<number> = []
    const heaps: Array<number> = []
    for (const n of sizes) heaps.push(await heapPerItem(hold, n))
    await perItem(run, 10_000)
    for (const n of sizes) {
      const rounds: Array<number> = []
      for (let round = 0; round < (n < 1_000_000 ? 5 : 3); round++) rounds.push(await perItem(run, n))
      times.push(median(rounds))
    }
    all.push({ name, times, heaps, exponent: exponentOf(sizes, times) })
  }
  return all
}

/** The most that a million jobs of `WorkerPool.map` hold, in bytes. */
export const measureMap = (): Promise<number> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
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
  })))
