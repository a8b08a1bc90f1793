/** The laws of durable jobs over each engine on a server, in processes that are killed, frozen and drained. */
import { Deferred, Duration, Effect, Exit, Schedule, Schema, type Scope } from "effect"
import { PersistedQueueStore } from "effect/persistence/PersistedQueue"
import * as path from "node:path"
import { setTimeout } from "node:timers/promises"
import { WorkerPool } from "sluice"
import { DurableJob, DurablePool, Results } from "sluice/durable"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { claimed, type Engine, kinds, startServer, type Stores, storesOf } from "../support/engines.js"
import { type Process, Processes } from "../support/processes.js"
import { drawing, times } from "../support/seed.js"
import type { Server } from "../support/servers.js"
import { Job, type Order, type Said } from "./jobWorker.js"

const isReady = (said: Said): said is Extract<Said, { says: "ready" }> => said.says === "ready"
const isClaim = (said: Said): said is Extract<Said, { says: "claimed" }> => said.says === "claimed"
const isDone = (said: Said): said is Extract<Said, { says: "done" | "interrupted" }> => said.says === "done"
const isDrained = (said: Said): said is Extract<Said, { says: "drained" }> => said.says === "drained"

describe.each(kinds)("%s", (kind) => {
  let server: Server
  let engine: Engine
  let processes: Processes<Order, Said>
  beforeAll(async () => {
    processes = new Processes(path.join(import.meta.dirname, "jobWorker.ts"))
    server = await startServer[kind]()
    engine = { kind, port: server.port }
  })
  afterEach(() => processes.killAll())
  afterAll(() => server.close())

  const run = <A, E>(effect: Effect.Effect<A, E, Stores | Scope.Scope>): Promise<A> =>
    Effect.runPromise(Effect.scoped(effect).pipe(Effect.provide(storesOf(engine))))

  const start = (order: Partial<Order> = {}): Process<Said> =>
    processes.start({ engine, millis: 20, blocks: 0, drain: 0, mark: "", ...order })

  const submit = (names: ReadonlyArray<string>) =>
    run(Effect.forEach(names, (name) => DurableJob.submit(Job, name), { concurrency: 20, discard: true }))

  const exits = (names: ReadonlyArray<string>) =>
    run(Effect.forEach(names, (name) => DurableJob.exit(Job, name), { concurrency: 20 }))

  const namesOf = (prefix: string, n: number): ReadonlyArray<string> =>
    Array.from({ length: n }, (_, i) => `${prefix}-${i}`)

  /** A pool that counts how often each job is run. */
  const counted = (run: (name: string, no: number) => Effect.Effect<string, string>) => {
    const runs: Record<string, number> = {}
    const pool = WorkerPool.make({
      size: 2,
      run: (name: string) => Effect.suspend(() => run(name, runs[name] = (runs[name] ?? 0) + 1))
    })
    return Effect.map(pool, (pool) => ({ pool, runs }))
  }

  /** A kind of job of its own for each test that serves jobs in this process. */
  const jobOf = (name: string, attempts = 3) =>
    DurableJob.make(`${kind}-${name}`, {
      payload: Schema.String,
      success: Schema.String,
      error: Schema.String,
      id: (id) => id,
      attempts,
      retry: Schedule.spaced("1 second")
    })

  test("a job is stored when submit returns, also if the server is killed then (D1)", async () => {
    const job = jobOf("stored")
    await run(DurableJob.submit(job, "a"))
    await server.stop("SIGKILL")
    await server.start()
    await run(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({ size: 1, run: (name: string) => Effect.succeed(name) })
      yield* DurablePool.serve(job, pool, { grace: 300 })
      expect(yield* DurableJob.await(job, "a")).toBe("a")
    }))
  })

  test("a job with the same id is the same job, and a delayed one waits", () =>
    run(Effect.gen(function*() {
      const job = jobOf("same")
      let runs = 0
      const pool = yield* WorkerPool.make({ size: 2, run: (name: string) => Effect.sync(() => `${name} ${++runs}`) })
      yield* DurablePool.serve(job, pool, { grace: 300 })
      const from = performance.now()
      yield* DurableJob.submit(job, "late", { delay: 1_500 })
      for (let i = 0; i < 3; i++) expect(yield* DurableJob.execute(job, "42")).toBe("42 1")
      expect(yield* DurableJob.execute(job, "a:b%3A:c")).toBe("a:b%3A:c 2")
      expect(yield* DurableJob.await(job, "late")).toBe("late 3")
      expect(performance.now() - from).toBeGreaterThan(1_490)
    })))

  test("no more jobs are claimed than there are workers (D3)", () =>
    run(Effect.gen(function*() {
      const job = jobOf("idle")
      const gate = yield* Deferred.make<void>()
      const pool = yield* WorkerPool.make({ size: 2, run: (name: string) => Effect.as(Deferred.await(gate), name) })
      const serving = yield* DurablePool.serve(job, pool, { grace: 300 })
      const names = namesOf("idle", 6)
      for (const name of names) yield* DurableJob.submit(job, name)
      yield* Effect.sleep(500)
      expect(DurablePool.stats(serving)).toMatchObject({ claimed: 2, running: 2 })
      expect(yield* claimed(engine, job.name)).toBe(2)
      yield* Deferred.succeed(gate, undefined)
      for (const name of names) yield* DurableJob.await(job, name)
      yield* DurablePool.drain(serving)
      expect(yield* claimed(engine, job.name)).toBe(0)
    })))

  test("the end of the pool is no failure of its jobs, and a cut-off attempt does not count (D4, D5)", () =>
    run(Effect.gen(function*() {
      const job = jobOf("ended")
      yield* DurableJob.submit(job, "a")
      const stuck = () => WorkerPool.make({ size: 1, run: (name: string) => Effect.as(Effect.never, name) })
      // A drain may get the job from the store once more, and gives it back, too.
      const givenBack = (serving: DurablePool.Serving) => {
        const { claimed, givenBack } = DurablePool.stats(serving)
        return claimed > 0 && givenBack === claimed
      }
      const begun = (serving: DurablePool.Serving) =>
        Effect.repeat(Effect.sleep(20), { until: () => DurablePool.stats(serving).running === 1 })
      const first = yield* stuck()
      const one = yield* DurablePool.serve(job, first, { grace: 300 })
      yield* begun(one)
      yield* WorkerPool.shutdownNow(first)
      yield* DurablePool.drain(one)
      expect(givenBack(one)).toBe(true)
      const two = yield* DurablePool.serve(job, yield* stuck(), { grace: 300 })
      yield* begun(two)
      yield* DurablePool.drain(two, { deadline: 0 })
      expect(givenBack(two)).toBe(true)
      expect(yield* claimed(engine, job.name)).toBe(0)
      const { take } = yield* PersistedQueueStore
      const { attempts, id } = yield* take({ name: job.name, maxAttempts: 3, retryDelay: () => Effect.die("") })
      expect([id, attempts]).toEqual(["a", 1])
    })))

  test("a job that fails or interrupts itself is tried again, and its last exit is recorded (D2, D6, D8)", () =>
    run(Effect.gen(function*() {
      const job = jobOf("failing", 2)
      const { pool, runs } = yield* counted((name, no) =>
        name === "interrupts" ? Effect.interrupt : Effect.fail(`no. ${no}`)
      )
      const serving = yield* DurablePool.serve(job, pool, { grace: 300 })
      yield* DurableJob.submit(job, "interrupts")
      const exit = yield* Effect.exit(DurableJob.execute(job, "fails"))
      expect(exit).toStrictEqual(Exit.fail("no. 2"))
      expect(Exit.isFailure(yield* DurableJob.exit(job, "interrupts"))).toBe(true)
      yield* DurablePool.drain(serving)
      expect(runs).toEqual({ fails: 2, interrupts: 2 })
      expect(DurablePool.stats(serving)).toMatchObject({ claimed: 4, failed: 2, dead: 2, givenBack: 0 })
      // It is kept as failed, and does not come again.
      yield* DurableJob.submit(job, "fails")
      const { take } = yield* PersistedQueueStore
      const next = take({ name: job.name, maxAttempts: 3, retryDelay: () => Effect.die("") })
      expect(yield* Effect.timeoutOption(next, 1_500)).toEqual(yield* Effect.succeedNone)
    })))

  test("a job whose error has no text, or one that no database takes, is tried again, and is dead then (D2, D8)", () =>
    run(Effect.gen(function*() {
      const job = jobOf("untold", 2)
      const noText = {
        toJSON: () => {
          throw new Error("no JSON")
        }
      }
      const { pool, runs } = yield* counted((name) => name === "zero" ? Effect.fail("a\0b") : Effect.die(noText))
      yield* DurablePool.serve(job, pool, { grace: 300 })
      const names = ["zero", "no text"]
      for (const name of names) yield* DurableJob.submit(job, name)
      const exits = yield* Effect.forEach(names, (name) => DurableJob.exit(job, name), { concurrency: 2 })
      expect(exits[0]).toStrictEqual(Exit.fail("a\0b"))
      expect(Exit.hasDies(exits[1]!)).toBe(true)
      expect(runs).toEqual({ zero: 2, "no text": 2 })
      yield* Effect.repeat(Effect.andThen(Effect.sleep(20), claimed(engine, job.name)), { until: (n) => n === 0 })
    })))

  test("the first recorded exit stays, and a recorded success is not begun again (D7)", () =>
    run(Effect.gen(function*() {
      const job = jobOf("recorded")
      const results = yield* Results.Results
      expect(yield* results.get("x", "1")).toBe(undefined)
      yield* results.record("x", "1", "first")
      yield* results.record("x", "1", "second")
      expect(yield* results.get("x", "1")).toBe("first")
      // Another process records the result, and fails before it says so.
      yield* DurableJob.submit(job, "a")
      yield* results.record(job.name, "a", "{\"_tag\":\"Success\",\"value\":\"there\"}")
      const { take } = yield* PersistedQueueStore
      const taking = take({ name: job.name, maxAttempts: 3, retryDelay: () => Effect.succeed(Duration.zero) })
      yield* Effect.exit(Effect.scoped(Effect.andThen(taking, Effect.die("killed"))))
      const pool = yield* WorkerPool.make({ size: 1, run: (name: string) => Effect.succeed(`${name}, here`) })
      const serving = yield* DurablePool.serve(job, pool, { grace: 300 })
      yield* Effect.repeat(Effect.sleep(20), { until: () => DurablePool.stats(serving).skipped === 1 })
      expect(yield* DurableJob.await(job, "a")).toBe("there")
    })))

  test("two jobs whose names and ids make the same text together have an exit each (D7)", () =>
    run(Effect.gen(function*() {
      const results = yield* Results.Results
      const jobs = [["mail", "urgent:1"], ["mail:urgent", "1"], ["mail%3Aurgent", "1"]] as const
      for (const [job, id] of jobs) yield* results.record(job, id, `${job}, ${id}`)
      for (const [job, id] of jobs) expect(yield* results.get(job, id)).toBe(`${job}, ${id}`)
    })))

  test("no job is lost when processes are killed at any time, and each has its result (D2)", async () => {
    const random = drawing()
    const kills = times(10)
    const names = namesOf("killed", 15 * kills)
    const begin = () => start({ millis: 100, mark: " done" })
    const all = [begin(), begin(), begin()]
    const claims: Array<Extract<Said, { says: "claimed" }>> = []
    for (let i = 0; i < kills; i++) {
      const n = Math.floor(random() * all.length)
      const victim = all[n]!
      // At first a process is killed as it starts, now and then.
      if (random() < 0.8) await victim.says(isReady)
      await submit(names.slice(15 * i, 15 * (i + 1)))
      await setTimeout(random() * 200)
      await victim.end("SIGKILL")
      claims.push(...victim.said.filter(isClaim))
      all[n] = begin()
    }
    expect(await exits(names)).toEqual(names.map((name) => Exit.succeed(`${name} done`)))
    for (const one of all) claims.push(...one.said.filter(isClaim))
    // Some job was cut off by a kill, and begun again.
    expect(claims.some(({ attempts }) => attempts > 1)).toBe(true)
    console.log(`${kind}: ${kills} kills, ${names.length} jobs, ${claims.length} claims, 0 lost`)
  })

  test("processes that drain do each job once, at attempt 1, and leave no claim (D4)", async () => {
    const random = drawing()
    const drains = Math.max(4, times(2))
    const names = namesOf("drained", 20 * drains)
    await submit(names)
    const said: Array<Said> = []
    for (let i = 0; i <= drains; i++) {
      // Every other one cuts its jobs off. The last one does the rest.
      const one = start({ millis: 30, drain: i % 2 === 0 ? 10_000 : 0, mark: " done" })
      if (i < drains) await Promise.all([one.says(isClaim), setTimeout(random() * 400)])
      else expect(await exits(names)).toEqual(names.map((name) => Exit.succeed(`${name} done`)))
      await one.end("SIGTERM")
      const { stats } = await one.says(isDrained)
      expect(stats).toMatchObject({ phase: "drained", waiting: 0, running: 0, failed: 0, dead: 0, lost: 0 })
      expect(await Effect.runPromise(claimed(engine, Job.name))).toBe(0)
      said.push(...one.said)
    }
    // Not a job of another test, whose process was killed between its exit and its end.
    const claims = said.filter(isClaim).filter(({ id }) => names.includes(id))
    expect(claims.filter(({ attempts }) => attempts !== 1)).toEqual([])
    expect(said.filter(isDone).map(({ id }) => id).sort()).toEqual([...names].sort())
    console.log(`${kind}: ${drains} drains, ${names.length} jobs, ${claims.length} claims`)
  })
})
