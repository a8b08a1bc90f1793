/** Options that are left out do what the docs say. */
import { Effect, Schedule, Stream } from "effect"
import { TestClock } from "effect/testing"
import { WorkerPool } from "sluice"
import { expect, test } from "vitest"
import { settings } from "../../src/internal/workerPool/Autoscaler.js"
import { after, run, runTimed, settle, withRandom } from "../support/effect.js"
import { make } from "../support/workerPool.js"

const down = Effect.fail("down")

test("a queue holds twice as many jobs as there are workers", () =>
  run(Effect.gen(function*() {
    const pool = yield* make({ size: 3 })
    expect(WorkerPool.stats(pool)).toMatchObject({ capacity: 6, state: "running" })
  })))

test("a job of level 1 is passed over by fewer than a hundred later ones, and nearly as many", () =>
  run(Effect.gen(function*() {
    const begun: Array<number> = []
    const pool = yield* WorkerPool.make({
      size: 1,
      queue: { capacity: "unbounded", priority: (n: number) => n === 1 ? 1 : 0 },
      run: (n) => Effect.andThen(Effect.sync(() => begun.push(n)), Effect.yieldNow)
    })
    for (let n = 0; n < 200; n++) yield* WorkerPool.submit(pool, n)
    yield* WorkerPool.shutdown(pool)
    expect(begun.indexOf(1)).toBe(100)
  })))

test("priority may be any integer from 0 to 1,000,000, and a weight one from 1 to 1,000", () =>
  run(Effect.gen(function*() {
    const ordered = yield* WorkerPool.make({
      size: 1,
      queue: { priority: (n: number) => n, key: () => "one", perKey: { weight: () => 1_000 } },
      run: () => Effect.void
    })
    yield* WorkerPool.run(ordered, 1_000_000)
    expect(String(yield* Effect.exit(WorkerPool.run(ordered, 1_000_001)))).toContain("from 0 to 1000000, got 1000001")
    const heavy = yield* WorkerPool.make({
      size: 1,
      queue: { key: () => "one", perKey: { weight: () => 1_001 } },
      run: (n: number) => Effect.succeed(n)
    })
    expect(String(yield* Effect.exit(WorkerPool.run(heavy, 1)))).toContain("from 1 to 1000, got 1001")
    const tooMany = make({ size: 1_000_001 })
    expect(String(yield* Effect.exit(tooMany))).toContain("size must be an integer from 1 to 1000000, got 1000001")
  })))

test("keys take turns of one job each, and as many of a key may run as there are workers", () =>
  run(Effect.gen(function*() {
    const begun: Array<string> = []
    const pool = yield* WorkerPool.make({
      size: 2,
      queue: { capacity: "unbounded", key: (key: string) => key },
      run: (key) => Effect.andThen(Effect.sync(() => begun.push(key)), Effect.yieldNow)
    })
    for (const key of ["a", "a", "a", "a", "b", "b"]) yield* WorkerPool.submit(pool, key)
    expect(begun).toEqual(["a", "a"])
    yield* WorkerPool.shutdown(pool)
    expect(begun).toEqual(["a", "a", "a", "b", "a", "b"])
  })))

test.each([
  ["after 0.1, 0.2, 0.4, 0.8 and 1.6 seconds", 0.5, [0, 0, 100, 300, 700, 1_500, 3_100]],
  ["or 20 % sooner", 0, [0, 0, 80, 240, 560, 1_200, 2_480]]
])(
  "a replacement is tried five times more, %s",
  (_, random, times) =>
    runTimed(
      withRandom(random)(Effect.gen(function*() {
        const at: Array<number> = []
        let now = 0
        const pool = yield* make({
          worker: () =>
            Effect.suspend(() => {
              at.push(now)
              return at.length === 1 ? Effect.void : Effect.fail("refused")
            })
        })
        yield* WorkerPool.submit(pool, Effect.die("poison"))
        yield* settle
        for (; now < 4_000;) {
          now += 20
          yield* TestClock.adjust(20)
        }
        expect(at).toEqual(times)
        expect(WorkerPool.stats(pool).state).toBe("failed")
      }))
    )
)

test("a budget allows ten retries a second, and a fifth of the successes of ten seconds", () =>
  runTimed(Effect.gen(function*() {
    let retries = 0
    const pool = yield* WorkerPool.make({
      size: 8,
      queue: { capacity: "unbounded" },
      retry: { schedule: Schedule.recurs(1), budget: {} },
      run: (fails: boolean, { attempt }) =>
        Effect.suspend(() => {
          if (attempt > 1) retries++
          return fails ? down : Effect.void
        })
    })
    for (let n = 0; n < 100; n++) yield* WorkerPool.submit(pool, false)
    yield* after(9_000)
    for (let n = 0; n < 300; n++) yield* WorkerPool.submit(pool, true)
    yield* after(0)
    // Ten a second for ten seconds, and twenty for the hundred successes.
    expect(retries).toBe(120)
    yield* after(12_000)
    for (let n = 0; n < 300; n++) yield* WorkerPool.submit(pool, true)
    yield* after(0)
    expect(retries).toBe(220)
  })))

test("a poison job kills three resources, and one where there are dead letters alone", () =>
  runTimed(Effect.gen(function*() {
    const attempts = (options: Parameters<typeof make>[0]) =>
      Effect.gen(function*() {
        let attempts = 0
        const pool = yield* make(options)
        const handle = yield* WorkerPool.submit(pool, Effect.andThen(Effect.sync(() => attempts++), Effect.die("bug")))
        yield* handle.await
        return [attempts, handle.state]
      })
    expect(yield* attempts({ retry: { times: 0, poison: {} } })).toEqual([3, "died"])
    expect(yield* attempts({ retry: { times: 0, deadLetters: {} } })).toEqual([1, "deadLettered"])
  })))

test("a thousand dead letters are kept in memory, and none where there is a sink", () =>
  runTimed(Effect.gen(function*() {
    const pool = yield* make({ queue: { capacity: "unbounded" }, retry: { times: 0, deadLetters: {} } })
    for (let n = 0; n < 1_001; n++) yield* WorkerPool.submit(pool, down)
    yield* WorkerPool.shutdown(pool)
    const letters = yield* Stream.runCollect(WorkerPool.deadLetters(pool))
    expect(letters.map(({ id }) => id)).toEqual(Array.from({ length: 1_000 }, (_, n) => n + 2))

    const sent = yield* make({ retry: { times: 0, deadLetters: { sink: () => Effect.void } } })
    yield* WorkerPool.submit(sent, down)
    expect(yield* Stream.runCollect(WorkerPool.deadLetters(sent))).toEqual([])
  })))

test("a deadline may be longer than a day", () =>
  runTimed(Effect.gen(function*() {
    const pool = yield* WorkerPool.make({
      size: 1,
      deadlines: { run: "2 days" },
      run: (name: string) => Effect.as(Effect.never, name)
    })
    const handle = yield* WorkerPool.submit(pool, "hangs")
    yield* after(86_400_000)
    expect(handle.state).toBe("running")
    yield* after(86_400_000)
    expect(handle.state).toBe("timedOut")
  })))

test("autoscale grows after a second and shrinks after ten, by one worker, at one job each and half of them busy", () => {
  expect(settings({ min: 1, max: 2 })).toEqual({
    min: 1,
    max: 2,
    growAbove: 1,
    shrinkBelow: 0.5,
    step: 1,
    dwell: { grow: 1_000, shrink: 10_000 }
  })
})
