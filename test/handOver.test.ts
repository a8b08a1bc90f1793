/**
 * Only a success hands its place over at once (S7, G8, P16): a waiter interrupted together with its holder never
 * begins.
 */
import { Effect, Exit, Fiber, FiberSet, Schedule, type Scope } from "effect"
import * as fc from "fast-check"
import { AdaptiveLimit, Group, Semaphore, WorkerPool } from "sluice"
import { type Scenario, scenario } from "sluice/testing"
import { describe, expect, test } from "vitest"
import { run, runTimed, settle, start, turns } from "./support/effect.js"
import { Places } from "./support/places.js"
import { holds, holdsByChance, holdsWithin } from "./support/property.js"

type Call = (effect: Effect.Effect<unknown, unknown>) => Effect.Effect<unknown, unknown>

const forked = (group: Group.Group<unknown>): Call => (effect) =>
  Effect.flatMap(
    Group.fork(group, effect),
    (child) => Effect.onInterrupt(Fiber.join(child), () => Fiber.interrupt(child))
  )

interface Limited {
  /** Two places; each call asks for one, and runs its effect with it. */
  readonly make: Effect.Effect<Call, never, Scope.Scope>
}

const limited: Record<string, Limited> = {
  "Semaphore.withPermit": {
    make: Effect.map(Semaphore.make(2), (semaphore): Call => Semaphore.withPermit(semaphore))
  },
  "Semaphore.acquire": {
    make: Effect.map(
      Semaphore.make(2),
      (semaphore): Call => (effect) => Effect.scoped(Effect.andThen(Semaphore.acquire(semaphore, 1), effect))
    )
  },
  "Semaphore.withAll": {
    make: Effect.sync((): Call => {
      const [few, many] = [Semaphore.makeUnsafe(2), Semaphore.makeUnsafe(1_000)]
      return Semaphore.withAll([[many, 1], [few, 1]])
    })
  },
  "AdaptiveLimit": {
    make: Effect.map(
      AdaptiveLimit.make({ algorithm: AdaptiveLimit.aimd({ initial: 2, max: 2 }) }),
      (limit): Call => AdaptiveLimit.withPermit(limit)
    )
  },
  "AdaptiveLimit that grows with each failure": {
    make: Effect.map(
      AdaptiveLimit.make({
        algorithm: AdaptiveLimit.aimd({ initial: 2, increase: 50 }),
        classify: () => "success"
      }),
      (limit): Call => AdaptiveLimit.withPermit(limit)
    )
  },
  "WorkerPool.run": {
    make: Effect.map(
      WorkerPool.make({
        size: 2,
        queue: { capacity: "unbounded" },
        run: (job: Effect.Effect<unknown, unknown>) => job
      }),
      (pool): Call => (effect) => WorkerPool.run(pool, effect)
    )
  },
  "WorkerPool.run with resources": {
    make: Effect.map(
      Effect.orDie(WorkerPool.make({
        size: 2,
        worker: () => Effect.acquireRelease(Effect.void, () => Effect.void),
        queue: { capacity: 0 },
        run: (job: Effect.Effect<unknown, unknown>, { invalidate }) => Effect.andThen(invalidate, job)
      })),
      (pool): Call => (effect) => WorkerPool.run(pool, effect)
    )
  },
  "WorkerPool.run with keys": {
    make: Effect.map(
      WorkerPool.make({
        size: 8,
        queue: { capacity: "unbounded", key: () => "key", perKey: { concurrency: 2 } },
        run: (job: Effect.Effect<unknown, unknown>) => job
      }),
      (pool): Call => (effect) => WorkerPool.run(pool, effect)
    )
  },
  "WorkerPool.submit": {
    make: Effect.map(
      WorkerPool.make({ size: 2, queue: { capacity: 0 }, run: (job: Effect.Effect<unknown, unknown>) => job }),
      (pool): Call => (effect) =>
        Effect.flatMap(
          WorkerPool.submit(pool, effect),
          (handle) => Effect.onInterrupt(Effect.flatten(handle.await), () => handle.cancel)
        )
    )
  },
  "Group.fork": {
    make: Effect.map(Group.make<unknown>({ limit: 2, onFailure: "continue" }), (group) => forked(group))
  }
}

