/** What people know from other pools, as `WorkerPool` does it; and every way to end a pool at once. */
import { Cause, Deferred, Effect, Exit, Fiber, Schedule, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as assert from "node:assert/strict"
import { WorkerPool } from "sluice"
import { describe, test } from "vitest"
import { expectEnded, run, settle, squash, start, tagOf, turns } from "../support/effect.js"
import { balanced, type Job, make, type Pool } from "../support/workerPool.js"

/** The tag of an exit, or why the job was lost. */
const fateOf = (exit: Exit.Exit<unknown, unknown>): unknown => {
  const error = squash(exit)
  return error instanceof WorkerPool.JobLost ? error.reason : tagOf(exit)
}

/** Jobs that run until they are let go, and how many run at once. */
class Gate {
  running = 0
  readonly begun: Array<number> = []
  private readonly opened = Deferred.makeUnsafe<void>()
  readonly open = Deferred.succeed(this.opened, undefined)

  readonly job = (n: number, end: Job = Effect.succeed(n)): Job =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        this.begun.push(n)
        this.running++
      }),
      () => Effect.andThen(Deferred.await(this.opened), end),
      () => Effect.sync(() => this.running--)
    )
}

describe("as in pond and ants", () => {
  test("never more run than there are workers, and the others wait in line", () =>
    run(Effect.gen(function*() {
      const gate = new Gate()
      const pool = yield* make({ size: 3, queue: { capacity: "unbounded" } })
      for (let n = 1; n <= 10; n++) yield* WorkerPool.submit(pool, gate.job(n))
      assert.deepEqual([gate.running, WorkerPool.stats(pool).queued], [3, 7])
      yield* gate.open
      assert.equal((yield* WorkerPool.shutdown(pool)).counts.succeeded, 10)
      assert.deepEqual(gate.begun, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    })))

  test("a full queue is QueueFull without blocking, and blocks who would rather wait", () =>
    run(Effect.gen(function*() {
      const gate = new Gate()
      const pool = yield* make({ queue: { capacity: 2 }, name: "web" })
      for (let n = 1; n <= 3; n++) yield* WorkerPool.trySubmit(pool, gate.job(n))
      const error = yield* Effect.flip(WorkerPool.trySubmit(pool, gate.job(4)))
      assert.ok(error instanceof WorkerPool.QueueFull)
      assert.equal(error.message, "WorkerPool: the pool \"web\" rejected a job: queue is full (capacity 2)")
      const blocked = yield* start(WorkerPool.submit(pool, gate.job(4)))
      assert.equal(tagOf(yield* Effect.exit(WorkerPool.trySubmit(pool, gate.job(5)))), "QueueFull")
      assert.deepEqual([WorkerPool.stats(pool).waiting, WorkerPool.stats(pool).submitted], [1, 3])
      yield* gate.open
      assert.equal((yield* Fiber.join(blocked)).id, 4)
      yield* WorkerPool.shutdown(pool)
      assert.deepEqual(gate.begun, [1, 2, 3, 4])
    })))

  test("submitters who wait when the pool shuts down fail at once, and their jobs never run", () =>
    run(Effect.gen(function*() {
      for (const end of [WorkerPool.shutdown, WorkerPool.shutdownNow]) {
        const gate = new Gate()
        const pool = yield* make({ queue: { capacity: 0 } })
        yield* WorkerPool.submit(pool, gate.job(1))
        const blocked = [
          yield* start(WorkerPool.submit(pool, gate.job(2))),
          yield* start(WorkerPool.run(pool, gate.job(3))),
          yield* start(Stream.runDrain(WorkerPool.map(pool, [gate.job(4)])))
        ]
        const ending = yield* start(end<Job, unknown, string>(pool))
        yield* settle
        expectEnded(...blocked)
        for (const fiber of blocked) assert.equal(tagOf(yield* Fiber.await<unknown, unknown>(fiber)), "PoolClosed")
        yield* gate.open
        assert.equal((yield* Fiber.join(ending)).counts.submitted, 1)
        assert.deepEqual(gate.begun, [1])
      }
    })))

  test("a panic does not shrink the pool", () =>
    run(Effect.gen(function*() {
      const gate = new Gate()
      const pool = yield* make({ size: 3, queue: { capacity: "unbounded" } })
      for (let n = 0; n < 30; n++) {
        yield* WorkerPool.submit(
          pool,
          n % 2 === 0 ? Effect.die("panic") : turns(2).pipe(Effect.andThen(Effect.die("panic")))
        )
      }
      for (let n = 1; n <= 3; n++) yield* WorkerPool.submit(pool, gate.job(n))
      yield* Effect.andThen(settle, settle)
      assert.deepEqual([WorkerPool.stats(pool).died, gate.running], [30, 3])
      balanced(pool)
      yield* gate.open
    })))

  test("a caller that waits for room gives up with a timeout, and the line moves on without it", () =>
    run(
      Effect.gen(function*() {
        const gate = new Gate()
        const pool = yield* make({ queue: { capacity: 0 } })
        yield* WorkerPool.submit(pool, gate.job(1))
        const impatient = yield* start(Effect.timeoutOption(WorkerPool.submit(pool, gate.job(2)), "1 second"))
        const patient = yield* start(WorkerPool.submit(pool, gate.job(3)))
        yield* TestClock.adjust("1 second")
        assert.equal((yield* Fiber.join(impatient))._tag, "None")
        yield* gate.open
        yield* Effect.flatMap(Fiber.join(patient), (handle) => handle.await)
        assert.deepEqual(gate.begun, [1, 3])
        balanced(pool)
      }).pipe(Effect.provide(TestClock.layer()))
    ))
})

describe("as in Java's ThreadPoolExecutor", () => {
  test("shutdown runs what was accepted, rejects what is new, and may be called again", () =>
    run(Effect.gen(function*() {
      const gate = new Gate()
      const pool = yield* make({ queue: { capacity: "unbounded" } })
      const handles = yield* Effect.forEach([1, 2, 3], (n) => WorkerPool.submit(pool, gate.job(n)))
      const ending = yield* start(WorkerPool.shutdown(pool))
      yield* start(WorkerPool.shutdown(pool))
      assert.equal(tagOf(yield* Effect.exit(WorkerPool.submit(pool, gate.job(4)))), "PoolClosed")
      yield* gate.open
      const report = yield* Fiber.join(ending)
      assert.deepEqual([report.returned, report.aborted, report.counts.succeeded], [[], [], 3])
      for (const handle of handles) assert.deepEqual(yield* handle.await, Exit.succeed(handle.id))
    })))

  test("shutdownNow returns what never started, in order, and interrupts what runs", () =>
    run(Effect.gen(function*() {
      const gate = new Gate()
      const pool = yield* make({ size: 2, queue: { capacity: "unbounded" } })
      const jobs = [1, 2, 3, 4, 5].map((n) => gate.job(n))
      const handles = yield* Effect.forEach(jobs, (job) => WorkerPool.submit(pool, job))
      assert.equal(yield* handles[3]!.cancel, true)
      const report = yield* WorkerPool.shutdownNow(pool)
      assert.deepEqual([report.aborted, report.returned], [jobs.slice(0, 2), [jobs[2], jobs[4]]])
      const exits = yield* Effect.forEach(handles, (handle) => handle.await)
      assert.deepEqual(exits.map(fateOf), ["Interrupt", "Interrupt", "returned", "Interrupt", "returned"])
      assert.deepEqual(gate.begun, [1, 2])
      // What is returned is as good as new.
      const other = yield* make({ size: 2 })
      yield* gate.open
      for (const job of report.returned) yield* WorkerPool.run(other, job)
      assert.deepEqual(gate.begun, [1, 2, 3, 5])
    })))

  test("a job that shutdownNow interrupts may still end otherwise, and counts as what it ended with", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 2 })
      const caught = yield* WorkerPool.submit(pool, Effect.catchCause(Effect.never, () => Effect.succeed("caught")))
      const dies = yield* WorkerPool.submit(pool, Effect.onExit(Effect.never, () => Effect.die("bug")))
      const { counts } = yield* WorkerPool.shutdownNow(pool)
      assert.deepEqual([caught.state, dies.state, counts.interrupted + counts.died], ["interrupted", "died", 2])
    })))

  test("awaitTermination: shutdown again, with or without a timeout around it", () =>
    run(
      Effect.gen(function*() {
        const gate = new Gate()
        const pool = yield* make()
        yield* WorkerPool.submit(pool, gate.job(1))
        yield* Effect.forkChild(WorkerPool.shutdown(pool), { startImmediately: true })
        const waits = yield* start(Effect.timeoutOption(WorkerPool.shutdown(pool), "1 minute"))
        yield* TestClock.adjust("1 minute")
        assert.equal((yield* Fiber.join(waits))._tag, "None")
        assert.deepEqual([WorkerPool.stats(pool).state, gate.running], ["draining", 1])
        yield* gate.open
        assert.equal((yield* WorkerPool.shutdown(pool)).counts.succeeded, 1)
      }).pipe(Effect.provide(TestClock.layer()))
    ))

  test("the earliest deadline holds, whoever gave it, and in whichever order", () =>
    run(
      Effect.gen(function*() {
        for (const deadlines of [[3, 1, 2], [1, 2, 3], [3, 2, 1]]) {
          const pool = yield* make()
          yield* WorkerPool.submit(pool, Effect.never)
          const endings = yield* Effect.forEach(deadlines, (n) =>
            start(WorkerPool.shutdown(pool, { deadline: `${n} seconds` })))
          // To have given it is enough.
          yield* Fiber.interruptAll(endings)
          yield* TestClock.adjust(999)
          assert.equal(WorkerPool.stats(pool).state, "draining")
          yield* TestClock.adjust(1)
          assert.equal(WorkerPool.stats(pool).state, "stopped")
        }
      }).pipe(Effect.provide(TestClock.layer()))
    ))

  test("FutureTask: one result, for any number of readers, also when it was cancelled", () =>
    run(Effect.gen(function*() {
      const gate = new Gate()
      const pool = yield* make()
      const handles = yield* Effect.forEach([1, 2], (n) => WorkerPool.submit(pool, gate.job(n)))
      const readers = yield* Effect.forEach([...handles, ...handles], (handle) => start(handle.await))
      yield* handles[1]!.cancel
      yield* gate.open
      const [first, second, third, fourth] = yield* Effect.forEach(readers, Fiber.join)
      assert.deepEqual([first, second].map((exit) => tagOf(exit!)), ["Success", "Interrupt"])
      assert.ok(first === third && second === fourth)
    })))
})

