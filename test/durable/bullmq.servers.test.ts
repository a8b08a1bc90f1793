/** BullMQ as the engine of durable jobs: its locks, its ids, and its own producers and workers. */
import { type ConnectionOptions, Queue } from "bullmq"
import { Effect, Exit, Layer, Schedule, Schema, type Scope } from "effect"
import { Redis as Client } from "ioredis"
import * as path from "node:path"
import { WorkerPool } from "sluice"
import { Admin, DurableJob, DurablePool, Results } from "sluice/durable"
import * as BullMQ from "sluice/durable/bullmq"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { bullmqStores, type Engine, lock, startServer, type Stores } from "../support/engines.js"
import { type Process, Processes } from "../support/processes.js"
import type { Server } from "../support/servers.js"
import { Job, type Order, type Said } from "./jobWorker.js"

let server: Server
let engine: Engine
let processes: Processes<Order, Said>
beforeAll(async () => {
  processes = new Processes(path.join(import.meta.dirname, "jobWorker.ts"))
  server = await startServer.bullmq()
  engine = { kind: "bullmq", port: server.port }
})
afterEach(() => processes.killAll())
afterAll(() => server.close())

const run = <A, E>(effect: Effect.Effect<A, E, Stores | Admin.Admin | Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(effect).pipe(Effect.provide(bullmqStores(server.port))))

const start = (order: Partial<Order> = {}): Process<Said> =>
  processes.start({ engine, millis: 20, blocks: 0, drain: 0, mark: "", ...order })

const isClaim = (said: Said): said is Extract<Said, { says: "claimed" }> => said.says === "claimed"
const isDrained = (said: Said): said is Extract<Said, { says: "drained" }> => said.says === "drained"
const isEnd = (says: "done" | "interrupted") => (said: Said): said is Extract<Said, { says: "done" | "interrupted" }> =>
  said.says === says

test("a process that is frozen beyond its lock is interrupted as it goes on, and records nothing", async () => {
  await run(DurableJob.submit(Job, "frozen"))
  const frozen = start({ millis: 3_600_000, mark: " by the frozen" })
  await frozen.says(isClaim)
  frozen.freeze()
  const other = start({ mark: " by the other" })
  expect(await run(DurableJob.exit(Job, "frozen"))).toEqual(Exit.succeed("frozen by the other"))
  expect((await other.says(isClaim)).attempts).toBe(2)
  frozen.thaw()
  await frozen.says(isEnd("interrupted"))
  await frozen.end("SIGTERM")
  const { stats } = await frozen.says(isDrained)
  expect(stats).toMatchObject({ claimed: 1, lost: 1, succeeded: 0, failed: 0, givenBack: 0 })
})

test("a job that blocks its process beyond the lock records nothing, though it has succeeded", async () => {
  await run(DurableJob.submit(Job, "blocked"))
  const blocked = start({ blocks: lock + 500, mark: " by the blocked" })
  await blocked.says(isClaim)
  const other = start({ millis: 2_000, mark: " by the other" })
  await blocked.says(isEnd("done"))
  expect(await run(DurableJob.exit(Job, "blocked"))).toEqual(Exit.succeed("blocked by the other"))
  await other.end("SIGTERM")
  await blocked.end("SIGTERM")
  // It may have taken the job a second time, and loses it again.
  const { claimed, lost, succeeded } = (await blocked.says(isDrained)).stats
  expect([succeeded, lost]).toEqual([0, claimed])
  expect(claimed).toBeGreaterThan(0)
})

test("a dead letter that is requeued has all its attempts, also after a crash (D10)", async () => {
  await run(DurableJob.submit(Job, "crashed"))
  const victim = start({ millis: 60_000 })
  await victim.says(isClaim)
  await victim.end("SIGKILL")
  await run(Effect.gen(function*() {
    let begun = 0
    const Twice = DurableJob.make("job", {
      payload: Schema.String,
      success: Schema.String,
      error: Schema.String,
      attempts: 2,
      retry: Schedule.spaced(1)
    })
    const pool = yield* WorkerPool.make({
      size: 1,
      run: (name: string) => Effect.suspend(() => Effect.fail(`${name} ${++begun}`))
    })
    yield* DurablePool.serve(Twice, pool, { grace: 0 })
    const dead = Effect.repeat(Admin.counts(Twice), { until: ({ failed }) => failed === 1 })
    yield* dead
    // The crash was the first attempt.
    expect(begun).toBe(1)
    expect(yield* Admin.requeue(Twice, "crashed")).toBe(true)
    expect(yield* DurableJob.exit(Twice, "crashed")).toStrictEqual(Exit.fail("crashed 3"))
    yield* dead
    expect((yield* Admin.deadLetters(Twice)).letters).toMatchObject([{ id: "crashed", attempts: 2 }])
    expect(yield* Admin.remove(Twice, "crashed")).toBe(true)
  }))
})

