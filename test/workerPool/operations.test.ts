/** Every operation of `WorkerPool` in every state, held against the table in docs/services.md. */
import { Deferred, Duration, Effect, Exit, Fiber, Schedule, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as assert from "node:assert/strict"
import { WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import { defectOf, expectEnded, run, settle, start, tagOf } from "../support/effect.js"
import { balanced, type Job, type Pool } from "../support/workerPool.js"

type State = "running" | "draining" | "stopping" | "stopped" | "failed"

/** "suspended" before the fiber's end. After that the value of a boolean success, else the tag of the exit. */
const shown = (fiber: Fiber.Fiber<unknown, unknown>): unknown => {
  const exit = fiber.pollUnsafe()
  if (exit === undefined) return "suspended"
  return Exit.isSuccess(exit) && typeof exit.value === "boolean" ? exit.value : tagOf(exit)
}

/**
 * A pool in that state, on whose first worker a job runs, or has run, that ends when the gate opens: also if it is
 * interrupted before, since its finalizer then waits for the gate.
 */
const inState = (state: State) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const gate = yield* Deferred.make<void>()
    const open = Deferred.succeed(gate, undefined)
    yield* Effect.addFinalizer(() => Effect.andThen(open, Scope.close(scope, Exit.void)))
    let acquired = 0
    let released = 0
    const acquire = Effect.suspend(() => ++acquired <= 2 ? Effect.void : Effect.fail("refused"))
    const pool: Pool = yield* Scope.provide(
      WorkerPool.make({
        size: 2,
        queue: { capacity: 1 },
        restart: Schedule.recurs(0),
        worker: () => Effect.acquireRelease(acquire, () => Effect.sync(() => ++released)),
        run: (job: Job) => job
      }),
      scope
    )
    const job = Effect.onExit(Deferred.await(gate), () => Deferred.await(gate))
    const handle = yield* WorkerPool.submit(pool, job)
    const settled = yield* WorkerPool.submit(pool, Effect.succeed("early"))
    if (state === "draining") yield* start(WorkerPool.shutdown(pool))
    if (state === "stopping" || state === "stopped") yield* start(WorkerPool.shutdownNow(pool))
    if (state === "stopped") yield* Effect.andThen(open, settle)
    if (state === "failed") yield* Effect.andThen(WorkerPool.submit(pool, Effect.die("poison")), settle)
    assert.equal(WorkerPool.stats(pool).state, state)
    return { handle, held: () => Math.min(acquired, 2) - released, open, pool, scope, settled }
  })

type Setting = Effect.Success<ReturnType<typeof inState>>

type Operation = (setting: Setting) => Effect.Effect<unknown, unknown>

const operations = {
  run: ({ pool }: Setting) => WorkerPool.run(pool, Effect.void),
  submit: ({ pool }: Setting) => WorkerPool.submit(pool, Effect.void),
  trySubmit: ({ pool }: Setting) => WorkerPool.trySubmit(pool, Effect.void),
  runAll: ({ pool }: Setting) => WorkerPool.runAll(pool, [Effect.void, Effect.void]),
  map: ({ pool }: Setting) => Stream.runDrain(WorkerPool.map(pool, [Effect.void, Effect.void])),
  shutdown: ({ pool }: Setting) => WorkerPool.shutdown(pool),
  shutdownNow: ({ pool }: Setting) => WorkerPool.shutdownNow(pool),
  close: ({ scope }: Setting) => Scope.close(scope, Exit.void),
  await: ({ handle }: Setting) => Effect.flatten(handle.await),
  cancel: ({ handle }: Setting) => handle.cancel,
  awaitSettled: ({ settled }: Setting) => Effect.flatten(settled.await),
  cancelSettled: ({ settled }: Setting) => settled.cancel,
  stats: ({ pool }: Setting) => Effect.sync(() => WorkerPool.stats(pool))
} satisfies Record<string, Operation>

/** How the operation has ended before the gate opens, the state that the pool is in then, and how it ends after. */
type Row = readonly [before: unknown, state: State, after: unknown]
const at = (before: unknown, state: State): Row => [before, state, before]
const later = (state: State, after: unknown): Row => ["suspended", state, after]

