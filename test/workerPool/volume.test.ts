/** Many of everything: no operation of `WorkerPool` recurses with the number of jobs, callers or pools. */
import { Deferred, Effect, Exit, Fiber, Scope, Stream } from "effect"
import * as assert from "node:assert/strict"
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { open } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import { isInterrupted, run, squash, start, tagOf, turns } from "../support/effect.js"
import { drawing, isWhole } from "../support/seed.js"
import { balanced, type Handle, type Job, make, type Pool } from "../support/workerPool.js"

const unbounded = { queue: { capacity: "unbounded" } } as const

const times = (n: number, effect: (i: number) => Effect.Effect<unknown, unknown, Scope.Scope>) =>
  Effect.gen(function*() {
    for (let i = 0; i < n; i++) yield* effect(i)
  })

describe("a million", () => {
  test.each(["shutdown", "shutdownNow"] as const)("jobs that wait, ended by %s", (end) =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool = yield* make(unbounded)
      yield* WorkerPool.submit(pool, Deferred.await(gate))
      yield* times(1_000_000, () => WorkerPool.submit(pool, Effect.void))
      const ending = yield* start(WorkerPool[end]<Job, unknown, string>(pool))
      yield* Deferred.succeed(gate, undefined)
      const { counts, returned } = yield* Fiber.join(ending)
      assert.equal(end === "shutdown" ? counts.succeeded : returned.length + 1, 1_000_001)
      balanced(pool)
    })))
})

