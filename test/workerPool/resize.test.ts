/** P10: the number of workers changes, and nothing is revoked. */
import { Deferred, Effect, Exit, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import { after, expectEnded, run, runTimed, turns } from "../support/effect.js"
import { balanced, type Job, make } from "../support/workerPool.js"

/** A pool whose resources are counted. */
const counting = (size: number, options: Parameters<typeof make>[0] = {}) => {
  const held = new Set<number>()
  const worker = ({ id }: WorkerPool.WorkerInfo) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        held.add(id)
        return id
      }),
      (id) => Effect.sync(() => void held.delete(id))
    )
  return Effect.map(make({ size, worker, ...options }), (pool) => ({ pool, held }))
}

describe("growing", () => {
  test("serves jobs that wait with workers of new numbers", () =>
    run(Effect.gen(function*() {
      const { held, pool } = yield* counting(1)
      for (let n = 0; n < 3; n++) yield* WorkerPool.submit(pool, Effect.never)
      expect(WorkerPool.stats(pool)).toMatchObject({ size: 1, running: 1, queued: 2 })
      yield* WorkerPool.resize(pool, 3)
      expect(WorkerPool.stats(pool)).toMatchObject({ size: 3, running: 3, queued: 0 })
      expect([...held]).toEqual([1, 2, 3])
      balanced(pool)
    })))

  test("goes on without a worker whose resource cannot be had, after as many attempts as restart says", () =>
    run(Effect.gen(function*() {
      let attempts = 0
      const pool = yield* make({
        size: 1,
        restart: Schedule.recurs(2),
        worker: () => Effect.suspend(() => ++attempts === 1 ? Effect.void : Effect.fail("refused"))
      })
      yield* WorkerPool.resize(pool, 3)
      yield* turns(20)
      expect(attempts).toBe(1 + 2 * 3)
      expect(WorkerPool.stats(pool)).toMatchObject({ state: "running", size: 1, idle: 1 })
      expect(yield* WorkerPool.run(pool, Effect.succeed("served"))).toBe("served")
    })))

  test("waits for the resource of one that is leaving: there are never more than there may be", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      let held = 0
      let most = 0
      const pool = yield* make({
        size: 2,
        worker: () =>
          Effect.acquireRelease(
            Effect.sync(() => {
              most = Math.max(most, ++held)
            }),
            () => Effect.andThen(Deferred.await(gate), Effect.sync(() => held--))
          )
      })
      yield* WorkerPool.resize(pool, 1)
      yield* WorkerPool.resize(pool, 2)
      yield* turns(5)
      expect(WorkerPool.stats(pool)).toMatchObject({ size: 2, idle: 1 })
      yield* Deferred.succeed(gate, undefined)
      yield* turns(5)
      expect(WorkerPool.stats(pool)).toMatchObject({ size: 2, idle: 2 })
      expect(most).toBe(2)
    })))
})