const same = (tag: unknown): Record<State, Row> => ({
  running: at(tag, "running"),
  draining: at(tag, "draining"),
  stopping: at(tag, "stopping"),
  stopped: at(tag, "stopped"),
  failed: at(tag, "failed")
})
const accepting = { ...same("PoolClosed"), running: at("Success", "running") }
const stop = {
  running: later("stopping", "Success"),
  draining: later("stopping", "Success"),
  stopping: later("stopping", "Success"),
  stopped: at("Success", "stopped"),
  failed: later("failed", "Success")
}

const table: Record<keyof typeof operations, Record<State, Row>> = {
  run: accepting,
  submit: accepting,
  trySubmit: accepting,
  runAll: accepting,
  map: accepting,
  shutdown: { ...stop, running: later("draining", "Success"), draining: later("draining", "Success") },
  shutdownNow: stop,
  close: stop,
  await: {
    running: later("running", "Success"),
    draining: later("draining", "Success"),
    stopping: later("stopping", "Interrupt"),
    stopped: at("Interrupt", "stopped"),
    failed: later("failed", "Success")
  },
  cancel: {
    running: later("running", true),
    draining: later("draining", true),
    stopping: later("stopping", true),
    stopped: at(false, "stopped"),
    failed: later("failed", true)
  },
  awaitSettled: same("Success"),
  cancelSettled: same(false),
  stats: same("Success")
}

describe.each(Object.keys(operations) as Array<keyof typeof operations>)("%s", (name) => {
  test.each(Object.keys(accepting) as Array<State>)("on a pool that is %s", (state) =>
    run(Effect.gen(function*() {
      const setting = yield* inState(state)
      const { held, open, pool, scope } = setting
      const operation: Operation = operations[name]
      const fiber = yield* start(operation(setting))
      yield* settle
      const [before, between, after] = table[name][state]
      assert.equal(shown(fiber), before)
      assert.equal(WorkerPool.stats(pool).state, between)
      balanced(pool)
      // It may be interrupted, and be asked again.
      yield* Fiber.interrupt(yield* start(operation(setting)))
      assert.equal(shown(fiber), before)
      yield* open
      yield* settle
      assert.equal(shown(fiber), after)
      balanced(pool)
      yield* Scope.close(scope, Exit.void)
      const { queued, running, state: last, waiting } = WorkerPool.stats(pool)
      assert.deepEqual([queued, running, waiting, last], [0, 0, 0, state === "failed" ? "failed" : "stopped"])
      assert.equal(held(), 0)
      balanced(pool)
    })))
})

describe("starting", () => {
  test("a scope that closes meanwhile ends make, and nothing is left", () =>
    run(Effect.gen(function*() {
      const scope = yield* Scope.make()
      let held = 0
      const making = yield* Effect.forkChild(
        Scope.provide(
          WorkerPool.make({
            size: 2,
            worker: ({ id }) =>
              id === 2
                ? Effect.never
                : Effect.acquireRelease(Effect.sync(() => ++held), () => Effect.sync(() => --held)),
            run: (job: Job) => job
          }),
          scope
        ),
        { startImmediately: true }
      )
      assert.equal(held, 1)
      yield* Scope.close(scope, Exit.void)
      assert.equal(held, 0)
      yield* settle
      expectEnded(making)
    })))

  test("in a scope that has closed, make ends, and acquires nothing", () =>
    run(Effect.gen(function*() {
      const scope = yield* Scope.make()
      yield* Scope.close(scope, Exit.void)
      let acquired = 0
      const worker = () => Effect.sync(() => ++acquired)
      const making = yield* start(Scope.provide(WorkerPool.make({ size: 2, worker, run: (job: Job) => job }), scope))
      yield* settle
      assert.equal(acquired, 0)
      expectEnded(making)
    })))
})

