/** What real threads do too seldom, by threads that are fibers, on a clock that only the test moves. */
import { Effect, Exit, Schedule, Scope } from "effect"
import { WorkerPool } from "sluice"
import { ThreadPool, type ThreadWorker } from "sluice/threads"
import { expect, test } from "vitest"
import { after, runTimed, start } from "../support/effect.js"
import { type Behaviour, FakeThreads, type Plan } from "../support/fakeThreads.js"

type Jobs = ThreadWorker.Jobs<{ readonly call: (input: readonly [string, Behaviour]) => string }>
type Some = Omit<Partial<ThreadPool.Options<never>>, "deadlines" | "retry" | "deadLetters">

const make = (plan: Plan = {}, options: Some = {}) =>
  Effect.gen(function*() {
    const threads = new FakeThreads(yield* Effect.context(), plan)
    const module = new URL("fake:threads")
    return { threads, pool: ThreadPool.make<Jobs>({ module, platform: threads, size: 1, ...options }) }
  })

test("a call that does not stop has its grace, of a second by default, and not a millisecond more", () =>
  runTimed(Effect.gen(function*() {
    const { pool: made, threads } = yield* make()
    const pool = yield* made
    const handle = yield* pool.submit.call(["one", "stuck"])
    yield* after(10)
    const cancel = yield* start(handle.cancel)
    yield* after(999)
    expect([threads.alive, handle.state]).toEqual([1, "running"])
    yield* after(1)
    expect(cancel.pollUnsafe()).toEqual(Exit.succeed(true))
    expect([threads.started, threads.alive]).toEqual([2, 1])
  })))

test("a thread that is about to end is given nothing more, and is replaced once it has ended", () =>
  runTimed(Effect.gen(function*() {
    const { pool: made, threads } = yield* make({ ending: (n) => n === 1 ? 50 : undefined }, { prefetch: 2, grace: 10 })
    const pool = yield* made
    const stuck = yield* pool.submit.call(["one", "stuck"])
    yield* after(10)
    expect(WorkerPool.stats(pool.workers)).toMatchObject({ running: 1, idle: 2 })
    yield* start(stuck.cancel)
    yield* after(10)
    expect(WorkerPool.stats(pool.workers)).toMatchObject({ running: 1, idle: 0 })
    const next = yield* pool.submit.call(["two", "returns"])
    expect(next.state).toBe("queued")
    yield* after(49)
    expect([threads.started, stuck.state]).toEqual([1, "running"])
    yield* after(1)
    expect([threads.started, stuck.state, next.state]).toEqual([2, "interrupted", "succeeded"])
  })))

test("a call that stops in time costs nothing", () =>
  runTimed(Effect.gen(function*() {
    const { pool: made, threads } = yield* make()
    const pool = yield* made
    const handle = yield* pool.submit.call(["one", "waits"])
    yield* after(10)
    expect(yield* handle.cancel).toBe(true)
    yield* after(10_000)
    expect([threads.started, threads.alive]).toEqual([1, 1])
  })))

test("a module that says nothing is waited for as long as startTimeout says", () =>
  runTimed(Effect.gen(function*() {
    const { pool, threads } = yield* make({ start: () => "silent" }, { startTimeout: "3 seconds" })
    const making = yield* start(Effect.scoped(pool))
    yield* after(2_999)
    expect([threads.alive, making.pollUnsafe()]).toEqual([1, undefined])
    yield* after(1)
    expect(String(making.pollUnsafe())).toContain("has not called ThreadWorker.serve")
    expect(threads.alive).toBe(0)
  })))

test("a thread that takes its time to start is not ended when it has", () =>
  runTimed(Effect.gen(function*() {
    const { pool: made, threads } = yield* make({}, { startTimeout: "3 seconds" })
    const pool = yield* made
    yield* after(10_000)
    expect(yield* pool.run.call(["one", "returns"])).toBe("one")
    expect(threads.started).toBe(1)
  })))

