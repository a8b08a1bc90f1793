/** P11 by clocks that are not as even as `TestClock`. */
import { Clock, Duration, Effect } from "effect"
import { WorkerPool } from "sluice"
import { expect, test } from "vitest"
import { after, runTimed, settle, start } from "../support/effect.js"
import { balanced, type Job } from "../support/workerPool.js"

const make = (deadlines: WorkerPool.Deadlines) => WorkerPool.make({ size: 1, deadlines, run: (job: Job) => job })

/** The present clock, but for some of what it does. */
const changed = (changes: Partial<Clock.Clock>) =>
  Effect.map(Clock.Clock, (clock) => Object.assign(Object.create(clock) as Clock.Clock, changes))

test("a deadline between two milliseconds is slept for once, and not in steps of nothing", () =>
  runTimed(Effect.gen(function*() {
    const slept: Array<number> = []
    const inner = yield* Clock.Clock
    const clock = yield* changed({
      sleep: (duration) =>
        Effect.andThen(Effect.sync(() => slept.push(Duration.toMillis(duration))), inner.sleep(duration))
    })
    const pool = yield* Effect.provideService(make({ wait: Duration.micros(1_500n) }), Clock.Clock, clock)
    yield* WorkerPool.submit(pool, Effect.never)
    const waits = yield* WorkerPool.submit(pool, Effect.void)
    yield* after(1)
    expect(waits.state).toBe("queued")
    yield* after(1)
    expect([waits.state, slept]).toEqual(["expired", [2]])
  })))

test.each(["wait", "run"] as const)(
  "a deadline is that of the monotonic clock, whatever the wall clock does: %s",
  (phase) =>
    runTimed(Effect.gen(function*() {
      let days = 0
      const day = 86_400_000
      const clock = yield* changed({
        currentTimeMillisUnsafe: () => --days * day,
        currentTimeNanosUnsafe: () => BigInt(--days * day) * 1_000_000n
      })
      const pool = yield* Effect.provideService(make({ [phase]: 100 }), Clock.Clock, clock)
      const [runs, waits] = yield* Effect.forEach([1, 2], () => WorkerPool.submit(pool, Effect.never))
      yield* after(99)
      expect(WorkerPool.stats(pool)).toMatchObject({ running: 1, queued: 1 })
      yield* after(1)
      expect((phase === "wait" ? waits : runs)?.state).toBe(phase === "wait" ? "expired" : "timedOut")
    }))
)

test.each(["wait", "run"] as const)(
  "a deadline that is over as it begins fires in a later turn: %s",
  (phase) =>
    runTimed(Effect.gen(function*() {
      let millis = 0
      const clock = yield* changed({ monotonicTimeNanosUnsafe: () => BigInt(millis++) * 1_000_000n })
      const pool = yield* Effect.provideService(make({ [phase]: 1 }), Clock.Clock, clock)
      const job = Effect.onInterrupt(Effect.never, () => Effect.void)
      const [runs, waits] = yield* Effect.forEach([1, 2], () => WorkerPool.submit(pool, job))
      expect(WorkerPool.stats(pool)).toMatchObject({ running: 1, queued: 1 })
      yield* start(after(1))
      yield* settle
      expect((phase === "wait" ? waits : runs)?.state).toBe(phase === "wait" ? "expired" : "timedOut")
      balanced(pool)
    }))
)

test("a job that begins as another one times out has its deadline, too", () =>
  runTimed(Effect.gen(function*() {
    const pool = yield* make({ run: 100 })
    const twice = yield* Effect.forkScoped(Effect.retry(WorkerPool.run(pool, Effect.never), { times: 1 }))
    yield* after(100)
    expect(WorkerPool.stats(pool)).toMatchObject({ running: 1, timedOut: 1 })
    yield* after(100)
    expect(WorkerPool.stats(pool)).toMatchObject({ running: 0, timedOut: 2 })
    expect(twice.pollUnsafe()?._tag).toBe("Failure")
  })))
