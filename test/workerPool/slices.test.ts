/** P11 where many deadlines fall due together: all of them hold at once, and the event loop goes on. */
import { Clock, Deferred, Effect, Exit, Schedule, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { WorkerPool } from "sluice"
import { type Scenario, scenario } from "sluice/testing"
import { expect, test } from "vitest"
import { after, runTimed, start } from "../support/effect.js"
import { holds } from "../support/property.js"
import { balanced } from "../support/workerPool.js"

type Job = Effect.Effect<unknown, string>

/** One turn of the event loop, in which all fibers that were ready have run. */
const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

/** How many are told in one turn, at most. */
const slice = 128

/** What `count` returns at each turn of the event loop while `effect` runs, and then until it returns `all`. */
const overTurns = <A, E, R>(count: () => number, all: number, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const counts = [count()]
    let timer = setImmediate(function tick() {
      counts.push(count())
      timer = setImmediate(tick)
    })
    yield* effect
    for (let left = all; left > 0 && count() < all; left--) yield* turn
    clearImmediate(timer)
    expect(count()).toBe(all)
    return counts.concat(all)
  })

/** How many more there were at each turn than at the one before, at most. */
const largestStep = (counts: ReadonlyArray<number>) =>
  Math.max(...counts.map((count, i) => count - (counts[i - 1] ?? count)))

/** Lets time pass, and the turns that it takes until the condition holds, but no more. */
const begins = (millis: number, until: () => boolean) =>
  Effect.gen(function*() {
    yield* start(TestClock.adjust(millis))
    for (let left = 20; left > 0 && !until(); left--) yield* turn
  })

test("jobs that expire together leave the queue at once, and their callers go on over several turns", () =>
  runTimed(Effect.gen(function*() {
    const all = 2_000
    const begun: Array<string> = []
    let told = 0
    const pool = yield* WorkerPool.make({
      size: 1,
      queue: { capacity: "unbounded" },
      deadlines: { wait: 100 },
      run: (name: string) => Effect.andThen(Effect.sync(() => begun.push(name)), name === "first" ? gate : Effect.void)
    })
    const gate = Deferred.await(yield* Deferred.make<void>())
    const first = yield* WorkerPool.submit(pool, "first")
    for (let n = 0; n < all; n++) {
      yield* start(Effect.exit(WorkerPool.run(pool, "late")).pipe(Effect.tap(() => Effect.sync(() => told++))))
    }
    let turnsSince = 0
    const count = () => {
      if (WorkerPool.stats(pool).expired > 0) turnsSince++
      if (turnsSince > 0) expect(WorkerPool.stats(pool)).toMatchObject({ queued: 0, expired: all })
      // A worker that is free while they are told has nothing to do with them.
      if (turnsSince === 5) Effect.runFork(first.cancel)
      return told
    }
    expect(largestStep(yield* overTurns(count, all, TestClock.adjust(100)))).toBe(slice)
    expect(turnsSince).toBeGreaterThan(all / slice)
    yield* WorkerPool.run(pool, "next")
    expect(begun).toEqual(["first", "next"])
    balanced(pool)
  })))

test("deadlines that fall due while callers of others are notified hold at once", () =>
  runTimed(Effect.gen(function*() {
    let told = 0
    let ahead = 0n
    const clock = yield* Clock.Clock
    const monotonicTimeNanosUnsafe = () => clock.monotonicTimeNanosUnsafe() + ahead
    const advancing = Object.assign(Object.create(clock) as Clock.Clock, { monotonicTimeNanosUnsafe })
    const pool = yield* WorkerPool.make({
      size: 1,
      queue: { capacity: "unbounded" },
      deadlines: { wait: 100 },
      run: (job: Job) => job
    }).pipe(Effect.provideService(Clock.Clock, advancing))
    yield* WorkerPool.submit(pool, Effect.never)
    const late = () =>
      start(Effect.exit(WorkerPool.run(pool, Effect.void)).pipe(Effect.tap(() => Effect.sync(() => told++))))
    for (let n = 0; n < 1_000; n++) yield* late()
    yield* after(50)
    for (let n = 0; n < 10; n++) yield* late()
    yield* begins(50, () => WorkerPool.stats(pool).expired > 0)
    expect(WorkerPool.stats(pool)).toMatchObject({ queued: 10, expired: 1_000 })
    ahead = 50_000_000n
    yield* turn
    expect(told).toBeLessThan(1_000)
    expect(WorkerPool.stats(pool)).toMatchObject({ queued: 0, expired: 1_010 })
    yield* overTurns(() => told, 1_010, Effect.void)
  })))

