/** The data that a thread starts with. */
import { Effect } from "effect"
import { ThreadPool, type ThreadWorker } from "sluice/threads"
import { expect, test } from "vitest"
import { run, settle } from "../support/effect.js"
import { Puppets } from "../support/puppets.js"
import { compiled } from "../support/threads.js"
import type { jobs, Start } from "./started.js"

const module = compiled("started")

test("a thread has the data of its number, in its functions and in its layer, and so has one that replaces it", () =>
  run(Effect.gen(function*() {
    const made: Array<number> = []
    const data = (thread: number): Start => {
      made.push(thread)
      return { greeting: "hello", thread }
    }
    const pool = yield* ThreadPool.make<typeof jobs>({ module, size: 1, data })
    expect([yield* pool.run.greet("ada"), yield* pool.run.layered()]).toEqual(["hello, ada", "hello of the layer"])
    expect((yield* Effect.flip(pool.run.exit()))._tag).toBe("ThreadLost")
    expect([yield* pool.run.number(), made]).toEqual([1, [1, 1]])
  })))

test("a module that throws at its data says so", () =>
  run(Effect.gen(function*() {
    const failed = yield* Effect.flip(
      ThreadPool.make<typeof jobs>({ module, size: 1, data: { greeting: "", thread: 1 } })
    )
    expect(failed).toMatchObject({ reason: "module", cause: { name: "RangeError", message: "an empty greeting" } })
  })))

test.each<[unknown, string]>([
  [{ greeting: () => 1 }, "() => 1 could not be cloned."],
  [
    () => {
      throw new Error("no greeting for you")
    },
    "no greeting for you"
  ]
])(
  "data that cannot be sent fails the start of the pool, and starts no thread: %o",
  (data, why) =>
    run(Effect.gen(function*() {
      const failed = yield* Effect.flip(ThreadPool.make<typeof jobs>({ module, size: 2, data: data as Start }))
      expect(failed).toMatchObject({
        _tag: "ThreadFailed",
        reason: "data",
        message: `ThreadPool: ${module.href} could not be given its data: ${why}`
      })
    }))
)

test("each thread is given the data of its own number, before anything else", () =>
  run(Effect.gen(function*() {
    type Jobs = ThreadWorker.Jobs<{ readonly call: () => number }, number>
    const threads = new Puppets((puppet) => queueMicrotask(() => puppet.serve()))
    yield* ThreadPool.make<Jobs>({ module, platform: threads, size: 3, data: (thread) => 10 * thread })
    yield* settle
    expect(threads.all.map(({ options }) => options.init.data)).toEqual([10, 20, 30])
  })))
