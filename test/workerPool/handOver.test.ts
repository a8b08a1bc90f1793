/** The order in which a pool's calls come and go in the turn of a job's end; and what it says of itself. */
import { Deferred, Effect, Exit, Fiber, Logger } from "effect"
import { WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import { deepInTheStack, expectEnded, expectPending, run, settle, squash, start } from "../support/effect.js"
import { balanced, type Handle, make, type Pool } from "../support/workerPool.js"

/** Acquires so many resources at once, and no other one ever. */
const atMost = (count: number) => {
  let acquired = 0
  return () => Effect.suspend(() => ++acquired > count ? Effect.never : Effect.void)
}

describe("a fiber that awaits a job's end does not overtake jobs that wait", () => {
  const ends: Record<string, (invalidate: Effect.Effect<void>) => Effect.Effect<unknown, string>> = {
    "succeeds": () => Effect.void,
    "fails": () => Effect.fail("planned"),
    "dies": () => Effect.die("planned"),
    "condemns its resource": (invalidate) => invalidate
  }
  test.each(Object.entries(ends).flatMap(([name, end]) => [1, 2, 3].map((size) => [name, size, end] as const)))(
    "of a key: it %s, in a pool of %i",
    (_, size, end) =>
      run(Effect.gen(function*() {
        const order: Array<number> = []
        const gate = yield* Deferred.make<void>()
        const pool = yield* WorkerPool.make({
          size,
          queue: { key: () => "key", perKey: { concurrency: 1 } },
          run: (job: number, { invalidate }) => {
            order.push(job)
            return job === 1 ? Effect.andThen(Deferred.await(gate), end(invalidate)) : Effect.yieldNow
          }
        })
        const one = yield* WorkerPool.submit(pool, 1)
        yield* start(Effect.andThen(one.await, WorkerPool.submit(pool, 4)))
        yield* WorkerPool.submit(pool, 2)
        yield* WorkerPool.submit(pool, 3)
        yield* Deferred.succeed(gate, undefined)
        yield* settle
        expect(order).toEqual([1, 2, 3, 4])
        balanced(pool)
      }))
  )
})

describe("a caller whose job is let in as its key's next one begins goes on", () => {
  test.each(["dies", "succeeds", "is cancelled"] as const)(
    "where the one before %s, and no replacement comes",
    (how) =>
      run(Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        const pool = yield* WorkerPool.make({
          size: 2,
          queue: { capacity: 1, key: () => "key", perKey: { concurrency: 1 } },
          worker: atMost(2),
          run: (job: Effect.Effect<unknown>) => job
        })
        const end = how === "dies" ? Effect.die("planned") : Effect.void
        const first = yield* WorkerPool.submit(pool, Effect.andThen(Deferred.await(gate), end))
        yield* WorkerPool.submit(pool, Effect.never)
        const caller = yield* start(WorkerPool.submit(pool, Effect.never))
        expectPending(caller)
        if (how === "is cancelled") yield* first.cancel
        else yield* Deferred.succeed(gate, undefined)
        yield* settle
        expectEnded(caller)
        expect(WorkerPool.stats(pool)).toMatchObject({ submitted: 3, running: 1, queued: 1, waiting: 0 })
      }))
  )
})

test.each([["fails", Effect.fail("planned")], ["is interrupted", Effect.interrupt]])(
  "a caller that is let in as a job %s, and is interrupted in that turn, takes its job along (P16)",
  (_, end) =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool = yield* make({ queue: { capacity: 0 } })
      let begun = 0
      yield* WorkerPool.submit(pool, Effect.andThen(Deferred.await(gate), end))
      const caller = yield* start(WorkerPool.submit(pool, Effect.sync(() => begun++)))
      const both = Effect.andThen(Deferred.succeed(gate, undefined), Effect.sync(() => caller.interruptUnsafe()))
      yield* both
      yield* settle
      expect([begun, WorkerPool.stats(pool).running]).toEqual([0, 0])
      balanced(pool)
    }))
)

