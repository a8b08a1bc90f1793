/** The works of `bench:inspect`, in a process of their own: prints the processor time of each, in nanoseconds. */
import { Effect, Exit, Layer, Scope } from "effect"
import { Group, Semaphore, WorkerPool } from "sluice"
import { Inspect } from "sluice/inspect"
import { timed } from "../measure.js"

const repeated = (times: number, effect: Effect.Effect<unknown, unknown>) => () =>
  Effect.runPromise(Effect.gen(function*() {
    for (let i = 0; i < times; i++) yield* effect
  }))

const one = Semaphore.makeUnsafe(1)
const few = Semaphore.makeUnsafe(1)
const n = 20_000
/** The last semaphore that was made: a result that nobody has, the compiler does not make. */
let made: Semaphore.Semaphore = one

const works: Readonly<Record<string, readonly [items: number, run: () => Promise<unknown>]>> = {
  "withPermit, free": [5 * n, repeated(5 * n, Semaphore.withPermit(one, Effect.void))],
  "withPermit, 8 fibers for one permit": [n, () =>
    Effect.runPromise(Effect.all(
      Array.from({ length: 8 }, () => Effect.promise(repeated(n / 8, Semaphore.withPermit(few, Effect.yieldNow)))),
      { concurrency: "unbounded" }
    ))],
  "acquire in a scope": [n, repeated(n, Effect.scoped(Semaphore.acquire(one, 1)))],
  makeUnsafe: [2 * n, () => {
    for (let i = 0; i < 2 * n; i++) made = Semaphore.makeUnsafe(1)
    return Promise.resolve()
  }],
  "Group.go": [n, () =>
    Effect.runPromise(Group.scoped(Effect.gen(function*() {
      for (let i = 0; i < n; i++) yield* Group.go(Effect.void)
    })))],
  "WorkerPool.submit": [n, () =>
    Effect.runPromise(Effect.scoped(Effect.gen(function*() {
      const run = () => Effect.yieldNow
      const pool = yield* WorkerPool.make({ size: 8, queue: { capacity: 64 }, run })
      for (let i = 0; i < n; i++) yield* WorkerPool.submit(pool, i)
      yield* WorkerPool.shutdown(pool)
    })))]
}

const scope = Scope.makeUnsafe()
if (process.argv[2] === "watched") {
  await Effect.runPromise(Scope.provide(Layer.build(Inspect.layer({ onReport: () => Effect.void })), scope))
}
const times: Record<string, number> = {}
for (const [name, [items, run]] of Object.entries(works)) {
  for (let i = 0; i < 3; i++) await run()
  let least = Infinity
  for (let i = 0; i < 7; i++) least = Math.min(least, await timed(run) / items)
  times[name] = least
}
await Effect.runPromise(Scope.close(scope, Exit.void))
if (Semaphore.stats(made).capacity !== 1) throw new Error("bench:inspect: no semaphore was made")
console.log(JSON.stringify(times))
