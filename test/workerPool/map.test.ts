/** `WorkerPool.map`: its window, the end of its source, and its jobs, under the laws L1 to L4. */
import { Deferred, Effect, Exit, Fiber, Queue, Schedule, Stream } from "effect"
import * as fc from "fast-check"
import { Watch, WorkerPool } from "sluice"
import type { Scenario } from "sluice/testing"
import { describe, expect, test } from "vitest"
import { exhausted, mapping } from "../scenarios/map.js"
import { after, defectOf, expectPending, run, runTimed, settle, squash, start } from "../support/effect.js"
import { into, makeRegistry, valueOf } from "../support/metrics.js"
import { holds, holdsByChance, holdsWithin, soak } from "../support/property.js"
import { optionsOf, othersOf, seldom, type Workload, workload } from "../support/watched.js"

describe("over every schedule", () => {
  test.each(Object.entries<Scenario>(exhausted))("map keeps its laws under every schedule: %s", (_, self) => {
    holdsWithin(self, { preemptions: 1, cancels: 0 })
    holdsWithin(self, { preemptions: 0, cancels: 1 })
    if (soak > 1) holdsWithin(self, { preemptions: 1, cancels: 1 })
  })
})

test.each(Object.entries<Scenario>(exhausted))(
  "map keeps its laws under schedules by chance: %s",
  (_, self) => holdsByChance(self, { runs: 100, cancels: 3 })
)

interface MapWorkload extends Workload {
  readonly ordered: boolean
  readonly enough: number
}

const mapWorkload: fc.Arbitrary<MapWorkload> = fc.record({
  ...workload,
  ordered: fc.boolean(),
  enough: seldom(99, fc.integer({ min: 1, max: 5 }))
})

const scenarioOf = (work: MapWorkload): Scenario => mapping(optionsOf(work), othersOf(work))

describe("over workloads", () => {
  test("map keeps its laws over any workload", () =>
    holds(mapWorkload, scenarioOf, { realism: "contract", cancels: 0, workloads: 200 }))
  test("map keeps its laws over any workload, interrupted at any operation", () =>
    holds(mapWorkload, scenarioOf, { realism: "any", cancels: 2, workloads: 200 }))
})

/** Jobs that end when they are let, and how many have begun. */
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

function* naturals() {
  for (let n = 1;; n++) yield n
}

describe("the window of a map (L1)", () => {
  test("a map's window grows with the pool at once, though no job ends", () =>
    run(Effect.gen(function*() {
      for (const [capacity, queued] of [[2, 2], [0, 0], ["unbounded", 32]] as const) {
        const { pool } = yield* gated({ size: 1, queue: { capacity } })
        const stream = yield* start(Stream.runDrain(WorkerPool.map(pool, naturals())))
        yield* settle
        yield* WorkerPool.resize(pool, 16)
        yield* settle
        expect(WorkerPool.stats(pool)).toMatchObject({ running: 16, queued, waiting: 0 })
        yield* Fiber.interrupt(stream)
      }
    })))

  test("a map's window shrinks with the pool: nothing is taken until fewer jobs are left than that", () =>
    runTimed(Effect.gen(function*() {
      let taken = 0
      function* numbers() {
        for (;;) yield ++taken
      }
      const pool = yield* WorkerPool.make({ size: 4, queue: { capacity: 4 }, run: () => Effect.sleep(1_000) })
      const stream = yield* start(Stream.runDrain(WorkerPool.map(pool, numbers())))
      yield* settle
      expect(taken).toBe(8)
      yield* WorkerPool.resize(pool, 1)
      yield* after(1_000)
      expect([taken, WorkerPool.stats(pool)]).toMatchObject([9, { running: 1, queued: 4 }])
      yield* after(1_000)
      expect([taken, WorkerPool.stats(pool)]).toMatchObject([10, { running: 1, queued: 4 }])
      yield* Fiber.interrupt(stream)
    })))

  test("a map's window is three times the size where the queue is unbounded", () =>
    runTimed(Effect.gen(function*() {
      const { pool } = yield* gated({ size: 4, queue: { capacity: "unbounded" } })
      const stream = yield* start(Stream.runDrain(WorkerPool.map(pool, naturals())))
      yield* settle
      expect(WorkerPool.stats(pool)).toMatchObject({ running: 4, queued: 8 })
      yield* Fiber.interrupt(stream)
    })))

  test("a map takes nothing more while its consumer takes no results", () =>
    run(Effect.gen(function*() {
      for (const ordered of [true, false]) {
        let taken = 0
        function* numbers() {
          for (;;) yield ++taken
        }
        const pool = yield* WorkerPool.make({ size: 2, queue: { capacity: 1 }, run: (n: number) => Effect.succeed(n) })
        const results = WorkerPool.map(pool, numbers(), { ordered })
        const stream = yield* start(Stream.runForEach(results, () => Effect.never))
        yield* settle
        // A window of results is in the consumer's hands, and another one is ready.
        expect(taken).toBeLessThanOrEqual(6)
        yield* Fiber.interrupt(stream)
      }
    })))

  test("a map lets its autoscaled pool grow to the largest size", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({
        size: 1,
        queue: { capacity: "unbounded" },
        run: () => Effect.sleep("1 second")
      })
      yield* WorkerPool.autoscale(pool, { min: 1, max: 16, dwell: "1 second" })
      const stream = yield* start(Stream.runDrain(WorkerPool.map(pool, naturals())))
      for (let n = 0; n < 40; n++) yield* after(1_000)
      expect(WorkerPool.stats(pool)).toMatchObject({ size: 16, running: 16 })
      yield* Fiber.interrupt(stream)
    })))
})

