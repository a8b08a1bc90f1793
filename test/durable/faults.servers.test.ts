/** The faults of PersistedQueue 4.1 on servers. A test that fails says that a newer effect has mended one. */
import { Deferred, type Duration, Effect, Exit, Fiber, Layer, Option, Schema, Scope } from "effect"
import { PersistedQueue, Redis } from "effect/persistence"
import { SqlClient } from "effect/sql"
import * as path from "node:path"
import { WorkerPool } from "sluice"
import { DurableJob, DurablePool, DurableStore, Results } from "sluice/durable"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { claimed, type Engine, lock, startServer, storesOf } from "../support/engines.js"
import { pgLayer } from "../support/fleet.js"
import { layer as ioredis } from "../support/ioredis.js"
import { Processes } from "../support/processes.js"
import { freePort, type Server, startRedis } from "../support/servers.js"
import { Job, type Order, type Said } from "./jobWorker.js"

const queueOf = (name: string) => PersistedQueue.make({ name, schema: Schema.String })
const isClaim = (said: Said): boolean => said.says === "claimed"
const isDone = (said: Said): boolean => said.says === "done"

const servers: Record<"redis" | "postgres", Server | undefined> = { redis: undefined, postgres: undefined }
let processes: Processes<Order, Said>
beforeAll(async () => {
  processes = new Processes(path.join(import.meta.dirname, "jobWorker.ts"))
  servers.redis = await startServer.redis()
  servers.postgres = await startServer.postgres()
})
afterEach(() => processes.killAll())
afterAll(async () => {
  await servers.redis?.close()
  await servers.postgres?.close()
})

const engineOf = (kind: "redis" | "postgres", zone?: string): Engine => ({ kind, port: servers[kind]!.port, zone })

const options = { pollInterval: 50, lockRefreshInterval: 400, lockExpiration: lock }

/** With the database itself in the context, for transactions. */
const sqlLayer = () =>
  Layer.merge(
    Layer.provide(Layer.fresh(PersistedQueue.layer), PersistedQueue.layerStoreSql(options)),
    Results.layerSql()
  ).pipe(Layer.provideMerge(pgLayer({ kind: "postgres", port: servers.postgres!.port })), Layer.orDie)

const inTransaction = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.orDie(SqlClient.SqlClient.use((sql) => sql.withTransaction(effect)))

test("on Redis, a queue takes the dead letters of another one for its jobs, if its name is theirs with `:failed`", () =>
  Effect.runPromise(
    Effect.gen(function*() {
      const dead = yield* PersistedQueue.make({ name: "letters", schema: Schema.String, maxAttempts: 1 })
      yield* dead.offer("a", { id: "a" })
      yield* Effect.exit(dead.take(() => Effect.fail("no")))
      const other = yield* queueOf("letters:failed")
      expect(yield* other.take(Effect.succeed)).toBe("a")
    }).pipe(Effect.provide(storesOf(engineOf("redis"))))
  ))

