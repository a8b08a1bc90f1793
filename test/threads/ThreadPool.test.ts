/** Pools of real threads: what comes back, what stops, and what becomes of the rest. */
import { Cause, Effect, Exit, Fiber, Schedule, type Scope, Stream } from "effect"
import { WorkerPool } from "sluice"
import { ThreadPool } from "sluice/threads"
import { describe, expect, test } from "vitest"
import { run, settle, squash, start } from "../support/effect.js"
import { compiled, shared, until } from "../support/threads.js"
import { balanced } from "../support/workerPool.js"
import type { jobs } from "./jobs.js"

const module = compiled("jobs")

type Some = Omit<Partial<ThreadPool.Options<never>>, "deadlines" | "retry" | "deadLetters">

const make = (options: Some = {}) => ThreadPool.make<typeof jobs>({ module, size: 1, ...options })

/** Starts a call that never ends, and answers once it has begun. */
const stuckIn = (pool: ThreadPool.ThreadPool<typeof jobs>) =>
  Effect.gen(function*() {
    const begun = shared(1)
    const fiber = yield* start(pool.run.forever(begun))
    yield* until(() => begun[0] === 1)
    return fiber
  })

const isInterrupt = (exit: Exit.Exit<unknown, unknown>) => Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)

describe("a call", () => {
  test("returns what the function does, its promise or its effect", () =>
    run(Effect.gen(function*() {
      const pool = yield* make()
      expect(yield* pool.run.add(1)).toBe(2)
      expect(yield* pool.run.later(2)).toBe(3)
      expect(yield* pool.run.effect(3)).toBe(4)
      expect(yield* pool.run.nothing()).toBe(undefined)
      expect(Object.keys(pool.run)).toEqual(Object.keys(pool.submit))
    })))

  test("by tryRun fails with QueueFull where it would wait for room, and its interrupt cancels it", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ grace: 0, queue: { capacity: 0 } })
      const begun = shared(1)
      const fiber = yield* start(pool.tryRun.forever(begun))
      yield* until(() => begun[0] === 1)
      expect(yield* Effect.flip(pool.tryRun.add(1))).toMatchObject({ _tag: "QueueFull", capacity: 0 })
      yield* Fiber.interrupt(fiber)
      expect(WorkerPool.stats(pool.workers)).toMatchObject({ submitted: 1, interrupted: 1 })
      expect(yield* pool.run.add(1)).toBe(2)
    })))

  test("has a handle, and there may be a stream of them", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 2 })
      for (const submit of [pool.submit.add, pool.trySubmit.add]) {
        const handle = yield* submit(1)
        expect(yield* handle.await).toEqual(Exit.succeed(2))
      }
      const mapped = pool.map.add([1, 2, 3, 4, 5])
      expect(yield* Stream.runCollect(mapped)).toEqual([2, 3, 4, 5, 6])
      expect(yield* Stream.runCollect(pool.map.effect(Stream.range(1, 3), { ordered: false }))).toHaveLength(3)
    })))

  test("fails with the error's tag, fields, cause and stack", () =>
    run(Effect.gen(function*() {
      const pool = yield* make()
      const refused = yield* Effect.flip(pool.run.fail("ada"))
      expect(refused).toBeInstanceOf(Error)
      expect(refused).toMatchObject({ _tag: "Refused", who: "ada", times: 3, name: "Refused" })
      expect((refused as Error).stack).toContain("jobs.mjs")
      const caught = pool.run.fail("bob").pipe(Effect.catchTag("Refused", ({ who }) => Effect.succeed(who)))
      expect(yield* caught).toBe("bob")
      const outer = yield* Effect.flip(pool.run.failWithCause())
      expect(outer).toMatchObject({ name: "TypeError", message: "outer", cause: { _tag: "Refused", who: "inner" } })
      expect(yield* Effect.flip(pool.run.failPlain())).toEqual({ code: 42 })
      expect(yield* Effect.flip(pool.run.failWithFunction())).toMatchObject({ _tag: "Odd", kept: 1 })
      expect(yield* Effect.flip(pool.run.failPlainWithFunction())).toEqual({ _tag: "Odd", kept: 1 })
      const many = squash(yield* Effect.exit(pool.run.failMany()))
      expect(many).toMatchObject({ name: "AggregateError", errors: [{ name: "TypeError", message: "one of many" }] })
    })))

  test("dies of what its function throws, with the stack, and its thread goes on", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ onDefect: "keep" })
      const first = yield* pool.run.thread()
      const { die, rejects, throws } = pool.run
      for (const [call, message] of [[die, "a bug"], [throws, "thrown"], [rejects, "rejected"]] as const) {
        const exit = yield* Effect.exit(call())
        expect(Exit.isFailure(exit) && Cause.hasDies(exit.cause)).toBe(true)
        expect(squash(exit)).toMatchObject({ name: "RangeError", message })
        expect((squash(exit) as Error).stack).toContain("jobs.mjs")
      }
      expect(isInterrupt(yield* Effect.exit(pool.run.interruptItself()))).toBe(true)
      expect(yield* pool.run.thread()).toBe(first)
      // As of any pool, a defect costs the resource unless it is kept.
      const strict = yield* make()
      const before = yield* strict.run.thread()
      yield* Effect.exit(strict.run.die())
      expect(yield* strict.run.thread()).not.toBe(before)
    })))

  test("that ends with what nobody can tell fails alone, and its thread goes on", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ onDefect: "keep" })
      const thread = yield* pool.run.thread()
      const all = [
        "throws",
        "rejects",
        "fails",
        "failsLater",
        "getter",
        "proxy",
        "bare",
        "name",
        "message",
        "stack",
        "asks",
        "resultGetter",
        "then",
        "thenThrows"
      ] as const
      for (const what of all) {
        const exit = yield* Effect.exit(pool.run.odd(what))
        expect(Exit.isFailure(exit), what).toBe(true)
        expect(String(exit)).not.toContain("ThreadLost")
      }
      expect(yield* pool.run.thread()).toBe(thread)
    })))

  test("whose input or result cannot be cloned fails by itself, alone among those sent with it", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ prefetch: 15 })
      const bad = pool.run.add((() => 1) as never)
      const calls: Array<Effect.Effect<unknown, unknown>> = Array.from(
        { length: 15 },
        (_, n) => n === 7 ? bad : pool.run.add(n)
      )
      calls.push(pool.run.getFunction())
      const exits = yield* Effect.forEach(
        calls,
        (call) => Effect.exit(call),
        { concurrency: "unbounded" }
      )
      expect(exits.filter(Exit.isSuccess)).toHaveLength(14)
      expect(squash(exits[7]!)).toMatchObject({ _tag: "NotCloneable", what: "input", job: "add" })
      expect(squash(exits[15]!)).toMatchObject({ _tag: "NotCloneable", what: "result", job: "getFunction" })
      expect(yield* pool.run.add(1)).toBe(2)
      balanced(pool.workers)
    })))

  test("moves what is to be transferred, there and back, and shares what is shared", () =>
    run(Effect.gen(function*() {
      const pool = yield* make()
      const bytes = new Uint8Array(1 << 20)
      const { buffer } = bytes
      const filled = yield* pool.run.fill(ThreadPool.transfer(bytes, [buffer]))
      expect([bytes.length, filled.length, filled[1000]]).toEqual([0, 1 << 20, 7])
      const copied = new Uint8Array(3)
      expect(yield* pool.run.length(copied)).toBe(3)
      expect(copied.length).toBe(3)
      // What is gone cannot go again.
      const again = yield* Effect.flip(pool.run.length(ThreadPool.transfer(bytes, [buffer])))
      expect(again).toMatchObject({
        _tag: "NotCloneable",
        what: "input",
        reason: "what it transfers has been transferred before"
      })
      const counter = shared(1)
      yield* pool.run.increment(counter)
      expect(counter[0]).toBe(1)
    })))

  test("whose transfers are no list dies, and does not begin", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ onDefect: "keep", prefetch: 1 })
      const counter = shared(1)
      const exit = yield* Effect.exit(pool.run.increment(ThreadPool.transfer(counter, new ArrayBuffer(1) as never)))
      expect(squash(exit)).toBeInstanceOf(TypeError)
      expect(yield* pool.run.add(1)).toBe(2)
      expect(counter[0]).toBe(0)
      expect(yield* pool.run.add(1)).toBe(2)
    })))

  test("is given its input as it was when it was made, and shares neither that nor its result with others", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ prefetch: 15 })
      const all = <A, E>(call: Effect.Effect<A, E>) =>
        Effect.all(Array.from({ length: 8 }, () => call), { concurrency: "unbounded" })
      const [list, bytes] = [[] as Array<number>, new Uint8Array(2)]
      expect(yield* all(pool.run.push(list))).toEqual(Array(8).fill(1))
      expect(yield* all(pool.run.fillAll(bytes))).toEqual(Array(8).fill(1))
      const counted = yield* all(pool.run.counter())
      expect(counted.map(({ calls }) => calls)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
      const countedBytes = yield* all(pool.run.byteCounter())
      expect(countedBytes.map(([calls]) => calls)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
      const input = { list: [0] }
      const later = yield* Effect.forEach([0, 1, 2, 3], (n) => {
        input.list[0] = n
        return start(pool.run.firstOf(input))
      })
      input.list[0] = 9
      expect(yield* Effect.forEach(later, Fiber.join)).toEqual([0, 1, 2, 3])
    })))

  test("goes to a thread that has nothing to do, as long as there is one", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 2, prefetch: 3 })
      // Until the workers are idle in any order.
      yield* Effect.forEach(Array.from({ length: 40 }), () => pool.run.add(1), { concurrency: 5 })
      for (let round = 0; round < 4; round++) {
        const busy = yield* start(pool.run.holding([shared(2), 60_000]))
        const threads = yield* Effect.forEach([1, 2, 3], () => pool.run.thread())
        expect(new Set(threads).size).toBe(1)
        yield* Fiber.interrupt(busy)
      }
    })))

  test("is not taken in by what its module says to others", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ prefetch: 1 })
      yield* pool.run.chatter()
      expect(yield* pool.run.add(1)).toBe(2)
    })))

  test("of a name that is not served is a defect", () =>
    run(Effect.gen(function*() {
      const pool = yield* make()
      const exit = yield* Effect.exit(WorkerPool.run(pool.workers, { name: "toString", input: undefined }))
      expect(squash(exit)).toMatchObject({ message: "ThreadWorker.serve: there is no job \"toString\"" })
    })))
})