test("a map whose window is full counts for autoscale as a caller that waits for room, unless its consumer is slow", () =>
  runTimed(Effect.gen(function*() {
    for (const [consume, size] of [[Effect.void, 6], [Effect.never, 1]] as const) {
      const pool = yield* WorkerPool.make({ size: 1, queue: { capacity: 2 }, run: () => Effect.sleep("1 second") })
      yield* WorkerPool.autoscale(pool, {
        min: 1,
        max: 16,
        growAbove: 0.5,
        dwell: { grow: "1 second", shrink: "1 hour" }
      })
      const results = WorkerPool.map(pool, naturals())
      const stream = yield* start(Stream.runForEach(size === 1 ? Stream.take(results, 1) : results, () => consume))
      // Two jobs in the queue and the caller are more than half of five workers; without the caller, of three.
      for (let n = 0; n < 20; n++) yield* after(1_000)
      if (size === 1) expect(WorkerPool.stats(pool)).toMatchObject({ running: 0, queued: 0 })
      else expect(WorkerPool.stats(pool).size).toBeGreaterThanOrEqual(size)
      yield* Fiber.interrupt(stream)
    }
  })))

/** A stream over a queue of messages, its pool, and the results it has had. */
const silent = Effect.gen(function*() {
  const messages = yield* Queue.unbounded<string>()
  const pool = yield* WorkerPool.make({ size: 1, run: (message: string) => Effect.as(Effect.yieldNow, message) })
  const seen: Array<string> = []
  const results = WorkerPool.map(pool, Stream.fromQueue(messages))
  const run = Stream.runForEach(results, (message) => Effect.sync(() => seen.push(message)))
  return { messages, pool, run, seen }
})

