/**
 * What a job costs in a pool of 8, beside the same work without one and in the pools that people know; and what a
 * million jobs take in memory. Medians of 7 rounds, alternating, in one process. The job yields once, which is a turn
 * of the event loop, or does nothing.
 *
 * Run with `npm run bench:pool`.
 */
import { Effect, Queue, Stream } from "effect"
import { readFileSync } from "node:fs"
import { cpus } from "node:os"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import pLimit from "p-limit"
import PQueue from "p-queue"
import { WorkerPool } from "sluice"

const rounds = 7
const jobs = 100_000
const size = 8
const capacity = 16
const callers = 64

type Work = () => Promise<unknown>

const inPool = (
  job: Effect.Effect<void>,
  body: (pool: WorkerPool.WorkerPool<number, void>) => Effect.Effect<unknown, unknown>
): Work =>
() =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const pool = yield* WorkerPool.make<number, void>({ size, queue: { capacity }, run: () => job })
    yield* body(pool)
  })))

/** `callers` fibers, each of which does its share of the jobs one after the other. */
const shared = (job: (n: number) => Effect.Effect<unknown, unknown>): Effect.Effect<void, unknown> =>
  Effect.forEach(Array.from({ length: callers }), () =>
    Effect.gen(function*() {
      for (let n = 0; n < jobs / callers; n++) yield* job(n)
    }), { concurrency: "unbounded", discard: true })

const sharedPromises = (job: () => Promise<unknown>): Promise<unknown> =>
  Promise.all(Array.from({ length: callers }, async () => {
    for (let n = 0; n < jobs / callers; n++) await job()
  }))

const floor: Work = () =>
  Effect.runPromise(Effect.forEach(Array.from({ length: size }), () =>
    Effect.gen(function*() {
      for (let n = 0; n < jobs / size; n++) yield* Effect.yieldNow
    }), { concurrency: "unbounded", discard: true }))

const queueAndFibers: Work = () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const queue = yield* Queue.bounded<number>(capacity)
    const consumer = Effect.gen(function*() {
      while ((yield* Queue.take(queue)) >= 0) yield* Effect.yieldNow
    })
    const consumers = yield* Effect.forkScoped(
      Effect.all(Array.from({ length: size }, () => consumer), { concurrency: "unbounded", discard: true })
    )
    for (let n = 0; n < jobs; n++) yield* Queue.offer(queue, n)
    for (let n = 0; n < size; n++) yield* Queue.offer(queue, -1)
    yield* Effect.callback<void>((resume) => void consumers.addObserver(() => resume(Effect.void)))
  })))

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
const nothing = async () => {}
const limit = () => pLimit(size)
const queue = () => new PQueue({ concurrency: size })

const tables: ReadonlyArray<readonly [title: string, works: ReadonlyArray<readonly [name: string, work: Work]>]> = [
  ["fire and forget, jobs that yield", [
    ["8 fibers that loop over yieldNow", floor],
    [
      "WorkerPool.submit",
      inPool(Effect.yieldNow, (pool) =>
        Effect.gen(function*() {
          for (let n = 0; n < jobs; n++) yield* WorkerPool.submit(pool, n)
          yield* WorkerPool.shutdown(pool)
        }))
    ],
    ["Queue.bounded(16) and 8 fibers", queueAndFibers]
  ]],
  ["awaited by 64 callers, jobs that yield; callers and jobs are effects", [
    ["WorkerPool.run", inPool(Effect.yieldNow, (pool) => shared((n) => WorkerPool.run(pool, n)))],
    ["p-limit", () => {
      const limited = limit()
      return Effect.runPromise(shared(() => Effect.promise(() => limited(() => Effect.runPromise(Effect.yieldNow)))))
    }],
    ["p-queue", () => {
      const queued = queue()
      const add = () => queued.add(() => Effect.runPromise(Effect.yieldNow))
      return Effect.runPromise(shared(() => Effect.promise(add)))
    }]
  ]],
  ["awaited by 64 callers, jobs that yield; for p-limit and p-queue all are promises", [
    ["WorkerPool.run", inPool(Effect.yieldNow, (pool) => shared((n) => WorkerPool.run(pool, n)))],
    ["p-limit", () => {
      const limited = limit()
      return sharedPromises(() => limited(turn))
    }],
    ["p-queue", () => {
      const queued = queue()
      return sharedPromises(() => queued.add(turn))
    }]
  ]],
  ["awaited by 64 callers, jobs that do nothing; for p-limit and p-queue all are promises", [
    ["WorkerPool.run", inPool(Effect.void, (pool) => shared((n) => WorkerPool.run(pool, n)))],
    ["p-limit", () => {
      const limited = limit()
      return sharedPromises(() => limited(nothing))
    }],
    ["p-queue", () => {
      const queued = queue()
      return sharedPromises(() => queued.add(nothing))
    }]
  ]]
]