describe("inputs", () => {
  const make = (options: object = {}) => WorkerPool.make({ size: 1, run: (job: Job) => job, ...options })

  test.each([
    [{ queue: { capacity: 2 ** 53 } }, /^WorkerPool\.make: queue\.capacity .* got 9007199254740992$/],
    [{ queue: { capacity: 0.5 } }, /^WorkerPool\.make: queue\.capacity .* got 0\.5$/],
    [{ queue: { capacity: "bounded" } }, /^WorkerPool\.make: queue\.capacity .* got "bounded"$/],
    [{ queue: { strategy: null } }, /^WorkerPool\.make: queue\.strategy .* got null$/],
    [{ onDefect: "Replace" }, /^WorkerPool\.make: onDefect .* got "Replace"$/],
    [{ run: undefined }, /^WorkerPool\.make: run must be a function, got undefined$/],
    [{ run: Effect.void }, /^WorkerPool\.make: run must be a function/],
    [{ worker: null }, /^WorkerPool\.make: worker must be a function, got null$/],
    [{ size: "2" }, /^WorkerPool\.make: size must be an integer from 1 to 1000000, got "2"$/],
    [{ size: Number.MAX_SAFE_INTEGER }, /^WorkerPool\.make: size/],
    [{ restart: "often" }, /^WorkerPool\.make: restart .* got "often"$/]
  ])("%o is refused", (options, message) =>
    run(Effect.gen(function*() {
      let acquired = 0
      const defect = yield* defectOf(make({ worker: () => Effect.sync(() => ++acquired), ...options }))
      assert.match((defect as Error).message, message)
      assert.equal(acquired, 0)
    })))

  test.each([
    ["a negative number", -1],
    ["minus infinity", -Infinity],
    ["NaN", NaN],
    ["a negative bigint", -1n],
    ["a negative duration", Duration.millis(-5)],
    ["a negative text", "-1 second"],
    ["an unknown unit", "3 fortnights"],
    ["an empty text", ""],
    ["null", null],
    ["an empty array", []],
    ["true", true],
    ["NaN seconds", { seconds: NaN }],
    ["NaN seconds of a time stamp", [NaN, 0]]
  ])("a deadline that is %s is refused, and the pool goes on", (_, deadline) =>
    run(Effect.gen(function*() {
      const pool = yield* make()
      const defect = yield* defectOf(WorkerPool.shutdown(pool, { deadline: deadline as number }))
      assert.equal(WorkerPool.stats(pool).state, "running")
      assert.match((defect as Error).message, /^WorkerPool\.shutdown: deadline must be a duration/)
    })))

  test("a deadline of zero stops the pool, and one without end does not", () =>
    run(
      Effect.gen(function*() {
        for (const deadline of [0, Infinity, "Infinity"] as const) {
          const pool = yield* make()
          const handle = yield* WorkerPool.submit(pool, Effect.never)
          const ending = yield* start(WorkerPool.shutdown(pool, { deadline }))
          yield* TestClock.adjust("1000 days")
          assert.equal(handle.state, deadline === 0 ? "interrupted" : "running")
          yield* WorkerPool.shutdownNow(pool)
          assert.equal((yield* Fiber.join(ending)).aborted.length, 1)
        }
      }).pipe(Effect.provide(TestClock.layer()))
    ))

  test("every operation can be piped", () =>
    run(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({ size: 1, run: (n: number) => Effect.succeed(n + 1) })
      assert.ok(WorkerPool.isWorkerPool(pool) && !WorkerPool.isWorkerPool({}))
      assert.equal(yield* pool.pipe(WorkerPool.run(1)), 2)
      assert.equal((yield* pool.pipe(WorkerPool.submit(2))).id, 2)
      assert.equal((yield* pool.pipe(WorkerPool.trySubmit(3))).id, 3)
      assert.deepEqual(yield* Stream.runCollect(pool.pipe(WorkerPool.map([4, 5]))), [5, 6])
      assert.deepEqual(yield* Stream.runCollect(pool.pipe(WorkerPool.map([4, 5], { ordered: false }))), [5, 6])
      assert.match(String(pool), /"state":"running"/)
      assert.equal((yield* pool.pipe(WorkerPool.shutdown({ deadline: "1 second" }))).counts.succeeded, 7)
      assert.equal((yield* pool.pipe(WorkerPool.shutdown())).counts.succeeded, 7)
      assert.equal((yield* pool.pipe(WorkerPool.shutdownNow)).counts.succeeded, 7)
      assert.equal(pool.pipe(WorkerPool.stats).state, "stopped")
    })))
})

test("the second fiber that awaits a job has its exit, though the first has left", () =>
  run(Effect.gen(function*() {
    const gate = yield* Deferred.make<void>()
    const pool = yield* WorkerPool.make({ size: 1, run: () => Deferred.await(gate) })
    const handle = yield* WorkerPool.submit(pool, 1)
    const fibers = yield* Effect.forEach([1, 2, 3, 4], () => start(handle.join))
    yield* Fiber.interrupt(fibers[0]!)
    yield* Fiber.interrupt(fibers[2]!)
    yield* Deferred.succeed(gate, undefined)
    for (const [i, fiber] of fibers.entries()) {
      expect([i, Exit.isSuccess(yield* Fiber.await(fiber))]).toEqual([i, i % 2 === 1])
    }
  })))