test("a pool that stops while callers of expired jobs are notified notifies all of them before it has ended", () =>
  runTimed(Effect.gen(function*() {
    for (const end of ["shutdownNow", "shutdown"] as const) {
      let told = 0
      const pool = yield* WorkerPool.make({
        size: 1,
        queue: { capacity: "unbounded" },
        deadlines: { wait: 100 },
        run: (job: Job) => job
      })
      const first = yield* WorkerPool.submit(pool, Effect.never)
      for (let n = 0; n < 1_000; n++) {
        yield* start(Effect.exit(WorkerPool.run(pool, Effect.void)).pipe(Effect.tap(() => Effect.sync(() => told++))))
      }
      yield* begins(100, () => WorkerPool.stats(pool).expired > 0)
      expect([told < 1_000, WorkerPool.stats(pool).expired]).toEqual([true, 1_000])
      yield* start(first.cancel)
      yield* WorkerPool[end](pool)
      expect([told, WorkerPool.stats(pool).expired]).toEqual([1_000, 1_000])
    }
  })))

test("jobs that time out together are interrupted over several turns, and one that ends before is not", () =>
  runTimed(Effect.gen(function*() {
    const all = 1_000
    const gate = yield* Deferred.make<void>()
    const pool = yield* WorkerPool.make({
      size: all,
      deadlines: { run: 100 },
      run: (job: Job) => job
    })
    for (let n = 1; n < all; n++) yield* WorkerPool.submit(pool, Effect.never)
    const last = yield* WorkerPool.submit(pool, Deferred.await(gate))
    yield* begins(100, () => WorkerPool.stats(pool).timedOut > 0)
    expect(WorkerPool.stats(pool).timedOut).toBeLessThan(all - 1)
    yield* Deferred.succeed(gate, undefined)
    expect(largestStep(yield* overTurns(() => WorkerPool.stats(pool).timedOut, all - 1, Effect.void))).toBe(slice)
    expect([last.state, WorkerPool.stats(pool)]).toMatchObject(["succeeded", { timedOut: all - 1, succeeded: 1 }])
  })))

test("a deadline interrupts the attempt that it was of, and not the next one", () =>
  runTimed(Effect.gen(function*() {
    const all = 1_000
    let attempts = 0
    const gate = yield* Deferred.make<void, string>()
    const pool = yield* WorkerPool.make({
      size: all,
      deadlines: { run: 100 },
      retry: { schedule: Schedule.recurs(1) },
      run: (job: Job) => job
    })
    for (let n = 1; n < all; n++) yield* WorkerPool.submit(pool, Effect.never)
    const last = yield* WorkerPool.submit(
      pool,
      Effect.suspend(() => ++attempts === 1 ? Deferred.await(gate) : Effect.never)
    )
    yield* begins(100, () => WorkerPool.stats(pool).retrying > 0)
    expect(last.state).toBe("running")
    yield* Deferred.fail(gate, "planned")
    for (let n = 0; n < 10; n++) yield* turn
    expect([attempts, last.state]).toEqual([2, "running"])
    yield* after(99)
    expect(last.state).toBe("running")
    yield* after(1)
    for (let n = 0; n < 10; n++) yield* turn
    expect(last.state).toBe("timedOut")
  })))

