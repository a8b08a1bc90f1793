/** Real threads under a thousand calls that are cancelled at any time: each is over, and nothing is left. */
import { Effect, Exit, Fiber } from "effect"
import * as fc from "fast-check"
import { existsSync, readdirSync } from "node:fs"
import { setTimeout } from "node:timers/promises"
import { isDeepStrictEqual } from "node:util"
import { WorkerPool } from "sluice"
import { ThreadPool } from "sluice/threads"
import { expect, test } from "vitest"
import { run, start } from "../support/effect.js"
import { times } from "../support/property.js"
import { compiled, shared } from "../support/threads.js"
import { balanced } from "../support/workerPool.js"
import type { jobs } from "./jobs.js"

const module = compiled("jobs")

const make = (options: { readonly size: number; readonly concurrency?: number; readonly prefetch?: number }) =>
  ThreadPool.make<typeof jobs>({ module, grace: 5, queue: { capacity: "unbounded" }, ...options })

/** What of the process there is beside its memory. Threads of the system's can be counted on Linux. */
const held = () => ({
  threads: existsSync("/proc/self/task") ? readdirSync("/proc/self/task").length : 0,
  resources: process.getActiveResourcesInfo().sort(),
  listeners: process.eventNames().map((name) => `${String(name)} ${process.listenerCount(name)}`).sort()
})

const round = fc.record({
  job: fc.constantFrom("add", "later", "spin", "poll", "listen", "holding", "never", "fail", "throws", "exit"),
  stuck: fc.integer({ min: 0, max: 99 }),
  wait: fc.integer({ min: 0, max: 4 })
})

const callOf = (pool: ThreadPool.ThreadPool<typeof jobs>, counts: Int32Array, job: string) => {
  const { add, exit, fail, holding, later, listen, never, poll, spin, throws } = pool.run
  const calls: Record<string, () => Effect.Effect<unknown, unknown>> = {
    add: () => add(1),
    later: () => later(1),
    spin: () => spin(1),
    poll: () => poll(shared(2)),
    listen: () => listen(shared(2)),
    holding: () => holding([counts, 2]),
    never,
    fail: () => fail("ada"),
    throws,
    exit: () => exit(1)
  }
  return calls[job]!()
}

test.each([
  { size: 2 },
  { size: 2, prefetch: 3 },
  { size: 1, concurrency: 3, prefetch: 2 }
])("of a pool of %o", async (options) => {
  await run(Effect.flatMap(make(options), (pool) => pool.run.add(1)))
  // A port is closed a little later, and the runner of the tests has timers of its own now and then.
  const settled = async (isSettled: (now: ReturnType<typeof held>) => boolean) => {
    for (let left = 100; left > 0 && !isSettled(held()); left--) await setTimeout(50)
    return held()
  }
  const before = await settled(({ resources }) => !resources.includes("MessagePort") && !resources.includes("Timeout"))
  const rounds = fc.sample(round, { numRuns: times(334) })
  await run(Effect.scoped(Effect.gen(function*() {
    const pool = yield* make(options)
    const counts = shared(2)
    let fibers: Array<Fiber.Fiber<unknown, unknown>> = []
    for (const { job, stuck, wait } of rounds) {
      const call = stuck === 0 ? pool.run.forever() : callOf(pool, counts, job === "exit" && stuck > 5 ? "add" : job)
      const fiber = yield* start(call)
      fibers.push(fiber)
      // Some go on by themselves, if they can; each is cancelled in the end.
      if (wait < 4) yield* Effect.sleep(wait)
      if (wait % 2 === 0) yield* Effect.forkChild(Fiber.interrupt(fiber))
      if (fibers.length >= 8) {
        yield* Fiber.interruptAll(fibers)
        fibers = []
      }
    }
    yield* Fiber.interruptAll(fibers)
    balanced(pool.workers)
    expect(WorkerPool.stats(pool.workers)).toMatchObject({ submitted: rounds.length, queued: 0, running: 0 })
    expect(yield* pool.run.add(1)).toBe(2)
    const exits = yield* Effect.forEach(Array.from({ length: 50 }), () => Effect.exit(pool.run.add(1)), {
      concurrency: "unbounded"
    })
    expect(exits.every(Exit.isSuccess)).toBe(true)
  })))
  expect(await settled((now) => isDeepStrictEqual(now, before))).toEqual(before)
})
