/** What `WorkerPool` does, one behaviour a test. Its laws over schedules are in WorkerPool.properties.test.ts. */
import { Cause, Context, Deferred, Effect, Exit, Fiber, Logger, References, Schedule, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as assert from "node:assert/strict"
import { WorkerPool } from "sluice"
import { describe, test } from "vitest"
import { defectOf, expectPending, isInterrupted, run, settle, squash, start, tagOf } from "../support/effect.js"
import { balanced, type Job, make, type Pool } from "../support/workerPool.js"

/** Resources are numbered in the order of their acquisition; the log says what became of them. */
const logged = (log: Array<string>) => {
  let n = 0
  return () =>
    Effect.acquireRelease(
      Effect.sync(() => {
        log.push(`acquire ${++n}`)
        return n
      }),
      (n) => Effect.sync(() => log.push(`release ${n}`))
    )
}

describe("options", () => {
  const bad: ReadonlyArray<readonly [object, RegExp]> = [
    [{ size: 0 }, /^WorkerPool.make: size must be an integer from 1 to 1000000, got 0$/],
    [{ size: -1 }, /size .* got -1/],
    [{ size: NaN }, /size .* got NaN/],
    [{ size: 1.5 }, /size .* got 1.5/],
    [{ size: 2 ** 53 }, /size .* got 9007199254740992/],
    [{ queue: { capacity: -1 } }, /queue.capacity must be an integer >= 0 or "unbounded", got -1/],
    [{ queue: { capacity: NaN } }, /queue.capacity .* got NaN/],
    [{ queue: { capacity: Infinity } }, /queue.capacity .* got Infinity/],
    [{ queue: { capacity: "x" } }, /queue.capacity .* got "x"/],
    [{ queue: { strategy: "drop" } }, /queue.strategy must be "suspend" or "dropping" or "sliding", got "drop"/],
    [{ onDefect: "restart" }, /onDefect must be "replace" or "keep", got "restart"/],
    [{ run: 1 }, /run must be a function, got 1/],
    [{ worker: Effect.void }, /worker must be a function/]
  ]
  test.each(bad)("%o is a defect, before anything is acquired", (options, message) =>
    run(Effect.gen(function*() {
      const log: Array<string> = []
      const defect = yield* defectOf(make({ worker: logged(log), ...options }))
      assert.match((defect as Error).message, message)
      assert.deepEqual(log, [])
    })))

  test.each([-1, NaN, "soon"])(
    "a deadline of %s is a defect, and the pool goes on",
    (deadline) =>
      run(Effect.gen(function*() {
        const pool = yield* make()
        const defect = yield* defectOf(WorkerPool.shutdown(pool, { deadline: deadline as number }))
        assert.match(
          (defect as Error).message,
          /^WorkerPool.shutdown: deadline must be a duration that is not negative/
        )
        assert.equal(WorkerPool.stats(pool).state, "running")
      }))
  )
})

describe("states", () => {
  /** A pool in each state, with a job that runs until the end where the state allows one. */
  const inState = (state: string) =>
    Effect.gen(function*() {
      const replaced = yield* Deferred.make<never, string>()
      let acquired = 0
      const pool = yield* make({
        size: 2,
        queue: { capacity: 0 },
        restart: Schedule.recurs(0),
        worker: () =>
          Effect.suspend(() => {
            acquired++
            return acquired <= 2 ? Effect.void : Deferred.await(replaced)
          })
      })
      const stubborn = yield* Deferred.make<void>()
      yield* Effect.addFinalizer(() => Deferred.succeed(stubborn, undefined))
      yield* WorkerPool.submit(pool, Effect.uninterruptible(Deferred.await(stubborn)))
      if (state === "draining") yield* start(WorkerPool.shutdown(pool))
      if (state === "stopping") yield* start(WorkerPool.shutdownNow(pool))
      if (state === "stopped") {
        yield* Deferred.succeed(stubborn, undefined)
        yield* WorkerPool.shutdown(pool)
      }
      if (state === "failed") {
        yield* WorkerPool.submit(pool, Effect.die("poison"))
        yield* Deferred.fail(replaced, "refused")
        yield* settle
      }
      assert.equal(WorkerPool.stats(pool).state, state)
      return { pool, finish: Deferred.succeed(stubborn, undefined) }
    })

  describe.each(["draining", "stopping", "stopped", "failed"])("%s", (state) => {
    test("run, submit, trySubmit and map fail with PoolClosed, which tells the state", () =>
      run(Effect.gen(function*() {
        const { finish, pool } = yield* inState(state)
        const calls: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
          WorkerPool.run(pool, Effect.void),
          WorkerPool.submit(pool, Effect.void),
          WorkerPool.trySubmit(pool, Effect.void),
          Stream.runCollect(WorkerPool.map(pool, [Effect.void]))
        ]
        for (const call of calls) {
          const error = yield* Effect.flip(call)
          assert.ok(error instanceof WorkerPool.PoolClosed)
          assert.equal(error.state, state)
          assert.equal(error.message, `WorkerPool: the pool is ${state} and accepts no more jobs`)
          assert.equal(error.cause === undefined, state !== "failed")
        }
        balanced(pool)
        yield* finish
      })))

    test("shutdown and shutdownNow return the same report, however often they are called", () =>
      run(Effect.gen(function*() {
        const { finish, pool } = yield* inState(state)
        const calls = [
          WorkerPool.shutdown(pool),
          WorkerPool.shutdownNow(pool),
          WorkerPool.shutdown(pool, { deadline: 1 })
        ]
        const fibers = yield* Effect.forEach(calls, start)
        yield* finish
        const [first, ...others] = yield* Effect.forEach(fibers, Fiber.join)
        for (const other of others) assert.deepEqual(other, first)
        assert.deepEqual(yield* WorkerPool.shutdown(pool), first)
        assert.equal(WorkerPool.stats(pool).state, state === "failed" ? "failed" : "stopped")
        balanced(pool)
      })))
  })
})

