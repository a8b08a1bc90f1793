/** Jobs of a `WorkerPool`: their handles, their fibers, what they see, and how they end (P3, P4, P6, P7). */
import { Cause, Context, Deferred, Effect, Exit, Fiber, Logger, References, Scope, Tracer } from "effect"
import * as assert from "node:assert/strict"
import { WorkerPool } from "sluice"
import { describe, test } from "vitest"
import { expectPending, isInterrupted, run, settle, squash, start } from "../support/effect.js"
import { balanced, type Handle, type Job, make, type Pool } from "../support/workerPool.js"

/** A job that runs until the gate opens, whatever happens, and then ends so. */
const stubborn = (gate: Deferred.Deferred<void>, end: Job = Effect.void): Job =>
  Effect.uninterruptible(Effect.andThen(Deferred.await(gate), end))

describe("handles", () => {
  test.each<readonly [string, Job, WorkerPool.JobHandle<unknown>["state"], Exit.Exit<unknown, string> | undefined]>([
    ["a value", Effect.succeed(1), "succeeded", Exit.succeed(1)],
    ["a failure", Effect.fail("no"), "failed", Exit.fail("no")],
    ["a defect", Effect.die("bug"), "died", Exit.die("bug")],
    ["its own interrupt", Effect.interrupt, "interrupted", undefined],
    ["an empty cause", Effect.failCause(Cause.empty), "failed", Exit.failCause(Cause.empty)],
    [
      "a failure and an interrupt",
      Effect.failCause(Cause.combine(Cause.fail("no"), Cause.interrupt(1))),
      "failed",
      undefined
    ],
    [
      "an interrupt and a defect",
      Effect.failCause(Cause.combine(Cause.interrupt(1), Cause.die("bug"))),
      "died",
      undefined
    ]
  ])(
    "%s is the job's end, in one column of the ledger, and the same exit for all who ask",
    (_, end, state, expected) =>
      run(Effect.gen(function*() {
        for (const job of [end, Effect.andThen(Effect.yieldNow, end)]) {
          const pool = yield* make()
          const gate = yield* Deferred.make<void>()
          yield* WorkerPool.submit(pool, Deferred.await(gate))
          const handle = yield* WorkerPool.submit(pool, job)
          assert.equal(handle.state, "queued")
          const waiting = [yield* start(handle.await), yield* start(handle.await)]
          yield* Deferred.succeed(gate, undefined)
          const exit = yield* handle.await
          for (const fiber of waiting) assert.equal(yield* Fiber.join(fiber), exit)
          assert.equal(yield* handle.await, exit)
          assert.equal(handle.state, state)
          if (expected !== undefined) assert.deepEqual(exit, expected)
          assert.equal(yield* handle.cancel, false)
          assert.equal(WorkerPool.stats(pool)[state as "failed"], state === "succeeded" ? 2 : 1)
          balanced(pool)
        }
      }))
  )

  test("an awaiting fiber that is interrupted does not touch the job, nor the others", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool = yield* make()
      const handles = [
        yield* WorkerPool.submit(pool, Deferred.await(gate)),
        yield* WorkerPool.submit(pool, Effect.void)
      ]
      for (const handle of handles) {
        const [first, second, third] = [
          yield* start(handle.await),
          yield* start(handle.await),
          yield* start(handle.await)
        ]
        yield* Fiber.interrupt(second)
        yield* Fiber.interrupt(first)
        yield* Fiber.interrupt(third)
      }
      assert.deepEqual(handles.map(({ state }) => state), ["running", "queued"])
      yield* Deferred.succeed(gate, undefined)
      for (const handle of handles) assert.deepEqual(yield* handle.await, Exit.void)
    })))

  test("two fibers that cancel a running job at once both wait for its end, and both get true", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool = yield* make()
      const handle = yield* WorkerPool.submit(pool, Effect.onExit(Effect.never, () => Deferred.await(gate)))
      const cancels = [yield* start(handle.cancel), yield* start(handle.cancel)]
      yield* settle
      expectPending(...cancels)
      yield* Deferred.succeed(gate, undefined)
      assert.deepEqual(yield* Fiber.joinAll(cancels), [true, true])
      assert.equal(yield* handle.cancel, false)
      assert.equal(WorkerPool.stats(pool).interrupted, 1)
    })))

  test("of two who cancel a queued job the first does, and the second is too late", () =>
    run(Effect.gen(function*() {
      const pool = yield* make()
      yield* WorkerPool.submit(pool, Effect.never)
      const handle = yield* WorkerPool.submit(pool, Effect.never)
      const waiting = yield* start(handle.await)
      assert.deepEqual([yield* handle.cancel, yield* handle.cancel], [true, false])
      assert.ok(isInterrupted(yield* Fiber.join(waiting)))
      balanced(pool)
    })))

  test("cancel of a job that cannot be interrupted waits, and tells how it ended", () =>
    run(Effect.gen(function*() {
      // A success is an interrupt all the same: as the region is left, the interrupt that has waited takes its place.
      for (
        const [end, cancelled] of [[Effect.fail("no"), false], [Effect.die("bug"), false], [Effect.void, true]] as const
      ) {
        const gate = yield* Deferred.make<void>()
        const pool = yield* make()
        const handle = yield* WorkerPool.submit(pool, stubborn(gate, end))
        const cancelling = yield* start(handle.cancel)
        yield* settle
        expectPending(cancelling)
        yield* Deferred.succeed(gate, undefined)
        assert.equal(yield* Fiber.join(cancelling), cancelled)
        balanced(pool)
      }
    })))

  test("a cancel that is interrupted has cancelled all the same", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool = yield* make()
      const handle = yield* WorkerPool.submit(pool, Effect.onExit(Effect.never, () => Deferred.await(gate)))
      yield* Fiber.interrupt(yield* start(handle.cancel))
      yield* Deferred.succeed(gate, undefined)
      assert.ok(isInterrupted(yield* handle.await))
    })))

  test("a job can be cancelled in the moment between its assignment and its beginning", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool = yield* make()
      const begun: Array<number> = []
      const handles: Array<Handle> = [yield* WorkerPool.submit(pool, Deferred.await(gate))]
      for (const n of [1, 2]) handles.push(yield* WorkerPool.submit(pool, Effect.sync(() => begun.push(n))))
      const cancelling = yield* start(Effect.andThen(handles[0]!.await, handles[1]!.cancel))
      yield* Deferred.succeed(gate, undefined)
      assert.equal(yield* Fiber.join(cancelling), true)
      yield* handles[2]!.await
      assert.deepEqual(begun, [2])
      balanced(pool)
    })))

  test("a job that cancels another in its first stretch, or is cancelled in it", () =>
    run(Effect.gen(function*() {
      const pool: Pool = yield* make({ size: 2 })
      const victim = yield* WorkerPool.submit(pool, Effect.never)
      assert.equal(yield* WorkerPool.run(pool, Effect.suspend(() => victim.cancel)), true)
      // The job runs its killer inline, before its own fiber is known to anybody.
      const gate = yield* Deferred.make<void>()
      const handles: Array<Handle> = []
      const killer = yield* start(Effect.andThen(Deferred.await(gate), Effect.suspend(() => handles[1]!.cancel)))
      const begin = yield* Deferred.make<void>()
      handles.push(yield* WorkerPool.submit(pool, Deferred.await(begin)))
      handles.push(yield* WorkerPool.submit(pool, Effect.never))
      yield* handles[1]!.cancel
      const busy = yield* WorkerPool.submit(pool, Deferred.await(begin))
      handles[1] = yield* WorkerPool.submit(pool, Effect.andThen(Deferred.succeed(gate, undefined), Effect.never))
      yield* Deferred.succeed(begin, undefined)
      assert.equal(yield* Fiber.join(killer), true)
      assert.ok(Exit.isSuccess(yield* busy.await))
      balanced(pool)
    })))

  test("two jobs that cancel each other both end", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool: Pool = yield* make({ size: 2 })
      const handles: Array<Handle> = []
      for (const other of [1, 0]) {
        const job = Effect.andThen(Deferred.await(gate), Effect.suspend(() => handles[other]!.cancel))
        handles.push(yield* WorkerPool.submit(pool, job))
      }
      yield* Deferred.succeed(gate, undefined)
      for (const handle of handles) yield* handle.await
      assert.ok(handles.some(({ state }) => state === "interrupted"))
      assert.equal(WorkerPool.stats(pool).idle, 2)
    })))

  test("a job that was cancelled before the pool stopped is not among those that the pool aborted", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool = yield* make()
      const handle = yield* WorkerPool.submit(pool, Effect.onExit(Effect.never, () => Deferred.await(gate)))
      yield* start(handle.cancel)
      const ending = yield* start(WorkerPool.shutdownNow(pool))
      yield* Deferred.succeed(gate, undefined)
      const { aborted, counts } = yield* Fiber.join(ending)
      assert.equal(counts.interrupted, 1)
      assert.deepEqual(aborted, [])
    })))
})