describe("a cancelled call", () => {
  test("that is an effect is interrupted, finalizers and all, and its thread goes on", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ grace: "1 minute" })
      const counts = shared(2)
      const thread = yield* pool.run.thread()
      const fiber = yield* start(pool.run.holding([counts, 60_000]))
      yield* until(() => counts[0] === 1)
      yield* Fiber.interrupt(fiber)
      expect([...counts]).toEqual([1, 1])
      expect(yield* pool.run.thread()).toBe(thread)
    })))

  test("that is among the first effects of its thread, which has to load Effect for them, is so too", () =>
    run(Effect.gen(function*() {
      for (let round = 0; round < 5; round++) {
        const pool = yield* make({ concurrency: 4, grace: "1 minute" })
        const told = shared(1)
        const [stays, ...go] = yield* Effect.forEach([1, 2, 3, 4], () => start(pool.run.firstEffect(told)))
        yield* until(() => told[0] === 4)
        yield* Fiber.interruptAll(go)
        expect(yield* pool.run.effect(1)).toBe(2)
        yield* Fiber.interrupt(stays!)
        const { counts } = yield* WorkerPool.shutdown(pool.workers)
        expect(counts).toMatchObject({ submitted: 5, succeeded: 1, interrupted: 4 })
      }
    })))

  test("that computes may see its cancellation, and one that waits is notified by its signal", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ grace: "1 minute" })
      const thread = yield* pool.run.thread()
      for (const call of [pool.run.poll, pool.run.listen]) {
        const told = shared(2)
        const fiber = yield* start(call(told))
        yield* until(() => told[0] === 1)
        yield* Fiber.interrupt(fiber)
        expect([...told]).toEqual([1, 1])
      }
      expect(yield* pool.run.thread()).toBe(thread)
    })))

  test("that does not stop costs its thread, and no other's", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 2, grace: 10 })
      const other = yield* start(pool.run.spin(300))
      const fiber = yield* stuckIn(pool)
      yield* Fiber.interrupt(fiber)
      expect(WorkerPool.stats(pool.workers)).toMatchObject({ interrupted: 1 })
      expect(yield* Fiber.join(other)).toBe(300)
      expect(yield* pool.run.add(1)).toBe(2)
    })))

  test("that stopped in time does not cost its thread, though the pool's was too busy to hear of it", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ grace: 20 })
      const first = yield* pool.run.thread()
      const told = shared(2)
      const fiber = yield* start(pool.run.poll(told))
      yield* until(() => told[0] === 1)
      yield* Effect.callback<void>((resume) => {
        // From here on the timers come first.
        setImmediate(() => {
          fiber.interruptUnsafe()
          const grace = performance.now() + 50
          while (told[1] === 0 || performance.now() < grace);
          resume(Effect.void)
        })
      })
      yield* Fiber.await(fiber)
      expect(yield* pool.run.thread()).toBe(first)
    })))

  test("that has not begun is taken back at once, whatever its thread does", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ prefetch: 3, grace: "1 hour" })
      const told = shared(2)
      const busy = yield* start(pool.run.poll(told))
      yield* until(() => told[0] === 1)
      const counts = shared(2)
      const waits = yield* start(pool.run.holding([counts, 0]))
      yield* Fiber.interrupt(waits)
      expect(busy.pollUnsafe()).toBe(undefined)
      yield* Fiber.interrupt(busy)
      yield* pool.run.add(1)
      expect(counts[0]).toBe(0)
    })))

  test("by a deadline fails with it", () =>
    run(Effect.gen(function*() {
      const pool = yield* ThreadPool.make<typeof jobs>({ module, size: 1, grace: 1, deadlines: { run: 300 } })
      const error = yield* Effect.flip(pool.run.forever())
      expect(error).toMatchObject({ _tag: "JobTimeout", phase: "run" })
      expect(yield* pool.run.add(1)).toBe(2)
    })))
})

