/** How long it takes until the other side runs: from its cause to its first step, in microseconds. */
import { Effect, Fiber, Semaphore as EffectSemaphore } from "effect"
import pLimit from "p-limit"
import { Group, Semaphore, WorkerPool } from "sluice"
import { quantile } from "./measure.js"

export interface Latency {
  readonly what: string
  readonly name: string
  readonly p50: number
  readonly p90: number
  readonly p99: number
}

const now = (): number => Number(process.hrtime.bigint()) / 1_000
/** Processor time. The clock is too coarse for less than a hundred microseconds. */
const cpu = (): number => {
  const { system, user } = process.cpuUsage()
  return user + system
}
const samples = 5_000

type WithPermit = <E>(effect: Effect.Effect<void, E>) => Effect.Effect<void, E>

const ours = (): WithPermit => {
  const semaphore = Semaphore.makeUnsafe(1)
  return (effect) => Semaphore.withPermit(semaphore, effect)
}

const effects = (): WithPermit => {
  const semaphore = EffectSemaphore.makeUnsafe(1)
  return (effect) => semaphore.withPermit(effect)
}

/** One holds the only permit, another one waits; the first lets go, and ends like this. */
const release = (make: () => WithPermit, end: Effect.Effect<void, string>) => () =>
  Effect.runPromise(Effect.gen(function*() {
    const times: Array<number> = []
    for (let i = 0; i < samples; i++) {
      const withPermit = make()
      let released = 0
      const holder = yield* Effect.forkChild(
        withPermit(Effect.andThen(
          Effect.yieldNow,
          Effect.suspend(() => {
            released = now()
            return end
          })
        )),
        { startImmediately: true }
      )
      const waiter = yield* Effect.forkChild(
        withPermit(Effect.sync(() => times.push(now() - released))),
        { startImmediately: true }
      )
      yield* Fiber.await(holder)
      yield* Fiber.join(waiter)
    }
    return times
  }))

const submitToIdle = () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const times: Array<number> = []
    const pool = yield* WorkerPool.make({ size: 1, run: (from: number) => Effect.sync(() => times.push(now() - from)) })
    for (let i = 0; i < samples; i++) yield* WorkerPool.run(pool, now())
    return times
  })))

const limitIdle = async () => {
  const times: Array<number> = []
  const limit = pLimit(1)
  for (let i = 0; i < samples; i++) {
    const from = now()
    await limit(() => times.push(now() - from))
  }
  return times
}

const siblings = 1_000

/** A thousand are suspended when one fails: the processor time until the last of their finalizers has begun. */
const failure =
  (all: (children: ReadonlyArray<Effect.Effect<unknown, string>>) => Effect.Effect<unknown, string>) => () =>
    Effect.runPromise(Effect.gen(function*() {
      const times: Array<number> = []
      for (let i = 0; i < 50; i++) {
        let [failed, last] = [0, 0]
        const sibling = Effect.onInterrupt(Effect.never, () => Effect.sync(() => last = cpu()))
        const failing = Effect.andThen(
          Effect.yieldNow,
          Effect.suspend(() => {
            failed = cpu()
            return Effect.fail("first")
          })
        )
        yield* Effect.exit(all([...Array.from({ length: siblings }, () => sibling), failing]))
        times.push(last - failed)
      }
      return times
    }))

const inGroup = (children: ReadonlyArray<Effect.Effect<unknown, string>>) =>
  Group.scoped({}, (group: Group.Group<string>) => Effect.forEach(children, (child) => Group.go(group, child)))

const works: ReadonlyArray<readonly [what: string, name: string, run: () => Promise<ReadonlyArray<number>>]> = [
  ["release of a permit, to the waiter's first step", "sluice Semaphore", release(ours, Effect.void)],
  ["release of a permit, to the waiter's first step", "Effect Semaphore", release(effects, Effect.void)],
  ["failure with a permit, to the waiter's first step", "sluice Semaphore", release(ours, Effect.fail("planned"))],
  ["failure with a permit, to the waiter's first step", "Effect Semaphore", release(effects, Effect.fail("planned"))],
  ["submission, to the job's first step", "WorkerPool.run", submitToIdle],
  ["submission, to the job's first step", "p-limit", limitIdle],
  ["first failure, to the finalizer of the last of 1,000 siblings: processor time", "Group.scoped", failure(inGroup)],
  [
    "first failure, to the finalizer of the last of 1,000 siblings: processor time",
    "Effect.all, unbounded",
    failure((children) => Effect.all(children, { concurrency: "unbounded" }))
  ]
]

export const measureLatency = async (): Promise<ReadonlyArray<Latency>> => {
  const all = works.map(() => [] as Array<number>)
  for (let round = 0; round < 4; round++) {
    for (const [i, [, , run]] of works.entries()) {
      const times = await run()
      if (round > 0) all[i]!.push(...times)
    }
  }
  return works.map(([what, name], i) => {
    const [p50, p90, p99] = [0.5, 0.9, 0.99].map((q) => quantile(all[i]!, q))
    return { what, name, p50: p50!, p90: p90!, p99: p99! }
  })
}

// Fairness

export interface Fairness {
  readonly name: string
  readonly weight: number
  /** In turns of the event loop. */
  readonly median: number
  readonly max: number
}

const weights = [1, 2, 4, 8]
const fibersEach = 16
const perFiber = 50

/** Fibers that want 1, 2, 4 or 8 of 8 permits, again and again, and hold them for a turn. */
const mix = (withPermits: (n: number, effect: Effect.Effect<void>) => Effect.Effect<void>) =>
  Effect.runPromise(Effect.gen(function*() {
    const waits = new Map(weights.map((weight) => [weight, [] as Array<number>]))
    let turn = 0
    const clock = yield* Effect.forkChild(Effect.forever(Effect.andThen(Effect.yieldNow, Effect.sync(() => turn++))))
    const fiber = (weight: number) =>
      Effect.gen(function*() {
        for (let i = 0; i < perFiber; i++) {
          const from = turn
          yield* withPermits(
            weight,
            Effect.suspend(() => {
              waits.get(weight)?.push(turn - from)
              return Effect.yieldNow
            })
          )
        }
      })
    const all = weights.flatMap((weight) => Array.from({ length: fibersEach }, () => fiber(weight)))
    yield* Effect.all(all, { concurrency: "unbounded", discard: true })
    yield* Fiber.interrupt(clock)
    return waits
  }))

export const measureFairness = async (): Promise<ReadonlyArray<Fairness>> => {
  const ours = Semaphore.makeUnsafe(8)
  const theirs = EffectSemaphore.makeUnsafe(8)
  const results = [
    ["sluice Semaphore", await mix((n, effect) => Effect.orDie(Semaphore.withPermits(ours, n, effect)))],
    ["Effect Semaphore", await mix((n, effect) => theirs.withPermits(n)(effect))]
  ] as const
  return results.flatMap(([name, waits]) =>
    Array.from(waits, ([weight, times]) => ({
      name,
      weight,
      median: quantile(times, 0.5),
      max: Math.max(...times)
    }))
  )
}