describe("a stream over a pool that accepts no more (L4)", () => {
  test.each(["shutdown", "shutdownNow"] as const)(
    "a map ends while its source is silent, when the pool ends: %s",
    (end) =>
      run(Effect.gen(function*() {
        const { messages, pool, run, seen } = yield* silent
        const stream = yield* start(run)
        yield* Queue.offerAll(messages, ["one", "two"])
        yield* settle
        yield* WorkerPool[end](pool)
        const exit = yield* Fiber.await(stream)
        expect(squash(exit)).toBeInstanceOf(WorkerPool.PoolClosed)
        yield* Queue.offer(messages, "of the next day")
        yield* settle
        expect([seen, yield* Queue.size(messages)]).toEqual([["one", "two"], 1])
      }))
  )

  test("a map ends while its source is silent, when the pool fails", () =>
    run(Effect.gen(function*() {
      let acquired = 0
      const messages = yield* Queue.unbounded<string>()
      const pool = yield* WorkerPool.make({
        size: 1,
        restart: Schedule.recurs(0),
        worker: () => Effect.suspend(() => ++acquired > 1 ? Effect.fail("planned") : Effect.void),
        run: (message: string) => message === "dies" ? Effect.die("planned") : Effect.succeed(message)
      })
      const stream = yield* start(Stream.runCollect(WorkerPool.map(pool, Stream.fromQueue(messages))))
      yield* Effect.exit(WorkerPool.run(pool, "dies"))
      const error = squash(yield* Fiber.await(stream))
      expect(error).toMatchObject({ _tag: "PoolClosed", state: "failed", cause: { reasons: [{ error: "planned" }] } })
      yield* Queue.offer(messages, "kept")
      yield* settle
      expect(yield* Queue.size(messages)).toBe(1)
    })))

  test("a map takes nothing from its source if the pool has shut down before", () =>
    run(Effect.gen(function*() {
      const { messages, pool, run } = yield* silent
      yield* Queue.offer(messages, "kept")
      yield* WorkerPool.shutdown(pool)
      expect(yield* Effect.flip(run)).toBeInstanceOf(WorkerPool.PoolClosed)
      expect(yield* Queue.size(messages)).toBe(1)
    })))

  test("a map that waits for room takes nothing more once the pool drains", () =>
    run(Effect.gen(function*() {
      let taken = 0
      function* numbers() {
        for (;;) yield ++taken
      }
      const { gate, pool } = yield* gated({ size: 1, queue: { capacity: 1 } })
      const stream = yield* start(Stream.runDrain(WorkerPool.map(pool, numbers())))
      yield* settle
      const ending = yield* start(WorkerPool.shutdown(pool))
      yield* Deferred.succeed(gate, undefined)
      expect(squash(yield* Fiber.await(stream))).toBeInstanceOf(WorkerPool.PoolClosed)
      expect([taken, (yield* Fiber.join(ending)).counts.succeeded]).toEqual([2, 2])
    })))

  test("a map of a pool that drains releases its source before the last job has ended", () =>
    run(Effect.gen(function*() {
      let released = false
      const { gate, pool } = yield* gated({ size: 1, queue: { capacity: 2 } })
      const source = Stream.concat(Stream.make(1), Stream.never).pipe(
        Stream.ensuring(Effect.sync(() => void (released = true)))
      )
      const stream = yield* start(Stream.runCollect(WorkerPool.map(pool, source)))
      yield* start(WorkerPool.shutdown(pool))
      expect([released, stream.pollUnsafe()]).toEqual([true, undefined])
      yield* Deferred.succeed(gate, undefined)
      expect(squash(yield* Fiber.await(stream))).toBeInstanceOf(WorkerPool.PoolClosed)
    })))

  test("a map of a pool that drains ends with the defect of its source's release", () =>
    run(Effect.gen(function*() {
      const { pool } = yield* gated({ size: 1, queue: { capacity: 2 } })
      const source = Stream.ensuring(Stream.never, Effect.die("planned"))
      const stream = yield* start(Stream.runDrain(WorkerPool.map(pool, source)))
      yield* WorkerPool.shutdown(pool)
      const exit = yield* Fiber.await(stream)
      expect(exit).toEqual(Exit.die("planned"))
    })))

  test("a map ends though its source shuts the pool down in its first step", () =>
    run(Effect.gen(function*() {
      const { pool } = yield* gated({ size: 1, queue: { capacity: 2 } })
      const source = Stream.concat(Stream.drain(Stream.fromEffect(start(WorkerPool.shutdown(pool)))), Stream.never)
      expect(yield* Effect.flip(Stream.runDrain(WorkerPool.map(pool, source)))).toBeInstanceOf(WorkerPool.PoolClosed)
    })))

  test("a map that its pool turns away counts as one rejection, wherever its feeder is", () => {
    const registry = makeRegistry()
    return run(
      into(registry)(Effect.gen(function*() {
        const closed = () => valueOf(registry, "jobs_rejected_total", { reason: "PoolClosed" })
        for (
          const [n, { others, source }] of [
            { source: Stream.never, others: 0 },
            { source: Stream.fromIterable(naturals(), { chunkSize: 1 }), others: 0 },
            // The feeder waits in the pool, since others have taken the places.
            { source: Stream.fromIterable(naturals(), { chunkSize: 1 }), others: 2 }
          ].entries()
        ) {
          const gate = yield* Deferred.make<void>()
          const pool = yield* WorkerPool.make({
            size: 1,
            queue: { capacity: 1 },
            watch: [Watch.metrics()],
            run: () => Deferred.await(gate)
          })
          for (let other = 0; other < others; other++) yield* WorkerPool.submit(pool, 0)
          const stream = yield* start(Stream.runDrain(WorkerPool.map(pool, source)))
          yield* settle
          const ending = yield* start(WorkerPool.shutdown(pool))
          yield* Deferred.succeed(gate, undefined)
          expect(squash(yield* Fiber.await(stream))).toBeInstanceOf(WorkerPool.PoolClosed)
          yield* Fiber.join(ending)
          expect(closed()).toBe(n + 1)
        }
      }))
    )
  })
})

