/**
 * Where the exits of durable jobs are recorded, so that their callers can await them. The first exit of a job stays
 * (D7).
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redis from "effect/persistence/Redis"
import type * as SqlClient from "effect/sql/SqlClient"
import { checkMillis } from "../internal/args.js"
import { memoryResults } from "../internal/durable/jobs/memoryResults.js"
import { redisResults } from "../internal/durable/jobs/redisResults.js"
import { Results } from "../internal/durable/jobs/results.js"
import { sqlResults } from "../internal/durable/jobs/sqlResults.js"
import { longest } from "../internal/durable/longest.js"

export { Results } from "../internal/durable/jobs/results.js"

/**
 * Keeps the exits in the memory of this process, for as long as the layer lives: for tests, and with
 * `DurableStore.layerMemory`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory: Layer.Layer<Results> = /* @__PURE__ */ Layer.effect(Results, memoryResults)

/**
 * Keeps no exit. Jobs run all the same, and cost a question less each. `DurableJob.await` suspends without end, and a
 * job whose process died between its end and its acknowledgement is begun again.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerNone: Layer.Layer<Results> = /* @__PURE__ */ Layer.succeed(Results)({
  record: () => Effect.void,
  get: () => Effect.succeed(undefined),
  forget: () => Effect.void,
  listen: () => Effect.succeed(Effect.never)
})

/**
 * Keeps the exits in a table of the database, which the layer makes if it is not there. The rows stay until you delete
 * them: `recorded_at` says how old each is. Tested with PostgreSQL.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerSql = (options?: {
  /** The name of the table. Default: `"sluice_results"`. */
  readonly tableName?: string | undefined
}): Layer.Layer<Results, never, SqlClient.SqlClient> =>
  Layer.effect(Results, sqlResults(options?.tableName ?? "sluice_results"))

/**
 * Keeps the exits in Redis, each in a key of its own that expires.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerRedis = (options?: {
  /** Stands before each key. Default: `"sluice:result:"`. */
  readonly prefix?: string | undefined
  /** How long each exit is kept: a duration above 0, up to 100 years, or `Infinity`. Default: 7 days. */
  readonly timeToLive?: Duration.Input | undefined
}): Layer.Layer<Results, never, Redis.Redis> => {
  const { prefix = "sluice:result:", timeToLive = "7 days" } = options ?? {}
  const millis = checkMillis(
    "Results.layerRedis",
    "timeToLive",
    timeToLive,
    "a duration above 0 and up to 100 years, or Infinity",
    (n) => n > 0 && (n <= longest || n === Infinity)
  )
  return Layer.effect(Results, redisResults(prefix, Duration.millis(millis)))
}
