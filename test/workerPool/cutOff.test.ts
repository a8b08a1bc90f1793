/** A pool that stops in the very turn in which an attempt failed: before it is decided what becomes of the job. */
import { Effect, Schedule } from "effect"
import { WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import { after, run, runTimed, settle } from "../support/effect.js"

const letters: Array<string> = []
const sink = ({ attempts, reason }: WorkerPool.DeadLetter<string, unknown>) =>
  Effect.sync(() => letters.push(`${reason} after ${attempts}`))

const stopped = (turns: Effect.Effect<void>, options: object, end: Effect.Effect<never, string>) =>
  runTimed(Effect.gen(function*() {
    letters.length = 0
    const pool = yield* WorkerPool.make({
      size: 1,
      ...options,
      run: (job: string) => job === "job" ? end : Effect.never
    })
    const job = yield* WorkerPool.submit(pool, "job")
    yield* turns
    const { aborted, counts } = yield* WorkerPool.shutdownNow(pool)
    expect(counts.submitted).toBe(1)
    return { state: job.state, aborted, letters: [...letters] }
  }))

describe.each([["in the same turn", Effect.void], ["five milliseconds later", after(5)]])("%s", (_, turns) => {
  const hourly = Schedule.spaced("1 hour").pipe(Schedule.upTo({ times: 3 }))

  test("a job with attempts left is cut off, and sends no letter", async () => {
    expect(await stopped(turns, { retry: { schedule: hourly, deadLetters: { sink } } }, Effect.fail("planned")))
      .toEqual({ state: "failed", aborted: ["job"], letters: [] })
  })

  test("a job without attempts left is not cut off", async () => {
    expect(await stopped(turns, { retry: { schedule: Schedule.recurs(0) } }, Effect.fail("planned")))
      .toEqual({ state: "failed", aborted: [], letters: [] })
  })

  test("a job without attempts left becomes a dead letter", async () => {
    expect(
      await stopped(turns, { retry: { schedule: Schedule.recurs(0), deadLetters: { sink } } }, Effect.fail("planned"))
    )
      .toEqual({ state: "deadLettered", aborted: [], letters: ["exhausted after 1"] })
  })

  test("a job whose schedule does not answer at once is cut off", async () => {
    const slow = Schedule.recurs(1).pipe(Schedule.addDelay(() => Effect.never))
    expect(await stopped(turns, { retry: { schedule: slow } }, Effect.fail("planned")))
      .toEqual({ state: "failed", aborted: ["job"], letters: [] })
  })
})

test("a job that has died once and may kill three resources is cut off by a stop in the same turn, and sends no letter", async () => {
  expect(
    await stopped(
      Effect.void,
      { retry: { times: 0, poison: { kills: 3 }, deadLetters: { sink } } },
      Effect.die("planned")
    )
  )
    .toEqual({ state: "died", aborted: ["job"], letters: [] })
})

test("a job that fails as its pool has failed is cut off where it has attempts left", () =>
  run(Effect.gen(function*() {
    let acquired = 0
    const pool = yield* WorkerPool.make({
      size: 2,
      restart: Schedule.recurs(0),
      worker: () => Effect.suspend(() => ++acquired > 2 ? Effect.fail("refused") : Effect.void),
      retry: { schedule: Schedule.spaced("1 hour") },
      run: (job: Effect.Effect<unknown, string>) => job
    })
    const job = yield* WorkerPool.submit(
      pool,
      Effect.andThen(Effect.yieldNow, Effect.andThen(settle, Effect.fail("planned")))
    )
    yield* WorkerPool.submit(pool, Effect.die("planned"))
    const { aborted, counts } = yield* WorkerPool.shutdown(pool)
    expect([job.state, aborted.length, counts.retrying]).toEqual(["failed", 1, 0])
  })))