test("map takes nothing more from a silent source once a job has failed, though earlier jobs still run", () =>
  run(Effect.gen(function*() {
    const messages = yield* Queue.unbounded<string>()
    const gate = yield* Deferred.make<void>()
    const pool = yield* WorkerPool.make({
      size: 2,
      run: (message: string) => message === "fails" ? Effect.fail("planned") : Deferred.await(gate)
    })
    const stream = yield* start(Stream.runDrain(WorkerPool.map(pool, Stream.fromQueue(messages))))
    yield* Queue.offerAll(messages, ["runs", "fails"])
    yield* settle
    yield* Queue.offer(messages, "kept")
    yield* settle
    expect([yield* Queue.size(messages), stream.pollUnsafe()]).toEqual([1, undefined])
    yield* Deferred.succeed(gate, undefined)
    expect(yield* Fiber.await(stream)).toEqual(Exit.fail("planned"))
  })))

interface Cursor {
  opened: number
  returned: number
}

/** Numbers without end, or up to one, whose iterators count how often they are returned. */
const counting = (cursor: Cursor, last = Infinity, onReturn = () => {}): Iterable<number> => ({
  [Symbol.iterator]() {
    cursor.opened++
    let n = 0
    return {
      next: () => n < last ? { done: false, value: ++n } : { done: true, value: undefined },
      return() {
        cursor.returned++
        onReturn()
        return { done: true, value: undefined }
      }
    }
  }
})

const countingAsync = (
  cursor: Cursor,
  next: (n: number) => Promise<IteratorResult<number>>,
  onReturn: () => Promise<void> = () => Promise.resolve()
): AsyncIterable<number> => ({
  [Symbol.asyncIterator]() {
    cursor.opened++
    let n = 0
    return {
      next: () => next(++n),
      async return() {
        cursor.returned++
        await onReturn()
        return { done: true, value: undefined }
      }
    }
  }
})

const value = (n: number) => Promise.resolve({ done: false as const, value: n })
const never = new Promise<never>(() => {})
/** Lets promises settle, and what waits for them run. */
const microtasks = Effect.andThen(Effect.promise(() => new Promise((resolve) => setImmediate(resolve))), settle)

