/** Threads that are replaced since they have been used enough (T8). */
import { Effect, Fiber, Random } from "effect"
import { WorkerPool } from "sluice"
import { ThreadPool, type ThreadWorker } from "sluice/threads"
import { expect, test } from "vitest"
import { Board, kinds, stride } from "../../src/internal/threads/protocol.js"
import { Server } from "../../src/internal/threads/Server.js"
import { after, defectOf, run, runTimed, settle, start } from "../support/effect.js"
import { Port } from "../support/port.js"
import { type Puppet, Puppets } from "../support/puppets.js"
import { compiled } from "../support/threads.js"
import type { jobs } from "./jobs.js"

type Jobs = ThreadWorker.Jobs<{ readonly call: (input: unknown) => unknown }>

const make = (recycle: ThreadPool.Recycle, options: { readonly size?: number; readonly prefetch?: number } = {}) =>
  Effect.gen(function*() {
    const threads = Object.assign(new Puppets((puppet) => queueMicrotask(() => puppet.serve())), { measuresHeap: true })
    const module = new URL("fake:threads")
    const pool = yield* ThreadPool.make<Jobs>({ module, platform: threads, size: 1, recycle, ...options })
    return { all: threads.all, pool }
  })

/** The inputs of the calls that a thread has been given. */
const inputsOf = ({ posted }: Puppet): ReadonlyArray<unknown> =>
  posted.filter(Array.isArray).flat().filter((_, i) => i % stride === 3)

/** A thread returns the input of its nth call, from 0. */
const returns = (thread: Puppet, n: number): void => {
  const [seat, turn, , input] = thread.posted.filter(Array.isArray).flat().slice(n * stride) as [
    number,
    number,
    string,
    unknown
  ]
  thread.say([seat, turn, kinds.success, input])
}

test("a thread is given maxCalls calls, and the next one goes to its successor once it has ended (T8)", () =>
  run(Effect.gen(function*() {
    const { all, pool } = yield* make({ maxCalls: 2, jitter: 0 }, { prefetch: 2 })
    const calls: Array<Fiber.Fiber<unknown, unknown>> = []
    for (const input of ["one", "two", "three"]) calls.push(yield* start(pool.run.call(input)))
    yield* settle
    expect(inputsOf(all[0]!)).toEqual(["one", "two"])
    returns(all[0]!, 0)
    yield* settle
    expect([calls.map((fiber) => fiber.pollUnsafe() !== undefined), all.length]).toEqual([[true, false, false], 1])
    returns(all[0]!, 1)
    yield* settle
    expect([all[0]!, all[1]!].map(inputsOf)).toEqual([["one", "two"], ["three"]])
    // Finalizers run.
    expect(all[0]!.posted.at(-1)).toEqual({ _tag: "close" })
    returns(all[1]!, 0)
    expect(yield* Effect.all(calls.map((call) => Fiber.join(call)))).toEqual(["one", "two", "three"])
    expect(WorkerPool.stats(pool.workers)).toMatchObject({ submitted: 3, succeeded: 3, running: 0, queued: 0 })
  })))

test("a thread with a heap above maxHeap ends what it has begun, and gives back what it has not begun (T8)", () =>
  run(Effect.gen(function*() {
    const { all, pool } = yield* make({ maxHeap: 100, jitter: 0 }, { prefetch: 1 })
    const [one, two] = [yield* start(pool.run.call("one")), yield* start(pool.run.call("two"))]
    yield* settle
    const [first] = all
    const { init } = first!.options
    expect([init.measuresHeap, inputsOf(first!)]).toEqual([true, ["one", "two"]])
    new Board(init.words).begin(...(first!.posted[0] as [number, number]))
    first!.say({ _tag: "heap", used: 100 })
    yield* settle
    expect([WorkerPool.stats(pool.workers).running, two.pollUnsafe()]).toEqual([2, undefined])
    first!.say({ _tag: "heap", used: 101 })
    expect(WorkerPool.stats(pool.workers)).toMatchObject({ running: 1, queued: 1 })
    returns(first!, 0)
    yield* settle
    expect([yield* Fiber.join(one), all.slice(1).map(inputsOf)]).toEqual(["one", [["two"]]])
    returns(all[1]!, 0)
    expect(yield* Fiber.join(two)).toBe("two")
  })))