describe("make (P1)", () => {
  test("acquires all resources in parallel, and returns when the last is there", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      let opened = 0
      const making = yield* start(make({
        size: 3,
        worker: () =>
          Effect.suspend(() => {
            opened++
            return Deferred.await(gate)
          })
      }))
      assert.equal(opened, 3)
      expectPending(making)
      yield* Deferred.succeed(gate, undefined)
      assert.equal(WorkerPool.stats(yield* Fiber.join(making)).idle, 3)
    })))

  test.each(
    [
      ["a failure", Effect.fail("refused"), "refused"],
      ["a defect", Effect.die("broken"), "broken"],
      ["an interrupt of its own", Effect.interrupt, "Interrupt"]
    ] as const
  )("%s of one acquisition is make's, and the others are released", (_, end, expected) =>
    run(Effect.gen(function*() {
      const log: Array<string> = []
      const acquire = logged(log)
      const exit = yield* Effect.exit(make({ size: 3, worker: ({ id }) => id === 2 ? end : acquire() }))
      assert.equal(tagOf(exit), expected)
      assert.deepEqual(log.filter((line) => line.startsWith("acquire")).length, log.length / 2)
    })))

  test("a release that dies does not hide why make failed", () =>
    run(Effect.gen(function*() {
      const exit = yield* make({
        size: 2,
        worker: ({ id }) =>
          id === 2
            ? Effect.andThen(Effect.yieldNow, Effect.fail("refused"))
            : Effect.acquireRelease(Effect.void, () => Effect.die("stuck"))
      }).pipe(Effect.exit, Effect.provide(Logger.layer([])))
      assert.deepEqual(exit, Exit.fail("refused"))
    })))

  test("a resource that is condemned while others are acquired is replaced before make returns", () =>
    run(Effect.gen(function*() {
      let acquired = 0
      const pool = yield* make({
        size: 2,
        worker: ({ invalidate }) => Effect.suspend(() => ++acquired <= 2 ? invalidate : Effect.void)
      })
      assert.equal(acquired, 4)
      assert.equal(WorkerPool.stats(pool).idle, 2)
    })))

  test("a worker that returns no effect, or a restart that is no schedule, is a defect and not a hang", () =>
    run(Effect.gen(function*() {
      // As from JavaScript, where no type stops it.
      const nothing = () => 3 as unknown as Effect.Effect<void>
      assert.match(String(yield* defectOf(make({ worker: nothing }))), /Not a valid effect/)
      const restart = "x" as unknown as Schedule.Schedule<unknown>
      assert.match(String(yield* defectOf(make({ restart }))), /restart must be a Schedule/)
    })))

  test("interrupted, it releases what it has", () =>
    run(Effect.gen(function*() {
      const log: Array<string> = []
      const acquire = logged(log)
      const making = yield* start(make({ size: 2, worker: ({ id }) => id === 2 ? Effect.never : acquire() }))
      yield* Fiber.interrupt(making)
      assert.deepEqual(log, ["acquire 1", "release 1"])
    })))

  test("each worker has a number, a name in logs and spans, and the services of make's caller", () =>
    run(Effect.gen(function*() {
      class Greeting extends Context.Service<Greeting, string>()("Greeting") {}
      const told: Array<unknown> = []
      const tell = Effect.gen(function*() {
        const { worker } = yield* References.CurrentLogAnnotations
        const span = yield* Effect.currentParentSpan
        told.push(worker, span._tag === "Span" ? span.name : span._tag, yield* Greeting)
      }).pipe(Effect.orDie)
      const pool = yield* WorkerPool.make({ size: 3, name: "sender", worker: () => tell, run: () => tell })
        .pipe(
          Effect.provideService(Greeting, "hello")
        )
      yield* WorkerPool.run(pool, undefined)
      const names = ["sender/worker-1", "sender/worker-2", "sender/worker-3", "sender/worker-1"]
      assert.deepEqual(told, names.flatMap((name) => [name, name, "hello"]))
    })))
})