describe("a thread that ends", () => {
  test("while it runs a call fails that one, and is replaced", () =>
    run(Effect.gen(function*() {
      const pool = yield* make()
      expect(yield* Effect.flip(pool.run.exit(3))).toMatchObject({
        _tag: "ThreadLost",
        reason: "exited",
        exitCode: 3,
        message: "ThreadPool: pool/thread-1 exited with code 3, while it ran the job \"exit\""
      })
      expect(yield* Effect.flip(pool.run.crash())).toMatchObject({
        reason: "crashed",
        cause: { message: "outside of a job" }
      })
      expect(yield* pool.run.add(1)).toBe(2)
      expect(WorkerPool.stats(pool.workers)).toMatchObject({ failed: 2, replaced: 2 })
    })))

  test.each([{ prefetch: 1 }, { concurrency: 3 }, {}])(
    "since a call of it died, with %o, gives its place to another",
    (options) =>
      run(Effect.gen(function*() {
        const pool = yield* make(options)
        const counts = shared(2)
        const [first, holds] = [yield* pool.run.thread(), yield* start(pool.run.holding([counts, 100]))]
        yield* until(() => counts[0] === 1)
        const died = yield* start(pool.run.die())
        yield* start(pool.run.add(1))
        expect(Exit.isFailure(yield* Fiber.await(died))).toBe(true)
        expect(yield* pool.run.thread()).not.toBe(first)
        yield* Fiber.join(holds)
        expect([...counts]).toEqual([1, 1])
      }))
  )

  test("since a call of it died, does not begin what it has at hand", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ prefetch: 3 })
      const first = yield* pool.run.thread()
      yield* start(pool.run.die())
      const spins = yield* start(pool.run.spin(100))
      const behind = yield* start(pool.run.thread())
      expect(yield* Fiber.join(spins)).toBe(100)
      expect(yield* Fiber.join(behind)).not.toBe(first)
    })))

  test("of too much memory says so", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ node: { resourceLimits: { maxOldGenerationSizeMb: 32 } } })
      expect(yield* Effect.flip(pool.run.hog())).toMatchObject({ _tag: "ThreadLost", reason: "outOfMemory" })
      expect(yield* pool.run.add(1)).toBe(2)
    })))

  test("while it runs nothing is replaced as well", () =>
    run(Effect.gen(function*() {
      const pool = yield* make()
      const thread = yield* pool.run.thread()
      yield* pool.run.crashLater()
      yield* until(() => WorkerPool.stats(pool.workers).replaced === 1)
      expect(yield* pool.run.thread()).not.toBe(thread)
    })))

  test("gives back the calls that it had not begun, in their order", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ prefetch: 7, grace: 10, queue: { capacity: 100 } })
      const order = shared(1)
      const stuck = yield* stuckIn(pool)
      const fibers = yield* Effect.forEach(Array.from({ length: 20 }), () => start(pool.run.increment(order)))
      yield* Effect.sleep(20)
      expect(order[0]).toBe(0)
      yield* Fiber.interrupt(stuck)
      expect(yield* Effect.forEach(fibers, Fiber.join)).toEqual(Array.from({ length: 20 }, (_, n) => n))
      balanced(pool.workers)
      expect(WorkerPool.stats(pool.workers)).toMatchObject({ succeeded: 20, interrupted: 1, failed: 0 })
    })))

  test("loses what it had not begun, if that had been moved to it", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ prefetch: 1, grace: 0 })
      const stuck = yield* stuckIn(pool)
      const bytes = new Uint8Array(8)
      const moved = yield* start(pool.run.length(ThreadPool.transfer(bytes, [bytes.buffer])))
      yield* until(() => bytes.length === 0)
      yield* Fiber.interrupt(stuck)
      expect(yield* Effect.flip(Fiber.join(moved))).toMatchObject({ _tag: "ThreadLost", reason: "terminated" })
    })))

  test("has reported the calls that ended before a call that never does", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ prefetch: 3, grace: 0 })
      yield* start(pool.run.spin(50))
      const quick = yield* start(pool.run.add(1))
      const stuck = yield* start(pool.run.forever())
      expect(yield* Fiber.join(quick)).toBe(2)
      yield* Fiber.interrupt(stuck)
    })))

  test("loses what it had begun, which may be tried again", () =>
    run(Effect.gen(function*() {
      const pool = yield* ThreadPool.make<typeof jobs>({
        module,
        size: 1,
        concurrency: 2,
        grace: 10,
        retry: { schedule: Schedule.recurs(1) }
      })
      const counts = shared(2)
      const holds = yield* start(pool.run.holdingOnce(counts))
      yield* until(() => counts[0] === 1)
      const stuck = yield* stuckIn(pool)
      yield* Fiber.interrupt(stuck)
      yield* Fiber.join(holds)
      // It has begun twice, and the first time it never came to its end.
      expect([...counts]).toEqual([2, 1])
    })))
})

