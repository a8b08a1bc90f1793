/** `WorkerPool.map` at its edges: what it takes from its source, how it ends, and what is a source at all. */
import { Deferred, Effect, Exit, Fiber, Stream } from "effect"
import { Watch, WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import * as stack from "../../src/internal/stack.js"
import { defectOf, expectEnded, expectPending, run, settle, squash, start, turns } from "../support/effect.js"
import { into, makeRegistry, valueOf } from "../support/metrics.js"

const squares = WorkerPool.make({ size: 2, run: (n: number) => Effect.as(Effect.yieldNow, n * n) })

const stuck = (size: number, capacity: number | "unbounded") =>
  WorkerPool.make({ size, queue: { capacity }, run: () => Effect.never })

/** The pool's own count, for its autoscaler. */
const heldUpIn = (pool: object) => (pool as { readonly heldUp: number }).heldUp

describe("the window of a map (L1)", () => {
  test("a chunk that is larger than a map's window comes to the pool job by job, though the queue is unbounded", () =>
    run(Effect.gen(function*() {
      const pool = yield* stuck(2, "unbounded")
      const stream = yield* start(Stream.runDrain(WorkerPool.map(pool, Stream.range(1, 100))))
      yield* settle
      expect(WorkerPool.stats(pool)).toMatchObject({ running: 2, queued: 4, waiting: 0 })
      yield* Fiber.interrupt(stream)
    })))

  test("a map takes one item for a place that comes and goes at once, deep in the stack", () =>
    run(Effect.gen(function*() {
      let taken = 0
      function* numbers() {
        for (;;) yield ++taken
      }
      const pool = yield* stuck(1, 0)
      const stream = yield* start(Stream.runDrain(WorkerPool.map(pool, numbers())))
      yield* settle
      expect(taken).toBe(1)
      yield* Effect.withFiber((fiber) => {
        // So deep that fibers go on in a later turn.
        const deep = (n: number): void => {
          if (n > 0) stack.run(fiber, () => deep(n - 1))
          else Effect.runSync(Effect.andThen(WorkerPool.resize(pool, 2), WorkerPool.resize(pool, 1)))
        }
        deep(32)
        return Effect.void
      })
      yield* settle
      expect(taken).toBe(2)
      yield* WorkerPool.resize(pool, 2)
      yield* settle
      expect(taken).toBe(2)
      yield* WorkerPool.resize(pool, 3)
      yield* settle
      expect(taken).toBe(3)
      yield* Fiber.interrupt(stream)
    })))

  test("a map whose source is silent is held up no more, though it was", () =>
    run(Effect.gen(function*() {
      const gates = yield* Effect.forEach([1, 2], () => Deferred.make<void>())
      const pool = yield* WorkerPool.make({
        size: 1,
        queue: { capacity: 0 },
        run: (n: number) => Deferred.await(gates[n]!)
      })
      const source = Stream.concat(Stream.make(0), Stream.concat(Stream.make(1), Stream.never))
      const stream = yield* start(Stream.runDrain(WorkerPool.map(pool, source)))
      yield* settle
      expect(heldUpIn(pool)).toBe(1)
      for (const gate of gates) yield* Deferred.succeed(gate, undefined)
      yield* settle
      expect([WorkerPool.stats(pool).succeeded, heldUpIn(pool)]).toEqual([2, 0])
      yield* Fiber.interrupt(stream)
    })))

  test("a map is not held up whose window is full of results that its consumer does not take", () =>
    run(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({ size: 1, queue: { capacity: 0 }, run: () => Effect.void })
      const stream = yield* start(Stream.runForEach(WorkerPool.map(pool, [1, 2, 3, 4]), () => Effect.never))
      yield* settle
      expect([WorkerPool.stats(pool).succeeded, heldUpIn(pool)]).toEqual([2, 0])
      yield* Fiber.interrupt(stream)
    })))
})

describe("the end of a map", () => {
  test("a map whose source interrupts itself ends with that interrupt, after the results", () =>
    run(Effect.gen(function*() {
      const seen: Array<number> = []
      const source = Stream.concat(Stream.make(2, 3), Stream.fromEffect(Effect.interrupt))
      const results = WorkerPool.map(yield* squares, source)
      const exit = yield* Effect.exit(Stream.runForEach(results, (n) => Effect.sync(() => seen.push(n))))
      expect([seen, Exit.hasInterrupts(exit)]).toEqual([[4, 9], true])
    })))

  test("a map whose source dies as it is given up ends with that defect, and no interrupt of its own", () =>
    run(Effect.gen(function*() {
      const source = Stream.ensuring(Stream.concat(Stream.make(2), Stream.never), Effect.die("planned"))
      const exit = yield* Effect.exit(Stream.runDrain(Stream.take(WorkerPool.map(yield* squares, source), 1)))
      expect(exit).toEqual(Exit.die("planned"))
    })))
})