describe("resources (P2)", () => {
  test("a worker's scope is the job's, and closes when the worker is done", () =>
    run(Effect.gen(function*() {
      const log: Array<string> = []
      const scope = yield* Scope.make()
      const pool = yield* WorkerPool.make({
        size: 1,
        worker: logged(log),
        run: (name: string) => Effect.addFinalizer(() => Effect.sync(() => log.push(`end of ${name}`)))
      }).pipe(Scope.provide(scope))
      yield* WorkerPool.run(pool, "a")
      yield* WorkerPool.run(pool, "b")
      yield* Scope.close(scope, Exit.void)
      assert.deepEqual(log, ["acquire 1", "end of b", "end of a", "release 1"])
    })))

  test("a fiber that a job forks ends with the job", () =>
    run(Effect.gen(function*() {
      const pool = yield* make()
      let ended = false
      const child = Effect.onExit(Effect.never, () => Effect.sync(() => (ended = true)))
      yield* WorkerPool.run(pool, Effect.andThen(Effect.forkChild(child, { startImmediately: true }), Effect.yieldNow))
      assert.ok(ended)
    })))

  test("an evicted resource is never used again, whoever evicts it and when", () =>
    run(Effect.gen(function*() {
      const log: Array<string> = []
      const acquire = logged(log)
      const invalidates: Array<Effect.Effect<void>> = []
      const pool = yield* WorkerPool.make({
        size: 1,
        worker: ({ invalidate }) => Effect.tap(acquire(), () => Effect.sync(() => invalidates.push(invalidate))),
        run: (evicts: boolean, { invalidate, resource }) =>
          Effect.as(evicts ? Effect.andThen(invalidate, invalidate) : Effect.void, resource)
      })
      assert.equal(yield* WorkerPool.run(pool, false), 1)
      assert.equal(yield* WorkerPool.run(pool, true), 1)
      assert.equal(yield* WorkerPool.run(pool, false), 2)
      // While the worker is idle; then again, which means one that is gone.
      yield* invalidates[1]!
      assert.deepEqual(log.slice(-2), ["release 2", "acquire 3"])
      yield* invalidates[1]!
      yield* invalidates[0]!
      assert.equal(yield* WorkerPool.run(pool, false), 3)
      assert.equal(WorkerPool.stats(pool).replaced, 2)
    })))

  test("defects of releases are in the report; if nobody asks for one, they are the scope's", () =>
    run(Effect.gen(function*() {
      const stuck = Effect.acquireRelease(Effect.void, () => Effect.die("stuck"))
      const pool = yield* make({ worker: () => stuck })
      const { releaseFailures } = yield* WorkerPool.shutdown(pool)
      assert.deepEqual(releaseFailures, [Cause.die("stuck")])
      const scope = yield* Scope.make()
      yield* Scope.provide(make({ size: 2, worker: () => stuck }), scope)
      const exit = yield* Effect.exit(Scope.close(scope, Exit.void))
      assert.ok(Exit.isFailure(exit) && exit.cause.reasons.every(Cause.isDieReason) && exit.cause.reasons.length === 2)
    })))
})

describe("the queue (P3)", () => {
  const names = (strategy: "suspend" | "dropping" | "sliding", capacity: number) =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool = yield* make({ queue: { capacity, strategy } })
      const handles = yield* Effect.forEach([1, 2, 3, 4], (n) =>
        WorkerPool.submit(pool, Effect.as(Deferred.await(gate), n)))
      return { gate, handles, pool }
    })

  test("dropping drops the new, and its handle says so", () =>
    run(Effect.gen(function*() {
      const { gate, handles, pool } = yield* names("dropping", 2)
      assert.deepEqual(handles.map(({ state }) => state), ["running", "queued", "queued", "dropped"])
      const exit = yield* handles[3]!.await
      assert.deepEqual(exit, Exit.fail(new WorkerPool.JobLost({ pool: undefined, job: 4, reason: "dropped" })))
      yield* Deferred.succeed(gate, undefined)
      balanced(pool)
    })))

  test("sliding drops the oldest that waits", () =>
    run(Effect.gen(function*() {
      const { gate, handles, pool } = yield* names("sliding", 2)
      assert.deepEqual(handles.map(({ state }) => state), ["running", "dropped", "queued", "queued"])
      yield* Deferred.succeed(gate, undefined)
      assert.deepEqual(yield* handles[3]!.await, Exit.succeed(4))
      balanced(pool)
    })))

  test("with a capacity of 0 either strategy drops the new", () =>
    run(Effect.gen(function*() {
      for (const strategy of ["dropping", "sliding"] as const) {
        const { handles } = yield* names(strategy, 0)
        assert.deepEqual(handles.map(({ state }) => state), ["running", "dropped", "dropped", "dropped"])
      }
    })))

  test("with a capacity of 0 a job is handed over only to a worker that is free", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ queue: { capacity: 0 } })
      yield* WorkerPool.run(pool, Effect.void)
      const gate = yield* Deferred.make<void>()
      yield* WorkerPool.trySubmit(pool, Deferred.await(gate))
      assert.equal(tagOf(yield* Effect.exit(WorkerPool.trySubmit(pool, Effect.void))), "QueueFull")
      const waiting = yield* start(WorkerPool.submit(pool, Effect.void))
      assert.equal(WorkerPool.stats(pool).waiting, 1)
      yield* Deferred.succeed(gate, undefined)
      assert.equal((yield* Fiber.join(waiting)).id, 3)
    })))

  test("submit waits for room, in order; interrupted, it takes its job with it", () =>
    run(Effect.gen(function*() {
      const begun: Array<number> = []
      const gate = yield* Deferred.make<void>()
      const pool = yield* make({ queue: { capacity: 1 } })
      const job = (n: number) => Effect.andThen(Effect.sync(() => begun.push(n)), Deferred.await(gate))
      yield* Effect.forEach([1, 2], (n) => WorkerPool.submit(pool, job(n)))
      const waiting = yield* Effect.forEach([3, 4, 5], (n) => start(WorkerPool.submit(pool, job(n))))
      assert.equal(WorkerPool.stats(pool).waiting, 3)
      yield* Fiber.interrupt(waiting[1]!)
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.deepEqual(begun, [1, 2, 3, 5])
      assert.equal(WorkerPool.stats(pool).submitted, 4)
    })))
})