test("a thread that hangs after its last call was given is replaced, and its other call moves (T8)", () =>
  runTimed(Effect.gen(function*() {
    const { all, pool } = yield* make({ maxCalls: 2, jitter: 0 }, { prefetch: 1 })
    const [one, two] = [yield* start(pool.run.call("one")), yield* start(pool.run.call("two"))]
    yield* settle
    yield* Fiber.interrupt(one)
    expect([all[0]!.posted.at(-1), all[0]!.isTerminated]).toEqual([{ _tag: "ping" }, false])
    yield* after(1_000)
    expect([all[0]!.isTerminated, all.slice(1).map(inputsOf)]).toEqual([true, [["two"]]])
    returns(all[1]!, 0)
    expect(yield* Fiber.join(two)).toBe("two")
  })))

test("jitter takes a random part of the limits from each thread", () =>
  run(Effect.gen(function*() {
    const given: Array<number> = []
    let draws = 0
    const random = { nextIntUnsafe: () => 0, nextDoubleUnsafe: () => [0, 0.5, 0.99][draws++ % 3]! }
    yield* Effect.provideService(
      Effect.gen(function*() {
        const { all, pool } = yield* make({ maxCalls: 10, jitter: 0.4 })
        for (let n = 0; n < 24; n++) {
          const call = yield* start(pool.run.call(n))
          yield* settle
          const thread = all.at(-1)!
          given[all.length - 1] = (given[all.length - 1] ?? 0) + 1
          const [seat, turn] = thread.posted.at(-1) as [number, number]
          thread.say([seat, turn, kinds.success, n])
          yield* Fiber.join(call)
          yield* settle
        }
      }),
      Random.Random,
      random
    )
    expect(given).toEqual([10, 8, 6])
  })))

test.each<[ThreadPool.Recycle, string]>([
  [{ maxCalls: 0 }, "recycle.maxCalls must be an integer >= 1, got 0"],
  [{ maxCalls: 1.5 }, "recycle.maxCalls must be an integer >= 1, got 1.5"],
  [{ maxCalls: NaN }, "recycle.maxCalls must be an integer >= 1, got NaN"],
  [{ maxHeap: 0 }, "recycle.maxHeap must be a number of bytes > 0, got 0"],
  [{ jitter: 1.1 }, "recycle.jitter must be from 0 to 1, got 1.1"],
  [{ jitter: -1 }, "recycle.jitter must be from 0 to 1, got -1"]
])("recycle refuses %o", (recycle, message) =>
  run(Effect.gen(function*() {
    expect(yield* defectOf(make(recycle))).toMatchObject({ message: `ThreadPool.make: ${message}` })
  })))

test("maxHeap is a defect of make where threads cannot measure their heap", () =>
  run(Effect.gen(function*() {
    const options = { module: new URL("fake:threads"), platform: new Puppets(), recycle: { maxHeap: 1 } }
    expect(yield* defectOf(ThreadPool.make<Jobs>(options))).toMatchObject({
      message: "ThreadPool.make: recycle.maxHeap is given, but the threads of this platform cannot measure their heap"
    })
  })))

test.each([true, false])(
  "a thread sends its heap in use before results, with measuresHeap %s",
  async (measuresHeap) => {
    const port = new Port()
    const said: Array<unknown> = []
    port.heard = (message) => void said.push(message)
    const init = { version: 0, module: "", port, words: new Int32Array(1), isShared: false, concurrency: 1 }
    const server = new Server({ ...init, measuresHeap })
    await server.start(Promise.resolve({ handlers: { call: () => 1 }, layer: undefined }))
    said.length = 0
    port.hear([0, 1, "call", undefined])
    const result = [0, 1, kinds.success, 1]
    const heap = { _tag: "heap", used: expect.any(Number) as number }
    expect(said).toEqual(measuresHeap ? [heap, result] : [result])
    if (measuresHeap) expect((said[0] as { readonly used: number }).used).toBeGreaterThan(1_000_000)
  }
)

test("real threads are replaced by maxCalls and by maxHeap, and no call is lost (T8)", () =>
  run(Effect.gen(function*() {
    const module = compiled("jobs")
    for (const [recycle, threads] of [[{ maxCalls: 2, jitter: 0 }, 2], [{ maxHeap: 1 }, 3]] as const) {
      const pool = yield* ThreadPool.make<typeof jobs>({ module, size: 1, recycle })
      const ids: Array<unknown> = []
      for (let n = 0; n < 3; n++) ids.push(yield* pool.run.thread())
      expect([new Set(ids).size, WorkerPool.stats(pool.workers).succeeded]).toEqual([threads, 3])
    }
  })))