if (isWhole) {
  describe("a million, of other kinds", () => {
    test("jobs that end at once, refused ones and dropped ones", () =>
      run(Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        const pool = yield* make({ queue: { capacity: 1, strategy: "sliding" } })
        yield* times(300_000, (n) => WorkerPool.run(pool, Effect.succeed(n)))
        yield* WorkerPool.submit(pool, Deferred.await(gate))
        yield* times(400_000, () => WorkerPool.trySubmit(pool, Effect.void))
        assert.equal(WorkerPool.stats(pool).dropped, 399_999)
        yield* Deferred.succeed(gate, undefined)
        const other = yield* make({ queue: { capacity: 0 } })
        yield* WorkerPool.submit(other, Effect.never)
        yield* times(300_000, () => Effect.exit(WorkerPool.trySubmit(other, Effect.void)))
        assert.equal(WorkerPool.stats(other).submitted, 1)
        balanced(pool)
      })))

    test("a million queued jobs are returned, and a million jobs that end at once are run", () =>
      run(Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        const pool = yield* make({ queue: { capacity: "unbounded" } })
        yield* WorkerPool.submit(pool, Deferred.await(gate))
        for (let n = 0; n < 1_000_000; n++) yield* WorkerPool.submit(pool, Effect.void)
        yield* Deferred.succeed(gate, undefined)
        assert.equal((yield* WorkerPool.shutdown(pool)).counts.succeeded, 1_000_001)
        const other = yield* make({ queue: { capacity: "unbounded" } })
        for (let n = 0; n < 1_000_000; n++) yield* WorkerPool.submit(other, Effect.never)
        assert.equal((yield* WorkerPool.shutdownNow(other)).returned.length, 999_999)
      })))

    test("a hundred thousand callers wait for room, and are served or turned away", () =>
      run(Effect.gen(function*() {
        for (const end of ["serve", "turn away"]) {
          const gate = yield* Deferred.make<void>()
          const pool = yield* make({ queue: { capacity: 0 } })
          yield* WorkerPool.submit(pool, Deferred.await(gate))
          const callers: Array<Fiber.Fiber<unknown, unknown>> = []
          for (let n = 0; n < 100_000; n++) callers.push(yield* start(WorkerPool.run(pool, Effect.void)))
          if (end === "serve") yield* Deferred.succeed(gate, undefined)
          else yield* WorkerPool.shutdownNow(pool)
          const exits = yield* Fiber.awaitAll(callers)
          const expected = end === "serve" ? "Success" : "PoolClosed"
          expect(exits.every((exit) => tagOf(exit) === expected)).toBe(true)
        }
      })))

    test("ten thousand pools that hand on to one another do not overflow the stack", () =>
      run(Effect.gen(function*() {
        const pools: Array<WorkerPool.WorkerPool<number, number>> = []
        const hand = (n: number): Effect.Effect<number> =>
          n === pools.length ? Effect.succeed(n) : Effect.orDie(WorkerPool.run(pools[n]!, n))
        for (let n = 0; n < 10_000; n++) {
          pools.push(yield* WorkerPool.make({ size: 1, run: (n: number) => hand(n + 1) }))
        }
        assert.equal(yield* hand(0), 10_000)
      })))
  })

  describe("a hundred thousand", () => {
    test("callers that wait for room, half of whom are interrupted, from the middle", () =>
      run(Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        const pool = yield* make({ queue: { capacity: 1 } })
        yield* WorkerPool.submit(pool, Deferred.await(gate))
        yield* WorkerPool.submit(pool, Effect.void)
        const callers: Array<Fiber.Fiber<Handle, unknown>> = []
        yield* times(
          100_000,
          () => Effect.map(start(WorkerPool.submit(pool, Effect.void)), (fiber) => callers.push(fiber))
        )
        assert.equal(WorkerPool.stats(pool).waiting, 100_000)
        yield* Fiber.interruptAll(callers.filter((_, i) => i % 2 === 0))
        assert.equal(WorkerPool.stats(pool).waiting, 50_000)
        yield* Deferred.succeed(gate, undefined)
        const exits = yield* Fiber.awaitAll(callers)
        expect(exits.every((exit, i) => i % 2 === 0 ? isInterrupted(exit) : Exit.isSuccess(exit))).toBe(true)
        assert.equal((yield* WorkerPool.shutdown(pool)).counts.succeeded, 50_002)
      })))

    test("fibers that await one job, and then a pool's end", () =>
      run(Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        const pool = yield* make()
        const handle = yield* WorkerPool.submit(pool, Deferred.await(gate))
        const waiting: Array<Fiber.Fiber<unknown>> = []
        yield* times(50_000, () => Effect.map(start(handle.await), (fiber) => waiting.push(fiber)))
        yield* times(50_000, () => Effect.map(start(WorkerPool.shutdown(pool)), (fiber) => waiting.push(fiber)))
        yield* Deferred.succeed(gate, undefined)
        expect((yield* Fiber.awaitAll(waiting)).every(Exit.isSuccess)).toBe(true)
      })))

    test("replacements: jobs that die at once or later, resources that are condemned", () =>
      run(Effect.gen(function*() {
        let held = 0
        const pool = yield* WorkerPool.make({
          ...unbounded,
          size: 2,
          worker: () => Effect.acquireRelease(Effect.sync(() => ++held), () => Effect.sync(() => --held)),
          run: (n: number, { invalidate }) =>
            n % 3 === 0
              ? Effect.die("poison")
              : n % 3 === 1
              ? Effect.andThen(Effect.yieldNow, Effect.die("poison"))
              : invalidate
        })
        for (let n = 0; n < 100_000; n++) yield* WorkerPool.submit(pool, n)
        assert.equal((yield* WorkerPool.shutdown(pool)).counts.died, 66_667)
        assert.equal(held, 0)
      })))

    test("jobs, each of which is cancelled by who has awaited the one before", () =>
      run(Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        const pool = yield* make(unbounded)
        const handles: Array<Handle> = [yield* WorkerPool.submit(pool, Deferred.await(gate))]
        yield* times(100_000, () => Effect.map(WorkerPool.submit(pool, Effect.never), (handle) => handles.push(handle)))
        yield* times(100_000, (n) => start(Effect.andThen(handles[n]!.await, handles[n + 1]!.cancel)))
        yield* Deferred.succeed(gate, undefined)
        yield* handles.at(-1)!.await
        assert.equal(WorkerPool.stats(pool).interrupted, 100_000)
        balanced(pool)
      })))

    test("jobs, each of which is submitted by who has awaited the one before", () =>
      run(Effect.gen(function*() {
        const pool = yield* make({ size: 2 })
        const done = yield* Deferred.make<void>()
        const next = (n: number): Effect.Effect<unknown> =>
          n === 0
            ? Deferred.succeed(done, undefined)
            : Effect.orDie(WorkerPool.submit(pool, n % 100 === 0 ? Effect.yieldNow : Effect.void)).pipe(
              Effect.flatMap((handle) => handle.await),
              Effect.andThen(Effect.suspend(() => Effect.forkDetach(next(n - 1), { startImmediately: true })))
            )
        yield* Effect.forkDetach(next(100_000), { startImmediately: true })
        yield* Deferred.await(done)
        assert.equal(WorkerPool.stats(pool).succeeded, 100_000)
      })))

    test("jobs of a map, in order and not", () =>
      run(Effect.gen(function*() {
        const pool = yield* WorkerPool.make({
          size: 3,
          run: (n: number) => n % 10 === 0 ? Effect.as(Effect.yieldNow, n) : Effect.succeed(n)
        })
        for (const ordered of [true, false]) {
          const numbers = Stream.range(1, 50_000)
          const sum = yield* Stream.runFold(WorkerPool.map(pool, numbers, { ordered }), () => 0, (sum, n) => sum + n)
          assert.equal(sum, 50_000 * 50_001 / 2)
        }
      })))
  })

  describe("ten thousand pools", () => {
    /** The job of each pool may use the next pool, and the job of that. */
    const chain = (length: number, job: (next: readonly [Pool, Job] | undefined) => Job) =>
      Effect.gen(function*() {
        const pairs: Array<readonly [Pool, Job]> = []
        for (let n = 0; n < length; n++) pairs.push([yield* make(), job(pairs.at(-1))])
        return pairs.reverse()
      })

    test("a job of each submits to the next, inline", () =>
      run(Effect.gen(function*() {
        const pools = yield* chain(10_000, (next) =>
          next === undefined ? Effect.void : Effect.orDie(WorkerPool.submit(...next)))
        yield* WorkerPool.run(...pools[0]!)
        yield* Effect.flatMap(WorkerPool.submit(pools.at(-1)![0], Effect.void), (handle) =>
          handle.await)
        for (const [pool] of pools) yield* WorkerPool.shutdown(pool)
        assert.equal(pools.reduce((sum, [pool]) => sum + WorkerPool.stats(pool).succeeded, 0), 10_001)
      })))

    test("a job of each ends the next pool, whose job ends the one after it", () =>
      run(Effect.gen(function*() {
        const pools = yield* chain(10_000, (next) =>
          next === undefined ? Effect.never : Effect.onExit(Effect.never, () => WorkerPool.shutdownNow(next[0])))
        for (const pair of pools) {
          yield* WorkerPool.submit(...pair)
        }
        yield* WorkerPool.shutdownNow(pools[0]![0])
        expect(pools.every(([pool]) =>
          WorkerPool.stats(pool).state === "stopped"
        )).toBe(true)
      })))

    test("the resource of each is the next pool", () =>
      run(Effect.gen(function*() {
        let held = 0
        const nested = (n: number): Effect.Effect<unknown, never, Scope.Scope> =>
          Effect.suspend(() => {
            const own = Effect.acquireRelease(Effect.sync(() => held++), () => Effect.sync(() => held--))
            const worker = () => n === 0 ? own : Effect.andThen(own, Effect.suspend(() => nested(n - 1)))
            return WorkerPool.make({ size: 1, worker, run: () => Effect.void })
          })
        yield* Effect.scoped(Effect.andThen(nested(2_000), Effect.sync(() => assert.equal(held, 2_001))))
        assert.equal(held, 0)
      })))
  })

  describe.skipIf(!existsSync("/proc/self/fd"))("file descriptors", () => {
    test("after a thousand rounds of poison, condemned resources, refusals and cancellation none is left", async () => {
      const folder = mkdtempSync(join(tmpdir(), "sluice-"))
      writeFileSync(join(folder, "file"), "some text")
      const draw = drawing()
      const random = (n: number) => Math.floor(draw() * n)
      const descriptors = () => readdirSync("/proc/self/fd").length
      const file = Effect.acquireRelease(
        Effect.promise(() => open(join(folder, "file"))),
        (file) => Effect.promise(() => file.close())
      )
      const round = Effect.gen(function*() {
        const scope = yield* Scope.make()
        let acquired = 0
        const making = yield* start(Scope.provide(
          WorkerPool.make({
            size: 2,
            worker: ({ invalidate }) =>
              Effect.gen(function*() {
                const handle = yield* file
                if (++acquired > 2 && random(4) === 0) return yield* Effect.fail("refused")
                if (random(3) === 0) yield* Effect.forkScoped(Effect.andThen(turns(random(9)), invalidate))
                return handle
              }),
            run: (n: number, { invalidate, resource }) =>
              Effect.promise(() => resource.read(Buffer.alloc(4), 0, 4, 0)).pipe(
                Effect.andThen(n === 0 ? Effect.die("poison") : n === 1 ? invalidate : Effect.void)
              )
          }),
          scope
        ))
        yield* turns(random(4))
        const early = random(8) === 0
        if (early) yield* Fiber.interrupt(making)
        const made = yield* Fiber.await(making)
        if (Exit.isSuccess(made)) {
          const pool = made.value
          const callers = []
          for (let n = 0; n < 5; n++) callers.push(yield* start(Effect.exit(WorkerPool.run(pool, random(4)))))
          for (const caller of callers) {
            yield* turns(random(3))
            if (random(3) === 0) yield* Fiber.interrupt(caller)
          }
          if (random(2) === 0) yield* start(WorkerPool.shutdown(pool))
        } else {
          assert.ok(early || squash(made) === "refused")
        }
        yield* Scope.close(scope, Exit.void)
      })
      try {
        await Effect.runPromise(round)
        const before = descriptors()
        for (let n = 0; n < 1_000; n++) await Effect.runPromise(round)
        assert.equal(descriptors(), before)
      } finally {
        rmSync(folder, { recursive: true })
      }
    })
  })
}
