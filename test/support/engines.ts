/** The engines of durable jobs on servers, as one process has them. */
import { Effect, Layer } from "effect"
import { PersistedQueue, Redis } from "effect/persistence"
import { SqlClient } from "effect/sql"
import { Redis as Client } from "ioredis"
import { type DurableStore, Results } from "sluice/durable"
import * as BullMQ from "sluice/durable/bullmq"
import { pgLayer } from "./fleet.js"
import { layer as ioredis } from "./ioredis.js"
import { type Server, startPostgres, startRedis } from "./servers.js"

export type Kind = "redis" | "postgres" | "bullmq"

export const kinds: ReadonlyArray<Kind> = ["redis", "postgres", "bullmq"]

export interface Engine {
  readonly kind: Kind
  readonly port: number
  /** The time zone of connections to PostgreSQL. Default: UTC. */
  readonly zone?: string | undefined
}

export const startServer: Record<Kind, () => Promise<Server>> = {
  redis: () => startRedis(),
  postgres: startPostgres,
  bullmq: () => startRedis()
}

/** How long a claim lasts in these tests, in milliseconds. */
export const lock = 2_000

const options = { pollInterval: 50, lockRefreshInterval: lock / 5, lockExpiration: lock }

export type Stores = PersistedQueue.PersistedQueueFactory | PersistedQueue.PersistedQueueStore | Results.Results

const client = (port: number) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const client = new Client({ host: "127.0.0.1", port, maxRetriesPerRequest: null, retryStrategy: () => 50 })
      client.on("error", () => {})
      return client
    }),
    (client) => Effect.sync(() => client.disconnect())
  )

/** With their administration. */
export const bullmqStores = (port: number): Layer.Layer<DurableStore.Services | Results.Results> => {
  const store = Layer.unwrap(Effect.map(client(port), (connection) => BullMQ.layer({ connection, lock, poll: 200 })))
  return Layer.merge(store, Layer.provide(Results.layerRedis(), ioredis(port)))
}

/** `Layer.fresh`: a test that has two of them has two processes. */
export const storesOf = (engine: Engine): Layer.Layer<Stores> => {
  const { kind, port } = engine
  if (kind === "bullmq") return bullmqStores(port)
  const factory = Layer.fresh(PersistedQueue.layer)
  return kind === "redis"
    ? Layer.merge(Layer.provideMerge(factory, PersistedQueue.layerStoreRedis(options)), Results.layerRedis()).pipe(
      Layer.provide(ioredis(port))
    )
    : Layer.merge(Layer.provideMerge(factory, PersistedQueue.layerStoreSql(options)), Results.layerSql()).pipe(
      Layer.provide(pgLayer({ ...engine, kind: "postgres" })),
      Layer.orDie
    )
}

/** How many jobs of this name any process has claimed now. */
export const claimed = (engine: Engine, name: string): Effect.Effect<number> => {
  const { kind, port } = engine
  const ask = (...[command, ...args]: [string, ...ReadonlyArray<string>]) =>
    Effect.orDie(Effect.provide(Redis.Redis.use((redis) => redis.send<number>(command, ...args)), ioredis(port)))
  if (kind === "redis") return ask("HLEN", `effectq:${name}:pending`)
  if (kind === "bullmq") return ask("LLEN", `bull:${name}:active`)
  return SqlClient.SqlClient.use((sql) =>
    sql`SELECT id FROM effect_queue WHERE acquired_by IS NOT NULL AND queue_name = ${name}`
  ).pipe(Effect.map((rows) => rows.length), Effect.provide(pgLayer({ ...engine, kind })), Effect.orDie)
}
