/** `WorkerPool.runAll`: its window, its values and its ends, under P21. */
import { Deferred, Effect, Exit, Fiber } from "effect"
import * as fc from "fast-check"
import { AsyncLocalStorage } from "node:async_hooks"
import { Watch, WorkerPool } from "sluice"
import type { Scenario } from "sluice/testing"
import { describe, expect, test } from "vitest"
import { exhausted, running } from "../scenarios/runAll.js"
import { defectOf, run, settle, squash, start, turns } from "../support/effect.js"
import { into, makeRegistry, valueOf } from "../support/metrics.js"
import { holds, holdsByChance, holdsWithin, soak } from "../support/property.js"
import { optionsOf, othersOf, type Workload, workload } from "../support/watched.js"

describe("over every schedule", () => {
  test.each(Object.entries<Scenario>(exhausted))("runAll keeps its law under every schedule: %s", (_, self) => {
    holdsWithin(self, { preemptions: 1, cancels: 0 })
    holdsWithin(self, { preemptions: 0, cancels: 1 })
    if (soak > 1) holdsWithin(self, { preemptions: 1, cancels: 1 })
  })
})

test.each(Object.entries<Scenario>(exhausted))(
  "runAll keeps its law under schedules by chance: %s",
  (_, self) => holdsByChance(self, { runs: 100, cancels: 3 })
)

const scenarioOf = (work: Workload): Scenario => running(optionsOf(work), othersOf(work))

describe("over workloads", () => {
  test("runAll keeps its law over any workload", () =>
    holds(fc.record(workload), scenarioOf, { realism: "contract", cancels: 0, workloads: 200 }))
  test("runAll keeps its law over any workload, interrupted at any operation", () =>
    holds(fc.record(workload), scenarioOf, { realism: "any", cancels: 2, workloads: 200 }))
})

const doubling = WorkerPool.make({ size: 2, run: (n: number) => Effect.as(Effect.yieldNow, 2 * n) })

/** Jobs that end when they are let, and those that have begun. */
const gated = (options: { readonly size: number; readonly queue: { readonly capacity: number | "unbounded" } }) =>
  Effect.gen(function*() {
    const begun: Array<number> = []
    const gate = yield* Deferred.make<void>()
    const pool = yield* WorkerPool.make({
      ...options,
      run: (n: number) => Effect.as(Effect.andThen(Effect.sync(() => begun.push(n)), Deferred.await(gate)), n)
    })
    return { begun, gate, pool }
  })

