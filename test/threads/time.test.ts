/** What real threads do too seldom, by threads that are fibers, on a clock that only the test moves. */
import { Cause, Clock, type Duration, Effect, Exit, Fiber, Schedule, Scope } from "effect"
import * as fc from "fast-check"
import { WorkerPool } from "sluice"
import { ThreadPool, type ThreadWorker } from "sluice/threads"
import { expect, test } from "vitest"
import { after, runTimed, settle, start } from "../support/effect.js"
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

test("a thread may run the finalizers of its layer for as long as they take", () =>
  runTimed(Effect.gen(function*() {
    const { pool, threads } = yield* make({ closes: "forever" }, { grace: 0 })
    const close = yield* Effect.forkDetach(Effect.scoped(pool), { startImmediately: true })
    yield* after(3_600_000)
    expect([threads.closed, threads.alive, close.pollUnsafe()]).toEqual([1, 1, undefined])
  })))

test("a thread whose finalizers take longer than closeTimeout is terminated, and the report says so", () =>
  runTimed(Effect.gen(function*() {
    const { pool: made, threads } = yield* make({ closes: "forever" }, { closeTimeout: "5 seconds" })
    const pool = yield* made
    const shutdown = yield* start(WorkerPool.shutdown(pool.workers))
    yield* after(4_999)
    expect([threads.closed, threads.alive, shutdown.pollUnsafe()]).toEqual([1, 1, undefined])
    yield* after(1)
    expect(threads.alive).toBe(0)
    const { releaseFailures } = yield* Fiber.join(shutdown)
    expect(releaseFailures.map((cause) => Cause.squash(cause))).toMatchObject([{
      _tag: "ThreadNotClosed",
      thread: "pool/thread-1",
      reason: "timeout",
      message: "ThreadPool: pool/thread-1 took longer than closeTimeout before its layer was released"
    }])
  })))

test("finalizers of a layer that die are reported, once for each thread, and are a defect of the pool's scope", () =>
  runTimed(Effect.gen(function*() {
    const { pool: made } = yield* make({ closes: true, defect: "planned" }, { size: 2, prefetch: 2 })
    const { releaseFailures } = yield* Effect.scoped(
      Effect.flatMap(made, (pool) => WorkerPool.shutdown(pool.workers))
    )
    expect(releaseFailures).toEqual([Cause.die("planned"), Cause.die("planned")])
    const exit = yield* Effect.exit(Effect.scoped(Effect.asVoid(made)))
    expect(exit).toEqual(Exit.failCause(Cause.fromReasons([1, 2].map(() => Cause.makeDieReason("planned")))))
  })))

test("a thread that does not answer when it is to close is terminated after a second", () =>
  runTimed(Effect.gen(function*() {
    for (const [closes, failures] of [[true, ["silent"]], [false, []]] as const) {
      const { pool: made, threads } = yield* make({ closes })
      const pool = yield* made
      expect(yield* pool.run.call(["one", "blocks"])).toBe("one")
      const shutdown = yield* start(WorkerPool.shutdown(pool.workers))
      yield* after(999)
      expect(threads.alive).toBe(1)
      yield* after(1)
      expect(threads.alive).toBe(0)
      const { releaseFailures } = yield* Fiber.join(shutdown)
      expect(releaseFailures.map((cause) => (Cause.squash(cause) as ThreadPool.ThreadNotClosed).reason)).toEqual(
        failures
      )
    }
  })))

test("a thread that has closed ends by itself, and is terminated if it has not after a second", () =>
  runTimed(Effect.gen(function*() {
    for (const [plan, takes] of [[{ endsItself: true }, 0], [{ endsItself: "never" }, 1_000], [{}, 0]] as const) {
      for (const closes of [false, true]) {
        const { pool: made, threads } = yield* make({ ...plan, closes })
        const close = yield* start(Effect.scoped(made))
        yield* after(0)
        if (takes > 0) {
          yield* after(takes - 1)
          expect([threads.alive, close.pollUnsafe()]).toEqual([1, undefined])
          yield* after(1)
        }
        expect([threads.closed, threads.terminated, threads.alive]).toEqual([1, plan.endsItself === true ? 0 : 1, 0])
        expect(close.pollUnsafe()).toMatchObject({ _tag: "Success" })
      }
    }
  })))

test("a thread that is blocked outside of a call is replaced, and no further call is lost", () =>
  runTimed(Effect.gen(function*() {
    const { pool: made, threads } = yield* make({}, { prefetch: 1, grace: 50 })
    const pool = yield* made
    expect(yield* pool.run.call(["one", "blocks"])).toBe("one")
    const two = yield* pool.submit.call(["two", "returns"])
    const three = yield* pool.submit.call(["three", "returns"])
    yield* after(10_000)
    expect([two.state, three.state, threads.started]).toEqual(["running", "running", 1])
    expect(yield* two.cancel).toBe(true)
    yield* after(49)
    expect([three.state, threads.started]).toEqual(["running", 1])
    yield* after(1)
    expect([three.state, threads.started, threads.alive]).toEqual(["succeeded", 2, 1])
    yield* after(10_000)
    expect(threads.started).toBe(2)
  })))

