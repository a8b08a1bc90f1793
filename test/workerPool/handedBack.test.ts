/** Jobs that their resource hands back, since it was lost before it had begun them. */
import { Deferred, Effect } from "effect"
import { WorkerPool } from "sluice"
import { expect, test } from "vitest"
import { makePool } from "../../src/internal/workerPool/make.js"
import { after, runTimed, start, turns } from "../support/effect.js"
import { Losing } from "../support/losing.js"

/**
 * A pool, of one worker by default. The first attempt of its job is handed back once `lose` has run; the next one never
 * ends.
 */
const losing = (deadlines?: WorkerPool.Deadlines, size = 1) =>
  Effect.gen(function*() {
    const gate = yield* Deferred.make<void>()
    const losing = new Losing()
    let attempts = 0
    const first = Effect.uninterruptible(Effect.andThen(Deferred.await(gate), losing.lose))
    const pool: WorkerPool.WorkerPool<string, never> = yield* makePool({
      size,
      worker: () => Effect.void,
      run: (job: string) => Effect.suspend(() => job !== "" && ++attempts === 1 ? first : Effect.never),
      ...(deadlines && { deadlines })
    }, losing)
    return { pool, attempts: () => attempts, lose: Deferred.succeed(gate, undefined) }
  })

test("a job that is cancelled before its resource hands it back does not run again (P7)", () =>
  runTimed(Effect.gen(function*() {
    const { attempts, lose, pool } = yield* losing()
    const handle = yield* WorkerPool.submit(pool, "job")
    const cancel = yield* start(handle.cancel)
    yield* lose
    yield* turns(5)
    expect({ attempts: attempts(), state: handle.state }).toEqual({ attempts: 1, state: "interrupted" })
    expect(cancel.pollUnsafe()).toMatchObject({ value: true })
    expect(WorkerPool.stats(pool)).toMatchObject({ interrupted: 1, running: 0, queued: 0, idle: 1, replaced: 1 })
  })))

test("a job whose deadline is over before its resource hands it back has timed out (P11)", () =>
  runTimed(Effect.gen(function*() {
    const { attempts, lose, pool } = yield* losing({ run: 10 })
    const handle = yield* WorkerPool.submit(pool, "job")
    yield* after(10)
    yield* lose
    yield* turns(5)
    expect({ attempts: attempts(), state: handle.state }).toEqual({ attempts: 1, state: "timedOut" })
    expect(WorkerPool.stats(pool)).toMatchObject({ timedOut: 1, running: 0, idle: 1, replaced: 1 })
  })))

test("a job that its resource hands back in a paused pool waits, though another worker is idle (P20)", () =>
  runTimed(Effect.gen(function*() {
    const { attempts, lose, pool } = yield* losing(undefined, 2)
    const handle = yield* WorkerPool.submit(pool, "job")
    yield* WorkerPool.pause(pool)
    yield* lose
    yield* turns(5)
    expect({ attempts: attempts(), state: handle.state }).toEqual({ attempts: 1, state: "queued" })
    yield* WorkerPool.resume(pool)
    yield* turns(5)
    expect({ attempts: attempts(), state: handle.state }).toEqual({ attempts: 2, state: "running" })
  })))