describe("runAll (P21)", () => {
  test("runAll returns the values in the order of the items", () =>
    run(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({ size: 3, run: (n: number) => Effect.as(turns(9 - n), 2 * n) })
      const items = Array.from({ length: 9 }, (_, n) => n)
      expect(yield* WorkerPool.runAll(pool, items)).toEqual(items.map((n) => 2 * n))
      expect(yield* WorkerPool.runAll(new Set([4, 2]))(pool)).toEqual([8, 4])
      expect(yield* WorkerPool.runAll(pool, [])).toEqual([])
    })))

  test.each([[2, 1, 3], [1, 0, 1], [2, "unbounded", 6]] as const)(
    "runAll takes as many items as run and wait: size %s, capacity %s",
    (size, capacity, window) =>
      run(Effect.gen(function*() {
        let taken = 0
        function* numbers() {
          while (taken < 20) yield ++taken
        }
        const { gate, pool } = yield* gated({ size, queue: { capacity } })
        const call = yield* start(WorkerPool.runAll(pool, numbers()))
        yield* settle
        expect(taken).toBe(window)
        yield* Deferred.succeed(gate, undefined)
        expect(yield* Fiber.join(call)).toHaveLength(20)
      }))
  )

  test("runAll cancels the other jobs, waits for their ends and closes the iterator, when a job fails", () =>
    run(Effect.gen(function*() {
      const ended: Array<number> = []
      let closed = 0
      function* numbers() {
        try {
          for (let n = 1;; n++) yield n
        } finally {
          closed++
        }
      }
      const pool = yield* WorkerPool.make({
        size: 3,
        queue: { capacity: 2 },
        run: (n: number) =>
          n === 2
            ? Effect.andThen(turns(2), Effect.fail("planned"))
            : Effect.onExit(Effect.never, () => Effect.andThen(turns(5), Effect.sync(() => ended.push(n))))
      })
      expect(yield* Effect.flip(WorkerPool.runAll(pool, numbers()))).toBe("planned")
      expect([ended.sort(), closed, WorkerPool.stats(pool)]).toMatchObject([[1, 3], 1, { running: 0, queued: 0 }])
    })))

  test("runAll with exits returns the exit of each job, also of those that the pool refuses", () =>
    run(Effect.gen(function*() {
      const { gate, pool } = yield* gated({ size: 1, queue: { capacity: 1 } })
      const call = yield* start(WorkerPool.runAll(pool, [1, 2, 3, 4], { exits: true }))
      yield* settle
      const ending = yield* start(WorkerPool.shutdown(pool))
      yield* Deferred.succeed(gate, undefined)
      const exits = yield* Fiber.join(call)
      expect(exits.slice(0, 2)).toEqual([Exit.succeed(1), Exit.succeed(2)])
      for (const exit of exits.slice(2)) expect(squash(exit)).toBeInstanceOf(WorkerPool.PoolClosed)
      expect(exits).toHaveLength(4)
      yield* Fiber.join(ending)
    })))

  test("runAll succeeds though the pool drains, if the pool has accepted the last item", () =>
    run(Effect.gen(function*() {
      const { gate, pool } = yield* gated({ size: 1, queue: { capacity: 1 } })
      const call = yield* start(WorkerPool.runAll(pool, [1, 2]))
      yield* settle
      const ending = yield* start(WorkerPool.shutdown(pool))
      yield* Deferred.succeed(gate, undefined)
      expect(yield* Fiber.join(call)).toEqual([1, 2])
      yield* Fiber.join(ending)
    })))

  test("runAll fails with PoolClosed at once and cancels its jobs, if the pool drains before the last item", () =>
    run(Effect.gen(function*() {
      const registry = makeRegistry()
      yield* into(registry)(Effect.gen(function*() {
        const pool = yield* WorkerPool.make({ size: 1, watch: [Watch.metrics()], run: () => Effect.never })
        const call = yield* start(WorkerPool.runAll(pool, [1, 2, 3, 4, 5, 6]))
        yield* settle
        const ending = yield* start(WorkerPool.shutdown(pool))
        expect(squash(yield* Fiber.await(call))).toBeInstanceOf(WorkerPool.PoolClosed)
        expect((yield* Fiber.join(ending)).counts).toMatchObject({ interrupted: 3, returned: 0 })
        expect(valueOf(registry, "jobs_rejected_total", { reason: "PoolClosed" })).toBe(1)
      }))
    })))

  test("runAll waits for room in turns with other callers", () =>
    run(Effect.gen(function*() {
      const order: Array<string> = []
      const pool = yield* WorkerPool.make({
        size: 1,
        queue: { capacity: 0 },
        run: (name: string) => Effect.andThen(Effect.yieldNow, Effect.sync(() => order.push(name)))
      })
      const all = (name: string) => start(WorkerPool.runAll(pool, Array.from({ length: 3 }, () => name)))
      const calls = [yield* all("a"), yield* all("b"), yield* all("c")]
      for (const call of calls) yield* Fiber.join(call)
      expect(order.join("")).toBe("abcabcabc")
    })))

  test("runAll lets others run, though its jobs are synchronous and many", () =>
    run(Effect.gen(function*() {
      let others = 0
      const pool = yield* WorkerPool.make({ size: 1, run: (n: number) => Effect.succeed(n) })
      yield* Effect.forkChild(Effect.forever(Effect.andThen(Effect.sync(() => others++), Effect.yieldNow)))
      const items = Array.from({ length: 10_000 }, (_, n) => n)
      expect(yield* WorkerPool.runAll(pool, items)).toEqual(items)
      expect(others).toBeGreaterThan(3)
    })))

  test("runAll gives all jobs the context of its caller", () =>
    run(Effect.gen(function*() {
      const storage = new AsyncLocalStorage<string>()
      const pool = yield* WorkerPool.make({
        size: 1,
        run: (n: number) => Effect.as(Effect.yieldNow, `${n}${storage.getStore()}`)
      })
      const callIn = (name: string) =>
        Effect.promise(() => storage.run(name, () => Effect.runPromise(WorkerPool.runAll(pool, [1, 2, 3, 4, 5]))))
      const both = yield* Effect.all([callIn("a"), callIn("b")], { concurrency: 2 })
      expect(both).toEqual([["1a", "2a", "3a", "4a", "5a"], ["1b", "2b", "3b", "4b", "5b"]])
    })))

  test.each([
    ["jobs", 5, {}, "WorkerPool.runAll: jobs must be an iterable, got 5"],
    ["exits", [], { exits: 1 }, "WorkerPool.runAll: exits must be true or false, got 1"]
  ])("runAll dies of a wrong argument: %s", (_, items, options, message) =>
    run(Effect.gen(function*() {
      const pool = yield* doubling
      const call = WorkerPool.runAll(pool, items as Iterable<number>, options as { readonly exits: true })
      expect(yield* defectOf(call)).toMatchObject({ message })
    })))

  test.each(["interrupts its caller", "ends the pool"] as const)(
    "runAll brings no job of an item at which its iterator %s",
    (what) =>
      run(Effect.gen(function*() {
        const begun: Array<number> = []
        const pool = yield* WorkerPool.make({
          size: 1,
          queue: { capacity: 0 },
          run: (n: number) => Effect.andThen(Effect.sync(() => begun.push(n)), turns(2))
        })
        let closed = 0
        function* numbers() {
          try {
            yield 1
            // The first job has ended, and the caller is suspended.
            if (what === "ends the pool") Effect.runFork(WorkerPool.shutdown(pool))
            else call.interruptUnsafe()
            yield 2
          } finally {
            closed++
          }
        }
        const call: Fiber.Fiber<unknown, unknown> = yield* Effect.forkChild(WorkerPool.runAll(pool, numbers()))
        const exit = yield* Fiber.await(call)
        expect(closed).toBe(1)
        yield* settle
        expect([begun, WorkerPool.stats(pool).submitted]).toEqual([[1], 1])
        expect(Exit.hasInterrupts(exit)).toBe(what === "interrupts its caller")
      }))
  )

  test("runAll that is interrupted begins none of its waiting jobs, though a newer one runs", () =>
    run(Effect.gen(function*() {
      const begun: Array<number> = []
      const pool = yield* WorkerPool.make({
        size: 1,
        queue: { capacity: 2, priority: (n: number) => n },
        run: (n: number) => Effect.andThen(Effect.sync(() => begun.push(n)), n === 9 ? turns(3) : Effect.never)
      })
      yield* WorkerPool.submit(pool, 9)
      const call = yield* start(WorkerPool.runAll(pool, [2, 1]))
      yield* settle
      yield* Fiber.interrupt(call)
      expect(begun).toEqual([9, 1])
    })))

  test("runAll leaves nothing in the pool", () =>
    run(Effect.gen(function*() {
      const pool = yield* doubling
      yield* WorkerPool.runAll(pool, [1, 2, 3])
      const call = yield* start(WorkerPool.runAll(pool, [1, 2, 3]))
      yield* Fiber.interrupt(call)
      expect((pool as unknown as { readonly followers: ReadonlySet<unknown> }).followers.size).toBe(0)
    })))

  test("runAll dies with the error of an iterator that throws, and cancels its jobs", () =>
    run(Effect.gen(function*() {
      function* numbers() {
        yield 1
        throw new Error("planned")
      }
      const { pool } = yield* gated({ size: 2, queue: { capacity: 1 } })
      expect(yield* defectOf(WorkerPool.runAll(pool, numbers()))).toMatchObject({ message: "planned" })
      expect(WorkerPool.stats(pool)).toMatchObject({ running: 0, queued: 0, interrupted: 1 })
    })))

  test("runAll dies of its job's failure and of an iterator whose return throws, as Effect.ensuring does", () =>
    run(Effect.gen(function*() {
      const items: Iterable<number> = {
        [Symbol.iterator]: () => ({
          next: () => ({ done: false, value: 1 }),
          return: () => {
            throw new Error("planned")
          }
        })
      }
      const pool = yield* WorkerPool.make({ size: 1, run: () => Effect.fail("job") })
      const exit = yield* Effect.exit(WorkerPool.runAll(pool, items))
      expect(Exit.isFailure(exit) && exit.cause.reasons.map(String)).toEqual(["Die(\"job\")", "Die(Error: planned)"])
    })))
})