describe.each(Object.entries(limited))("%s", (_, { make }) => {
  let sent = 0
  const send = (n: number) =>
    Effect.suspend(() => {
      sent++
      return n === 0 ? Effect.andThen(turns(3), Effect.fail("the first fails")) : Effect.never
    })
  const hundred = Array.from({ length: 100 }, (_, n) => n)

  test("sends 2 of 100 requests with a limit of 2, when the first fails", () =>
    run(Effect.gen(function*() {
      const call = yield* make
      sent = 0
      const all = Effect.all(hundred.map((n) => call(send(n))), { concurrency: "unbounded" })
      expect(Exit.isFailure(yield* Effect.exit(all))).toBe(true)
      yield* settle
      expect(sent).toBe(2)
    })))

  test.each([1, -1])(
    "sends 2 of 100 requests when all are interrupted in one turn (%i: in which order)",
    (order) =>
      run(Effect.gen(function*() {
        const call = yield* make
        sent = 0
        const callers = yield* Effect.forEach(hundred, () => start(call(send(1))))
        yield* Effect.sync(() => {
          for (const caller of callers.toSorted((one, other) => order * (one.id - other.id))) caller.interruptUnsafe()
        })
        yield* settle
        expect(sent).toBe(2)
      }))
  )

  test("sends 2 of 100 requests when a FiberSet closes", () =>
    run(Effect.gen(function*() {
      const call = yield* make
      sent = 0
      yield* Effect.scoped(Effect.gen(function*() {
        const fibers = yield* FiberSet.make()
        for (let n = 0; n < 100; n++) yield* FiberSet.run(fibers, call(send(1)))
        yield* settle
      }))
      yield* settle
      expect(sent).toBe(2)
    })))

  test("sends 2 of 100 requests when a group fails", () =>
    run(Effect.gen(function*() {
      const call = yield* make
      sent = 0
      const group = yield* Group.make<unknown>()
      for (const n of hundred) yield* Group.go(group, call(send(n)))
      expect(Exit.isFailure(yield* Effect.exit(Group.wait(group)))).toBe(true)
      yield* settle
      expect(sent).toBe(2)
    })))

  test("sends none for a caller that another turn interrupts, which was requested before", async () => {
    const sent: Array<string> = []
    const send = (name: string) => Effect.andThen(Effect.sync(() => sent.push(name)), Effect.never)
    await run(Effect.gen(function*() {
      const call = yield* make
      const holders = [Effect.runFork(call(send("a"))), Effect.runFork(call(send("b")))]
      // The caller's own dispatcher has requested its turn before anything happens here.
      const caller = Effect.runFork(Effect.andThen(
        Effect.forkChild(turns(1)),
        call(send("too late"))
      ))
      const interrupted = new Promise<void>((resolve) =>
        setImmediate(() => {
          caller.interruptUnsafe()
          resolve()
        })
      )
      for (const holder of holders) holder.interruptUnsafe()
      yield* Effect.promise(() => interrupted)
      yield* settle
    }))
    expect(sent).toEqual(["a", "b"])
  })

  test("goes on with those that are not interrupted", () =>
    run(Effect.gen(function*() {
      const call = yield* make
      let served = 0
      const serve = call(Effect.andThen(Effect.yieldNow, Effect.sync(() => served++)))
      yield* start(Effect.exit(Effect.all(hundred.map((n) => call(send(n))), { concurrency: "unbounded" })))
      const others = yield* start(Effect.all([serve, serve, serve], { concurrency: "unbounded" }))
      yield* Fiber.join(others)
      expect(served).toBe(3)
    })))
})

test("a pool whose workers get other resources at once begins nothing in that turn", () =>
  run(Effect.gen(function*() {
    let begun = 0
    const pool = yield* WorkerPool.make({
      size: 1,
      run: (job: "die" | "note") => job === "die" ? Effect.die("planned") : Effect.sync(() => begun++)
    })
    const calls = ["die", "note", "note"] as const
    yield* Effect.exit(Effect.all(calls.map((job) => WorkerPool.run(pool, job)), { concurrency: "unbounded" }))
    yield* settle
    expect(begun).toBe(0)
  })))

test("a caller that is let in by an interrupt, and is interrupted in the same turn, takes its job along", () =>
  run(Effect.gen(function*() {
    const pool = yield* WorkerPool.make({ size: 1, queue: { capacity: 1 }, run: (job: Effect.Effect<unknown>) => job })
    yield* WorkerPool.submit(pool, Effect.never)
    const queued = yield* start(WorkerPool.run(pool, Effect.never))
    const blocked = yield* start(WorkerPool.submit(pool, Effect.never))
    yield* Effect.sync(() => {
      queued.interruptUnsafe()
      blocked.interruptUnsafe()
    })
    yield* settle
    expect(WorkerPool.stats(pool)).toMatchObject({ submitted: 3, running: 1, queued: 0, waiting: 0, interrupted: 2 })
  })))

test("a job that is tried again waits for its turn behind those that have come before", () =>
  runTimed(Effect.gen(function*() {
    const order: Array<string> = []
    const pool = yield* WorkerPool.make({
      size: 1,
      retry: { schedule: Schedule.recurs(1) },
      run: (job: string) => Effect.suspend(() => (order.push(job), job === "a" ? Effect.fail("planned") : Effect.void))
    })
    yield* WorkerPool.submit(pool, "a")
    yield* WorkerPool.submit(pool, "b")
    yield* settle
    expect(order).toEqual(["a", "b", "a"])
  })))