describe("poison and failure (P5, P6)", () => {
  test("a defect is its own job's result, and the resource is replaced; or kept, as asked", () =>
    run(Effect.gen(function*() {
      for (const onDefect of ["replace", "keep"] as const) {
        const log: Array<string> = []
        const pool = yield* make({ worker: logged(log), onDefect })
        const bad = yield* WorkerPool.submit(pool, Effect.andThen(Effect.yieldNow, Effect.die("poison")))
        const good = yield* WorkerPool.submit(pool, Effect.succeed("fine"))
        assert.deepEqual(yield* bad.await, Exit.die("poison"))
        assert.deepEqual(yield* good.await, Exit.succeed("fine"))
        assert.equal(yield* WorkerPool.run(pool, Effect.succeed(1)), 1)
        assert.deepEqual(log, onDefect === "keep" ? ["acquire 1"] : ["acquire 1", "release 1", "acquire 2"])
        assert.equal(WorkerPool.stats(pool).idle, 1)
      }
    })))

  test("a typed failure is a result, and changes nothing else", () =>
    run(Effect.gen(function*() {
      const log: Array<string> = []
      const pool = yield* make({ worker: logged(log) })
      assert.equal(yield* Effect.flip(WorkerPool.run(pool, Effect.fail("no such host"))), "no such host")
      assert.deepEqual(log, ["acquire 1"])
      assert.equal(WorkerPool.stats(pool).failed, 1)
    })))

  test("a function that throws instead of returning an effect is poison too", () =>
    run(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({
        size: 1,
        run: (): Effect.Effect<void> => {
          throw new Error("not an effect")
        }
      })
      assert.match(String(yield* defectOf(WorkerPool.run(pool, undefined))), /not an effect/)
      assert.equal(WorkerPool.stats(pool).died, 1)
    })))

  test("a replacement is tried again as the schedule says, and then the pool has failed", () =>
    run(
      Effect.gen(function*() {
        let attempts = 0
        const gate = yield* Deferred.make<void>()
        const pool = yield* make({
          size: 2,
          name: "mail",
          restart: Schedule.max([Schedule.spaced("1 second"), Schedule.recurs(2)]),
          worker: () => Effect.suspend(() => ++attempts <= 2 ? Effect.void : Effect.fail(`refused ${attempts}`))
        })
        const running = yield* WorkerPool.submit(pool, Effect.as(Deferred.await(gate), "done"))
        const poison = yield* WorkerPool.submit(pool, Effect.andThen(Effect.yieldNow, Effect.die("poison")))
        yield* poison.await
        const other = yield* WorkerPool.submit(pool, Effect.void)
        const blocked = [yield* WorkerPool.submit(pool, Effect.void), yield* WorkerPool.submit(pool, Effect.void)]
        const running2 = yield* start(WorkerPool.run(pool, Effect.void))
        const caller = yield* start(WorkerPool.submit(pool, Effect.void))
        yield* TestClock.adjust("1500 millis")
        assert.equal(attempts, 4)
        assert.equal(WorkerPool.stats(pool).state, "running")
        yield* TestClock.adjust("1 second")
        assert.equal(attempts, 5)
        assert.equal(WorkerPool.stats(pool).state, "failed")
        for (const handle of [other, ...blocked]) {
          const exit = yield* handle.await
          const error = squash(exit)
          assert.ok(error instanceof WorkerPool.PoolFailed)
          assert.deepEqual(error.cause, Cause.fail("refused 5"))
          assert.match(error.message, /the pool "mail" has failed: mail\/worker-2 could not replace its resource/)
          assert.equal(handle.state, "returned")
        }
        assert.equal(tagOf(yield* Fiber.await(running2)), "PoolFailed")
        assert.equal(tagOf(yield* Fiber.await(caller)), "PoolClosed")
        // What runs has a good resource, and goes on.
        assert.equal(running.state, "running")
        yield* Deferred.succeed(gate, undefined)
        assert.deepEqual(yield* running.await, Exit.succeed("done"))
        const report = yield* WorkerPool.shutdown(pool)
        assert.equal(report.returned.length, 4)
        balanced(pool)
      }).pipe(Effect.provide(TestClock.layer()))
    ))
})