describe("as in Poolboy", () => {
  test("when the borrower dies its worker is free again, with the same resource", () =>
    run(Effect.gen(function*() {
      const gate = new Gate()
      let acquired = 0
      const pool = yield* make({ worker: () => Effect.sync(() => ++acquired) })
      const borrower = yield* start(WorkerPool.run(pool, gate.job(1)))
      const next = yield* start(WorkerPool.run(pool, Effect.succeed("next")))
      yield* Fiber.interrupt(borrower)
      assert.equal(yield* Fiber.join(next), "next")
      assert.deepEqual([gate.running, acquired, WorkerPool.stats(pool).idle], [0, 1, 1])
    })))

  test("when one who waits in line dies its place is gone, and nobody is served for it", () =>
    run(Effect.gen(function*() {
      const gate = new Gate()
      const pool = yield* make({ queue: { capacity: 1 } })
      const callers = yield* Effect.forEach([1, 2, 3, 4], (n) => start(WorkerPool.run(pool, gate.job(n))))
      yield* Fiber.interrupt(callers[1]!)
      yield* Fiber.interrupt(callers[2]!)
      yield* gate.open
      assert.deepEqual((yield* Fiber.awaitAll(callers)).map(tagOf), ["Success", "Interrupt", "Interrupt", "Success"])
      assert.deepEqual(gate.begun, [1, 4])
      balanced(pool)
    })))

  test("when the worker's resource dies while it is idle another takes its place, before the next job", () =>
    run(Effect.gen(function*() {
      let acquired = 0
      const links: Array<Effect.Effect<void>> = []
      const pool = yield* WorkerPool.make({
        size: 1,
        worker: ({ invalidate }) =>
          Effect.sync(() => {
            links.push(invalidate)
            return ++acquired
          }),
        run: (_: string, { resource }) => Effect.succeed(resource)
      })
      yield* links[0]!
      assert.equal(yield* WorkerPool.run(pool, "next"), 2)
    })))
})