describe("the iterator of a map (L2)", () => {
  const squares = (bad = 0) =>
    WorkerPool.make({
      size: 2,
      queue: { capacity: 1 },
      run: (n: number) => n === bad ? Effect.fail("planned") : Effect.as(Effect.yieldNow, n * n)
    })
  const kinds: ReadonlyArray<readonly [string, (cursor: Cursor) => Iterable<number> | AsyncIterable<number>]> = [
    ["sync", (cursor) => counting(cursor)],
    ["async", (cursor) => countingAsync(cursor, value)]
  ]

  test.each(kinds)(
    "map returns its iterator once when the consumer has enough: %s",
    (_, source) =>
      run(Effect.gen(function*() {
        const cursor = { opened: 0, returned: 0 }
        yield* Stream.runDrain(Stream.take(WorkerPool.map(yield* squares(), source(cursor)), 3))
        expect(cursor).toEqual({ opened: 1, returned: 1 })
      }))
  )

  test.each(kinds)("map returns its iterator once when a job fails: %s", (_, source) =>
    run(Effect.gen(function*() {
      const cursor = { opened: 0, returned: 0 }
      expect(yield* Effect.flip(Stream.runDrain(WorkerPool.map(yield* squares(9), source(cursor))))).toBe("planned")
      expect(cursor).toEqual({ opened: 1, returned: 1 })
    })))

  test.each(kinds)(
    "map returns its iterator once when the consumer is interrupted: %s",
    (_, source) =>
      run(Effect.gen(function*() {
        const cursor = { opened: 0, returned: 0 }
        const { pool } = yield* gated({ size: 1, queue: { capacity: 1 } })
        const stream = yield* start(Stream.runDrain(WorkerPool.map(pool, source(cursor))))
        yield* microtasks
        expect(cursor.returned).toBe(0)
        yield* Fiber.interrupt(stream)
        expect(cursor).toEqual({ opened: 1, returned: 1 })
      }))
  )

  test.each(kinds)(
    "map returns its iterator once when the pool shuts down: %s",
    (_, source) =>
      run(Effect.gen(function*() {
        const cursor = { opened: 0, returned: 0 }
        const { gate, pool } = yield* gated({ size: 1, queue: { capacity: 1 } })
        const stream = yield* start(Stream.runDrain(WorkerPool.map(pool, source(cursor))))
        yield* microtasks
        yield* start(WorkerPool.shutdown(pool))
        yield* Deferred.succeed(gate, undefined)
        expect(squash(yield* Fiber.await(stream))).toBeInstanceOf(WorkerPool.PoolClosed)
        expect(cursor).toEqual({ opened: 1, returned: 1 })
      }))
  )

  test("map does not return an iterator that has ended or thrown", () =>
    run(Effect.gen(function*() {
      const cursor = { opened: 0, returned: 0 }
      const pool = yield* squares()
      const throws = (): Promise<never> => Promise.reject(new Error("planned"))
      yield* Stream.runDrain(WorkerPool.map(pool, counting(cursor, 5)))
      yield* Stream.runDrain(WorkerPool.map(
        pool,
        countingAsync(cursor, (n) => n < 4 ? value(n) : Promise.resolve({ done: true, value: undefined }))
      ))
      const broken = countingAsync(cursor, (n) => n < 4 ? value(n) : throws())
      expect(String(yield* defectOf(Stream.runDrain(WorkerPool.map(pool, broken))))).toContain("planned")
      const thrown: Iterable<number> = {
        [Symbol.iterator]: () => ({
          ...counting(cursor)[Symbol.iterator](),
          next: () => {
            throw new Error("planned")
          }
        })
      }
      expect(String(yield* defectOf(Stream.runDrain(WorkerPool.map(pool, thrown))))).toContain("planned")
      expect(cursor).toEqual({ opened: 4, returned: 0 })
    })))

  test("map leaves an iterator without `return` as it is", () =>
    run(Effect.gen(function*() {
      const pool = yield* squares()
      const sync: Iterable<number> = { [Symbol.iterator]: () => ({ next: () => ({ done: false, value: 1 }) }) }
      const async: AsyncIterable<number> = { [Symbol.asyncIterator]: () => ({ next: () => value(1) }) }
      for (const source of [sync, async]) {
        expect(yield* Stream.runCollect(Stream.take(WorkerPool.map(pool, source), 2))).toEqual([1, 1])
      }
    })))

  test("an iterator that throws as it is returned fails the map with that defect, after its jobs have ended", () =>
    run(Effect.gen(function*() {
      const throws = () => {
        throw new Error("planned")
      }
      const sources = [
        (cursor: Cursor) => counting(cursor, Infinity, throws),
        (cursor: Cursor) => countingAsync(cursor, value, () => Promise.reject(new Error("planned")))
      ]
      for (const source of sources) {
        const cursor = { opened: 0, returned: 0 }
        const { pool } = yield* gated({ size: 1, queue: { capacity: 1 } })
        const stream = yield* start(Stream.runDrain(WorkerPool.map(pool, source(cursor))))
        yield* microtasks
        yield* Fiber.interrupt(stream)
        const exit = yield* Fiber.await(stream)
        expect(Exit.hasDies(exit)).toBe(true)
        expect([cursor.returned, WorkerPool.stats(pool).running + WorkerPool.stats(pool).queued]).toEqual([1, 0])
      }
    })))

  test("map waits for an iterator that returns slowly, and returns it once, however often it is interrupted", () =>
    run(Effect.gen(function*() {
      const cursor = { opened: 0, returned: 0 }
      let finish = () => {}
      const returning = new Promise<void>((resolve) => finish = resolve)
      const { pool } = yield* gated({ size: 1, queue: { capacity: 1 } })
      const results = WorkerPool.map(pool, countingAsync(cursor, value, () => returning))
      const stream = yield* start(Stream.runDrain(results))
      yield* microtasks
      for (let n = 0; n < 3; n++) stream.interruptUnsafe()
      yield* microtasks
      expect([stream.pollUnsafe(), cursor.returned, WorkerPool.stats(pool).running]).toEqual([undefined, 1, 0])
      finish()
      yield* Fiber.await(stream)
      expect(cursor.returned).toBe(1)
    })))

  test("map returns an iterator that owes a value, and does not wait for it", () =>
    run(Effect.gen(function*() {
      for (const end of ["interrupt", "shutdown"] as const) {
        const cursor = { opened: 0, returned: 0 }
        const pool = yield* squares()
        const source = countingAsync(cursor, (n) => n === 1 ? value(1) : never, () => never)
        const stream = yield* start(Stream.runDrain(WorkerPool.map(pool, source)))
        yield* microtasks
        if (end === "interrupt") yield* Fiber.interrupt(stream)
        else yield* WorkerPool.shutdown(pool)
        yield* Fiber.await(stream)
        expect(cursor).toEqual({ opened: 1, returned: 1 })
      }
    })))

  test("an iterator that owes a value, and fails as it is returned, harms nobody", () =>
    run(Effect.gen(function*() {
      const cursor = { opened: 0, returned: 0 }
      let fail: (error: Error) => void = () => {}
      const late = new Promise<never>((_, reject) => fail = reject)
      const source = countingAsync(cursor, () => late, () => Promise.reject(new Error("planned")))
      const stream = yield* start(Stream.runDrain(WorkerPool.map(yield* squares(), source)))
      yield* Fiber.interrupt(stream)
      fail(new Error("planned"))
      yield* microtasks
      expect(cursor).toEqual({ opened: 1, returned: 1 })
    })))

  test("a generator runs its `finally` before the map has ended", () =>
    run(Effect.gen(function*() {
      const closed: Array<string> = []
      function* rows() {
        try {
          yield* naturals()
        } finally {
          closed.push("sync")
        }
      }
      async function* pages() {
        try {
          for (const n of naturals()) yield await Promise.resolve(n)
        } finally {
          await Promise.resolve()
          closed.push("async")
        }
      }
      for (const source of [rows(), pages()]) {
        const { pool } = yield* gated({ size: 1, queue: { capacity: 1 } })
        const stream = yield* start(Stream.runDrain(WorkerPool.map(pool, source)))
        yield* microtasks
        yield* Fiber.interrupt(stream)
      }
      expect(closed).toEqual(["sync", "async"])
    })))
})