describe("runAll in a job of its own pool (P9)", () => {
  const nested = (size: number) =>
    Effect.gen(function*() {
      const pool: WorkerPool.WorkerPool<number, number> = yield* WorkerPool.make({
        size,
        queue: { capacity: 4 },
        run: (n: number): Effect.Effect<number> =>
          n < 10
            ? Effect.as(turns(n), n)
            : Effect.andThen(Effect.yieldNow, Effect.orDie(WorkerPool.runAll(pool, [n % 10, n % 10]))).pipe(
              Effect.map((values) => values.length)
            )
      })
      return pool
    })

  test("runAll in a job returns its values while another worker is free", () =>
    run(Effect.gen(function*() {
      expect(yield* WorkerPool.runAll(yield* nested(2), [13, 1, 2])).toEqual([2, 1, 2])
    })))

  test("runAll in a job dies with PoolDeadlock if every worker waits", () =>
    run(Effect.gen(function*() {
      for (const [size, items] of [[1, [10]], [2, [11, 12]], [3, [11, 12, 10]]] as const) {
        const pool = yield* nested(size)
        const exits = yield* WorkerPool.runAll(pool, items, { exits: true })
        // The last one dies, and the others have its worker.
        const dead = exits.map((exit) => squash(exit) instanceof WorkerPool.PoolDeadlock)
        expect(dead).toEqual(items.map((_, i) => i === items.length - 1))
        expect(squash(exits[items.length - 1]!)).toMatchObject({ operation: "runAll" })
      }
    })))

  test("runAll in a job is part of a circle, if a later item waits for that job", () =>
    run(Effect.gen(function*() {
      const outer = yield* Deferred.make<WorkerPool.JobHandle<number, unknown>>()
      const pool: WorkerPool.WorkerPool<number, number> = yield* WorkerPool.make({
        size: 3,
        run: (n: number): Effect.Effect<number> => {
          if (n === 0) return Effect.as(Effect.orDie(WorkerPool.runAll(pool, [1, 2])), 0)
          if (n === 1) return Effect.as(Effect.yieldNow, 1)
          return Effect.andThen(turns(5), Effect.flatMap(Deferred.await(outer), ({ await: end }) => Effect.as(end, 2)))
        }
      })
      const handle = yield* WorkerPool.submit(pool, 0)
      yield* Deferred.succeed(outer, handle)
      expect(yield* defectOf(handle.join)).toMatchObject({ _tag: "PoolDeadlock", operation: "await" })
    })))

  test.each(["await", "shutdown"] as const)(
    "runAll in a job is part of a circle, if a later item has waited for that job before: %s",
    (operation) =>
      run(Effect.gen(function*() {
        const outer = yield* Deferred.make<WorkerPool.JobHandle<number, unknown>>()
        const pool: WorkerPool.WorkerPool<number, number> = yield* WorkerPool.make({
          size: 3,
          run: (n: number): Effect.Effect<number> => {
            if (n === 0) return Effect.as(Effect.orDie(WorkerPool.runAll(pool, [1, 2])), 0)
            if (n === 1) return Effect.as(turns(5), 1)
            const waits: Effect.Effect<unknown> = operation === "shutdown"
              ? WorkerPool.shutdown(pool)
              : Effect.flatMap(Deferred.await(outer), (handle) => handle.await)
            return Effect.as(Effect.andThen(Effect.yieldNow, waits), 2)
          }
        })
        const handle = yield* WorkerPool.submit(pool, 0)
        yield* Deferred.succeed(outer, handle)
        expect(yield* defectOf(handle.join)).toMatchObject({ _tag: "PoolDeadlock", operation: "runAll" })
      }))
  )

  test("runAll in a job ends with exits, though many of its jobs are taken from the queue together", () =>
    run(Effect.gen(function*() {
      const pool: WorkerPool.WorkerPool<number, number> = yield* WorkerPool.make({
        size: 2,
        queue: { capacity: 20_000 },
        run: (n: number): Effect.Effect<number> => {
          if (n > 0) return Effect.never
          const items = Array.from({ length: 20_000 }, (_, i) => i + 1)
          return Effect.map(
            WorkerPool.runAll(pool, items, { exits: true }),
            (exits) => exits.filter((exit) => squash(exit) instanceof WorkerPool.JobLost).length
          )
        }
      })
      const outer = yield* start(WorkerPool.run(pool, 0))
      for (let n = 0; n < 3; n++) yield* settle
      expect((yield* WorkerPool.clear(pool)).length).toBe(19_999)
      yield* WorkerPool.shutdownNow(pool)
      expect(squash(yield* Fiber.await(outer))).toMatchObject({ _tag: "JobLost", reason: "aborted" })
    })))

  test("runAll in a job waits no more in the pool's books once it has failed", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool: WorkerPool.WorkerPool<string, string, string> = yield* WorkerPool.make({
        size: 2,
        run: (name: string): Effect.Effect<string, string> => {
          if (name === "inner") return Effect.succeed(name)
          if (name === "bad") return Effect.andThen(turns(2), Effect.fail("planned"))
          return name === "outer"
            ? Effect.exit(WorkerPool.runAll(pool, ["bad", "bad"])).pipe(
              Effect.andThen(Deferred.await(gate)),
              Effect.as(name)
            )
            : Effect.as(Effect.orDie(WorkerPool.runAll(pool, ["inner"])), name)
        }
      })
      const outer = yield* start(WorkerPool.run(pool, "outer"))
      yield* settle
      const other = yield* start(WorkerPool.run(pool, "other"))
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      expect([yield* Fiber.join(outer), yield* Fiber.join(other)]).toEqual(["outer", "other"])
    })))

  test("runAll in a job dies with PoolDeadlock if its later items wait for every worker", () =>
    run(Effect.gen(function*() {
      const pool: WorkerPool.WorkerPool<number, number> = yield* WorkerPool.make({
        size: 2,
        queue: { capacity: 4 },
        run: (n: number): Effect.Effect<number> => {
          if (n === 0) return Effect.as(Effect.orDie(WorkerPool.runAll(pool, [1, 2])), 0)
          return n === 2 ? Effect.orDie(WorkerPool.run(pool, 1)) : Effect.as(Effect.yieldNow, n)
        }
      })
      expect(yield* defectOf(WorkerPool.run(pool, 0))).toMatchObject({ _tag: "PoolDeadlock", operation: "run" })
    })))
})