describe("callers", () => {
  test("run that is interrupted while it waits for room, in the queue, or for its job, takes the job with it", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const begun: Array<string> = []
      const job = (name: string): Job =>
        Effect.andThen(Effect.sync(() => begun.push(name)), Effect.onExit(Effect.never, () => Deferred.await(gate)))
      const pool = yield* make({ queue: { capacity: 1 } })
      const callers = yield* Effect.forEach(
        ["running", "queued", "blocked"],
        (name) => start(WorkerPool.run(pool, job(name)))
      )
      assert.deepEqual([WorkerPool.stats(pool).queued, WorkerPool.stats(pool).waiting], [1, 1])
      yield* Fiber.interrupt(callers[2]!)
      yield* Fiber.interrupt(callers[1]!)
      const last = yield* start(Fiber.interrupt(callers[0]!))
      yield* settle
      expectPending(last)
      assert.equal(WorkerPool.stats(pool).running, 1)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(last)
      const { idle, interrupted, submitted } = WorkerPool.stats(pool)
      assert.deepEqual([idle, interrupted, submitted, begun], [1, 2, 2, ["running"]])
      for (const caller of callers) assert.ok(isInterrupted(yield* Fiber.await(caller)))
      balanced(pool)
    })))

  test("a job that interrupts its own caller, in its first stretch, has ended when the caller has", () =>
    run(Effect.gen(function*() {
      for (const after of [Effect.never, Effect.succeed(1)]) {
        const gate = yield* Deferred.make<void>()
        const pool = yield* make()
        const callers: Array<Fiber.Fiber<unknown, unknown>> = []
        let ended = false
        const job = Effect.sync(() => callers[0]!.interruptUnsafe()).pipe(
          Effect.andThen(after),
          Effect.onExit(() => Effect.andThen(Effect.yieldNow, Effect.sync(() => ended = true)))
        )
        callers.push(yield* start(Effect.andThen(Deferred.await(gate), WorkerPool.run(pool, job))))
        yield* Deferred.succeed(gate, undefined)
        assert.ok(isInterrupted(yield* Fiber.await(callers[0]!)))
        assert.ok(ended)
        assert.equal(WorkerPool.stats(pool).idle, 1)
      }
    })))

  test("submit that was let in and is interrupted before it goes on takes its job with it", () =>
    run(Effect.gen(function*() {
      const gates = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const begun: Array<number> = []
      const pool = yield* make({ queue: { capacity: 4 } })
      for (const gate of gates) yield* WorkerPool.submit(pool, Deferred.await(gate))
      for (let n = 0; n < 3; n++) yield* WorkerPool.submit(pool, Effect.void)
      const waiting = yield* start(WorkerPool.submit(pool, Effect.sync(() => begun.push(1))))
      assert.equal(WorkerPool.stats(pool).waiting, 1)
      // The queue has room now, and the caller goes on a turn later.
      yield* Deferred.succeed(gates[0]!, undefined)
      assert.deepEqual([WorkerPool.stats(pool).waiting, WorkerPool.stats(pool).submitted], [0, 6])
      expectPending(waiting)
      yield* Fiber.interrupt(waiting)
      yield* Deferred.succeed(gates[1]!, undefined)
      const { counts } = yield* WorkerPool.shutdown(pool)
      assert.deepEqual([counts.submitted, counts.interrupted, begun], [6, 1, []])
    })))

  test("a caller that cannot be interrupted is served like any other", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool = yield* make()
      const caller = yield* start(Effect.uninterruptible(WorkerPool.run(pool, Effect.as(Deferred.await(gate), 1))))
      const interrupting = yield* start(Fiber.interrupt(caller))
      yield* settle
      assert.equal(WorkerPool.stats(pool).running, 1)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(interrupting)
      assert.equal(WorkerPool.stats(pool).succeeded, 1)
    })))

  test("a job that interrupts itself tells its caller so, and the worker goes on", () =>
    run(Effect.gen(function*() {
      const pool = yield* make()
      assert.ok(isInterrupted(yield* Effect.exit(WorkerPool.run(pool, Effect.interrupt))))
      assert.ok(
        isInterrupted(yield* Effect.exit(WorkerPool.run(pool, Effect.andThen(Effect.yieldNow, Effect.interrupt))))
      )
      assert.equal(yield* WorkerPool.run(pool, Effect.succeed(1)), 1)
    })))

  test("a pool made by runSync serves runPromise, and the other way round", async () => {
    const scope = Scope.makeUnsafe()
    const pool = Effect.runSync(Scope.provide(make({ size: 2 }), scope))
    assert.equal(Effect.runSync(WorkerPool.run(pool, Effect.succeed(1))), 1)
    const jobs = [1, 2, 3, 4, 5].map((n) => WorkerPool.run(pool, Effect.as(Effect.yieldNow, n)))
    assert.deepEqual(await Effect.runPromise(Effect.all(jobs, { concurrency: "unbounded" })), [1, 2, 3, 4, 5])
    assert.equal(Effect.runSync(WorkerPool.submit(pool, Effect.succeed(1))).state, "succeeded")
    await Effect.runPromise(Scope.close(scope, Exit.void))
    assert.equal(WorkerPool.stats(pool).succeeded, 7)
  })
})