test("the dead letters of BullMQ's own producers are requeued by their numbers", () =>
  run(Effect.gen(function*() {
    const queue = yield* Effect.acquireRelease(
      Effect.sync(() => new Queue("numbered", { connection: { host: "127.0.0.1", port: server.port } })),
      (queue) => Effect.promise(() => queue.close())
    )
    const Numbered = DurableJob.make("numbered", { payload: Schema.String, error: Schema.String, attempts: 1 })
    let isDown = true
    const pool = yield* WorkerPool.make({
      size: 1,
      run: (name: string) => Effect.suspend(() => isDown ? Effect.fail(name) : Effect.void)
    })
    yield* DurablePool.serve(Numbered, pool, { grace: 0 })
    const { id } = yield* Effect.promise(() => queue.add("of BullMQ", "ada"))
    yield* Effect.repeat(Admin.counts(Numbered), { until: ({ failed }) => failed === 1 })
    isDown = false
    expect((yield* Admin.deadLetters(Numbered)).letters).toMatchObject([{ id, payload: "ada", attempts: 1 }])
    expect(yield* Admin.requeue(Numbered, id!)).toBe(true)
    yield* Effect.repeat(Admin.counts(Numbered), { until: ({ completed }) => completed === 1 })
    expect(yield* Admin.requeue(Numbered, id!)).toBe(false)
  })))

describe("a program ends while Redis is away", () => {
  // A client is shared, and stays open. Of options BullMQ makes clients, which are closed.
  const clients = ["a client", "options"] as const

  const connectionOf = (which: (typeof clients)[number], port: number) => {
    const options = { host: "127.0.0.1", port, maxRetriesPerRequest: null }
    if (which === "options") return Effect.succeed<ConnectionOptions>(options)
    return Effect.acquireRelease(
      Effect.sync((): ConnectionOptions => {
        const client = new Client(options)
        client.on("error", () => {})
        return client
      }),
      (client) => Effect.sync(() => (client as Client).disconnect())
    )
  }

  /** Serves jobs and submits one, with an own Redis. */
  const serving = (which: (typeof clients)[number], redis: Server, during: Effect.Effect<unknown>) =>
    Effect.gen(function*() {
      const store = BullMQ.layer({ connection: yield* connectionOf(which, redis.port), lock: "1 second" })
      const program = Effect.gen(function*() {
        const job = DurableJob.make("away", { payload: Schema.String, success: Schema.String, id: (name) => name })
        yield* Effect.forkScoped(DurableJob.submit(job, "first"))
        const pool = yield* WorkerPool.make({ size: 2, run: (name: string) => Effect.succeed(name) })
        yield* DurablePool.serve(job, pool, { grace: 0 })
        yield* during
      })
      yield* Effect.scoped(program).pipe(Effect.provide(Layer.merge(store, Results.layerMemory)))
    }).pipe(Effect.scoped, Effect.runPromise)

  const withRedis = async (use: (redis: Server) => Promise<void>) => {
    const redis = await startServer.bullmq()
    try {
      await use(redis)
    } finally {
      await redis.close()
    }
  }

  test.each(clients)("by %s, and was never there", (which) =>
    withRedis(async (redis) => {
      await redis.stop()
      await serving(which, redis, Effect.sleep(300))
    }))

  const served = Effect.sleep(500)

  test.each(clients)("by %s, and was there before", (which) =>
    withRedis(async (redis) => {
      const leaves = Effect.promise(() => redis.stop("SIGKILL"))
      await serving(which, redis, Effect.andThen(served, leaves))
    }))

  test.each(clients)("by %s, and does not answer", (which) =>
    withRedis(async (redis) => {
      const freezes = Effect.sync(() => redis.freeze())
      await serving(which, redis, Effect.andThen(served, freezes))
      redis.thaw()
    }))
})