test("an input that was moved to a thread that was blocked is lost with it", () =>
  runTimed(Effect.gen(function*() {
    const { pool: made } = yield* make({}, { prefetch: 1, grace: 50 })
    const pool = yield* made
    yield* pool.run.call(["one", "blocks"])
    const two = yield* pool.submit.call(["two", "returns"])
    const input: readonly [string, Behaviour] = ["three", "returns"]
    const three = yield* start(Effect.flip(pool.run.call(ThreadPool.transfer(input, [new ArrayBuffer(8)]))))
    yield* two.cancel
    yield* after(50)
    expect(three.pollUnsafe()).toMatchObject({
      value: {
        reason: "stuck",
        message:
          "ThreadPool: pool/thread-1 was terminated because it stopped responding, before it ran the job \"call\""
      }
    })
  })))

test("a thread that responds, or runs a call, is not taken for blocked", () =>
  runTimed(Effect.gen(function*() {
    const { pool: made, threads } = yield* make({}, { prefetch: 1, grace: 50 })
    const pool = yield* made
    for (let round = 0; round < 3; round++) {
      const one = yield* start(pool.run.call(["one", "returns"]))
      yield* Fiber.interrupt(one)
      yield* after(1_000)
    }
    const waits = yield* pool.submit.call(["two", "waits"])
    yield* after(10)
    const two = yield* start(pool.run.call(["two", "returns"]))
    yield* after(10)
    yield* Fiber.interrupt(two)
    yield* after(1_000)
    expect([waits.state, threads.started, threads.terminated]).toEqual(["running", 1, 0])
    yield* waits.cancel
  })))

test("no timer is left of a thread that serves, nor of one that has ended", () =>
  runTimed(Effect.gen(function*() {
    const clock = yield* Clock.Clock
    let asleep = 0
    const count = (n: number) => Effect.sync(() => void (asleep += n))
    const counting: Clock.Clock = Object.assign(Object.create(clock) as Clock.Clock, {
      sleep: (duration: Duration.Duration) =>
        Effect.ensuring(Effect.andThen(count(1), clock.sleep(duration)), count(-1))
    })
    for (const plan of [{ closes: true }, { endsItself: true }, { closes: true, endsItself: true }, {}]) {
      const scope = yield* Scope.make()
      const made = Effect.flatMap(make(plan, { closeTimeout: "1 hour", prefetch: 1 }), ({ pool }) => pool)
      const pool = yield* made.pipe(Scope.provide(scope), Effect.provideService(Clock.Clock, counting))
      yield* settle
      expect(asleep).toBe(0)
      const handle = yield* pool.submit.call(["one", "returns"])
      yield* handle.cancel
      yield* settle
      expect(asleep).toBe(0)
      yield* Scope.close(scope, Exit.void)
      yield* settle
      expect(asleep).toBe(0)
    }
  })))

test("a pool that grows or shrinks has as many threads as it takes, whichever of them are busy", () =>
  runTimed(Effect.gen(function*() {
    const { pool: made, threads } = yield* make({}, { size: 4, concurrency: 3, prefetch: 1, queue: { capacity: 100 } })
    const pool = yield* made
    const sizes = fc.sample(fc.integer({ min: 1, max: 24 }), { numRuns: 60, seed: 3 })
    const busy: Array<Fiber.Fiber<unknown, unknown>> = []
    const end = Effect.suspend(() => Fiber.interruptAll(busy.splice(0)))
    for (const [round, size] of [8, 40, 32, 8, 16, ...sizes].entries()) {
      // Each on a thread of its own, as long as there are enough.
      for (let i = 0; i < round % 6; i++) busy.push(yield* start(pool.run.call([`${round}/${i}`, "waits"])))
      yield* after(1)
      yield* WorkerPool.resize(pool.workers, size)
      yield* after(1)
      yield* end
      yield* after(1)
      expect([size, threads.alive]).toEqual([size, Math.ceil(size / 4)])
      expect(yield* pool.run.call(["one", "returns"])).toBe("one")
    }
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

test("a call whose input was moved to a thread that another call died in begins there, and not on the next", () =>
  runTimed(Effect.gen(function*() {
    const { pool: made, threads } = yield* make({}, { prefetch: 1 })
    const pool = yield* made
    const one = yield* start(Effect.exit(pool.run.call(["one", "dies"])))
    const input: readonly [string, Behaviour] = ["two", "returns"]
    const two = yield* start(pool.run.call(ThreadPool.transfer(input, [new ArrayBuffer(8)])))
    yield* after(10)
    yield* Fiber.join(one)
    expect(yield* Fiber.join(two)).toBe("two")
    expect(threads.begun.map(({ name, thread }) => [name, thread])).toEqual([["one", 1], ["two", 1]])
  })))

test("a thread that has ended is given nothing, not even by the end of its calls", () =>
  runTimed(Effect.gen(function*() {
    const { pool: made } = yield* make()
    const pool = yield* made
    const one = yield* pool.submit.call(["one", "crashes"])
    const two = yield* pool.submit.call(["two", "returns"])
    let state: string | undefined = undefined
    yield* start(Effect.onExit(one.await, () => Effect.sync(() => (state = two.state))))
    yield* after(10)
    expect([state, two.state]).toEqual(["queued", "succeeded"])
  })))
