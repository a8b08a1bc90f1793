/** A pool of threads as its options have it, with threads that do as the test says. */
import { Cause, Clock, Effect, Exit, Fiber, Inspectable, Stream } from "effect"
import { WorkerPool } from "sluice"
import { ThreadPool, ThreadWorker } from "sluice/threads"
import { afterEach, expect, test, vi } from "vitest"
import { isTagged, kinds, stride } from "../../src/internal/threads/protocol.js"
import { after, runTimed, settle, squash, start } from "../support/effect.js"
import { type Puppet, Puppets } from "../support/puppets.js"

type Jobs = ThreadWorker.Jobs<{ readonly call: (input: unknown) => unknown }>
type Some = Omit<Partial<ThreadPool.Options<never>>, "deadlines" | "retry" | "deadLetters">

const module = new URL("fake:threads")

const starting = (options: Some = {}, parallelism = 1) =>
  Effect.gen(function*() {
    const threads = Object.assign(new Puppets(), { parallelism })
    const making = yield* start(ThreadPool.make<Jobs>({ module, platform: threads, ...options }))
    return { all: threads.all, making }
  })

const make = (options: Some = {}, parallelism?: number) =>
  Effect.gen(function*() {
    const { all, making } = yield* starting(options, parallelism)
    for (const thread of all) thread.serve()
    return { all, pool: yield* Fiber.join(making) }
  })

/** The calls that a thread has been given and has not ended. */
const callsOf = ({ posted }: Puppet): ReadonlyArray<readonly [number, number, string, unknown]> => {
  const all = posted.flatMap((message) => isTagged(message) ? [] : message as Array<unknown>)
  return Array.from(
    { length: all.length / stride },
    (_, i) => all.slice(i * stride, (i + 1) * stride) as unknown as readonly [number, number, string, unknown]
  )
}

afterEach(() => {
  vi.unstubAllGlobals()
})

test.each<[Some, number, readonly [number, number]]>([
  [{}, 1, [1, 1]],
  [{}, 3, [3, 1]],
  [{ size: 2 }, 3, [2, 1]],
  [{ size: 1, concurrency: 2 }, 3, [1, 2]],
  [{ size: 1, prefetch: 2 }, 3, [1, 3]],
  [{ size: 1, concurrency: 2, prefetch: 3 }, 3, [1, 5]]
])(
  "with %o, where %i threads can run at a time, it has as many threads and calls as it is to: %o",
  (options, parallelism, [size, seats]) =>
    runTimed(Effect.gen(function*() {
      const { all, pool } = yield* make({ ...options, queue: { capacity: "unbounded" } }, parallelism)
      expect([all.length, WorkerPool.stats(pool.workers).size]).toEqual([size, size * seats])
      for (const { options: { init } } of all) {
        expect([init.words.length, init.concurrency]).toEqual([seats, options.concurrency ?? 1])
      }
      for (let n = 0; n < 20; n++) yield* pool.submit.call(n)
      yield* settle
      expect(all.map((thread) => callsOf(thread).length)).toEqual(all.map(() => seats))
      yield* start(WorkerPool.shutdownNow(pool.workers))
      yield* after(2_000)
    }))
)

test("a thread is given its module, its name and the options of node", () =>
  runTimed(Effect.gen(function*() {
    const node = { argv: ["--x"] }
    const { all, pool } = yield* make({ name: "digests", size: 2, node })
    expect(all.map(({ options: { module, name, node } }) => [module.href, name, node])).toEqual([
      ["fake:threads", "digests/thread-1", node],
      ["fake:threads", "digests/thread-2", node]
    ])
    expect([pool.name, pool.workers.name]).toEqual(["digests", "digests"])
    const other = yield* make()
    expect([other.pool.name, other.all[0]!.options.name]).toEqual([undefined, "pool/thread-1"])
  })))

test("a pool shows its name, its jobs and its stats, and is known as one", () =>
  runTimed(Effect.gen(function*() {
    const { pool } = yield* make({ name: "digests" })
    const stats = WorkerPool.stats(pool.workers)
    expect(JSON.parse(JSON.stringify(pool))).toEqual({ _id: "ThreadPool", name: "digests", jobs: ["call"], ...stats })
    expect(Inspectable.toStringUnknown(pool)).toContain("digests")
    expect([pool, pool.workers, {}, null, undefined, "pool"].map(ThreadPool.isThreadPool)).toEqual([
      true,
      false,
      false,
      false,
      false,
      false
    ])
  })))

test("a module has 30 seconds to serve by default", () =>
  runTimed(Effect.gen(function*() {
    const { all, making } = yield* starting()
    yield* after(29_999)
    expect([making.pollUnsafe(), all[0]!.isTerminated]).toEqual([undefined, false])
    yield* after(1)
    expect(squash(making.pollUnsafe()!)).toMatchObject({ _tag: "ThreadFailed", reason: "silent" })
  })))

test.each([[undefined, 1_000], ["1 minute", 1_000], [100, 100]] as const)(
  "a thread that says nothing as it is to close is terminated, with closeTimeout %s, after %i ms",
  (closeTimeout, millis) =>
    runTimed(Effect.gen(function*() {
      const { all, pool } = yield* make({ closeTimeout })
      all[0]!.isHeld = true
      const shutdown = yield* start(WorkerPool.shutdown(pool.workers))
      yield* after(millis - 1)
      expect(all[0]!.isTerminated).toBe(false)
      yield* after(1)
      expect(all[0]!.isTerminated).toBe(true)
      all[0]!.end()
      yield* Fiber.join(shutdown)
    }))
)