test("a success takes over the oldest job that a failure's worker was to begin later, and jobs begin in their order", () =>
  run(Effect.gen(function*() {
    const gates = yield* Effect.forEach([0, 1, 2], () => Deferred.make<void, string>())
    const begun: Array<number> = []
    const pool = yield* WorkerPool.make({
      size: 3,
      run: (job: number) => {
        if (job > 2) begun.push(job)
        return job > 2 ? Effect.never : Deferred.await(gates[job]!)
      }
    })
    for (let job = 0; job < 6; job++) yield* WorkerPool.submit(pool, job)
    const inOneTurn = yield* Effect.sync(() => {
      Deferred.doneUnsafe(gates[1]!, Effect.fail("planned"))
      Deferred.doneUnsafe(gates[0]!, Effect.fail("planned"))
      Deferred.doneUnsafe(gates[2]!, Effect.void)
      return [...begun]
    })
    expect(inOneTurn).toEqual([3])
    yield* settle
    expect(begun).toEqual([3, 4, 5])
  })))

describe("a job that has a worker and has not begun, and is cancelled by a fiber that runs first,", () => {
  type Pool = WorkerPool.WorkerPool<number, void>
  type Call = (pool: Pool, two: WorkerPool.JobHandle<void>) => Effect.Effect<unknown, unknown>

  // Job 1 holds the key and condemns its resource, so its success lets an idle worker begin the key's next job, 2. A
  // fiber that awaits job 1 runs first; or the release of that worker's resource, as job 2 goes to a third worker.
  const outcome = (first: "awaits job 1" | "releases", cancel: Call) =>
    run(Effect.gen(function*() {
      const begun: Array<number> = []
      const gate = yield* Deferred.make<void>()
      let call = Effect.void as Effect.Effect<unknown, unknown>
      let condemnSecond = Effect.void
      const pool: Pool = yield* WorkerPool.make({
        size: first === "releases" ? 3 : 2,
        worker: ({ id, invalidate }) => {
          if (id > 2 && begun.length > 0) return Effect.never
          if (id === 2) condemnSecond = invalidate
          return Effect.acquireRelease(Effect.void, () => id === 2 ? Effect.ignore(call) : Effect.void)
        },
        queue: { key: (job: number) => job < 5 ? "key" : String(job), perKey: { concurrency: 1 } },
        run: (job, { invalidate }) => {
          begun.push(job)
          return job === 1 ? Effect.andThen(Deferred.await(gate), invalidate) : Effect.never
        }
      })
      const one = yield* WorkerPool.submit(pool, 1)
      const two = yield* WorkerPool.submit(pool, 2)
      call = cancel(pool, two)
      yield* start(Effect.andThen(one.await, first === "releases" ? condemnSecond : call))
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      balanced(pool)
      return { begun, stats: WorkerPool.stats(pool) }
    }))

  describe.each(["awaits job 1", "releases"] as const)("which %s,", (first) => {
    test("does not begin", async () => {
      const { begun, stats } = await outcome(first, (_, two) => two.cancel)
      expect([begun, stats.interrupted, stats.running]).toEqual([[1], 1, 0])
    })

    test("leaves the worker to a job that comes next, and that begins once (P2)", async () => {
      const { begun, stats } = await outcome(
        first,
        (pool, two) => Effect.andThen(two.cancel, WorkerPool.submit(pool, 5))
      )
      expect([begun, stats.running]).toEqual([[1, 5], 1])
    })

    test("leaves the worker to the next job of its key, in a later turn", async () => {
      const { begun, stats } = await outcome(
        first,
        (pool, two) => Effect.andThen(WorkerPool.submit(pool, 3), two.cancel)
      )
      expect([begun, stats.running]).toEqual([[1, 3], 1])
    })
  })
})