test("a Redis Cluster refuses the jobs of a store whose prefix has no hash tag", async () => {
  // By default its port for other servers is 10,000 above its own, and may be none.
  const bus = String(await freePort())
  const server = await startRedis("everysec", ["--cluster-enabled", "yes", "--cluster-port", bus])
  const job = DurableJob.make("clustered", { payload: Schema.String, success: Schema.String, id: (name) => name })
  const executed = (store: { readonly prefix?: string }) => {
    const layer = Layer.merge(DurableStore.layerRedis(store), Results.layerRedis())
    return Effect.gen(function*() {
      const pool = yield* WorkerPool.make({ size: 1, run: (name: string) => Effect.succeed(name) })
      yield* DurablePool.serve(job, pool, { grace: 0 })
      return yield* DurableJob.execute(job, "ada")
    }).pipe(Effect.scoped, Effect.exit, Effect.provide(layer))
  }
  const program = Effect.gen(function*() {
    const redis = yield* Redis.Redis
    yield* redis.send("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
    yield* Effect.eventually(redis.send("SET", "is-up", "1"))
    expect(String(yield* executed({}))).toContain("CROSSSLOT")
    expect(yield* executed({ prefix: "{jobs}:" })).toEqual(Exit.succeed("ada"))
  })
  try {
    await Effect.runPromise(Effect.provide(program, ioredis(server.port)))
  } finally {
    await server.close()
  }
})

test("the queue is dead after a first take in a transaction, and a pool that serves there is not", async () => {
  const first = Effect.gen(function*() {
    const { offer, take } = yield* queueOf("transaction")
    yield* inTransaction(Effect.timeoutOption(take(Effect.succeed), "300 millis"))
    yield* offer("a")
    expect(yield* Effect.timeoutOption(take(Effect.succeed), "2 seconds")).toEqual(Option.none())
  })
  await Effect.runPromise(Effect.provide(first, sqlLayer()))
  const served = Effect.gen(function*() {
    const job = DurableJob.make("served", { payload: Schema.String, success: Schema.String })
    const pool = yield* WorkerPool.make({ size: 1, run: (name: string) => Effect.succeed(name) })
    yield* inTransaction(DurablePool.serve(job, pool, { grace: 300 }))
    expect(yield* DurableJob.execute(job, "a")).toBe("a")
  })
  await Effect.runPromise(Effect.provide(Effect.scoped(served), sqlLayer()))
})

describe("connections to PostgreSQL in other time zones", () => {
  /** What a process in Tokyo takes while another process runs the only job. */
  const stolen = (name: string, zone: string, patience: Duration.Input) =>
    Effect.gen(function*() {
      const tokyo = yield* Layer.build(storesOf(engineOf("postgres", zone)))
      const { offer, take } = yield* queueOf(name)
      yield* offer("a")
      const running = yield* Effect.forkChild(take(() => Effect.never))
      yield* Effect.repeat(Effect.sleep(20), { until: () => Effect.map(claimed(engineOf("postgres"), name), Boolean) })
      const other = yield* Effect.provide(queueOf(name), tokyo)
      const got = yield* Effect.timeoutOption(other.take(Effect.succeed), patience)
      yield* Fiber.interrupt(running)
      return got
    }).pipe(Effect.scoped, Effect.provide(storesOf(engineOf("postgres", "UTC"))), Effect.runPromise)

  test("take jobs that are running", async () => {
    expect(await stolen("zones", "Asia/Tokyo", "30 seconds")).toEqual(Option.some("a"))
  })

  test("do not with the zone set on the connection", async () => {
    expect(await stolen("one zone", "UTC", "1 second")).toEqual(Option.none())
  })
})

test("on Redis one failed recovery ends the recovery of that process", async () => {
  const engine = engineOf("redis")
  let isAway = false
  const client = ioredis(engine.port, () => {
    if (isAway) throw new Error("the connection is lost")
  })
  const store = Layer.provide(Layer.fresh(PersistedQueue.layer), PersistedQueue.layerStoreRedis(options)).pipe(
    Layer.provide(client)
  )
  const victim = processes.start({ engine, millis: 60_000, blocks: 0, drain: 0, mark: "" })
  const program = Effect.gen(function*() {
    const { take } = yield* queueOf(Job.name)
    const taking = yield* Effect.forkChild(take(Effect.succeed))
    yield* Effect.sleep(200)
    isAway = true
    yield* Effect.sleep(1_000)
    isAway = false
    const recovered = yield* Effect.forkChild(Effect.timeoutOption(Fiber.join(taking), 3 * lock))
    // The job is taken by the other process, or by none: this one waits for what is recovered.
    return yield* Fiber.join(recovered)
  })
  await Effect.runPromise(Effect.provide(DurableJob.submit(Job, "recovered"), storesOf(engine)))
  await victim.says((said): said is Said => isClaim(said))
  await victim.end("SIGKILL")
  expect(await Effect.runPromise(Effect.provide(program, store))).toEqual(Option.none())
  // Another process recovers the job.
  const next = processes.start({ engine, millis: 20, blocks: 0, drain: 0, mark: "" })
  await next.says((said): said is Said => isDone(said))
})

test("a claim that arrives as its taker is interrupted stays in a mailbox until the store closes", async () => {
  const engine = engineOf("redis")
  const name = "mailbox"
  let onTake = () => {}
  const client = ioredis(engine.port, (_, args) => {
    // The script that claims jobs has 5 keys and 4 arguments.
    if (args[1] === "5" && args.length === 11) onTake()
  })
  const store = Layer.provide(Layer.fresh(PersistedQueue.layer), PersistedQueue.layerStoreRedis(options)).pipe(
    Layer.provide(client)
  )
  const program = Effect.gen(function*() {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(store, scope)
    const { offer, take } = yield* Effect.provide(queueOf(name), context)
    yield* offer("a")
    const taker = yield* Effect.forkChild(take(Effect.succeed))
    // The taker leaves while its question is on its way.
    onTake = () => taker.interruptUnsafe()
    yield* Fiber.await(taker)
    yield* Effect.sleep(500)
    const left = yield* claimed(engine, name)
    yield* Scope.close(scope, Exit.void)
    return [left, yield* claimed(engine, name)]
  })
  expect(await Effect.runPromise(program)).toEqual([1, 0])
})

test.each(["redis", "postgres"] as const)("on %s a process whose lock has run out does not notice", async (kind) => {
  const engine = engineOf(kind)
  const name = `unnoticed-${kind}`
  await Effect.runPromise(Effect.provide(DurableJob.submit(Job, name), storesOf(engine)))
  const frozen = processes.start({ engine, millis: 3_000, blocks: 0, drain: 0, mark: "" })
  await frozen.says((said): said is Said => isClaim(said))
  frozen.freeze()
  const other = processes.start({ engine, millis: 20, blocks: 0, drain: 0, mark: "" })
  await other.says((said): said is Said => isDone(said))
  frozen.thaw()
  const done = await frozen.says((said): said is Said => isDone(said))
  expect(done).toMatchObject({ id: name, lost: 0 })
})

test("on PostgreSQL, a payload larger than the client takes stops its queue, at no attempt's cost", () =>
  Effect.runPromise(
    Effect.gen(function*() {
      const { offer, take } = yield* queueOf("too large")
      // The client takes messages of 16 MiB. The server cannot send this one to its end, so that the claim is undone.
      yield* offer("a".repeat(20_000_000))
      yield* offer("small")
      expect(yield* Effect.timeoutOption(take(Effect.succeed), "5 seconds")).toEqual(Option.none())
      const sql = yield* SqlClient.SqlClient
      const left = yield* sql`SELECT attempts FROM effect_queue WHERE queue_name = ${"too large"}`.values
      expect(left.map(([attempts]) => Number(attempts))).toEqual([0, 0])
    }).pipe(Effect.provide(sqlLayer()))
  ))

test("a drain waits for a Redis that does not answer as long as its client does", async () => {
  const redis = await startServer.redis()
  const job = DurableJob.make("silent", { payload: Schema.String, success: Schema.String })
  const program = Effect.gen(function*() {
    const begun = yield* Deferred.make<void>()
    const pool = yield* WorkerPool.make({
      size: 1,
      run: (name: string) => Effect.as(Effect.andThen(Deferred.succeed(begun, undefined), Effect.never), name)
    })
    yield* DurablePool.serve(job, pool, { grace: 300 })
    yield* DurableJob.submit(job, "a")
    yield* Deferred.await(begun)
    redis.freeze()
  })
  try {
    await Effect.runPromise(
      Effect.scoped(program).pipe(Effect.provide(storesOf({ kind: "redis", port: redis.port })))
    )
  } finally {
    redis.thaw()
    await redis.close()
  }
})