describe("handles (P7)", () => {
  test("cancel takes a job out of the queue, or interrupts it and waits for its end", () =>
    run(Effect.gen(function*() {
      const pool = yield* make()
      let ended = false
      const cleanup = Effect.andThen(Effect.yieldNow, Effect.sync(() => (ended = true)))
      const first = yield* WorkerPool.submit(pool, Effect.onExit(Effect.never, () => cleanup))
      const second = yield* WorkerPool.submit(pool, Effect.never)
      assert.equal(yield* second.cancel, true)
      assert.equal(second.state, "interrupted")
      assert.equal(yield* first.cancel, true)
      assert.ok(isInterrupted(yield* first.await))
      assert.equal(ended, true)
      assert.equal(yield* first.cancel, false)
      assert.equal(yield* WorkerPool.run(pool, Effect.succeed("goes on")), "goes on")
      balanced(pool)
    })))

  test("cancel of a job that ends otherwise all the same returns false", () =>
    run(Effect.gen(function*() {
      const pool = yield* make()
      const handle = yield* WorkerPool.submit(pool, Effect.onExit(Effect.never, () => Effect.die("in its finalizer")))
      assert.equal(yield* handle.cancel, false)
      assert.equal(handle.state, "died")
    })))

  test("a job that cancels itself, in its first stretch or later, is interrupted and does not wait for itself", () =>
    run(Effect.gen(function*() {
      for (const before of [Effect.void, Effect.yieldNow]) {
        const pool = yield* make()
        const gate = yield* Deferred.make<void>()
        yield* WorkerPool.submit(pool, Deferred.await(gate))
        const handles: Array<WorkerPool.JobHandle<unknown, string>> = []
        const job = Effect.andThen(before, Effect.suspend(() => handles[0]!.cancel))
        handles.push(yield* WorkerPool.submit(pool, Effect.andThen(job, Effect.never)))
        yield* Deferred.succeed(gate, undefined)
        assert.ok(isInterrupted(yield* handles[0]!.await))
      }
    })))

  test("a job that cancels itself where it cannot be interrupted goes on to the end of that region", () =>
    run(Effect.gen(function*() {
      const pool = yield* make()
      const cancelled = yield* Deferred.make<boolean>()
      const handles: Array<WorkerPool.JobHandle<unknown, string>> = []
      const cancel = Effect.flatMap(Effect.yieldNow, () => handles[0]!.cancel)
      const job = Effect.uninterruptible(Effect.flatMap(cancel, (value) => Deferred.succeed(cancelled, value)))
      handles.push(yield* WorkerPool.submit(pool, Effect.andThen(job, Effect.never)))
      assert.equal(yield* Deferred.await(cancelled), true)
      assert.ok(isInterrupted(yield* handles[0]!.await))
    })))

  test("interrupting the caller of run interrupts the job, and waits for its end", () =>
    run(Effect.gen(function*() {
      const pool = yield* make()
      let ended = false
      const job = Effect.onExit(Effect.never, () => Effect.andThen(Effect.yieldNow, Effect.sync(() => (ended = true))))
      const running = yield* start(WorkerPool.run(pool, job))
      const queued = yield* start(WorkerPool.run(pool, Effect.never))
      yield* Fiber.interrupt(queued)
      yield* Fiber.interrupt(running)
      assert.ok(ended)
      assert.equal(WorkerPool.stats(pool).interrupted, 2)
      balanced(pool)
    })))

  test("await can be asked for any number of times, and interrupted", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool = yield* make()
      const handle = yield* WorkerPool.submit(pool, Deferred.await(gate))
      const waiting = yield* Effect.forEach([1, 2, 3], () => start(handle.await))
      yield* Fiber.interrupt(waiting[1]!)
      yield* Deferred.succeed(gate, undefined)
      assert.deepEqual(yield* Fiber.join(waiting[0]!), Exit.void)
      assert.deepEqual(yield* Fiber.join(waiting[2]!), Exit.void)
      assert.deepEqual(yield* handle.await, Exit.void)
    })))
})

