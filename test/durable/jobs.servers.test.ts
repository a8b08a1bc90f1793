/** Durable jobs over several processes, which are killed and told to end. */
import { Effect, Exit, type Layer } from "effect"
import { Redis } from "effect/persistence"
import { SqlClient } from "effect/sql"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync } from "node:fs"
import * as path from "node:path"
import { createInterface } from "node:readline"
import { setTimeout } from "node:timers/promises"
import { DurableJob, Results } from "sluice/durable"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { pgLayer, type Place } from "../support/fleet.js"
import { layer as ioredis } from "../support/ioredis.js"
import { type Server, startPostgres, startRedis } from "../support/servers.js"
import { compile } from "../support/threads.js"
import { type Claimed, Job, type JobOrder, stores } from "./jobWorker.js"

const folder = path.resolve(import.meta.dirname, "../../node_modules/.cache/sluice-jobs")
const worker = path.join(folder, "worker.mjs")

const starts = { redis: startRedis, postgres: startPostgres }

describe.each(["redis", "postgres"] as const)("%s", (kind) => {
  let server: Server
  let place: Place
  let claims: Array<Claimed> = []
  const processes = new Set<ChildProcess>()
  beforeAll(async () => {
    mkdirSync(folder, { recursive: true })
    compile(path.join(import.meta.dirname, "jobWorker.ts"), worker)
    server = await starts[kind]()
    place = { kind, port: server.port }
  })
  beforeEach(() => void (claims = []))
  afterEach(async () => {
    for (const one of processes) await end(one, "SIGKILL")
  })
  afterAll(() => server.close())

  const run = <A, E>(effect: Effect.Effect<A, E, Layer.Success<ReturnType<typeof stores>>>): Promise<A> =>
    Effect.runPromise(Effect.provide(effect, stores(place)))

  const start = (order: Omit<JobOrder, "place">): ChildProcess => {
    const env = { ...process.env, JOB_WORKER: JSON.stringify({ ...order, place } satisfies JobOrder) }
    const one = spawn(process.execPath, [worker], { env, stdio: ["ignore", "pipe", "inherit"] })
    createInterface({ input: one.stdout }).on("line", (line) => {
      const said = JSON.parse(line) as Claimed | "drained"
      if (said !== "drained") claims.push(said)
    })
    processes.add(one)
    return one
  }

  const end = async (one: ChildProcess, signal: NodeJS.Signals): Promise<void> => {
    processes.delete(one)
    const ended = once(one, "close")
    one.kill(signal)
    await ended
  }

  const submit = (names: ReadonlyArray<string>) =>
    run(Effect.forEach(names, (name) => DurableJob.submit(Job, name), { discard: true }))

  const exits = (names: ReadonlyArray<string>) =>
    run(Effect.forEach(names, (name) => DurableJob.exit(Job, name), { concurrency: 20 }))

  const namesOf = (prefix: string, n: number): ReadonlyArray<string> =>
    Array.from({ length: n }, (_, i) => `${prefix}-${i}`)

  test("the first recorded exit stays (D7)", () =>
    run(Effect.gen(function*() {
      const results = yield* Results.Results
      expect(yield* results.get("x", "1")).toBe(undefined)
      yield* results.record("x", "1", "first")
      yield* results.record("x", "1", "second")
      expect(yield* results.get("x", "1")).toBe("first")
    })))

  test("no job is lost when processes are killed, and each has its result (D2)", async () => {
    const names = namesOf("killed", 600)
    await submit(names)
    let one = start({ millis: 20, drain: 0 })
    start({ millis: 20, drain: 0 })
    for (let kills = 0; kills < 4; kills++) {
      await setTimeout(700)
      await end(one, "SIGKILL")
      one = start({ millis: 20, drain: 0 })
    }
    expect(await exits(names)).toEqual(names.map((name) => Exit.succeed(`done ${name}`)))
    // Some job was cut off by a kill, and begun again.
    expect(claims.some(({ attempts }) => attempts > 1)).toBe(true)
  }, 60_000)

  test("processes that drain give their jobs back, at no attempt's cost, and leave no claim (D4)", async () => {
    const names = namesOf("drained", 200)
    await submit(names)
    let one = start({ millis: 30, drain: 0 })
    for (let drains = 0; drains < 4; drains++) {
      await setTimeout(500)
      const next = start({ millis: 30, drain: 0 })
      await end(one, "SIGTERM")
      one = next
    }
    expect(await exits(names)).toEqual(names.map((name) => Exit.succeed(`done ${name}`)))
    await end(one, "SIGTERM")
    expect(claims.filter(({ attempts }) => attempts !== 1)).toEqual([])
    expect(await Effect.runPromise(claimed(place))).toBe(0)
  }, 60_000)
})

/** How many jobs are claimed now, by any process. */
const claimed = (place: Place): Effect.Effect<number, unknown> =>
  place.kind === "redis"
    ? Effect.provide(
      Redis.Redis.use((redis) => redis.send<number>("HLEN", "effectq:job:pending")),
      ioredis(place.port)
    )
    : Effect.provide(
      SqlClient.SqlClient.use((sql) => sql`SELECT id FROM effect_queue WHERE acquired_by IS NOT NULL`),
      pgLayer(place)
    ).pipe(Effect.map((rows) => rows.length))