describe("as in HikariCP", () => {
  test("an evicted connection is never used again, whenever it is evicted", () =>
    run(Effect.gen(function*() {
      const evicted = new Set<number>()
      const released = new Set<number>()
      const evictions: Array<Effect.Effect<void>> = []
      let connections = 0
      const pool = yield* WorkerPool.make({
        size: 2,
        queue: { capacity: "unbounded" },
        worker: ({ invalidate }) =>
          Effect.acquireRelease(
            Effect.sync(() => {
              const connection = connections++
              evictions.push(Effect.andThen(invalidate, Effect.sync(() => evicted.add(connection))))
              return connection
            }),
            (connection) => Effect.sync(() => released.add(connection))
          ),
        run: (steps: number, { resource }) =>
          Effect.suspend(() => {
            assert.ok(!evicted.has(resource) && !released.has(resource), `${resource} was evicted`)
            return Effect.andThen(turns(steps), Effect.sync(() => assert.ok(!released.has(resource))))
          })
      })
      const handles = []
      for (let n = 0; n < 300; n++) {
        handles.push(yield* WorkerPool.submit(pool, n % 5))
        if (n % 3 === 0) yield* evictions[Math.max(0, evictions.length - 1 - n % 2)]!
        yield* turns(n % 4)
      }
      for (const handle of handles) assert.deepEqual(yield* handle.await, Exit.void)
      const { counts } = yield* WorkerPool.shutdown(pool)
      assert.equal(counts.succeeded, 300)
      assert.equal(released.size, connections)
    })))

  test("leakDetection: the connections in use are those of the jobs that run", () =>
    run(Effect.gen(function*() {
      const gate = new Gate()
      const pool = yield* make({ size: 3 })
      for (let n = 1; n <= 2; n++) yield* WorkerPool.submit(pool, gate.job(n))
      assert.deepEqual([WorkerPool.stats(pool).running, WorkerPool.stats(pool).idle], [2, 1])
      yield* gate.open
      yield* settle
      assert.deepEqual([WorkerPool.stats(pool).running, WorkerPool.stats(pool).idle], [0, 3])
    })))
})

