/** `WorkerPool.runPromise`: callers that are promises. */
import { Cause, Effect, Exit, Fiber } from "effect"
import { AsyncLocalStorage } from "node:async_hooks"
import { Watch, WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import { expectPending, run, settle, start } from "../support/effect.js"
import { into, makeRegistry, valueOf } from "../support/metrics.js"

/** A job is its own effect. */
const pools = (options: { readonly size?: number; readonly capacity?: number } = {}) =>
  WorkerPool.make({
    size: options.size ?? 1,
    queue: { capacity: options.capacity ?? 1 },
    run: (job: Effect.Effect<string, string>) => job
  })

type Job = Effect.Effect<string, string>

const promised = (
  pool: WorkerPool.WorkerPool<Job, string, string>,
  job: Effect.Effect<string, string>,
  signal?: AbortSignal
) => {
  const promise = WorkerPool.runPromise(pool, job, { signal })
  // A rejection is looked at later.
  promise.catch(() => {})
  return Effect.exit(Effect.tryPromise({ try: () => promise, catch: (error) => error }))
}

describe("runPromise", () => {
  test("runPromise resolves with the value, and rejects with the error or the defect", () =>
    run(Effect.gen(function*() {
      const pool = yield* pools({ size: 3 })
      expect(yield* promised(pool, Effect.as(Effect.yieldNow, "done"))).toEqual(Exit.succeed("done"))
      expect(yield* promised(pool, Effect.fail("planned"))).toEqual(Exit.fail("planned"))
      expect(yield* promised(pool, Effect.die("poison"))).toEqual(Exit.fail("poison"))
    })))

  test("runPromise brings the job before it returns, in line with other callers", () =>
    run(Effect.gen(function*() {
      const order: Array<string> = []
      const pool = yield* pools({ capacity: 0 })
      const job = (name: string) =>
        Effect.as(Effect.andThen(Effect.yieldNow, Effect.sync(() => order.push(name))), name)
      const first = promised(pool, job("promise"))
      expect(WorkerPool.stats(pool)).toMatchObject({ running: 1 })
      const second = yield* start(WorkerPool.run(pool, job("effect")))
      const third = promised(pool, job("another"))
      expect(WorkerPool.stats(pool)).toMatchObject({ running: 1, waiting: 2 })
      yield* Effect.all([first, Fiber.join(second), third])
      expect(order).toEqual(["promise", "effect", "another"])
    })))

  test.each(["running", "queued", "blocked"] as const)(
    "runPromise cancels the job when its signal is aborted, and rejects with the reason: %s",
    (phase) =>
      run(Effect.gen(function*() {
        const pool = yield* pools()
        const controller = new AbortController()
        const others = { running: 0, queued: 1, blocked: 2 }[phase]
        for (let n = 0; n < others; n++) yield* WorkerPool.submit(pool, Effect.never)
        let cleaned = false
        const job = Effect.onExit(Effect.never, () =>
          Effect.andThen(Effect.yieldNow, Effect.sync(() => void (cleaned = true))))
        const promise = yield* start(promised(pool, job, controller.signal))
        yield* settle
        const before = WorkerPool.stats(pool)
        controller.abort("enough")
        if (phase === "running") {
          expectPending(promise)
        }
        yield* settle
        expect(yield* Fiber.join(promise)).toEqual(Exit.fail("enough"))
        expect([cleaned, before.running + before.queued + before.waiting]).toEqual([phase === "running", others + 1])
        const { queued, running, waiting } = WorkerPool.stats(pool)
        expect(queued + running + waiting).toBe(others)
      }))
  )

  test("runPromise rejects with the defect of a job that dies of its abort", () =>
    run(Effect.gen(function*() {
      const pool = yield* pools()
      const controller = new AbortController()
      const job = Effect.onExit(Effect.never, () => Effect.die("cleanup"))
      const promise = promised(pool, job, controller.signal)
      controller.abort()
      expect(yield* promise).toEqual(Exit.fail("cleanup"))
    })))

  test("runPromise brings no job if its signal was aborted before", () =>
    run(Effect.gen(function*() {
      const pool = yield* pools()
      expect(yield* promised(pool, Effect.never, AbortSignal.abort("before"))).toEqual(Exit.fail("before"))
      expect(WorkerPool.stats(pool).submitted).toBe(0)
    })))

  test("runPromise leaves no listener on a signal that outlives its jobs", () =>
    run(Effect.gen(function*() {
      const pool = yield* pools()
      const { signal } = new AbortController()
      let listeners = 0
      const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)]
      signal.addEventListener = (...args: Parameters<typeof add>) => {
        listeners++
        add(...args)
      }
      signal.removeEventListener = (...args: Parameters<typeof remove>) => {
        listeners--
        remove(...args)
      }
      yield* promised(pool, Effect.succeed("done"), signal)
      yield* promised(pool, Effect.fail("planned"), signal)
      yield* WorkerPool.shutdown(pool)
      yield* promised(pool, Effect.succeed("refused"), signal)
      expect(listeners).toBe(0)
    })))

  test("runPromise rejects with PoolClosed on a pool that drains, also while it waits for room", () =>
    run(Effect.gen(function*() {
      const pool = yield* pools({ capacity: 0 })
      yield* WorkerPool.submit(pool, Effect.as(Effect.yieldNow, "first"))
      const waits = promised(pool, Effect.succeed("waits"))
      const ending = yield* start(WorkerPool.shutdown(pool))
      const late = promised(pool, Effect.succeed("late"))
      for (const exit of [yield* waits, yield* late]) {
        expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(WorkerPool.PoolClosed)
      }
      expect((yield* Fiber.join(ending)).counts.succeeded).toBe(1)
    })))

  test("runPromise rejects with JobLost if the pool stops before the job begins, or interrupts it", () =>
    run(Effect.gen(function*() {
      const pool = yield* pools()
      const [runs, queued] = [promised(pool, Effect.never), promised(pool, Effect.never)]
      yield* WorkerPool.shutdownNow(pool)
      expect(yield* runs).toMatchObject(Exit.fail({ _tag: "JobLost", reason: "aborted" }))
      expect(yield* queued).toMatchObject(Exit.fail({ _tag: "JobLost", reason: "returned" }))
    })))

  test("runPromise gives its job the AsyncLocalStorage of the call", () =>
    run(Effect.gen(function*() {
      const storage = new AsyncLocalStorage<string>()
      const pool = yield* pools({ capacity: 9 })
      const job = Effect.andThen(Effect.yieldNow, Effect.sync(() => `${storage.getStore()}`))
      const calls = ["a", "b", "c"].map((name) => storage.run(name, () => promised(pool, job)))
      const exits = yield* Effect.all(calls)
      expect(exits).toEqual(["a", "b", "c"].map((name) => Exit.succeed(name)))
    })))

  test("runPromise is counted by watchers as run is, with an empty context", () => {
    const registry = makeRegistry()
    return run(
      into(registry)(Effect.gen(function*() {
        const offered: Array<unknown> = []
        const watcher = Watch.make(() => ({
          offered: (_, caller, by) => void offered.push([by, caller.mapUnsafe.size])
        }))
        const pool = yield* WorkerPool.make({
          size: 1,
          watch: [watcher, Watch.metrics(), Watch.spans()],
          run: (n: number) => Effect.succeed(n)
        })
        yield* Effect.promise(() => WorkerPool.runPromise(pool, 1))
        expect([offered, valueOf(registry, "jobs_settled_total", { outcome: "succeeded" })]).toEqual([[["run", 0]], 1])
      }))
    )
  })

  test("runPromise brings no job if the pool's own functions abort its signal", () =>
    run(Effect.gen(function*() {
      const controller = new AbortController()
      const key = () => {
        controller.abort("meanwhile")
        return "key"
      }
      const pool = yield* WorkerPool.make({ size: 1, queue: { key }, run: (n: number) => Effect.succeed(n) })
      const promise = WorkerPool.runPromise(pool, 1, { signal: controller.signal })
      expect(yield* Effect.promise(() => promise.catch((error: unknown) => error))).toBe("meanwhile")
      expect(WorkerPool.stats(pool)).toMatchObject({ submitted: 0, keys: 0 })
    })))

  test("runPromise rejects with the defect of a wrong option or of the pool's own functions", () =>
    run(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({
        size: 1,
        queue: {
          priority: () => {
            throw new Error("planned")
          }
        },
        run: (n: number) => Effect.succeed(n)
      })
      const rejection = (options?: object) =>
        Effect.promise(() => WorkerPool.runPromise(pool, 1, options).catch((error: unknown) => error))
      expect(yield* rejection({ signal: 5 })).toMatchObject({
        message: "WorkerPool.runPromise: signal must be an AbortSignal, got 5"
      })
      expect(yield* rejection(null!)).toMatchObject({
        message: "WorkerPool.runPromise: options must be an object, got null"
      })
      expect(yield* rejection()).toMatchObject({ message: "planned" })
    })))
})
