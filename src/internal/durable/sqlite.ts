/**
 * Effect's SQL client over a file of SQLite: one connection, whose statements run one after the other. The driver is
 * synchronous, so a statement blocks the event loop for as long as it takes.
 *
 * Processes share the file. Where another one writes, a statement and the begin of a transaction ask again, for
 * `patience` at most. SQLite's own waiting would block the event loop, so it is off.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { hasProperty } from "effect/Predicate"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Schedule from "effect/Schedule"
import * as Semaphore from "effect/Semaphore"
import * as SqlClient from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import { classifySqliteError, SqlError } from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import * as Stream from "effect/Stream"

/**
 * A connection to SQLite, as `DatabaseSync` of `node:sqlite`, `better-sqlite3` and `libsql` have it.
 *
 * @category models
 * @since 0.1.0
 */
export interface SqliteDatabase {
  /** Prepares a statement. Throws on a mistake in it. */
  prepare(sql: string): SqliteStatement
  /** Closes the connection. */
  close(): unknown
}

/**
 * A statement of a connection to SQLite.
 *
 * @category models
 * @since 0.1.0
 */
export interface SqliteStatement {
  /** Whether it returns rows, where the driver distinguishes such statements. */
  readonly reader?: boolean
  // Drivers name types of their own for what they take: null, numbers, strings, bigints and bytes.
  /** Runs it, and returns its rows. */
  all(...parameters: ReadonlyArray<never>): ReadonlyArray<unknown>
  /** Runs a statement without rows. */
  run(...parameters: ReadonlyArray<never>): unknown
}

/** How long a statement asks again where another process writes. */
const patience = Schedule.min([Schedule.exponential("2 millis"), Schedule.spaced("50 millis")]).pipe(
  Schedule.upTo({ duration: "10 seconds" })
)

/** The extended result code of `node:sqlite`. */
const codeOf = (cause: unknown): number | undefined =>
  hasProperty(cause, "errcode") && typeof cause.errcode === "number" ? cause.errcode : undefined

/** Another process, or another connection of this one, writes. */
const isBusy = ({ reason }: SqlError): boolean => reason._tag === "LockTimeoutError"

const failed = (error: unknown): SqlError => {
  const errno = codeOf(error)
  // Effect (4.1) knows the codes of other drivers by `errno`, and not those of `node:sqlite`.
  const known = errno === undefined ? error : Object.assign(new Error(String(error), { cause: error }), { errno })
  return new SqlError({ reason: classifySqliteError(known, { message: "the statement failed", operation: "execute" }) })
}

/** As SQLite takes it: it has no booleans, and no dates. `never`, since each driver has a type of its own for that. */
const bound = (parameter: unknown): never => {
  if (typeof parameter === "boolean") return (parameter ? 1 : 0) as never
  if (parameter instanceof Date) return parameter.toISOString() as never
  return (parameter === undefined ? null : parameter) as never
}

type Rows = ReadonlyArray<Record<string, unknown>>

const connect = (database: SqliteDatabase): Connection => {
  const rowsOf = (sql: string, parameters: ReadonlyArray<unknown>): Effect.Effect<Rows, SqlError> =>
    Effect.suspend(() => {
      // The same one each time: libsql ends a statement that was refused when it runs again, or is collected.
      let statement: SqliteStatement | undefined
      const all = parameters.map(bound)
      const rows = () => {
        statement ??= database.prepare(sql)
        if (statement.reader ?? true) return statement.all(...all) as Rows
        statement.run(...all)
        return []
      }
      return Effect.retry(Effect.try({ try: rows, catch: failed }), { while: isBusy, schedule: patience })
    })
  const execute: Connection["execute"] = (sql, parameters, transform) =>
    Effect.map(rowsOf(sql, parameters), (rows) => transform === undefined ? rows : transform(rows))
  const values: Connection["executeValues"] = (sql, parameters) =>
    Effect.map(rowsOf(sql, parameters), (rows) => rows.map((row) => Object.values(row)))
  return {
    execute,
    executeRaw: rowsOf,
    executeUnprepared: execute,
    executeValues: values,
    executeValuesUnprepared: values,
    executeStream: (sql, parameters, transform) => Stream.fromIterableEffect(execute(sql, parameters, transform))
  }
}

interface Process {
  readonly versions: { readonly node: string }
  readonly getBuiltinModule: (
    id: "node:sqlite"
  ) => { readonly DatabaseSync: new(filename: string) => SqliteDatabase } | undefined
}

/** The driver that Node has since 22.13. An import of it would fail on Node 20. */
const openNode = (filename: string): SqliteDatabase => {
  const { process } = globalThis as unknown as { readonly process: Process }
  const sqlite = process.getBuiltinModule("node:sqlite")
  if (sqlite !== undefined) return new sqlite.DatabaseSync(filename)
  throw new Error(
    `DurableStore.layerSqlite: Node ${process.versions.node} has no node:sqlite, which Node 22.13 brings: ` +
      "set `open`, for another driver"
  )
}

/** A client of the file, until the scope closes. A file that cannot be opened is a defect. */
export const sqliteLayer = (
  filename: string,
  open: (filename: string) => SqliteDatabase = openNode
): Layer.Layer<SqlClient.SqlClient> =>
  Layer.effect(
    SqlClient.SqlClient,
    Effect.gen(function*() {
      const database = yield* Effect.acquireRelease(
        Effect.sync(() => open(filename)),
        (database) => Effect.sync(() => database.close())
      )
      const connection = connect(database)
      // A commit is on the disk when it returns, and readers do not wait for a writer.
      for (const pragma of ["busy_timeout = 0", "journal_mode = WAL", "synchronous = FULL"]) {
        yield* Effect.orDie(connection.execute(`PRAGMA ${pragma}`, [], undefined))
      }
      return yield* SqlClient.make({
        ...SqlClient.makeSqliteAcquirers({
          connection: Effect.succeed(connection),
          semaphore: Semaphore.makeUnsafe(1)
        }),
        compiler: Statement.makeCompilerSqlite(),
        driver: "sqlite",
        // A transaction that begins by reading could not write any more once another process has written.
        beginTransaction: "BEGIN IMMEDIATE",
        releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`,
        rollbackSavepoint: (name) => `ROLLBACK TO SAVEPOINT ${name}`,
        spanAttributes: [["db.system.name", "sqlite"]]
      })
    })
  ).pipe(Layer.provide(Reactivity.layer))