describe("closing in four ways at once", () => {
  const ways = ["close", "drain", "deadline", "now", "poison", "interrupt"] as const
  type Way = typeof ways[number]

  const orders = (left: ReadonlyArray<Way>, length: number): ReadonlyArray<ReadonlyArray<Way>> =>
    length === 0 ?
      [[]] :
      left.flatMap((way) => orders(left.filter((other) => other !== way), length - 1).map((rest) => [way, ...rest]))

  const round = (order: ReadonlyArray<Way>, apart: number) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const gate = yield* Deferred.make<void>()
      let held = 0
      let acquired = 0
      const acquire = Effect.suspend(() =>
        ++acquired > 3 ? Effect.andThen(Effect.yieldNow, Effect.fail("refused")) : Effect.sync(() => held++)
      )
      const pool: Pool = yield* Scope.provide(
        make({
          size: 3,
          queue: { capacity: 2 },
          restart: Schedule.recurs(1),
          worker: () => Effect.acquireRelease(acquire, () => Effect.andThen(Effect.yieldNow, Effect.sync(() => held--)))
        }),
        scope
      )
      const poison = Effect.andThen(Deferred.await(gate), Effect.die("poison"))
      const slow = Effect.onExit(Effect.never, () => turns(2))
      const callers = [yield* start(WorkerPool.run(pool, slow))]
      const handles = yield* Effect.forEach(
        [poison, slow, Effect.void, turns(3)],
        (job) => WorkerPool.submit(pool, job)
      )
      callers.push(yield* start(WorkerPool.run(pool, Effect.void)))
      const settlements = handles.map(() => 0)
      for (const [i, handle] of handles.entries()) {
        yield* start(Effect.andThen(handle.await, Effect.sync(() => settlements[i]!++)))
      }
      const actions: Record<Way, Effect.Effect<unknown>> = {
        close: Effect.suspend(() => Scope.close(scope, Exit.void)),
        drain: WorkerPool.shutdown(pool),
        deadline: WorkerPool.shutdown(pool, { deadline: 0 }),
        now: WorkerPool.shutdownNow(pool),
        poison: Deferred.succeed(gate, undefined),
        interrupt: Effect.suspend(() => Fiber.interruptAll(callers))
      }
      const fibers: Array<Fiber.Fiber<unknown>> = []
      for (const way of order) {
        fibers.push(yield* start(actions[way]))
        yield* turns(apart)
      }
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.awaitAll(fibers)
      const exits = yield* Effect.forEach(handles, (handle) => handle.await)
      yield* settle
      for (const exit of [...exits, ...(yield* Fiber.awaitAll(callers))]) {
        assert.ok(
          ["Success", "Interrupt", "poison", "returned", "aborted", "PoolClosed", "PoolFailed"].includes(
            String(fateOf(exit))
          )
        )
      }
      assert.deepEqual(settlements, [1, 1, 1, 1])
      const report = yield* WorkerPool.shutdown(pool)
      const { counts } = report
      assert.deepEqual([counts.queued, counts.running, WorkerPool.stats(pool).waiting, held], [0, 0, 0, 0])
      assert.deepEqual([report.returned.length, report.releaseFailures], [counts.returned, []])
      for (const fiber of fibers) {
        const exit = yield* Fiber.await(fiber)
        if (Exit.isSuccess(exit) && typeof exit.value === "object" && exit.value !== null && "counts" in exit.value) {
          assert.deepEqual(exit.value, report)
        }
      }
      balanced(pool)
      assert.ok(["stopped", "failed"].includes(WorkerPool.stats(pool).state))
    })

  test.each([0, 1, 3])(
    "in any order of any four, %i turns apart: every handle settles once, and nothing is left",
    (apart) =>
      run(Effect.gen(function*() {
        for (const order of orders(ways, 4)) {
          yield* Effect.catchCause(
            round(order, apart),
            (cause) => Effect.die(new Error(`${order.join()}: ${Cause.pretty(cause)}`))
          )
        }
      }))
  )
})