describe("the end (P8)", () => {
  test("at the deadline waiting jobs are returned and running ones aborted, and their callers fail", () =>
    run(
      Effect.gen(function*() {
        const pool = yield* make()
        const running = yield* start(WorkerPool.run(pool, Effect.never))
        const waiting = yield* start(WorkerPool.run(pool, Effect.void))
        const ending = yield* start(WorkerPool.shutdown(pool, { deadline: "1 minute" }))
        yield* start(WorkerPool.shutdown(pool, { deadline: "1 hour" }))
        yield* TestClock.adjust("59 seconds")
        assert.equal(WorkerPool.stats(pool).state, "draining")
        yield* TestClock.adjust("1 second")
        const report = yield* Fiber.join(ending)
        assert.deepEqual([report.returned, report.aborted], [[Effect.void], [Effect.never]])
        for (const [fiber, reason] of [[running, "aborted"], [waiting, "returned"]] as const) {
          const error = yield* Effect.flip(Fiber.join(fiber))
          assert.ok(error instanceof WorkerPool.JobLost)
          assert.equal(error.reason, reason)
        }
      }).pipe(Effect.provide(TestClock.layer()))
    ))

  test("callers that wait for room fail as the pool closes", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ queue: { capacity: 0 } })
      const gate = yield* Deferred.make<void>()
      const running = yield* WorkerPool.submit(pool, Deferred.await(gate))
      const blocked = [
        yield* start(WorkerPool.submit(pool, Effect.void)),
        yield* start(WorkerPool.run(pool, Effect.void))
      ]
      const ending = yield* start(WorkerPool.shutdown(pool))
      for (const fiber of blocked) assert.equal(tagOf(yield* Fiber.await(fiber)), "PoolClosed")
      yield* Deferred.succeed(gate, undefined)
      assert.equal((yield* Fiber.join(ending)).counts.submitted, 1)
      assert.deepEqual(yield* running.await, Exit.void)
    })))

  test("a deadline holds for a pool that has failed, before or after", () =>
    run(
      Effect.gen(function*() {
        for (const order of ["before", "after"]) {
          let acquired = 0
          const pool = yield* make({
            size: 2,
            restart: Schedule.recurs(0),
            worker: () => Effect.suspend(() => ++acquired > 2 ? Effect.fail("refused") : Effect.void)
          })
          const gate = yield* Deferred.make<void>()
          const jobs = [Effect.never, Effect.andThen(Deferred.await(gate), Effect.die("poison")), Effect.void]
          for (const job of jobs) yield* WorkerPool.submit(pool, job)
          const end = WorkerPool.shutdown(pool, { deadline: "1 second" })
          const early = order === "before" ? yield* start(end) : undefined
          yield* Deferred.succeed(gate, undefined)
          yield* settle
          assert.equal(WorkerPool.stats(pool).state, "failed")
          const ending = early ?? (yield* start(end))
          yield* TestClock.adjust("1 second")
          const report = yield* Fiber.join(ending)
          assert.deepEqual([report.aborted.length, report.returned.length, report.counts.died], [1, 1, 1])
        }
      }).pipe(Effect.provide(TestClock.layer()))
    ))

  test("an interrupt of shutdown stops the waiting only", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool = yield* make()
      yield* WorkerPool.submit(pool, Deferred.await(gate))
      yield* Fiber.interrupt(yield* start(WorkerPool.shutdown(pool)))
      assert.equal(WorkerPool.stats(pool).state, "draining")
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.equal(WorkerPool.stats(pool).state, "stopped")
    })))

  test("a job that ends its pool is not waited for", () =>
    run(Effect.gen(function*() {
      for (const before of [Effect.void, Effect.yieldNow]) {
        const pool: Pool = yield* make()
        const end = Effect.suspend(() => WorkerPool.shutdown(pool))
        const report = yield* WorkerPool.run(pool, Effect.andThen(before, end))
        assert.equal((report as WorkerPool.ShutdownReport<Job>).counts.running, 1)
        yield* settle
        assert.equal(WorkerPool.stats(pool).state, "stopped")
      }
    })))

  test("a job that stops its pool in its first stretch is interrupted like the others", () =>
    run(Effect.gen(function*() {
      const pool: Pool = yield* make()
      const stop = Effect.suspend(() => WorkerPool.shutdownNow(pool))
      const error = yield* Effect.flip(WorkerPool.run(pool, Effect.andThen(stop, Effect.never)))
      assert.ok(error instanceof WorkerPool.JobLost)
      assert.equal(error.reason, "aborted")
    })))

  test("ended by its scope, by shutdown, by a failing worker and by an interrupt at once, all handles settle once", () =>
    run(Effect.gen(function*() {
      let acquired = 0
      const scope = yield* Scope.make()
      const pool = yield* Scope.provide(
        make({
          size: 2,
          restart: Schedule.recurs(0),
          worker: () => Effect.suspend(() => ++acquired > 2 ? Effect.fail("refused") : Effect.void)
        }),
        scope
      )
      const gate = yield* Deferred.make<void>()
      const poison = Effect.andThen(Deferred.await(gate), Effect.die("poison"))
      const caller = yield* start(WorkerPool.run(pool, Effect.andThen(Deferred.await(gate), Effect.never)))
      const handles = yield* Effect.forEach([poison, Effect.never, Effect.void], (job) => WorkerPool.submit(pool, job))
      const draining = yield* start(WorkerPool.shutdown(pool, { deadline: "1 minute" }))
      yield* Deferred.succeed(gate, undefined)
      const interrupting = yield* start(Fiber.interrupt(caller))
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(interrupting)
      const report = yield* Fiber.join(draining)
      assert.equal(report.counts.submitted, 4)
      assert.equal(report.counts.queued + report.counts.running, 0)
      for (const handle of handles) assert.equal(yield* handle.await, yield* handle.await)
      balanced(pool)
    })))
})

