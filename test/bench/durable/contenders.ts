/** The engines that the bench of durable jobs compares, each with ten workers in a process. */
import { PgClient } from "@effect/sql-pg"
import { Queue, Worker } from "bullmq"
import { type Context, Effect, Layer, ManagedRuntime, Redacted, Schema } from "effect"
import { PersistedQueue } from "effect/persistence"
import { makeWorkerUtils, run } from "graphile-worker"
import { Redis } from "ioredis"
import { PgBoss } from "pg-boss"
import { WorkerPool } from "sluice"
import { DurableJob, DurablePool, DurableStore, Results, Wake } from "sluice/durable"
import * as BullMQ from "sluice/durable/bullmq"
import { layer as ioredis } from "../../support/ioredis.js"

export interface Places {
  readonly redis: number
  readonly postgres: number
}

/** A job's payload is a number. */
type Handle = (payload: number) => Promise<void> | void

export interface Contender {
  readonly submit: (payloads: ReadonlyArray<number>) => Promise<void>
  /** Runs ten jobs at a time, until the process ends. */
  readonly serve: (handle: Handle) => Promise<void>
}

/** In milliseconds. */
export interface Times {
  readonly lock: number
  readonly poll: number
}

type Make = (places: Places, times: Times) => Contender | Promise<Contender>

export const concurrency = 10

const connectionString = ({ postgres }: Places) => `postgres://postgres@127.0.0.1:${postgres}/postgres`

const redisOf = ({ redis }: Places) => new Redis({ host: "127.0.0.1", port: redis, maxRetriesPerRequest: null })

const bullmq: Make = (places, { lock }) => {
  const connection = redisOf(places)
  const queue = new Queue("bench", { connection })
  return {
    submit: async (payloads) => {
      if (payloads.length === 1) await queue.add("bench", payloads[0])
      else await queue.addBulk(payloads.map((data) => ({ name: "bench", data })))
    },
    serve: async (handle) => {
      const options = { connection, concurrency, lockDuration: lock, stalledInterval: lock / 4, maxStalledCount: 100 }
      const worker = new Worker<number>("bench", async ({ data }) => handle(data), options)
      worker.on("error", () => {})
      await worker.waitUntilReady()
    }
  }
}

const graphile: Make = async (places) => {
  const options = { connectionString: connectionString(places), maxPoolSize: concurrency }
  const utils = await makeWorkerUtils(options)
  await utils.migrate()
  return {
    submit: async (payloads) => {
      if (payloads.length === 1) await utils.addJob("bench", { n: payloads[0] })
      else await utils.addJobs(payloads.map((n) => ({ identifier: "bench", payload: { n } })))
    },
    serve: async (handle) => {
      await run({
        ...options,
        concurrency,
        noHandleSignals: true,
        taskList: { bench: async (payload) => handle((payload as { readonly n: number }).n) }
      })
    }
  }
}

const pgBoss: Make = async (places, { lock }) => {
  const boss = new PgBoss({
    connectionString: connectionString(places),
    max: concurrency,
    useListenNotify: true,
    // Each is a minute by default.
    superviseIntervalSeconds: 1,
    maintenanceIntervalSeconds: 1,
    monitorIntervalSeconds: 1,
    queueCacheIntervalSeconds: 1
  })
  boss.on("error", () => {})
  await boss.start()
  await boss.createQueue("bench", { notify: true, expireInSeconds: lock / 1_000 })
  return {
    submit: async (payloads) => {
      await boss.insert("bench", payloads.map((n) => ({ data: { n } })))
    },
    serve: async (handle) => {
      await boss.work<{ n: number }>(
        "bench",
        {
          batchSize: 10 * concurrency,
          pollingIntervalSeconds: 0.5,
          notifyPollingIntervalSeconds: 1,
          burstWhenBatchFull: true
        },
        async (jobs) => {
          for (const { data: { n } } of jobs) await handle(n)
        }
      )
    }
  }
}

/** With a connection for the wake-ups. */
export const pg = (places: Places) =>
  PgClient.layer({
    url: Redacted.make(connectionString(places)),
    startupParameters: { timezone: "UTC" },
    maxConnections: concurrency + 1
  })

type Services = PersistedQueue.PersistedQueueFactory | Results.Results
type Engine = "redis" | "postgres" | "bullmq"