test("a map withdraws a job that waits for room once an earlier one has died, though its consumer takes nothing", () =>
  run(Effect.gen(function*() {
    const begun: Array<number> = []
    const pool = yield* WorkerPool.make({
      size: 2,
      queue: { capacity: 1 },
      run: (n: number) =>
        Effect.sync(() => begun.push(n)).pipe(
          Effect.andThen(n === 0 ? Effect.never : turns(3)),
          Effect.andThen(n === 1 ? Effect.die("planned") : Effect.succeed(n))
        )
    })
    yield* WorkerPool.submit(pool, 0)
    const stream = yield* start(Stream.runForEach(WorkerPool.map(pool, [1, 2, 3]), () => Effect.never))
    expect(WorkerPool.stats(pool)).toMatchObject({ running: 2, queued: 1, waiting: 1 })
    yield* settle
    expect([begun, WorkerPool.stats(pool).waiting]).toEqual([[0, 1], 0])
    expect(yield* defectOf(Fiber.join(stream))).toBe("planned")
  })))

test("a map that is given up begins none of its waiting jobs, though one that runs ends with a success by that", () =>
  run(Effect.gen(function*() {
    const begun: Array<number> = []
    const pool = yield* WorkerPool.make({
      size: 1,
      queue: { capacity: 2 },
      run: (n: number) =>
        Effect.uninterruptibleMask((restore) => {
          begun.push(n)
          return Effect.as(Effect.exit(restore(Effect.never)), n)
        })
    })
    const stream = yield* start(Stream.runDrain(WorkerPool.map(pool, Stream.range(1, 9))))
    yield* settle
    yield* Fiber.interrupt(stream)
    expect([begun, WorkerPool.stats(pool)]).toMatchObject([[1], { running: 0, queued: 0, waiting: 0 }])
  })))

describe("a map whose pool ends", () => {
  test("a map of a pool that drains ends as its source does, whose release is slow, though its jobs have ended", () =>
    run(Effect.gen(function*() {
      const [served, released] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const pool = yield* WorkerPool.make({ size: 1, run: () => Deferred.await(served) })
      const release = Effect.andThen(Deferred.await(released), Effect.die("planned"))
      const source = Stream.ensuring(Stream.concat(Stream.make(1), Stream.never), release)
      const stream = yield* start(Stream.runDrain(WorkerPool.map(pool, source)))
      yield* settle
      yield* start(WorkerPool.shutdown(pool))
      yield* Deferred.succeed(served, undefined)
      yield* settle
      expectPending(stream)
      yield* Deferred.succeed(released, undefined)
      expect(yield* Fiber.await(stream)).toEqual(Exit.die("planned"))
    })))

  test.each([true, false])(
    "a map gives its results, though its pool refuses a job that waits for room while another one runs: ordered %s",
    (ordered) =>
      run(Effect.gen(function*() {
        const seen: Array<number> = []
        const gate = yield* Deferred.make<void>()
        const pool = yield* WorkerPool.make({
          size: 1,
          queue: { capacity: 1 },
          run: (n: number) => Effect.as(Deferred.await(gate), n)
        })
        // Another one's job comes between the first and the second.
        const source = Stream.concat(Stream.make(1), Stream.drain(Stream.fromEffect(WorkerPool.submit(pool, 0))))
        const results = WorkerPool.map(pool, Stream.concat(source, Stream.make(2, 3)), { ordered })
        const stream = yield* start(Stream.runForEach(results, (n) => Effect.sync(() => seen.push(n))))
        yield* settle
        expect(WorkerPool.stats(pool)).toMatchObject({ running: 1, queued: 1, waiting: 1 })
        yield* start(WorkerPool.shutdown(pool))
        yield* settle
        expectPending(stream)
        yield* Deferred.succeed(gate, undefined)
        yield* settle
        expectEnded(stream)
        expect([seen, squash(yield* Fiber.await(stream))]).toEqual([[1], expect.any(WorkerPool.PoolClosed)])
      }))
  )

  test("a map counts as one rejection, though its pool ends in two steps while its source is released", () => {
    const registry = makeRegistry()
    return run(
      into(registry)(Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        const pool = yield* WorkerPool.make({ size: 1, watch: [Watch.metrics()], run: () => Effect.void })
        const source = Stream.ensuring(Stream.never, Deferred.await(gate))
        const stream = yield* start(Stream.runDrain(WorkerPool.map(pool, source)))
        yield* settle
        yield* start(WorkerPool.submit(pool, 0))
        const ends = [yield* start(WorkerPool.shutdown(pool)), yield* start(WorkerPool.shutdownNow(pool))]
        yield* settle
        yield* Deferred.succeed(gate, undefined)
        expect(squash(yield* Fiber.await(stream))).toBeInstanceOf(WorkerPool.PoolClosed)
        for (const end of ends) yield* Fiber.await(end)
        expect(valueOf(registry, "jobs_rejected_total", { reason: "PoolClosed" })).toBe(1)
      }))
    )
  })
})

describe("the source of a map", () => {
  test("map runs its stream anew each time, with another iterator", () =>
    run(Effect.gen(function*() {
      const results = WorkerPool.map(yield* squares, [1, 2, 3])
      expect(yield* Stream.runCollect(results)).toEqual([1, 4, 9])
      expect(yield* Stream.runCollect(results)).toEqual([1, 4, 9])
    })))

  test("map takes the asynchronous iterator of a source that has both", () =>
    run(Effect.gen(function*() {
      const both = Object.assign([1, 2], {
        async *[Symbol.asyncIterator]() {
          yield await Promise.resolve(3)
        }
      })
      expect(yield* Stream.runCollect(WorkerPool.map(yield* squares, both))).toEqual([9])
    })))
})