test("a job that a success makes room for on an idle worker does not overtake those that begin later", () =>
  run(Effect.gen(function*() {
    const gates = yield* Effect.forEach([0, 1], () => Deferred.make<void, string>())
    const begun: Array<string> = []
    const condemned = new Map<string, Effect.Effect<void>>()
    const pool = yield* WorkerPool.make({
      size: 3,
      queue: { key: (job: string) => job[0], perKey: { concurrency: 1 } },
      worker: atMost(3),
      run: (job, { invalidate }) => {
        begun.push(job)
        condemned.set(job, invalidate)
        return job === "a1" ? Deferred.await(gates[0]!) : job === "b1" ? Deferred.await(gates[1]!) : Effect.never
      }
    })
    for (const job of ["a1", "b1", "a2", "b2"]) yield* WorkerPool.submit(pool, job)
    yield* condemned.get("b1")!
    yield* Effect.sync(() => {
      Deferred.doneUnsafe(gates[0]!, Effect.fail("planned"))
      Deferred.doneUnsafe(gates[1]!, Effect.void)
      // The place that b1 has freed goes to the oldest job.
      expect(begun).toEqual(["a1", "b1", "a2"])
    })
    yield* settle
    expect(begun).toEqual(["a1", "b1", "a2", "b2"])
  })))

describe("jobs that failures let begin in a later turn keep their order as the first one's worker is lost", () => {
  test.each([["is idle", 3], ["is not idle", 2]] as const)(
    "where another worker %s",
    (_, size) =>
      run(Effect.gen(function*() {
        const gates = yield* Effect.forEach([0, 1], () => Deferred.make<void, string>())
        const begun: Array<number> = []
        let condemnFirst = Effect.void
        const pool = yield* WorkerPool.make({
          size: 2,
          worker: ({ id, invalidate }) =>
            Effect.sync(() => {
              if (id === 1) condemnFirst = invalidate
            }),
          run: (job: number) => {
            begun.push(job)
            return job < 2 ? Deferred.await(gates[job]!) : Effect.never
          }
        })
        for (let job = 0; job < 4; job++) yield* WorkerPool.submit(pool, job)
        for (const gate of gates) Deferred.doneUnsafe(gate, Exit.fail("planned"))
        yield* WorkerPool.resize(pool, size)
        yield* condemnFirst
        expect(begun).toEqual([0, 1])
        yield* settle
        expect(begun).toEqual([0, 1, 2, 3])
        balanced(pool)
      }))
  )
})

describe("a job does not begin in a turn that was requested before its worker became free (P16)", () => {
  // The job is cancelled in a turn requested after that one, and before the worker became free.
  const cancelNext = (handle: Handle) => setImmediate(() => Effect.runFork(handle.cancel))

  test("where that turn was for a job that has been cancelled", () =>
    run(Effect.gen(function*() {
      const begun: Array<number> = []
      const job = (n: number, effect: Effect.Effect<unknown, string> = Effect.void) =>
        Effect.andThen(Effect.sync(() => begun.push(n)), effect)
      const [first, third] = [Deferred.makeUnsafe<void, string>(), Deferred.makeUnsafe<void, string>()]
      const pool = yield* make({ queue: { capacity: 2 } })
      yield* WorkerPool.submit(pool, job(1, Deferred.await(first)))
      const second = yield* WorkerPool.submit(pool, job(2))
      Deferred.doneUnsafe(first, Exit.fail("planned"))
      yield* second.cancel
      yield* WorkerPool.submit(pool, job(3, Deferred.await(third)))
      const fourth = yield* WorkerPool.submit(pool, job(4))
      cancelNext(fourth)
      Deferred.doneUnsafe(third, Exit.fail("planned"))
      yield* settle
      expect([begun, fourth.state]).toEqual([[1, 3], "interrupted"])
    })))

  test("where the worker has another resource since", () =>
    run(Effect.gen(function*() {
      let condemn = Effect.void
      let begun = 0
      const gate = Deferred.makeUnsafe<void, string>()
      const pool = yield* make({
        worker: ({ invalidate }) =>
          Effect.sync(() => {
            condemn = invalidate
          })
      })
      yield* WorkerPool.submit(pool, Deferred.await(gate))
      const next = yield* WorkerPool.submit(pool, Effect.sync(() => begun++))
      Deferred.doneUnsafe(gate, Exit.fail("planned"))
      cancelNext(next)
      yield* condemn
      expect([next.state, WorkerPool.stats(pool).replaced]).toEqual(["running", 1])
      yield* settle
      expect([begun, next.state]).toEqual([0, "interrupted"])
    })))
})