describe("jobs that wait for their own pool (P9)", () => {
  test.each(["run", "submit", "await", "shutdown"] as const)(
    "%s in the only worker's job is a defect that says so",
    (kind) =>
      run(Effect.gen(function*() {
        const pool: Pool = yield* make({ name: "mail", queue: { capacity: 1 } })
        const operations = {
          run: Effect.suspend(() => WorkerPool.run(pool, Effect.void)),
          submit: Effect.suspend(() => Effect.forEach([1, 2], () => WorkerPool.submit(pool, Effect.void))),
          await: Effect.suspend(() => Effect.flatMap(WorkerPool.submit(pool, Effect.void), (handle) => handle.await)),
          shutdown: Effect.suspend(() =>
            Effect.andThen(WorkerPool.submit(pool, Effect.void), WorkerPool.shutdown(pool))
          )
        }
        const defect = yield* defectOf(WorkerPool.run(pool, Effect.orDie(operations[kind])))
        assert.ok(defect instanceof WorkerPool.PoolDeadlock)
        assert.equal(
          defect.message,
          `WorkerPool.${kind}: deadlock: job 1 on mail/worker-1 cannot end, because the only worker runs this job. ` +
            "Do the inner work in the job itself, or give it to another pool or a Group"
        )
      }))
  )

  test("of several jobs that wait so the last one dies, and the others go on", () =>
    run(Effect.gen(function*() {
      const pool: Pool = yield* make({ size: 3 })
      const outer = Effect.suspend(() => Effect.andThen(Effect.yieldNow, WorkerPool.run(pool, Effect.succeed("inner"))))
      const handles = yield* Effect.forEach([1, 2, 3], () => WorkerPool.submit(pool, Effect.orDie(outer)))
      const exits = yield* Effect.forEach(handles, (handle) => handle.await)
      assert.deepEqual(exits.map(tagOf), ["Success", "Success", "PoolDeadlock"])
    })))

  test("a cycle is found although a worker is free", () =>
    run(Effect.gen(function*() {
      const pool: Pool = yield* make({ size: 3 })
      const handles: Array<WorkerPool.JobHandle<unknown, string>> = []
      const waits = (n: number) =>
        Effect.andThen(Effect.yieldNow, Effect.suspend(() => Effect.flatten(handles[n]!.await)))
      for (const n of [1, 0]) handles.push(yield* WorkerPool.submit(pool, Effect.orDie(waits(n))))
      assert.match(
        String(yield* defectOf(Effect.flatten(handles[1]!.await))),
        /the job that it waits for waits for this job/
      )
    })))

  test("a job that waits for a circle of others waits for the deadline that ends it", () =>
    run(
      Effect.gen(function*() {
        const pool: Pool = yield* make({ size: 4 })
        const gate = yield* Deferred.make<void>()
        const handles: Array<WorkerPool.JobHandle<unknown, string>> = []
        const waits = (n: number) =>
          Effect.andThen(Deferred.await(gate), Effect.suspend(() => Effect.flatten(Effect.orDie(handles[n]!.await))))
        for (const n of [1, 0, 0]) {
          handles.push(yield* WorkerPool.submit(pool, Effect.mapError(waits(n), String)))
        }
        const ending = yield* start(WorkerPool.shutdown(pool, { deadline: "1 second" }))
        yield* Deferred.succeed(gate, undefined)
        yield* settle
        assert.deepEqual(handles.map(({ state }) => state), ["running", "running", "running"])
        yield* TestClock.adjust("1 second")
        assert.equal((yield* Fiber.join(ending)).counts.interrupted, 3)
      }).pipe(Effect.provide(TestClock.layer()))
    ))

  test("there is no verdict while there is another way on", () =>
    run(
      Effect.gen(function*() {
        const pool: Pool = yield* make()
        const inner = Effect.suspend(() => WorkerPool.run(pool, Effect.void))
        // In a fiber of its own, which a timeout ends.
        const timed = yield* start(WorkerPool.run(pool, Effect.orDie(Effect.timeoutOption(inner, "1 second"))))
        yield* TestClock.adjust("1 second")
        assert.equal(tagOf(yield* Fiber.await(timed)), "Success")
        // With a deadline.
        const handles: Array<WorkerPool.JobHandle<unknown, string>> = []
        const job = Effect.andThen(Effect.yieldNow, Effect.suspend(() => handles[1]!.await))
        for (const each of [job, Effect.void]) handles.push(yield* WorkerPool.submit(pool, each))
        const ending = yield* start(WorkerPool.shutdown(pool, { deadline: "1 second" }))
        yield* TestClock.adjust("1 second")
        assert.equal((yield* Fiber.join(ending)).returned.length, 1)
        assert.equal(handles[0]!.state, "succeeded")
      }).pipe(Effect.provide(TestClock.layer()))
    ))
})

test("a shutdown that ends before its deadline leaves no timer behind", () =>
  run(Effect.gen(function*() {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
    const before = timers()
    const gate = yield* Deferred.make<void>()
    const pool = yield* make()
    yield* WorkerPool.submit(pool, Deferred.await(gate))
    const ending = yield* start(WorkerPool.shutdown(pool, { deadline: "1 hour" }))
    assert.equal(timers(), before + 1)
    yield* Deferred.succeed(gate, undefined)
    yield* Fiber.join(ending)
    assert.equal(timers(), before)
  })))

