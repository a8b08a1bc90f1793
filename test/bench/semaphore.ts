/**
 * What a waiter costs as their number grows. Fibers wait on one semaphore with 8 permits, and are let through; beside
 * them the same fibers without a semaphore, each suspended and resumed once, and Effect's own semaphore, as far as it
 * gets in reasonable time. Medians of 5 rounds, alternating, in one process.
 *
 * Run with `npm run bench`.
 */
import { Effect, Fiber, Semaphore as EffectSemaphore } from "effect"
import { readFileSync } from "node:fs"
import { cpus } from "node:os"
import { Semaphore } from "sluice"

const rounds = 5
const permits = 8
const sizes = [1_000, 10_000, 100_000]

type Contender = readonly [name: string, run: (n: number) => Effect.Effect<void>, largest: number]

/** Starts n fibers that wait behind a gate which holds every permit, then opens it and waits for all of them. */
const throughGate = (
  n: number,
  withPermits: (n: number, effect: Effect.Effect<void>) => Effect.Effect<void>
): Effect.Effect<void> =>
  Effect.gen(function*() {
    let open = () => {}
    const gate = yield* Effect.forkDetach(
      withPermits(
        permits,
        Effect.callback<void>((resume) => {
          open = () => resume(Effect.void)
        })
      ),
      { startImmediately: true }
    )
    const waiter = withPermits(1, Effect.void)
    const fibers: Array<Fiber.Fiber<void>> = []
    for (let i = 0; i < n; i++) fibers.push(yield* Effect.forkDetach(waiter, { startImmediately: true }))
    open()
    yield* Fiber.await(gate)
    yield* Fiber.awaitAll(fibers)
  })

const floor = (n: number): Effect.Effect<void> =>
  Effect.gen(function*() {
    const resumes: Array<() => void> = []
    const waiter = Effect.callback<void>((resume) => {
      resumes.push(() => resume(Effect.void))
    })
    const fibers: Array<Fiber.Fiber<void>> = []
    for (let i = 0; i < n; i++) fibers.push(yield* Effect.forkDetach(waiter, { startImmediately: true }))
    for (const resume of resumes) resume()
    yield* Fiber.awaitAll(fibers)
  })

const contenders: ReadonlyArray<Contender> = [
  ["fibers alone", floor, Infinity],
  ["sluice", (n) => {
    const semaphore = Semaphore.makeUnsafe(permits)
    return throughGate(n, (n, effect) => Effect.orDie(Semaphore.withPermits(semaphore, n, effect)))
  }, Infinity],
  // It is quadratic: 100,000 would take minutes.
  ["effect", (n) => {
    const semaphore = EffectSemaphore.makeUnsafe(permits)
    return throughGate(n, (n, effect) => semaphore.withPermits(n)(effect))
  }, 10_000]
]

/** ns per waiter. Small sizes are repeated: alone they are over before the clock and the compiler have warmed up. */
const measure = async (run: (n: number) => Effect.Effect<void>, n: number): Promise<number> => {
  const repeats = Math.max(1, 20_000 / n)
  const start = process.hrtime.bigint()
  for (let i = 0; i < repeats; i++) await Effect.runPromise(run(n))
  return Number(process.hrtime.bigint() - start) / n / repeats
}

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN

const manifest = JSON.parse(readFileSync("node_modules/effect/package.json", "utf8")) as { readonly version: string }
console.log(`node ${process.version}, effect ${manifest.version}, ${cpus().length} x ${cpus()[0]?.model}`)
console.log(`ns per waiter, median of ${rounds} rounds (lowest to highest)\n`)

for (const n of sizes) {
  const times = new Map<string, Array<number>>(contenders.map(([name]) => [name, []]))
  for (let round = -1; round < rounds; round++) {
    for (const [name, run, largest] of contenders) {
      if (n > largest) continue
      const time = await measure(run, n)
      // The first round warms up.
      if (round >= 0) times.get(name)?.push(time)
    }
  }
  for (const [name, values] of times) {
    const [low, high] = [Math.min(...values), Math.max(...values)]
    const text = values.length === 0
      ? "not run"
      : `${median(values).toFixed(0).padStart(8)} (${low.toFixed(0)} to ${high.toFixed(0)})`
    console.log(`${n.toLocaleString("en").padStart(8)} waiters  ${name.padEnd(12)} ${text}`)
  }
}