test("a thread that has said that it closes has closeTimeout from then on", () =>
  runTimed(Effect.gen(function*() {
    const { all, making } = yield* starting({ closeTimeout: "5 seconds", startTimeout: "1 second" })
    all[0]!.serve(true)
    const pool = yield* Fiber.join(making)
    all[0]!.isHeld = true
    const shutdown = yield* start(WorkerPool.shutdown(pool.workers))
    yield* after(900)
    all[0]!.say({ _tag: "closing" })
    yield* after(4_999)
    expect(all[0]!.isTerminated).toBe(false)
    yield* after(1)
    expect(all[0]!.isTerminated).toBe(true)
    all[0]!.end()
    yield* Fiber.join(shutdown)
  })))

test("a thread that has served by the end of its time is heard, though the pool reads that a turn later", () =>
  runTimed(Effect.gen(function*() {
    const wake: Array<() => void> = []
    const manual = Object.assign(Object.create(yield* Clock.Clock) as Clock.Clock, {
      sleep: () => Effect.callback<void>((resume) => void wake.push(() => resume(Effect.void)))
    })
    const { all, making } = yield* Effect.provideService(starting(), Clock.Clock, manual)
    for (const end of wake) end()
    all[0]!.serve()
    yield* settle
    expect([wake.length, Exit.isSuccess(making.pollUnsafe()!), all[0]!.isTerminated]).toEqual([1, true, false])
  })))

test("trySubmit refuses what submit waits to enqueue", () =>
  runTimed(Effect.gen(function*() {
    const { all, pool } = yield* make({ queue: { capacity: 1 } })
    const [one, two] = [yield* pool.trySubmit.call(1), yield* pool.trySubmit.call(2)]
    expect(yield* Effect.flip(pool.trySubmit.call(3))).toMatchObject({ _tag: "QueueFull", capacity: 1 })
    const three = yield* start(pool.submit.call(3))
    expect([one.state, two.state, three.pollUnsafe()]).toEqual(["running", "queued", undefined])
    all[0]!.say([0, 1, kinds.success, "one"])
    yield* settle
    const handle = yield* Fiber.join(three)
    for (const turn of [2, 3]) {
      all[0]!.say([0, turn, kinds.success, turn])
      yield* settle
    }
    expect(yield* handle.await).toEqual(Exit.succeed(3))
  })))

test.each([[undefined, [1, 2]], [{ ordered: false }, [2, 1]]] as const)(
  "map with %o emits the results of two calls, of which the second ends first, as %o",
  (options, results) =>
    runTimed(Effect.gen(function*() {
      const { all, pool } = yield* make({ concurrency: 2 })
      const mapped = yield* start(Stream.runCollect(pool.map.call([1, 2], options)))
      yield* settle
      for (const [seat, turn, name, input] of callsOf(all[0]!).toReversed()) {
        expect(name).toBe("call")
        all[0]!.say([seat, turn, kinds.success, input])
        yield* settle
      }
      expect(mapped.pollUnsafe()).toEqual(Exit.succeed(results))
    }))
)

test.each<[Some, string]>([
  [{ closeTimeout: 0 }, "ThreadPool.make: closeTimeout must be a duration > 0, got 0"],
  [{ closeTimeout: -1 }, "ThreadPool.make: closeTimeout must be a duration > 0, got -1"],
  [{ grace: -1 }, "ThreadPool.make: grace must be a duration that is not negative, got -1"],
  [{ concurrency: 10_001 }, "ThreadPool.make: concurrency must be an integer from 1 to 10000, got 10001"],
  [{ size: 1.5 }, "ThreadPool.make: size must be an integer from 1 to 10000, got 1.5"]
])("refuses %o, and starts no thread", (options, message) =>
  runTimed(Effect.gen(function*() {
    const { all, making } = yield* starting(options)
    const exit = making.pollUnsafe()!
    expect(Exit.isFailure(exit) && Cause.hasDies(exit.cause)).toBe(true)
    expect([squash(exit), all]).toMatchObject([{ message }, []])
  })))

test("a pool can be made only where there are threads, unless it is given a platform", async () => {
  vi.stubGlobal("process", undefined)
  vi.stubGlobal("Worker", undefined)
  const exit = await Effect.runPromiseExit(Effect.scoped(ThreadPool.make<Jobs>({ module })))
  expect(squash(exit)).toMatchObject({ message: "ThreadPool.make: there are no threads here" })
})

test("a pool in a browser has threads of the browser's, as many as it says that there are processors", async () => {
  const spawned: Array<URL> = []
  class Worker {
    onmessage = null
    onerror: ((event: { readonly message: string; preventDefault(): void }) => void) | null = null
    constructor(module: URL) {
      spawned.push(module)
      queueMicrotask(() => this.onerror!({ message: "a bug", preventDefault: () => {} }))
    }
    readonly postMessage = () => {}
    readonly terminate = () => {}
  }
  vi.stubGlobal("process", undefined)
  vi.stubGlobal("Worker", Worker)
  vi.stubGlobal("navigator", { hardwareConcurrency: 3 })
  const exit = await Effect.runPromiseExit(Effect.scoped(ThreadPool.make<Jobs>({ module })))
  expect(squash(exit)).toMatchObject({ _tag: "ThreadFailed", reason: "module", cause: { message: "a bug" } })
  expect(spawned).toEqual([module, module, module])
})

test("`transfer` is the same function on both sides", () => {
  expect(ThreadPool.transfer).toBe(ThreadWorker.transfer)
})