describe("map", () => {
  const squares = (size: number, capacity: number) =>
    WorkerPool.make({
      size,
      queue: { capacity },
      run: (n: number) => n < 0 ? Effect.fail(`${n}`) : Effect.as(n % 2 === 0 ? Effect.yieldNow : Effect.void, n * n)
    })

  test("takes iterables, async iterables and streams, in order", () =>
    run(Effect.gen(function*() {
      const pool = yield* squares(2, 1)
      const numbers = [1, 2, 3, 4, 5, 6]
      const asynchronous = async function*() {
        for (const n of numbers) yield await Promise.resolve(n)
      }
      const sources = [numbers, new Set(numbers), asynchronous(), Stream.fromIterable(numbers)]
      for (const source of sources) {
        assert.deepEqual(yield* Stream.runCollect(WorkerPool.map(pool, source)), [1, 4, 9, 16, 25, 36])
      }
      const unordered = yield* Stream.runCollect(WorkerPool.map(pool, numbers, { ordered: false }))
      assert.deepEqual(unordered.toSorted((a, b) => a - b), [1, 4, 9, 16, 25, 36])
      assert.notDeepEqual(unordered, [1, 4, 9, 16, 25, 36])
    })))

  test("pulls no further ahead than there is room, for jobs and for results", () =>
    run(Effect.gen(function*() {
      const pool = yield* squares(2, 1)
      let pulled = 0
      const source = {
        *[Symbol.iterator]() {
          for (;;) yield ++pulled
        }
      }
      const seen: Array<number> = []
      yield* WorkerPool.map(pool, source).pipe(
        Stream.take(10),
        Stream.runForEach((n) => Effect.sync(() => seen.push(pulled - Math.sqrt(n))))
      )
      assert.ok(Math.max(...seen) <= 2 * 3, seen.join())
    })))

  test("a pool that shuts down ends it after the results of what was accepted, in any order", () =>
    run(Effect.gen(function*() {
      // Where others have taken a place, the next job waits for room, and is turned away there.
      for (const [ordered, others] of [[true, 0], [false, 0], [true, 1], [false, 1]] as const) {
        const gate = yield* Deferred.make<void>()
        const pool = yield* WorkerPool.make({
          size: 2,
          queue: { capacity: 1 + others },
          run: (n: number) => Effect.as(Deferred.await(gate), n)
        })
        for (let n = 0; n < 2 * others; n++) yield* WorkerPool.submit(pool, 0)
        const seen: Array<number> = []
        const stream = WorkerPool.map(pool, [1, 2, 3, 4, 5, 6], { ordered })
        const all = yield* start(Stream.runForEach(stream, (n) => Effect.sync(() => seen.push(n))))
        yield* settle
        const ending = yield* start(WorkerPool.shutdown(pool))
        yield* Deferred.succeed(gate, undefined)
        assert.equal(tagOf(yield* Fiber.await(all)), "PoolClosed")
        assert.deepEqual(ordered ? seen : seen.toSorted(), others === 0 ? [1, 2, 3] : [1, 2])
        assert.equal((yield* Fiber.join(ending)).counts.succeeded, seen.length + 2 * others)
      }
    })))

  test("fails as the first job that fails, after the results before it, and cancels the rest", () =>
    run(Effect.gen(function*() {
      const pool = yield* squares(2, 2)
      const seen: Array<number> = []
      const stream = WorkerPool.map(pool, [1, 2, -3, 4, 5, 6, 7, 8])
      const exit = yield* Effect.exit(Stream.runForEach(stream, (n) => Effect.sync(() => seen.push(n))))
      assert.deepEqual(exit, Exit.fail("-3"))
      assert.deepEqual(seen, [1, 4])
      const { queued, running } = WorkerPool.stats(pool)
      assert.equal(queued + running, 0)
    })))

  test("a consumer that has enough leaves nothing in the pool, and the source's resources are released", () =>
    run(Effect.gen(function*() {
      let released = false
      const pool = yield* make({ size: 2 })
      const source = Stream.fromIterable([Effect.succeed(1), Effect.never, Effect.never, Effect.never]).pipe(
        Stream.ensuring(Effect.sync(() => (released = true)))
      )
      assert.deepEqual(yield* Stream.runCollect(Stream.take(WorkerPool.map(pool, source), 1)), [1])
      const { queued, running } = WorkerPool.stats(pool)
      assert.deepEqual([queued, running, released], [0, 0, true])
    })))

  test("an async iterable that throws is a defect; a stream that fails fails the stream", () =>
    run(Effect.gen(function*() {
      const pool = yield* squares(1, 1)
      const broken = (async function*() {
        yield await Promise.resolve(1)
        throw new Error("broken")
      })()
      assert.match(String(yield* defectOf(Stream.runDrain(WorkerPool.map(pool, broken)))), /broken/)
      const failing = Stream.concat(Stream.make(2), Stream.fail("ends"))
      assert.equal(yield* Effect.flip(Stream.runDrain(WorkerPool.map(pool, failing))), "ends")
    })))
})