const versionOf = (name: string): string =>
  (JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8")) as { readonly version: string }).version

const nanosecondsPerJob = async (work: Work): Promise<number> => {
  const start = process.hrtime.bigint()
  await work()
  return Number(process.hrtime.bigint() - start) / jobs
}

const versions = ["effect", "p-limit", "p-queue"].map((name) => `${name} ${versionOf(name)}`)
console.log(`node ${process.version}, ${versions.join(", ")}, ${cpus().length} x ${cpus()[0]?.model}`)
console.log(`${size} workers, capacity ${capacity}, ${jobs} jobs; ns per job, median of ${rounds} (lowest to highest)`)

for (const [title, works] of tables) {
  console.log(`\n${title}`)
  const times = works.map(() => [] as Array<number>)
  for (let round = 0; round <= rounds; round++) {
    for (const [i, [, work]] of works.entries()) {
      const time = await nanosecondsPerJob(work)
      // The first round warms up.
      if (round > 0) times[i]!.push(time)
    }
  }
  const sorted = times.map((times) => times.toSorted((a, b) => a - b))
  const median = (i: number) => sorted[i]![rounds >> 1]!
  for (const [i, [name]] of works.entries()) {
    const spread = `${sorted[i]![0]!.toFixed(0)} to ${sorted[i]!.at(-1)!.toFixed(0)}`
    const ratio = i === 0 ? "" : `${(median(i) / median(0)).toFixed(2)} times the first`
    console.log(`  ${name.padEnd(34)} ${median(i).toFixed(0).padStart(6)}  (${spread})`.padEnd(64), ratio)
  }
}

// Memory

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void
const heap = (): number => {
  collect()
  return process.memoryUsage().heapUsed
}
const million = 1_000_000
const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MB`

console.log("\nmemory")
await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
  const pool = yield* WorkerPool.make<number, void>({ size, queue: { capacity }, run: () => Effect.yieldNow })
  let done = 0
  let highest = 0
  const before = heap()
  yield* WorkerPool.map(pool, {
    *[Symbol.iterator]() {
      for (let n = 0; n < million; n++) yield n
    }
  }).pipe(Stream.runForEach(() =>
    Effect.sync(() => {
      if (++done % 50_000 === 0) highest = Math.max(highest, heap() - before)
    })
  ))
  console.log(`  a million jobs through map: at most ${megabytes(highest)} more than before, looked at 20 times`)
})))
await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
  const pool = yield* WorkerPool.make<number, void>({ size, queue: { capacity: "unbounded" }, run: () => Effect.never })
  const before = heap()
  for (let n = 0; n < million; n++) yield* WorkerPool.submit(pool, n)
  const bytes = (heap() - before) / million
  const start = performance.now()
  const { returned } = yield* WorkerPool.shutdownNow(pool)
  const millis = performance.now() - start
  console.log(
    `  a million queued jobs: ${bytes.toFixed(0)} bytes each; ${returned.length} returned in ${millis.toFixed(0)} ms`
  )
})))
