/**
 * The state of limits: in memory, in Redis or in PostgreSQL. The stores use Effect's own services, so any client that
 * provides them fits.
 *
 * Experimental: it stands on modules that Effect calls unstable, and needs `effect` 4.1.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import type { Redis } from "effect/persistence/Redis"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { checkMillis, invalid } from "../internal/args.js"
import { makeMemory } from "../internal/durable/limit/memory.js"
import { LimitStore } from "../internal/durable/limit/model.js"
import { makePg } from "../internal/durable/limit/pg.js"
import { makeRedis } from "../internal/durable/limit/redis.js"

export { LimitStore } from "../internal/durable/limit/model.js"
export type { Reply, Request, Store } from "../internal/durable/limit/model.js"

const checkPoll = (where: string, poll: Duration.Input): number =>
  checkMillis(where, "poll", poll, "a finite duration above 0", (millis) => millis > 0 && Number.isFinite(millis))

/**
 * A store in this process, for tests and for programs of one process. It reads Effect's `Clock`, and each build of the
 * layer has a state of its own.
 *
 * **Example** (A test without a server)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Limit, LimitStore } from "sluice/durable"
 *
 * const limit = Limit.make("calls", { permits: 2 })
 * const call = Limit.withPermits(limit, 2, ({ permits }) => Effect.succeed(permits))
 *
 * console.log(await Effect.runPromise(Effect.provide(call, LimitStore.layerMemory))) // => 2
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory: Layer.Layer<LimitStore> = Layer.sync(LimitStore, makeMemory)

/**
 * How a store in Redis is made. Every option may be left out.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisOptions {
  /** All keys and channels begin with it: a string that is not empty. Default: `sluice:limit`. Anything else throws. */
  readonly prefix?: string | undefined
  /**
   * After how long the first in the line asks again without being woken: more than 0. The k-th waits k times as long,
   * and none longer than a third of a lease. It matters only when a wake-up was lost with its connection. Default: 1
   * second. Anything else throws.
   */
  readonly poll?: Duration.Input | undefined
}

/**
 * A store in Redis, by Effect's `Redis` service. Its clock is the server's `TIME`.
 *
 * **Details**
 *
 * Each operation is one Lua script. A limit has three keys, with one hash tag, so a cluster works; they expire after a
 * day without use. Waiters are woken by pub/sub, on a connection that the service opens for it.
 *
 * **Gotchas**
 *
 * Redis may lose what it has acknowledged: in a failover, in a restart without an append-only file, or where its
 * `maxmemory-policy` evicts keys. Then more permits can be held than the limit has, until the holders' next renewals
 * fail. Tokens are by the time, so they grow over such a loss as long as the clock is not set back.
 *
 * **Example** (A limit in Redis)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import type { Redis } from "effect/persistence"
 * import { Limit, LimitStore } from "sluice/durable"
 *
 * const limit = Limit.make("calls", { permits: 50 })
 * const call = Limit.withPermit(limit, ({ token }) => Effect.log(`token ${token}`))
 *
 * // `redis`: `NodeRedis.layer()` of `@effect/platform-node`, for one.
 * const store = LimitStore.layerRedis({ prefix: "shop:limit" })
 * export const program = (redis: Layer.Layer<Redis.Redis, Redis.RedisError>) =>
 *   Effect.provide(call, Layer.provide(store, redis))
 *
 * console.log(Layer.isLayer(store)) // => true
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerRedis = (options: RedisOptions = {}): Layer.Layer<LimitStore, never, Redis> => {
  const { poll = "1 second", prefix = "sluice:limit" } = options
  if (typeof prefix !== "string" || prefix === "") {
    throw invalid("LimitStore.layerRedis", "prefix", "a string that is not empty", prefix)
  }
  const millis = checkPoll("LimitStore.layerRedis", poll)
  return Layer.effect(LimitStore, makeRedis(prefix, millis))
}

/**
 * How a store in PostgreSQL is made. Every option may be left out.
 *
 * @category models
 * @since 0.1.0
 */
export interface PgOptions {
  /**
   * The names of tables, function and channels begin with it: at most 24 of the characters a to z, 0 to 9 and `_`.
   * Default: `sluice`. Anything else throws.
   */
  readonly prefix?: string | undefined
  /**
   * Whether waiters are woken by `LISTEN` and `NOTIFY`, which takes a connection of the client's pool. Default: true.
   * Without it, or with a client that cannot listen, waiters poll. Behind a pooler of transactions it must be false.
   */
  readonly listen?: boolean | undefined
  /**
   * After how long the first in the line asks again without being woken: more than 0. The k-th waits k times as long,
   * and none longer than a third of a lease. Default: 1 second; 100 milliseconds where nobody is woken. Anything else
   * throws.
   */
  readonly poll?: Duration.Input | undefined
}

/**
 * A store in PostgreSQL, by Effect's `SqlClient`. Its clock is the server's `clock_timestamp()`.
 *
 * **Details**
 *
 * The layer makes two tables and a function when they are missing; many processes may start together. Each operation
 * is one call of the function, in a transaction of its own: never in the caller's. With a client that can listen, as
 * `@effect/sql-pg`, waiters are woken by `NOTIFY`.
 *
 * The build of the layer fails with `SqlError` if the server cannot be reached, or if the role may neither find nor
 * create the tables.
 *
 * **Gotchas**
 *
 * A caller inside a transaction needs a second connection for the store. So let the pool have more connections than
 * transactions that ask for permits, or ask outside of a transaction.
 *
 * **Example** (A limit in PostgreSQL)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import type { SqlClient, SqlError } from "effect/sql"
 * import { Limit, LimitStore } from "sluice/durable"
 *
 * const limit = Limit.make("calls", { permits: 50 })
 * const call = Limit.withPermit(limit, ({ token }) => Effect.log(`token ${token}`))
 *
 * // `sql`: `PgClient.layer({ url: Redacted.make("postgres://...") })` of `@effect/sql-pg`, for one.
 * const store = LimitStore.layerPg({ prefix: "shop" })
 * export const program = (sql: Layer.Layer<SqlClient.SqlClient, SqlError.SqlError>) =>
 *   Effect.provide(call, Layer.provide(store, sql))
 *
 * console.log(Layer.isLayer(store)) // => true
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerPg = (options: PgOptions = {}): Layer.Layer<LimitStore, SqlError, SqlClient> => {
  const { listen = true, poll, prefix = "sluice" } = options
  const where = "LimitStore.layerPg"
  if (typeof prefix !== "string" || !/^[a-z_][a-z0-9_]{0,23}$/.test(prefix)) {
    throw invalid(where, "prefix", "at most 24 of the characters a to z, 0 to 9 and _, no digit first", prefix)
  }
  if (typeof listen !== "boolean") throw invalid(where, "listen", "a boolean", listen)
  const millis = poll === undefined ? undefined : checkPoll(where, poll)
  return Layer.effect(LimitStore, makePg(prefix, (isWoken) => millis ?? (isWoken ? 1_000 : 100), listen))
}