describe("shrinking", () => {
  test("lets idle workers go at once, and busy ones after their job", () =>
    run(Effect.gen(function*() {
      const { held, pool } = yield* counting(3)
      const gate = yield* Deferred.make<string>()
      const first = yield* WorkerPool.submit(pool, Deferred.await(gate))
      const second = yield* WorkerPool.submit(pool, Deferred.await(gate))
      yield* WorkerPool.resize(pool, 1)
      yield* turns(2)
      expect([...held]).toEqual([1, 2])
      expect(WorkerPool.stats(pool)).toMatchObject({ size: 1, running: 2, idle: 0 })
      yield* Deferred.succeed(gate, "done")
      expect([yield* first.await, yield* second.await]).toEqual([Exit.succeed("done"), Exit.succeed("done")])
      yield* turns(2)
      expect([...held]).toEqual([1])
      expect(WorkerPool.stats(pool)).toMatchObject({ size: 1, idle: 1, succeeded: 2 })
    })))

  test("and growing again keeps a worker that has not left yet, with its resource", () =>
    run(Effect.gen(function*() {
      let acquired = 0
      const pool = yield* make({ size: 2, worker: () => Effect.sync(() => ++acquired) })
      for (let n = 0; n < 2; n++) yield* WorkerPool.submit(pool, Effect.never)
      yield* WorkerPool.resize(pool, 1)
      yield* WorkerPool.resize(pool, 2)
      yield* turns(5)
      expect(acquired).toBe(2)
      expect(WorkerPool.stats(pool)).toMatchObject({ size: 2, running: 2, replaced: 0 })
    })))

  test("gives up what is still being acquired first", () =>
    run(Effect.gen(function*() {
      let attempts = 0
      const pool = yield* make({ size: 1, worker: () => ++attempts === 1 ? Effect.void : Effect.never })
      yield* WorkerPool.resize(pool, 4)
      yield* WorkerPool.resize(pool, 1)
      yield* turns(5)
      expect(WorkerPool.stats(pool)).toMatchObject({ size: 1, idle: 1 })
      const { counts } = yield* WorkerPool.shutdown(pool)
      expect(counts.submitted).toBe(0)
    })))

  test("and growing again, while an acquisition is given up, waits for its end", () =>
    run(Effect.gen(function*() {
      let attempts = 0
      let held = 0
      let most = 0
      const gate = yield* Deferred.make<void>()
      const pool = yield* make({
        size: 1,
        worker: () =>
          Effect.acquireRelease(
            Effect.suspend(() => {
              most = Math.max(most, ++held)
              return ++attempts === 2 ? Deferred.await(gate) : Effect.void
            }),
            () => Effect.sync(() => held--)
          )
      })
      // The second one cannot be interrupted as it acquires.
      yield* WorkerPool.resize(pool, 2)
      yield* WorkerPool.resize(pool, 1)
      yield* WorkerPool.resize(pool, 2)
      yield* turns(5)
      expect([most, WorkerPool.stats(pool).idle]).toEqual([2, 1])
      yield* Deferred.succeed(gate, undefined)
      yield* turns(8)
      expect([most, WorkerPool.stats(pool).idle, held]).toEqual([2, 2, 2])
    })))

  test("keeps a worker that can serve the jobs for which others wait", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 2, queue: { capacity: 0 } })
      const inner: Job = Effect.as(turns(1), "inner")
      const gate = yield* Deferred.make<void>()
      // The worker of the outer job waits for the other one, which is the one with the higher number.
      const busy = yield* WorkerPool.submit(pool, Deferred.await(gate))
      const outer = yield* WorkerPool.submit(pool, Effect.mapError(WorkerPool.run(pool, inner), String))
      yield* WorkerPool.resize(pool, 1)
      yield* Deferred.succeed(gate, undefined)
      expect(yield* outer.await).toEqual(Exit.succeed("inner"))
      expect(Exit.isSuccess(yield* busy.await)).toBe(true)
    })))
})

test("ten thousand workers come and go", () =>
  run(Effect.gen(function*() {
    const { held, pool } = yield* counting(1)
    yield* WorkerPool.resize(pool, 10_000)
    yield* turns(2)
    expect(held.size).toBe(10_000)
    yield* WorkerPool.resize(pool, 1)
    yield* turns(2)
    expect(WorkerPool.stats(pool)).toMatchObject({ size: 1, idle: 1 })
    expect(held.size).toBe(1)
  })))

test("numbers are given again, so that names do not grow without end", () =>
  run(Effect.gen(function*() {
    const ids = new Set<number>()
    const pool = yield* make({ size: 1, worker: ({ id }) => Effect.sync(() => ids.add(id)) })
    for (let round = 0; round < 10; round++) {
      yield* WorkerPool.resize(pool, 3)
      yield* turns(3)
      yield* WorkerPool.resize(pool, 1)
      yield* turns(3)
    }
    expect([...ids].sort()).toEqual([1, 2, 3])
  })))