describe("make", () => {
  test("fails when the module cannot be loaded, with why", () =>
    run(Effect.gen(function*() {
      const missing = yield* Effect.flip(make({ module: new URL("./missing.mjs", module) }))
      expect(missing).toMatchObject({ _tag: "ThreadFailed", reason: "module" })
      expect(missing.message).toContain("Cannot find module")
      const failing = new URL("data:text/javascript,throw new Error('not today')")
      expect(yield* Effect.flip(make({ module: failing, size: 3 }))).toMatchObject({
        reason: "module",
        message: `ThreadPool: ${failing.href} could not be loaded: not today`
      })
    })))

  test("fails when the module serves nothing, whether it ends or not", () =>
    run(Effect.gen(function*() {
      for (
        const [code, exitCode, hint] of [
          ["1", 0, "code 0 before it served; does it call ThreadWorker.serve?"],
          ["await new Promise(() => {})", 13, "code 13 before it served; does it await a promise that never settles?"],
          ["process.exit(7)", 7, "code 7 before it served"]
        ] as const
      ) {
        const ended = yield* Effect.flip(make({ module: new URL(`data:text/javascript,${code}`) }))
        expect(ended).toMatchObject({ reason: "module", exitCode })
        expect(ended.message).toMatch(new RegExp(`could not be loaded: it exited with ${hint.replace("?", "\\?")}$`))
      }
      const stays = new URL("data:text/javascript,setInterval(() => {}, 1000)")
      expect(yield* Effect.flip(make({ module: stays, startTimeout: 50 }))).toMatchObject({ reason: "silent" })
    })))

  const after = (code: string) =>
    new URL(`data:text/javascript,${encodeURIComponent(`import "${module.href}"\n${code}`)}`)

  test.each([
    ["throws", "throw new Error('not today')", /not today/],
    [
      "throws what it has awaited",
      "await new Promise((_, no) => setImmediate(no, new Error('not today')))",
      /not today/
    ],
    ["exits", "process.exit(1)", /could not be loaded/],
    ["serves once more", `await import("${module.href}?again")`, /serve: it has been called before in this thread/]
  ])("fails when the module has served and then %s", (_, code, message) =>
    run(Effect.gen(function*() {
      const failed = yield* Effect.flip(make({ module: after(code), size: 2 }))
      expect(failed).toMatchObject({ _tag: "ThreadFailed", reason: "module" })
      expect(failed.message).toMatch(message)
    })))

  test("waits for what the module awaits before it gives it a call", () =>
    run(Effect.gen(function*() {
      const channel = new BroadcastChannel("sluice/test/awaits")
      const waits = yield* start(make({
        module: after(`
          const channel = new BroadcastChannel("${channel.name}")
          await new Promise((go) => {
            channel.onmessage = go
            channel.postMessage("waits")
          })
          channel.close()
          globalThis.isReady = true`)
      }))
      yield* Effect.callback<void>((resume) => {
        channel.onmessage = () => resume(Effect.void)
      })
      // Another thread starts and does a job meanwhile.
      yield* Effect.flatMap(make(), (other) => other.run.add(1))
      expect(waits.pollUnsafe()).toBe(undefined)
      channel.postMessage("go")
      const pool = yield* Fiber.join(waits)
      channel.close()
      expect(yield* pool.run.globalIsReady()).toBe(true)
    })))

  test.each<[Some, string]>([
    [{ size: 0 }, "ThreadPool.make: size must be an integer from 1 to 10000, got 0"],
    [{ size: NaN }, "ThreadPool.make: size must be an integer from 1 to 10000, got NaN"],
    [{ concurrency: 0 }, "ThreadPool.make: concurrency must be an integer from 1 to 10000, got 0"],
    [{ prefetch: -1 }, "ThreadPool.make: prefetch must be an integer from 0 to 10000, got -1"],
    [{ grace: NaN }, "ThreadPool.make: grace must be a duration that is not negative, got NaN"],
    [{ startTimeout: 0 }, "ThreadPool.make: startTimeout must be a duration > 0, got 0"],
    [{ module: "./jobs.js" as never }, "ThreadPool.make: module must be a URL, got \"./jobs.js\""],
    [{ size: 2_000_000 }, "ThreadPool.make: size must be an integer from 1 to 10000, got 2000000"],
    [{ prefetch: 1_000_000 }, "ThreadPool.make: prefetch must be an integer from 0 to 10000, got 1000000"]
  ])("refuses %o", (options, message) =>
    run(Effect.gen(function*() {
      const exit = yield* Effect.exit(make(options))
      expect(Exit.isFailure(exit) && Cause.hasDies(exit.cause)).toBe(true)
      expect(squash(exit)).toMatchObject({ message })
    })))
})

