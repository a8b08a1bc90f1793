/**
 * The stores of durable jobs. The stores for databases and Redis are Effect's own, whose processes `Wake` wakes. The
 * client for a file of SQLite is sluice's.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import type * as Redis from "effect/persistence/Redis"
import type * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { invalid } from "../internal/args.js"
import type { Admin } from "../internal/durable/jobs/admin.js"
import { memoryStore } from "../internal/durable/jobs/memoryStore.js"
import { woken } from "../internal/durable/jobs/woken.js"
import { checkTime } from "../internal/durable/longest.js"
import { type SqliteDatabase, sqliteLayer } from "../internal/durable/sqlite.js"
import { layerRedis as adminRedis, layerSql as adminSql } from "./Admin.js"

export type { SqliteDatabase, SqliteStatement } from "../internal/durable/sqlite.js"

/**
 * The engine, its store, and the administration of that: the services that jobs need.
 *
 * @category models
 * @since 0.1.0
 */
export type Services = PersistedQueue.PersistedQueueStore | PersistedQueue.PersistedQueueFactory | Admin

// The engine holds its store: each store has one of its own.
const withEngine = <E, R>(
  store: Layer.Layer<PersistedQueue.PersistedQueueStore | Admin, E, R>
): Layer.Layer<Services, E, R> => Layer.provideMerge(Layer.fresh(PersistedQueue.layer), store)

/**
 * Keeps the jobs in the memory of this process: nothing to install, for tests, and for a program that begins with one
 * process and may outgrow it. The jobs end with the process. It loses none on an interrupt, which the memory store of
 * Effect 4.1 does. Completed jobs take memory, so that their ids stay known, until `PersistedQueue.layerCleanup`
 * removes them.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory: Layer.Layer<Services> = /* @__PURE__ */ withEngine(
  Layer.effectContext(memoryStore)
)

/**
 * How a store that processes share is polled, and how long it keeps the claims of a process that does not renew them.
 *
 * @category models
 * @since 0.1.0
 */
export interface PollOptions {
  /**
   * How often an idle process asks for jobs: above 0, up to 100 years. A process that `Wake` wakes asks at once, too.
   * Jobs that become due, after a delay or for another attempt, are found by asking. Default: 1 second.
   */
  readonly pollInterval?: Duration.Input | undefined
  /**
   * How often the claims of running jobs are renewed: above 0, below `lockExpiration`. Default: 30 seconds, or a
   * quarter of `lockExpiration` if that is less.
   */
  readonly lockRefreshInterval?: Duration.Input | undefined
  /**
   * After how long without a renewal a claim is over, and the job is begun elsewhere: above 0, up to 100 years.
   * Default: 2 minutes in a database, 90 seconds in Redis.
   */
  readonly lockExpiration?: Duration.Input | undefined
}

const checked = <O extends PollOptions>(where: string, options: O, lockExpiration: Duration.Input) => {
  const millis = (name: keyof PollOptions, otherwise: Duration.Input): number =>
    checkTime(where, name, options[name] ?? otherwise)
  const pollInterval = millis("pollInterval", "1 second")
  const expires = millis("lockExpiration", lockExpiration)
  const renewed = millis("lockRefreshInterval", Math.min(30_000, expires / 4))
  // The claims of running jobs would be over before they are renewed.
  if (renewed >= expires) {
    throw invalid(where, "lockRefreshInterval", `less than lockExpiration, ${expires} ms,`, options.lockRefreshInterval)
  }
  return {
    ...options,
    pollInterval: Duration.millis(pollInterval),
    lockRefreshInterval: Duration.millis(renewed),
    lockExpiration: Duration.millis(expires)
  }
}

const wokenBy = <E, R>(
  pollInterval: Duration.Duration,
  store: Layer.Layer<PersistedQueue.PersistedQueueStore, E, R>,
  admin: Layer.Layer<Admin, never, R>
): Layer.Layer<Services, E, R> =>
  withEngine(Layer.merge(
    Layer.provide(
      Layer.effect(
        PersistedQueue.PersistedQueueStore,
        Effect.flatMap(PersistedQueue.PersistedQueueStore, (store) => woken(store, pollInterval))
      ),
      store
    ),
    admin
  ))

/**
 * Keeps the jobs in a table of the database, by `PersistedQueue.layerStoreSql`, which makes the table. Processes that
 * have a `Wake` learn at once of a job that another one submits, or gives back. A wrong option throws.
 *
 * **Gotchas**
 *
 * In PostgreSQL set the time zone of the connections: Effect's table has timestamps without one (4.1).
 *
 * @category layers
 * @since 0.1.0
 */
export const layerSql = (
  options: PollOptions & {
    /** The name of the table. Default: `"effect_queue"`. */
    readonly tableName?: string | undefined
  } = {}
): Layer.Layer<Services, SqlError, SqlClient.SqlClient> => {
  const all = checked("DurableStore.layerSql", options, "2 minutes")
  return wokenBy(all.pollInterval, PersistedQueue.layerStoreSql(all), adminSql(options))
}

/**
 * A file of SQLite, and how it is asked.
 *
 * @category models
 * @since 0.1.0
 */
export interface SqliteOptions extends PollOptions {
  /** The file, which is made if it is not there. Processes of one machine may share it. */
  readonly filename: string
  /**
   * Opens the file. Default: with `node:sqlite`, which Node has since 22.13. On Node 20 take another driver, such as
   * `(filename) => new Database(filename)` with the `Database` of `libsql` or `better-sqlite3`.
   */
  readonly open?: ((filename: string) => SqliteDatabase) | undefined
}

/**
 * Keeps the jobs in a file of SQLite, so that they outlive the process: nothing to install on Node 22.13 and later.
 *
 * **Details**
 *
 * It also provides the SQL client of the file, for `Results.layerSql` and for transactions of your own. A statement is
 * synchronous: it blocks the event loop while it runs, which for a change is the time of a commit to the disk. Where
 * another process writes, a statement asks again for ten seconds at most. A file that cannot be opened, and a Node
 * without `node:sqlite`, are defects of the layer. A wrong option throws.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerSqlite = ({ filename, open, ...options }: SqliteOptions): Layer.Layer<
  Services | SqlClient.SqlClient
> => {
  if (filename === "") throw invalid("DurableStore.layerSqlite", "filename", "a string that is not empty", filename)
  const all = checked("DurableStore.layerSqlite", options, "2 minutes")
  return Layer.provideMerge(
    Layer.orDie(wokenBy(all.pollInterval, PersistedQueue.layerStoreSql(all), adminSql())),
    sqliteLayer(filename, open)
  )
}

/**
 * Keeps the jobs in Redis, by `PersistedQueue.layerStoreRedis`. Processes that have a `Wake` learn at once of a job
 * that another one submits, or gives back. A wrong option throws.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerRedis = (
  options: PollOptions & {
    /** Stands before each key. With a hash tag, as in `"{jobs}:"`, a Redis Cluster works. Default: `"effectq:"`. */
    readonly prefix?: string | undefined
  } = {}
): Layer.Layer<Services, never, Redis.Redis> => {
  const all = checked("DurableStore.layerRedis", options, "90 seconds")
  return wokenBy(all.pollInterval, PersistedQueue.layerStoreRedis(all), adminRedis(options))
}