describe("fibers of jobs", () => {
  test("children end with their job, before its handle settles; daemons go on, and fibers of the worker's scope", () =>
    run(Effect.gen(function*() {
      const log: Array<string> = []
      const gate = yield* Deferred.make<void>()
      const never = (name: string) => Effect.onExit(Effect.never, () => Effect.sync(() => log.push(name)))
      const pool = yield* WorkerPool.make({
        size: 1,
        run: () =>
          Effect.gen(function*() {
            const slow = Effect.onExit(Effect.never, () =>
              Effect.andThen(Deferred.await(gate), Effect.sync(() => log.push("child"))))
            yield* Effect.forkChild(slow, { startImmediately: true })
            yield* Effect.forkScoped(never("scoped"), { startImmediately: true })
            return yield* Effect.forkDetach(never("daemon"), { startImmediately: true })
          })
      })
      const handle = yield* WorkerPool.submit(pool, 1)
      yield* settle
      assert.deepEqual([handle.state, log], ["running", []])
      yield* Deferred.succeed(gate, undefined)
      const daemon = yield* Effect.flatten(handle.await)
      assert.deepEqual(log, ["child"])
      yield* WorkerPool.shutdown(pool)
      assert.deepEqual(log, ["child", "scoped"])
      expectPending(daemon)
      yield* Fiber.interrupt(daemon)
    })))

  test("a daemon of a job may use the pool like anybody else", () =>
    run(Effect.gen(function*() {
      const pool: Pool = yield* make({ queue: { capacity: 1 } })
      const uses = Effect.suspend(() =>
        Effect.forEach([1, 2, 3], (n) => WorkerPool.run(pool, Effect.as(Effect.yieldNow, n)))
      )
      for (const before of [Effect.void, Effect.yieldNow]) {
        const job = Effect.andThen(before, Effect.forkDetach(uses, { startImmediately: true }))
        const daemon = (yield* WorkerPool.run(pool, job)) as Fiber.Fiber<ReadonlyArray<unknown>>
        assert.deepEqual(yield* Fiber.join(daemon), [1, 2, 3])
      }
    })))

  test("an observer that throws takes nothing from anybody", () =>
    withUncaught((uncaught) =>
      Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        const pool = yield* make()
        yield* WorkerPool.submit(pool, Deferred.await(gate))
        const last = yield* WorkerPool.submit(pool, Effect.succeed(1))
        const calls = [last.await, last.await, WorkerPool.run(pool, Effect.void), WorkerPool.submit(pool, Effect.void)]
        for (const call of calls) throwsAtItsEnd(yield* start(call))
        for (let n = 0; n < 2; n++) throwsAtItsEnd(yield* start(WorkerPool.shutdown(pool)))
        yield* Deferred.succeed(gate, undefined)
        yield* last.await
        assert.equal((yield* WorkerPool.shutdown(pool)).counts.succeeded, 3)
        yield* turnsOfTheEventLoop
        assert.equal(uncaught.length, 6)
        balanced(pool)
      })
    ))

  test("an observer of the job's own fiber that throws does not cost the pool its worker", () =>
    withUncaught((uncaught) =>
      Effect.gen(function*() {
        for (const after of [Effect.void, Effect.yieldNow]) {
          const scope = yield* Scope.make()
          const pool = yield* Scope.provide(make(), scope)
          const job = Effect.withFiber((fiber) => (throwsAtItsEnd(fiber), after))
          const handle = yield* WorkerPool.submit(pool, job)
          const next = yield* WorkerPool.submit(pool, Effect.succeed(2))
          yield* Effect.andThen(settle, turnsOfTheEventLoop)
          assert.notEqual(handle.state, "running")
          assert.deepEqual(yield* next.await, Exit.succeed(2))
          yield* Scope.close(scope, Exit.void)
        }
        assert.deepEqual(uncaught.map(String), ["Error: observer", "Error: observer"])
      })
    ))

  test("a job whose `run` returns no effect dies, and no other job does", () =>
    run(Effect.gen(function*() {
      for (const nothing of [undefined, null, 3, {}, Promise.resolve(1)]) {
        const pool = yield* WorkerPool.make({
          size: 1,
          run: (later: boolean) => {
            const effect = nothing as Effect.Effect<void>
            return later ? Effect.flatMap(Effect.yieldNow, () => effect) : effect
          }
        })
        for (const later of [true, false]) {
          assert.notEqual(squash(yield* Effect.exit(WorkerPool.run(pool, later))), undefined)
        }
        yield* settle
        assert.deepEqual([WorkerPool.stats(pool).died, WorkerPool.stats(pool).idle], [2, 1])
      }
    })))
})