test("a replacement that fails is tried again as restart says, once for all that share the thread; then the pool fails", () =>
  runTimed(Effect.gen(function*() {
    const { pool: made, threads } = yield* make({ start: (n) => n === 1 ? "serves" : "fails" }, {
      prefetch: 3,
      restart: Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 2 }))
    })
    const pool = yield* made
    const error = yield* Effect.flip(pool.run.call(["one", "crashes"]))
    expect(error).toMatchObject({ _tag: "ThreadLost", reason: "crashed" })
    yield* after(10)
    expect([threads.started, threads.alive]).toEqual([2, 0])
    const waits = yield* start(pool.run.call(["two", "returns"]))
    yield* after(1_000)
    expect(threads.started).toBe(3)
    yield* after(1_010)
    expect([threads.started, WorkerPool.stats(pool.workers).state]).toEqual([4, "failed"])
    expect(String(waits.pollUnsafe())).toContain("PoolFailed")
    expect(threads.alive).toBe(0)
  })))

test("a thread that does not finish its finalizers is ended after the grace", () =>
  runTimed(Effect.gen(function*() {
    const { pool, threads } = yield* make({ closes: "for ever" })
    const scope = yield* Scope.make()
    yield* Scope.provide(pool, scope)
    const close = yield* start(Scope.close(scope, Exit.void))
    yield* after(999)
    expect([threads.closed, threads.alive]).toEqual([1, 1])
    yield* after(1)
    expect(close.pollUnsafe()).toEqual(Exit.void)
    expect(threads.alive).toBe(0)
  })))

test("a pool that grows has more threads, and one that shrinks has less", () =>
  runTimed(Effect.gen(function*() {
    const { pool: made, threads } = yield* make({}, { prefetch: 1 })
    const pool = yield* made
    yield* WorkerPool.resize(pool.workers, 6)
    yield* after(1)
    expect(threads.alive).toBe(3)
    yield* WorkerPool.resize(pool.workers, 2)
    yield* after(1)
    expect(threads.alive).toBeLessThanOrEqual(2)
    expect(yield* pool.run.call(["one", "returns"])).toBe("one")
  })))

test("a message that a thread cannot read is sent again, each call for itself", () =>
  runTimed(Effect.gen(function*() {
    const { pool: made, threads } = yield* make({ garbles: [2] }, { prefetch: 7, size: 1, queue: { capacity: 8 } })
    const pool = yield* made
    const names = ["a", "b", "c", "d", "e"]
    const exits = yield* Effect.forEach(names, (name) => Effect.exit(pool.run.call([name, "returns"])), {
      concurrency: "unbounded"
    })
    expect(exits).toEqual(names.map((name) => Exit.succeed(name)))
    expect(threads.begun.map(({ name }) => name)).toEqual(names)
  })))

test("a call that a thread cannot read fails, and no other", () =>
  runTimed(Effect.gen(function*() {
    const { pool: made } = yield* make({ garbles: [1] })
    const pool = yield* made
    const error = yield* Effect.flip(pool.run.call(["one", "returns"]))
    expect(error).toMatchObject({ _tag: "NotCloneable", what: "input", reason: "it cannot be read there" })
    expect(yield* pool.run.call(["two", "returns"])).toBe("two")
  })))

test("a module made for another version of sluice is found out", () =>
  runTimed(Effect.gen(function*() {
    const { pool, threads } = yield* make({ start: () => "old" })
    expect(yield* Effect.flip(Effect.scoped(pool))).toMatchObject({ _tag: "ThreadFailed", reason: "version" })
    expect(threads.alive).toBe(0)
  })))

test("a platform that cannot start a thread fails make", () =>
  runTimed(Effect.gen(function*() {
    const spawn = () => {
      throw new Error("no more threads")
    }
    const module = new URL("fake:threads")
    const error = yield* Effect.flip(ThreadPool.make<Jobs>({ module, platform: { parallelism: 2, spawn } }))
    expect(error.message).toBe("ThreadPool: fake:threads could not be loaded: no more threads")
  })))