describe("map over a pool that drops (L3)", () => {
  test.each(["dropping", "sliding"] as const)(
    "map loses no job while a worker is replaced: %s",
    (strategy) =>
      runTimed(Effect.gen(function*() {
        const pool = yield* WorkerPool.make({
          size: 4,
          queue: { capacity: 2, strategy },
          worker: () => Effect.sleep(20),
          run: (n: number, { invalidate }) =>
            Effect.as(Effect.andThen(Effect.sleep(5), n % 4 === 0 ? invalidate : Effect.void), n)
        }).pipe(start, Effect.tap(() => after(20)), Effect.flatMap(Fiber.join))
        const results = yield* start(Stream.runCollect(WorkerPool.map(pool, Stream.range(1, 100))))
        for (let n = 0; n < 300; n++) yield* after(5)
        expect(results.pollUnsafe()).toEqual(Exit.succeed(Array.from({ length: 100 }, (_, i) => i + 1)))
        expect(WorkerPool.stats(pool).dropped).toBe(0)
      }))
  )

  test("map waits for room in a dropping pool, and other jobs are dropped as ever", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool = yield* WorkerPool.make({
        size: 1,
        queue: { capacity: 1, strategy: "dropping" },
        run: (n: number) => Effect.as(Deferred.await(gate), n)
      })
      yield* Effect.forEach([-1, -2], (n) => WorkerPool.submit(pool, n))
      const results = yield* start(Stream.runCollect(WorkerPool.map(pool, [1, 2, 3])))
      yield* settle
      expect(WorkerPool.stats(pool)).toMatchObject({ waiting: 1, dropped: 0 })
      const dropped = yield* WorkerPool.submit(pool, -3)
      expect(dropped.state).toBe("dropped")
      yield* Deferred.succeed(gate, undefined)
      expect(yield* Fiber.join(results)).toEqual([1, 2, 3])
    })))

  test("a map's job is dropped by another job that comes to a sliding queue, and by none of its own", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool = yield* WorkerPool.make({
        size: 1,
        queue: { capacity: 1, strategy: "sliding" },
        run: (n: number) => Effect.as(Deferred.await(gate), n)
      })
      const results = yield* start(Stream.runCollect(WorkerPool.map(pool, [1, 2, 3])))
      yield* settle
      expect(WorkerPool.stats(pool)).toMatchObject({ running: 1, queued: 1, waiting: 0, dropped: 0 })
      yield* WorkerPool.submit(pool, -1)
      expect(WorkerPool.stats(pool).dropped).toBe(1)
      yield* Deferred.succeed(gate, undefined)
      expect(squash(yield* Fiber.await(results))).toMatchObject({ _tag: "JobLost", job: 2, reason: "dropped" })
    })))
})