/**
 * The plan of one actor: `delay` turns, then a call that ends after `work` turns; or several, the first failure ending
 * all.
 */
interface Actor {
  readonly kind: "one" | "all" | "race"
  readonly calls: ReadonlyArray<{ readonly work: number; readonly end: "succeed" | "fail" | "die" | "never" }>
  readonly delay: number
}

interface Workload {
  readonly capacity: number
  readonly actors: ReadonlyArray<Actor>
  readonly patience: number
}

const workload: fc.Arbitrary<Workload> = fc.record({
  capacity: fc.integer({ min: 1, max: 3 }),
  actors: fc.array(
    fc.record({
      kind: fc.constantFrom("one", "all", "all", "race"),
      calls: fc.array(
        fc.record({ work: fc.nat(3), end: fc.constantFrom("succeed", "succeed", "fail", "die", "never") }),
        { minLength: 1, maxLength: 4 }
      ),
      delay: fc.nat(3)
    }),
    { minLength: 1, maxLength: 4 }
  ),
  patience: fc.integer({ min: 1, max: 3 })
})

const ends = {
  succeed: Effect.void,
  fail: Effect.fail("planned"),
  die: Effect.die("planned"),
  never: Effect.never
}

type Subject = (capacity: number) => Effect.Effect<Call, never, Scope.Scope>

/** Runs the workload on what has so many places. Whoever waits too long for an end is interrupted, all in one turn. */
const simulate = (subject: Subject) => ({ actors, capacity, patience }: Workload): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const call = yield* subject(capacity)
      const places = new Places(capacity)
      yield* t.always(() => places.turnEnds(), "more begin than may")
      for (const [i, { calls, delay, kind }] of actors.entries()) {
        const each = calls.map(({ end, work }) =>
          places.counting(1, Effect.andThen(turns(work), ends[end]), call).pipe(
            Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.void })
          )
        )
        const all = kind === "race" ? Effect.raceAll(each) : Effect.all(each, { concurrency: "unbounded" })
        yield* t.actor(`${kind}${i}`, Effect.andThen(turns(delay), Effect.exit(all)), { mayDie: true })
      }
      yield* t.settled
    })
  )

const subjects: Record<string, Subject> = {
  Semaphore: (capacity) => Effect.map(Semaphore.make(capacity), (semaphore): Call => Semaphore.withPermit(semaphore)),
  "Group.fork": (limit) => Effect.map(Group.make<unknown>({ limit, onFailure: "continue" }), forked),
  WorkerPool: (size) =>
    Effect.map(
      WorkerPool.make({ size, run: (job: Effect.Effect<unknown, unknown>) => job }),
      (pool): Call => (effect) => WorkerPool.run(pool, effect)
    ),
  "WorkerPool with resources": (size) =>
    Effect.map(
      Effect.orDie(WorkerPool.make({
        size,
        worker: () => Effect.acquireRelease(Effect.void, () => Effect.void),
        run: (job: Effect.Effect<unknown, unknown>, { invalidate }) => Effect.ensuring(job, invalidate)
      })),
      (pool): Call => (effect) => WorkerPool.run(pool, effect)
    ),
  "WorkerPool with keys": (concurrency) =>
    Effect.map(
      WorkerPool.make({
        size: 8,
        queue: { key: () => "key", perKey: { concurrency } },
        run: (job: Effect.Effect<unknown, unknown>) => job
      }),
      (pool): Call => (effect) => WorkerPool.run(pool, effect)
    )
}

describe("as many waiters begin in a turn as places were free before, or became free by a success (S7, G8, P16)", () => {
  test.each(Object.entries(subjects))("%s, over random workloads on the stock runtime's terms", (_, subject) => {
    holds(workload, simulate(subject), { realism: "nested", cancels: 3, workloads: 1_000 })
  })

  const small: Workload = {
    capacity: 1,
    patience: 1,
    actors: [
      {
        kind: "all",
        calls: [{ work: 1, end: "fail" }, { work: 0, end: "never" }, { work: 0, end: "never" }],
        delay: 0
      },
      { kind: "one", calls: [{ work: 0, end: "succeed" }], delay: 0 }
    ]
  }
  test.each(Object.entries(subjects))("%s, over every schedule with two interrupts", (_, subject) => {
    holdsWithin(simulate(subject)(small), { preemptions: 0, cancels: 2 })
  })

  test.each(Object.entries(subjects))("%s, over schedules by chance", (_, subject) => {
    holdsByChance(simulate(subject)(small), { runs: 300, realism: "nested", cancels: 3 })
  })
})
