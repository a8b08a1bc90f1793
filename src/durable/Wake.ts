/**
 * Wake-ups between processes, in place of polling. The layers of `DurableStore` and `Results` notify and listen by it,
 * so a job that one process submits begins in another within milliseconds, and so does the caller that awaits it.
 *
 * A wake-up that is lost delays, and loses nothing: processes go on to poll, as they do without.
 *
 * @since 0.1.0
 */
import * as Layer from "effect/Layer"
import type * as Redis from "effect/persistence/Redis"
import type * as SqlClient from "effect/sql/SqlClient"
import { invalid } from "../internal/args.js"
import { makePg, makeRedis, none, Wake } from "../internal/durable/wake.js"

export { Wake } from "../internal/durable/wake.js"

/**
 * Wakes nobody: processes poll. The default.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerNone: Layer.Layer<never> = /* @__PURE__ */ Layer.succeed(Wake, none)

/**
 * Wakes by `NOTIFY` and `LISTEN` of PostgreSQL, which takes one connection of the client's pool.
 *
 * **Details**
 *
 * A job that is submitted in a transaction wakes others as the transaction commits. Needs the client of
 * `@effect/sql-pg`; with another one the layer dies. Behind a pooler of transactions use `layerNone`.
 *
 * **Example** (Jobs and results in PostgreSQL)
 *
 * ```ts
 * import { Layer } from "effect"
 * import type { SqlClient, SqlError } from "effect/sql"
 * import { DurableStore, Results, Wake } from "sluice/durable"
 *
 * // `sql`: `PgClient.layer({ url: Redacted.make("postgres://...") })` of `@effect/sql-pg`.
 * export const stores = (sql: Layer.Layer<SqlClient.SqlClient, SqlError.SqlError>) =>
 *   Layer.mergeAll(DurableStore.layerSql(), Results.layerSql()).pipe(
 *     Layer.provide(Wake.layerPg()),
 *     Layer.provide(sql)
 *   )
 *
 * console.log(Layer.isLayer(Wake.layerPg())) // => true
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerPg = (options?: {
  /** The name of the channel: at most 63 of the characters a to z, 0 to 9 and `_`. Default: `"sluice_wake"`. */
  readonly channel?: string | undefined
}): Layer.Layer<never, never, SqlClient.SqlClient> => {
  const { channel = "sluice_wake" } = options ?? {}
  if (typeof channel !== "string" || !/^[a-z_][a-z0-9_]{0,62}$/.test(channel)) {
    throw invalid("Wake.layerPg", "channel", "at most 63 of the characters a to z, 0 to 9 and _", channel)
  }
  return Layer.effect(Wake, makePg(channel))
}

/**
 * Wakes by Redis's pub/sub, on a connection that the service opens for it.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerRedis = (options?: {
  /** The name of the channel: a string that is not empty. Default: `"sluice:wake"`. */
  readonly channel?: string | undefined
}): Layer.Layer<never, never, Redis.Redis> => {
  const { channel = "sluice:wake" } = options ?? {}
  if (typeof channel !== "string" || channel === "") {
    throw invalid("Wake.layerRedis", "channel", "a string that is not empty", channel)
  }
  return Layer.effect(Wake, makeRedis(channel))
}