describe("the source of a map", () => {
  test("map takes a string, whose characters are the jobs", () =>
    run(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({ size: 1, run: (letter: string) => Effect.succeed(letter.toUpperCase()) })
      expect(yield* Stream.runCollect(WorkerPool.map(pool, "ab🎈"))).toEqual(["A", "B", "🎈"])
      expect(yield* Stream.runCollect(pool.pipe(WorkerPool.map("ab")))).toEqual(["A", "B"])
      expect(yield* Stream.runCollect(WorkerPool.map(pool, ""))).toEqual([])
    })))

  test.each<[unknown, string]>([[5, "5"], [null, "null"], [undefined, "undefined"], [{}, "{}"]])(
    "map refuses the source %s before the pool has a job",
    (source, shown) =>
      run(Effect.gen(function*() {
        const pool = yield* WorkerPool.make({ size: 1, run: (n: number) => Effect.succeed(n) })
        const jobs = source as Iterable<number>
        const requirement = "an iterable, an async iterable or a stream"
        expect(yield* defectOf(Stream.runDrain(WorkerPool.map(pool, jobs)))).toMatchObject({
          message: `WorkerPool.map: jobs must be ${requirement}, got ${shown}`
        })
      }))
  )

  test("map with exits has one result for each job, those that fail and die among them, and one that is returned", () =>
    run(Effect.gen(function*() {
      const shown: Array<unknown> = []
      const pool: WorkerPool.WorkerPool<number, number, string> = yield* WorkerPool.make({
        size: 1,
        onDefect: "keep",
        queue: { capacity: 1 },
        run: (n: number) =>
          n === 1
            ? Effect.fail("no")
            : n === 2
            ? Effect.die("defect")
            : n === 3
            ? Effect.andThen(Effect.forkDetach(WorkerPool.shutdownNow(pool)), Effect.never)
            : Effect.succeed(n)
      })
      const exit = yield* WorkerPool.map(pool, [0, 1, 2, 3, 4, 5, 6], { exits: true }).pipe(
        Stream.runForEach(({ exit, job }) =>
          Effect.sync(() => shown.push([job, Exit.isSuccess(exit) ? exit.value : squash(exit)]))
        ),
        Effect.exit
      )
      expect(shown).toEqual([
        [0, 0],
        [1, "no"],
        [2, "defect"],
        [3, expect.objectContaining({ _tag: "JobLost", reason: "aborted" })],
        [4, expect.objectContaining({ _tag: "JobLost", reason: "returned" })]
      ])
      expect(squash(exit)).toMatchObject({ _tag: "PoolClosed" })
    })))

  test("map does not look at its source if `ordered` is neither true nor false", () =>
    run(Effect.gen(function*() {
      const cursor = { opened: 0, returned: 0 }
      const pool = yield* WorkerPool.make({ size: 1, run: (n: number) => Effect.succeed(n) })
      const options = { ordered: "no" as unknown as boolean }
      expect(yield* defectOf(Stream.runDrain(WorkerPool.map(pool, counting(cursor), options)))).toMatchObject({
        message: "WorkerPool.map: ordered must be true or false, got \"no\""
      })
      expect(cursor.opened).toBe(0)
    })))
})