test("a job does not expire within the call that brings it, though its deadline is over by then", () =>
  runTimed(Effect.gen(function*() {
    const clock = yield* Clock.Clock
    let now = 0n
    const monotonicTimeNanosUnsafe = () => now += 10_000_000n
    const hasty = Object.assign(Object.create(clock) as Clock.Clock, { monotonicTimeNanosUnsafe })
    const pool = yield* WorkerPool.make({ size: 1, deadlines: { wait: 1 }, run: (job: Job) => job }).pipe(
      Effect.provideService(Clock.Clock, hasty)
    )
    yield* WorkerPool.submit(pool, Effect.never)
    const handle = yield* WorkerPool.submit(pool, Effect.void)
    expect(handle.state).toBe("queued")
    yield* after(0)
    expect(handle.state).toBe("expired")
  })))

test("an expired job has its error when somebody asks, and the same each time", () =>
  runTimed(Effect.gen(function*() {
    const pool = yield* WorkerPool.make({ size: 1, deadlines: { wait: 100 }, run: (job: Job) => job })
    yield* WorkerPool.submit(pool, Effect.never)
    const handle = yield* WorkerPool.submit(pool, Effect.void)
    yield* after(100)
    const exit = yield* handle.await
    expect(exit).toMatchObject({ cause: { reasons: [{ error: { _tag: "JobTimeout", phase: "wait", job: 2 } }] } })
    expect(yield* handle.await).toBe(exit)
  })))

interface Workload {
  readonly size: number
  readonly capacity: number | "unbounded"
  readonly wait: number
  readonly jobs: ReadonlyArray<readonly [pause: number, length: number, by: "run" | "submit"]>
  readonly ends: "nothing" | "shutdown" | "shutdownNow"
}

const workload: fc.Arbitrary<Workload> = fc.record<Workload>({
  size: fc.integer({ min: 1, max: 2 }),
  capacity: fc.constantFrom(1, 3, "unbounded" as const),
  wait: fc.integer({ min: 1, max: 4 }),
  jobs: fc.array(fc.tuple(fc.nat(2), fc.nat(6), fc.constantFrom("run", "submit")), { minLength: 1, maxLength: 6 }),
  ends: fc.constantFrom("nothing", "shutdown", "shutdownNow")
})

/**
 * Whoever waits for a job hears of its end; and no job begins that has been in the queue for longer than it may, unless
 * the clock is late.
 */
const scenarioOf = (isLate: boolean) => ({ capacity, ends, jobs, size, wait }: Workload): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      let tooLate = 0
      const scope = yield* Scope.make()
      const pool = yield* WorkerPool.make({
        size,
        queue: { capacity },
        deadlines: { wait },
        run: ({ came, length }: { readonly came: number; readonly length: number }) =>
          Effect.flatMap(Clock.currentTimeMillis, (now) => {
            // With a bound, the wait for room comes before that in the queue.
            if (!isLate && capacity === "unbounded" && now - came > wait) tooLate++
            return Effect.sleep(length)
          })
      }).pipe(Scope.provide(scope))
      yield* t.always(() => tooLate === 0, "a job began after its deadline (P11)")
      for (const [i, [pause, length, by]] of jobs.entries()) {
        const bring = Effect.flatMap(Clock.currentTimeMillis, (came) =>
          by === "run"
            ? WorkerPool.run(pool, { came, length })
            : Effect.flatMap(WorkerPool.submit(pool, { came, length }), (handle) => handle.await))
        yield* t.actor(`job${i}`, Effect.exit(Effect.andThen(Effect.sleep(pause * i), bring)))
      }
      const end = {
        nothing: Effect.void,
        shutdown: WorkerPool.shutdown(pool),
        shutdownNow: WorkerPool.shutdownNow(pool)
      }
      yield* t.actor("end", Effect.andThen(Effect.sleep(wait), end[ends]))
      yield* t.settled
      balanced(pool)
      yield* Scope.close(scope, Exit.void)
    })
  )

test("no job begins after its deadline, and every caller hears of the end, over any workload", () => {
  holds(workload, scenarioOf(false), { realism: "contract", cancels: 2, workloads: 150 })
  holds(workload, scenarioOf(true), { realism: "any", cancels: 2, workloads: 150 })
})