test.each([["goes on", false], ["takes its job along if it is interrupted in that turn", true]])(
  "a caller that is let in as a worker gets a resource %s (P16)",
  (_, isInterrupted) =>
    run(Effect.gen(function*() {
      const resource = yield* Deferred.make<void>()
      let acquired = 0
      const pool = yield* make({
        queue: { capacity: 0 },
        worker: () => Effect.suspend(() => acquired++ === 0 ? Effect.void : Deferred.await(resource))
      })
      yield* WorkerPool.submit(pool, Effect.die("planned"))
      const caller = yield* start(WorkerPool.submit(pool, Effect.never))
      expect(WorkerPool.stats(pool)).toMatchObject({ waiting: 1, running: 0 })
      Deferred.doneUnsafe(resource, Exit.void)
      if (isInterrupted) caller.interruptUnsafe()
      yield* settle
      expectEnded(caller)
      expect(Exit.isSuccess(yield* Fiber.await(caller))).toBe(!isInterrupted)
      expect(WorkerPool.stats(pool)).toMatchObject({ waiting: 0, running: isInterrupted ? 0 : 1 })
      balanced(pool)
    }))
)

test("a caller whose job a success lets in goes on in that turn, if the queue is empty", () =>
  run(Effect.gen(function*() {
    const gate = yield* Deferred.make<void>()
    const pool = yield* make({ queue: { capacity: 0 } })
    yield* WorkerPool.submit(pool, Deferred.await(gate))
    const caller = yield* start(WorkerPool.submit(pool, Effect.never))
    Deferred.doneUnsafe(gate, Exit.void)
    expectEnded(caller)
  })))

test("a job whose call was let in waits no more, though it goes on later (P9)", () =>
  run(Effect.gen(function*() {
    const gates = yield* Effect.forEach([0, 1], () => Deferred.make<void>())
    const pool: Pool = yield* make({ size: 2, queue: { capacity: 1 } })
    yield* WorkerPool.submit(pool, Deferred.await(gates[0]!))
    const caller = yield* WorkerPool.submit(
      pool,
      Effect.andThen(Deferred.await(gates[1]!), Effect.orDie(WorkerPool.submit(pool, Effect.void)))
    )
    const runner = yield* WorkerPool.submit(pool, Effect.orDie(WorkerPool.run(pool, Effect.void)))
    yield* Deferred.succeed(gates[1]!, undefined)
    yield* Effect.sync(() => Deferred.doneUnsafe(gates[0]!, Exit.void))
    yield* settle
    expect([caller.state, runner.state]).toEqual(["succeeded", "succeeded"])
  })))

test("at most 128 jobs that end at once run before other fibers do", () =>
  run(Effect.gen(function*() {
    const gate = yield* Deferred.make<void>()
    let ended = 0
    const pool = yield* make({ queue: { capacity: "unbounded" } })
    yield* WorkerPool.submit(pool, Deferred.await(gate))
    for (let n = 0; n < 1_000; n++) yield* WorkerPool.submit(pool, Effect.sync(() => ended++))
    Deferred.doneUnsafe(gate, Exit.void)
    let last = 0
    while (last < 1_000) {
      expect(ended - last).toBeLessThanOrEqual(128)
      last = ended
      yield* Effect.yieldNow
    }
  })))