const throwsAtItsEnd = (fiber: Fiber.Fiber<unknown, unknown>): void => {
  fiber.addObserver(() => {
    throw new Error("observer")
  })
}

const turnsOfTheEventLoop = Effect.promise(async () => {
  for (let n = 0; n < 5; n++) await new Promise((resolve) => setImmediate(resolve))
})

/** Collects what is thrown where nobody catches it. The scope is left open where the test fails: its close may hang. */
const withUncaught = async (test: (uncaught: ReadonlyArray<unknown>) => Effect.Effect<void, unknown, Scope.Scope>) => {
  const others = process.listeners("uncaughtException")
  const uncaught: Array<unknown> = []
  process.removeAllListeners("uncaughtException")
  process.on("uncaughtException", (error) => uncaught.push(error))
  try {
    await Effect.runPromise(Scope.provide(test(uncaught), Scope.makeUnsafe()))
  } finally {
    process.removeAllListeners("uncaughtException")
    for (const listener of others) process.on("uncaughtException", listener)
  }
}

describe("a job sees", () => {
  test("its worker's number and resource, its own number, and attempt 1", () =>
    run(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({
        size: 3,
        worker: ({ id }) => Effect.succeed(`resource ${id}`),
        run: (_: number, { attempt, id, job, resource }) => Effect.as(Effect.yieldNow, { attempt, id, job, resource })
      })
      const handles = yield* Effect.forEach([1, 2, 3, 4, 5], (n) => WorkerPool.submit(pool, n))
      for (const handle of handles) {
        const seen = yield* Effect.flatten(handle.await)
        assert.deepEqual([seen.job, seen.resource, seen.attempt], [handle.id, `resource ${seen.id}`, 1])
      }
    })))

  test("the services and references of make's caller, and not those of who submits", () =>
    run(Effect.gen(function*() {
      class Who extends Context.Service<Who, string>()("Who") {}
      const pool = yield* WorkerPool.make({ size: 1, run: () => Who }).pipe(
        Effect.provideService(Who, "maker")
      )
      assert.equal(yield* WorkerPool.run(pool, 1).pipe(Effect.provideService(Who, "submitter")), "maker")
    })))

  test("its worker's name in every log line, with the annotations of make's caller", () =>
    run(Effect.gen(function*() {
      const lines: Array<unknown> = []
      const logger = Logger.make(({ fiber, message }) => {
        lines.push([message, fiber.getRef(References.CurrentLogAnnotations)])
      })
      const pool = yield* WorkerPool.make({
        size: 3,
        name: "mail",
        worker: () => Effect.log("connected"),
        run: (n: number) => Effect.log(`job ${n}`)
      }).pipe(Effect.annotateLogs("service", "post"), Effect.provide(Logger.layer([logger])))
      const jobs = [1, 2, 3].map((n) => WorkerPool.run(pool, n).pipe(Effect.annotateLogs("service", "submitter")))
      yield* Effect.all(jobs, { concurrency: "unbounded" })
      const expected = ["connected", "connected", "connected", "job 1", "job 2", "job 3"]
      assert.deepEqual(
        lines,
        expected.map((message, i) => [[message], { service: "post", worker: `mail/worker-${i % 3 + 1}` }])
      )
    })))

  test("a span of its worker's name, which lasts as long as the resource, within that of make's caller", () =>
    run(Effect.gen(function*() {
      const log: Array<string> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          const parent = span.parent._tag === "Some" && span.parent.value._tag === "Span"
            ? span.parent.value.name
            : "none"
          log.push(`${parent} > ${span.name}`)
          const end = span.end.bind(span)
          span.end = (time, exit) => {
            log.push(`end of ${span.name}`)
            end(time, exit)
          }
          return span
        }
      })
      const pool = yield* WorkerPool.make({ size: 1, name: "mail", run: (job: Job) => Effect.withSpan(job, "send") })
        .pipe(
          Effect.withTracer(tracer),
          Effect.withSpan("service")
        )
      yield* WorkerPool.run(pool, Effect.void)
      yield* Effect.exit(WorkerPool.run(pool, Effect.die("poison")))
      yield* WorkerPool.shutdown(pool)
      const worker = ["service > mail/worker-1"]
      const job = ["mail/worker-1 > send", "end of send"]
      assert.deepEqual(log, [
        ...[...worker, ...job, ...job, "end of mail/worker-1"],
        ...[...worker, "end of mail/worker-1"]
      ])
    })))
})
