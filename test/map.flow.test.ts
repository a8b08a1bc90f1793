/** `WorkerPool.map` at its edges: what it takes from its source, how it ends, and what is a source at all. */
import { Deferred, Effect, Exit, Fiber, Stream } from "effect"
import { WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import * as stack from "../src/internal/stack.js"
import { run, settle, start } from "./support/effect.js"

const squares = WorkerPool.make({ size: 2, run: (n: number) => Effect.as(Effect.yieldNow, n * n) })

const stuck = (size: number, capacity: number | "unbounded") =>
  WorkerPool.make({ size, queue: { capacity }, run: () => Effect.never })

describe("the window of a map (L1)", () => {
  test("a chunk that is larger than a map's window comes to the pool job by job, though the queue is unbounded", () =>
    run(Effect.gen(function*() {
      const pool = yield* stuck(2, "unbounded")
      const stream = yield* start(Stream.runDrain(WorkerPool.map(pool, Stream.range(1, 100))))
      yield* settle
      expect(WorkerPool.stats(pool)).toMatchObject({ running: 2, queued: 4, waiting: 0 })
      yield* Fiber.interrupt(stream)
    })))

  test("a map that waited for room looks again as it goes on, since the pool may have shrunk meanwhile", () =>
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
        // So deep that the feeder goes on in a later turn.
        const deep = (n: number): void => {
          if (n > 0) stack.run(fiber, () => deep(n - 1))
          else Effect.runSync(Effect.andThen(WorkerPool.resize(pool, 2), WorkerPool.resize(pool, 1)))
        }
        deep(32)
        return Effect.void
      })
      yield* settle
      expect(taken).toBe(1)
      yield* WorkerPool.resize(pool, 2)
      yield* settle
      expect(taken).toBe(2)
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
      // The pool's own count, for its autoscaler.
      const heldUp = () => (pool as unknown as { readonly heldUp: number }).heldUp
      const source = Stream.concat(Stream.make(0), Stream.concat(Stream.make(1), Stream.never))
      const stream = yield* start(Stream.runDrain(WorkerPool.map(pool, source)))
      yield* settle
      expect(heldUp()).toBe(1)
      for (const gate of gates) yield* Deferred.succeed(gate, undefined)
      yield* settle
      expect([WorkerPool.stats(pool).succeeded, heldUp()]).toEqual([2, 0])
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