/** Where jobs are kept, and who wakes processes: as sluice has it, or as the engine has it alone. */
interface Kind {
  readonly engine: Engine
  readonly withResults?: boolean
  readonly withWake?: boolean
}

const layerOf = ({ engine, withResults = false, withWake = false }: Kind, places: Places, { lock, poll }: Times) => {
  const options = { pollInterval: poll, lockRefreshInterval: lock / 5, lockExpiration: lock }
  switch (engine) {
    case "redis":
      return Layer.merge(
        withWake
          ? DurableStore.layerRedis(options)
          : Layer.provide(PersistedQueue.layer, PersistedQueue.layerStoreRedis(options)),
        withResults ? Results.layerRedis() : Results.layerNone
      ).pipe(Layer.provide(withWake ? Wake.layerRedis() : Wake.layerNone), Layer.provide(ioredis(places.redis)))
    case "postgres":
      return Layer.merge(
        withWake
          ? DurableStore.layerSql(options)
          : Layer.provide(PersistedQueue.layer, PersistedQueue.layerStoreSql(options)),
        withResults ? Results.layerSql() : Results.layerNone
      ).pipe(
        Layer.provide(withWake ? Wake.layerPg() : Wake.layerNone),
        Layer.provide(pg(places)),
        Layer.orDie
      )
    case "bullmq":
      return Layer.merge(
        BullMQ.layer({ connection: redisOf(places), lock }),
        withResults ? Layer.provide(Results.layerRedis(), ioredis(places.redis)) : Results.layerNone
      )
  }
}

const Job = DurableJob.make("bench", { payload: Schema.Number, success: Schema.Number })

const withServices = async (
  layer: Layer.Layer<Services>,
  serve: (handle: Handle) => Effect.Effect<void, never, Services>
): Promise<Contender> => {
  const runtime = ManagedRuntime.make(layer)
  const context: Context.Context<Services> = await runtime.context()
  const run = <A, E>(effect: Effect.Effect<A, E, Services>) => Effect.runPromise(Effect.provide(effect, context))
  return {
    submit: (payloads) =>
      run(Effect.forEach(payloads, (n) => DurableJob.submit(Job, n), { concurrency: 50, discard: true })),
    serve: (handle) => run(serve(handle))
  }
}

const handling = (handle: Handle, n: number) => {
  const handled = handle(n)
  return handled === undefined ? Effect.void : Effect.promise(() => handled)
}

/** The engine alone: ten fibers that take from the queue. */
const bare = (engine: Engine): Make => (places, times) =>
  withServices(layerOf({ engine }, places, times), (handle) =>
    Effect.gen(function*() {
      const queue = yield* PersistedQueue.make({ name: "bench", schema: Schema.Number })
      const taking = Effect.forever(Effect.ignore(queue.take((n) => handling(handle, n))))
      for (let i = 0; i < concurrency; i++) yield* Effect.forkDetach(taking)
    }))

const sluice = (kind: Kind): Make => (places, times) =>
  withServices(layerOf(kind, places, times), (handle) =>
    Effect.scoped(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({
        size: concurrency,
        run: (n: number) => Effect.as(handling(handle, n), n)
      })
      yield* DurablePool.serve(Job, pool)
      return yield* Effect.never
    })).pipe(Effect.forkDetach, Effect.asVoid))

export const contenders = {
  "BullMQ": bullmq,
  "sluice on BullMQ": sluice({ engine: "bullmq" }),
  "sluice on BullMQ, with results": sluice({ engine: "bullmq", withResults: true }),
  "PersistedQueue on BullMQ": bare("bullmq"),
  "PersistedQueue on Redis": bare("redis"),
  "sluice on Redis": sluice({ engine: "redis", withWake: true }),
  "sluice on Redis, with results": sluice({ engine: "redis", withResults: true, withWake: true }),
  "sluice on Redis, without a Wake": sluice({ engine: "redis" }),
  "graphile-worker": graphile,
  "pg-boss": pgBoss,
  "PersistedQueue on PostgreSQL": bare("postgres"),
  "sluice on PostgreSQL": sluice({ engine: "postgres", withWake: true }),
  "sluice on PostgreSQL, with results": sluice({ engine: "postgres", withResults: true, withWake: true }),
  "sluice on PostgreSQL, without a Wake": sluice({ engine: "postgres" })
} satisfies Record<string, Make>

export type Name = keyof typeof contenders

export const names = Object.keys(contenders) as ReadonlyArray<Name>