test("a pool that has ended stays as it is", () =>
  run(Effect.gen(function*() {
    const pool = yield* make({ size: 1 })
    yield* WorkerPool.shutdown(pool)
    yield* WorkerPool.resize(pool, 5)
    expect(WorkerPool.stats(pool)).toMatchObject({ state: "stopped", size: 1, idle: 0 })
  })))

test("a pool that drains can be given more workers for what is left", () =>
  run(
    Effect.gen(function*() {
      const pool = yield* make({ size: 1, queue: { capacity: "unbounded" } })
      for (let n = 0; n < 4; n++) yield* WorkerPool.submit(pool, Effect.sleep("1 second"))
      const end = yield* Effect.forkChild(WorkerPool.shutdown(pool), { startImmediately: true })
      yield* WorkerPool.resize(pool, 4)
      expect(WorkerPool.stats(pool)).toMatchObject({ state: "draining", running: 4 })
      yield* TestClock.adjust("1 second")
      expectEnded(end)
    }).pipe(Effect.provide(TestClock.layer()))
  ))

test.each([0, -1, 1.5, NaN, Infinity, 1_000_001, "3"])(
  "refuses a size of %s, and changes nothing",
  (size) =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 2 })
      const exit = yield* Effect.exit(WorkerPool.resize(pool, size as number))
      expect(String(exit)).toContain("WorkerPool.resize: size must be an integer from 1 to 1000000, got")
      expect(WorkerPool.stats(pool)).toMatchObject({ size: 2, idle: 2 })
    }))
)

describe("autoscale", () => {
  const options = { min: 1, max: 4, dwell: 1_000 }

  test("follows the load, between its bounds", () =>
    runTimed(Effect.gen(function*() {
      const { held, pool } = yield* counting(2, { queue: { capacity: "unbounded" } })
      yield* WorkerPool.autoscale(pool, options)
      for (let n = 0; n < 100; n++) yield* WorkerPool.submit(pool, Effect.sleep(1_000))
      yield* after(10_000)
      expect(WorkerPool.stats(pool)).toMatchObject({ size: 4, running: 4 })
      yield* after(60_000)
      expect(WorkerPool.stats(pool)).toMatchObject({ size: 1, idle: 1, succeeded: 100 })
      expect(held.size).toBe(1)
    })))

  test("does not thrash when the load comes and goes", () =>
    runTimed(Effect.gen(function*() {
      const { pool } = yield* counting(1, { queue: { capacity: "unbounded" } })
      yield* WorkerPool.autoscale(pool, { ...options, dwell: { grow: 500, shrink: 5_000 } })
      const sizes: Array<number> = []
      for (let second = 0; second < 100; second++) {
        // Two seconds of more than four workers can do, and two of nothing.
        if (second % 4 < 2) { for (let n = 0; n < 40; n++) yield* WorkerPool.submit(pool, Effect.sleep(100)) }
        yield* after(1_000)
        sizes.push(WorkerPool.stats(pool).size)
      }
      expect(sizes.slice(10)).toEqual(Array.from({ length: 90 }, () => 4))
    })))

  test("ends with its scope, and with the pool", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({ size: 4 })
      yield* Effect.scoped(WorkerPool.autoscale(pool, options))
      yield* after(60_000)
      expect(WorkerPool.stats(pool).size).toBe(4)
      yield* WorkerPool.autoscale(pool, options)
      yield* WorkerPool.shutdown(pool)
      yield* after(60_000)
      expect(WorkerPool.stats(pool)).toMatchObject({ state: "stopped", size: 4 })
    })))

  test("refuses bounds that make no sense, before it has begun", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({ size: 2 })
      const exit = yield* Effect.exit(WorkerPool.autoscale(pool, { min: 3, max: 2 }))
      expect(String(exit)).toContain("WorkerPool.autoscale: max must be at least min, which is 3, got 2")
      expect(WorkerPool.stats(pool).size).toBe(2)
    })))
})