describe("a map that is given up", () => {
  test("a map that is interrupted begins no older job that a more urgent one has passed", () =>
    run(Effect.gen(function*() {
      const begun: Array<number> = []
      const gate = yield* Deferred.make<void>()
      const pool = yield* WorkerPool.make({
        size: 1,
        queue: { capacity: 3, priority: (n: number) => n === 3 ? 0 : 1 },
        run: (n: number) =>
          Effect.andThen(Effect.sync(() => begun.push(n)), n === 1 ? Deferred.await(gate) : Effect.never)
      })
      const stream = yield* start(Stream.runDrain(WorkerPool.map(pool, naturals())))
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      expect(begun).toEqual([1, 3])
      yield* Fiber.interrupt(stream)
      expect(begun).toEqual([1, 3])
    })))

  test("a map whose consumer has enough does not hear of a source that died further ahead", () =>
    run(Effect.gen(function*() {
      function* numbers() {
        yield 1
        throw new Error("planned")
      }
      const pool = yield* WorkerPool.make({ size: 4, run: (n: number) => Effect.as(Effect.yieldNow, n) })
      expect(yield* Stream.runCollect(Stream.take(WorkerPool.map(pool, numbers()), 1))).toEqual([1])
      expect(String(yield* defectOf(Stream.runDrain(WorkerPool.map(pool, numbers()))))).toContain("planned")
    })))

  test("a map whose jobs the pool aborts fails with JobLost, and is not interrupted", () =>
    run(Effect.gen(function*() {
      const { pool } = yield* gated({ size: 1, queue: { capacity: 1 } })
      const stream = yield* start(Stream.runDrain(WorkerPool.map(pool, naturals())))
      yield* settle
      yield* WorkerPool.shutdownNow(pool)
      expect(squash(yield* Fiber.await(stream))).toMatchObject({ _tag: "JobLost", job: 1, reason: "aborted" })
    })))

  test("a map that is interrupted begins no job that waited, whatever its urgency", () =>
    run(Effect.gen(function*() {
      for (const priority of [undefined, (n: number) => n > 2 ? 0 : 1] as const) {
        const begun: Array<number> = []
        const pool = yield* WorkerPool.make({
          size: 2,
          queue: { capacity: 6, ...(priority === undefined ? {} : { priority }) },
          run: (n: number) => Effect.andThen(Effect.sync(() => begun.push(n)), Effect.never)
        })
        const stream = yield* start(Stream.runDrain(WorkerPool.map(pool, naturals())))
        yield* settle
        expect(WorkerPool.stats(pool)).toMatchObject({ running: 2, queued: 6 })
        yield* Fiber.interrupt(stream)
        expect(begun).toEqual([1, 2])
        expect(WorkerPool.stats(pool)).toMatchObject({ running: 0, queued: 0, idle: 2, interrupted: 8 })
      }
    })))

  test("a map has ended when its source has been released, and not before", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool = yield* WorkerPool.make({ size: 1, run: (n: number) => Effect.succeed(n) })
      const source = Stream.ensuring(Stream.forever(Stream.make(1)), Deferred.await(gate))
      const stream = yield* start(Stream.runCollect(Stream.take(WorkerPool.map(pool, source), 1)))
      yield* settle
      expectPending(stream)
      yield* Deferred.succeed(gate, undefined)
      expect(yield* Fiber.await(stream)).toEqual(Exit.succeed([1]))
    })))

  test("a pool does not follow a map that has ended", () =>
    run(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({ size: 1, run: (n: number) => Effect.succeed(n) })
      // The pool's own set.
      const { followers } = pool as unknown as { readonly followers: ReadonlySet<unknown> }
      yield* Stream.runDrain(Stream.take(WorkerPool.map(pool, naturals()), 1))
      yield* Stream.runDrain(WorkerPool.map(pool, [1, 2, 3]))
      expect(followers.size).toBe(0)
    })))
})
