/** The reports of a call that runs. */
import { Effect, Exit, Fiber } from "effect"
import { WorkerPool } from "sluice"
import { ThreadPool, type ThreadWorker } from "sluice/threads"
import { expect, test } from "vitest"
import { run, runTimed, settle, squash, start } from "../support/effect.js"
import { Puppets } from "../support/puppets.js"
import { compiled } from "../support/threads.js"
import type { jobs } from "./jobs.js"

type Jobs = ThreadWorker.Jobs<{ readonly call: (input: unknown, context: ThreadWorker.JobContext<number>) => unknown }>

const make = Effect.gen(function*() {
  const threads = new Puppets((puppet) => queueMicrotask(() => puppet.serve()))
  const module = new URL("fake:threads")
  const pool = yield* ThreadPool.make<Jobs>({ module, platform: threads, size: 1, grace: 0 })
  const thread = threads.all[0]!
  const report = (value: number) =>
    Effect.andThen(Effect.sync(() => thread.say({ _tag: "progress", seat: 0, turn: 1, value })), settle)
  return { pool, report, thread }
})

test("a function that computes reports what the caller sees before it ends (T7)", () =>
  run(Effect.gen(function*() {
    const pool = yield* ThreadPool.make<typeof jobs>({ module: compiled("jobs"), size: 1 })
    const seen: Array<number> = []
    const result = yield* pool.runWithProgress.steps(20, ({ step }) => Effect.sync(() => seen.push(step)))
    expect([result, seen[0], seen.at(-1), seen]).toEqual(["done", 1, 20, seen.toSorted((one, other) => one - other)])
  })))

test("while onProgress is busy a report replaces the one that waits, and the call has ended with the last onProgress", () =>
  runTimed(Effect.gen(function*() {
    const { pool, report, thread } = yield* make
    const seen: Array<number> = []
    const gates: Array<() => void> = []
    const call = yield* start(pool.runWithProgress.call("input", (n) =>
      Effect.callback<void>((resume) => {
        seen.push(n)
        gates.push(() => resume(Effect.void))
      })))
    yield* settle
    for (const n of [1, 2, 3]) yield* report(n)
    expect(seen).toEqual([1])
    thread.say([0, 1, 0, "result"])
    yield* settle
    yield* report(4)
    for (let n = 1; n <= 2; n++) {
      expect(call.pollUnsafe()).toBe(undefined)
      gates.shift()!()
      yield* settle
    }
    expect([seen, call.pollUnsafe()]).toEqual([[1, 3], Exit.succeed("result")])
  })))

test("a report that comes after its call's end is not that of the next call (T7)", () =>
  runTimed(Effect.gen(function*() {
    const { pool, report, thread } = yield* make
    const first = yield* start(pool.runWithProgress.call("first", () => Effect.void))
    yield* settle
    thread.say([0, 1, 0, "one"])
    yield* settle
    const seen: Array<number> = []
    const second = yield* start(pool.runWithProgress.call("second", (n) => Effect.sync(() => seen.push(n))))
    yield* settle
    yield* report(1)
    thread.say({ _tag: "progress", seat: 0, turn: 2, value: 2 })
    thread.say([0, 2, 0, "two"])
    yield* settle
    expect([first.pollUnsafe(), second.pollUnsafe(), seen]).toEqual([Exit.succeed("one"), Exit.succeed("two"), [2]])
  })))

test("a failure of onProgress, or an interrupt, cancels the call and leaves nothing", () =>
  runTimed(Effect.gen(function*() {
    const { pool, report } = yield* make
    const failing = yield* start(pool.runWithProgress.call("input", () => Effect.fail("enough")))
    yield* settle
    yield* report(1)
    expect(squash(failing.pollUnsafe()!)).toBe("enough")
    expect(WorkerPool.stats(pool.workers)).toMatchObject({ running: 0, interrupted: 1 })
    const waiting = yield* start(pool.runWithProgress.call("input", () => Effect.never))
    yield* settle
    yield* start(Fiber.interrupt(waiting))
    yield* settle
    expect(Exit.isFailure(waiting.pollUnsafe()!)).toBe(true)
    expect(WorkerPool.stats(pool.workers)).toMatchObject({ running: 0, queued: 0, interrupted: 2 })
  })))

test("a job whose onProgress is no function is not run", () =>
  runTimed(Effect.gen(function*() {
    const { pool } = yield* make
    const exit = yield* Effect.exit(pool.runWithProgress.call("input", undefined as never))
    expect(squash(exit)).toMatchObject({
      message: "ThreadPool.runWithProgress: onProgress must be a function, got undefined"
    })
    expect(WorkerPool.stats(pool.workers).submitted).toBe(0)
  })))