describe("the end", () => {
  test("waits for the calls, and then no thread is left", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 2 })
      const slow = yield* start(pool.run.spin(50))
      const { counts } = yield* WorkerPool.shutdown(pool.workers)
      expect(counts).toMatchObject({ succeeded: 1 })
      expect(yield* Fiber.join(slow)).toBe(50)
      expect(yield* Effect.flip(pool.run.add(1))).toMatchObject({ _tag: "PoolClosed" })
      yield* settle
    })))

  test("hands back, in order, what no thread has begun, at hand or not", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ prefetch: 3, grace: 0 })
      yield* stuckIn(pool)
      yield* Effect.forEach([1, 2, 3, 4, 5], (n) => pool.submit.add(n))
      const { aborted, counts, returned } = yield* WorkerPool.shutdownNow(pool.workers)
      expect(aborted.map(({ name }) => name)).toEqual(["forever"])
      expect(returned.map(({ input }) => input)).toEqual([1, 2, 3, 4, 5])
      expect(counts).toMatchObject({ interrupted: 1, returned: 5 })
    })))

  test("of the scope stops jobs that never end", () =>
    run(Effect.gen(function*() {
      const inner: Effect.Effect<void, unknown, Scope.Scope> = Effect.gen(function*() {
        const pool = yield* make({ size: 2, grace: 10 })
        const begun = shared(1)
        yield* pool.submit.forever(begun)
        yield* pool.submit.never()
        yield* until(() => begun[0] === 1)
      })
      yield* Effect.scoped(inner)
    })))
})