test("a job that would begin too deep in the stack begins in a later turn, and none overtakes it", () =>
  run(Effect.gen(function*() {
    const begun: Array<number> = []
    const pool = yield* WorkerPool.make({ size: 2, run: (job: number) => Effect.sync(() => begun.push(job)) })
    deepInTheStack(() => Effect.runFork(WorkerPool.submit(pool, 1)))
    yield* WorkerPool.submit(pool, 2)
    expect(begun).toEqual([])
    yield* settle
    expect(begun).toEqual([1, 2])
  })))

describe("a user's function that ends the pool", () => {
  const functions = {
    key: (f: () => string) => ({ key: f }),
    priority: (f: () => string) => ({ priority: () => f().length })
  }
  type Call = (pool: WorkerPool.WorkerPool<number, number>) => Effect.Effect<unknown, unknown>
  const calls: Record<string, Call> = {
    run: (pool) => WorkerPool.run(pool, 1),
    submit: (pool) => WorkerPool.submit(pool, 1),
    trySubmit: (pool) => WorkerPool.trySubmit(pool, 1)
  }
  test.each(
    (["key", "priority"] as const).flatMap((name) =>
      Object.entries(calls).map(([how, call]) => [name, how, call] as const)
    )
  )("%s, as a job comes with %s: it is rejected, and never accepted", (name, _, call) =>
    run(Effect.gen(function*() {
      const stop = () => {
        void Effect.runFork(WorkerPool.shutdownNow(pool))
        return "k"
      }
      const pool: WorkerPool.WorkerPool<number, number> = yield* WorkerPool.make<number, number>({
        size: 1,
        queue: functions[name](stop),
        run: (job: number) => Effect.succeed(job)
      })
      const caller = yield* start(Effect.exit(call(pool)))
      yield* settle
      expectEnded(caller)
      expect(squash(yield* Fiber.join(caller))).toBeInstanceOf(WorkerPool.PoolClosed)
      expect(WorkerPool.stats(pool)).toMatchObject({ submitted: 0, running: 0, state: "stopped" })
    })))
})

describe("a handle in a log", () => {
  test.each([["JSON", Logger.formatJson], ["logfmt", Logger.formatLogFmt]] as const)(
    "is its pool, its number and its state, however many jobs wait: %s",
    (_, format) =>
      run(Effect.gen(function*() {
        const lines: Array<string> = []
        const logger = Logger.make((options) => void lines.push(format.log(options)))
        const pool = yield* make({ name: "mail", queue: { capacity: "unbounded" } })
        const handles: Array<Handle> = []
        for (let n = 0; n < 2_000; n++) handles.push(yield* WorkerPool.submit(pool, Effect.never))
        yield* Effect.log("accepted", handles[1_000]).pipe(Effect.provide(Logger.layer([logger])))
        expect(JSON.parse(JSON.stringify(handles[1_000]))).toEqual({
          _id: "JobHandle",
          pool: "mail",
          id: 1_001,
          state: "queued"
        })
        expect(lines.length).toBe(1)
        expect(lines[0]!.length).toBeLessThan(500)
        expect(lines[0]).toContain("JobHandle")
      }))
  )
})

test("failures of releases are counted, and only the last ten are kept and reported", () =>
  run(Effect.gen(function*() {
    let released = 0
    const silent = Logger.layer([Logger.make(() => {})])
    const exit = yield* Effect.exit(
      Effect.scoped(Effect.gen(function*() {
        const pool = yield* WorkerPool.make({
          size: 1,
          worker: () => Effect.acquireRelease(Effect.void, () => Effect.die(`release ${++released}`)),
          run: (_: number, { invalidate }) => invalidate
        })
        for (let n = 0; n < 50; n++) yield* WorkerPool.run(pool, n)
        yield* settle
      })).pipe(Effect.provide(silent))
    )
    const defects = Exit.isFailure(exit) ? exit.cause.reasons.map((reason) => "defect" in reason && reason.defect) : []
    expect(released).toBe(51)
    expect(defects).toEqual(Array.from({ length: 10 }, (_, n) => `release ${released - 9 + n}`))
  })))
