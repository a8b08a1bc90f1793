import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import Libsql from "libsql"
import type { Position } from "./chunk.js"
import type { Validated } from "./validate.js"

export class DatabaseFailed extends Data.TaggedError("DatabaseFailed")<{
  readonly path: string
  readonly error: unknown
}> {
  override get message(): string {
    return `${this.path}: ${this.error instanceof Error ? this.error.message : String(this.error)}`
  }
}

const schema = `
  CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY, date TEXT NOT NULL, customer TEXT NOT NULL, email TEXT NOT NULL, product TEXT NOT NULL,
    quantity INTEGER NOT NULL, price INTEGER NOT NULL, note TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS rejects (
    file TEXT NOT NULL, line INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (file, line)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS positions (
    file TEXT PRIMARY KEY, byte INTEGER NOT NULL, line INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`

/** What a transaction has written. */
export interface Written {
  readonly orders: number
  readonly rejects: number
  readonly positions: ReadonlyArray<Position>
}

/**
 * A connection. Its locks are the operating system's, which a kill releases, and what an unfinished transaction has
 * written is undone by the next who opens the file.
 */
export class Database {
  private readonly db: Libsql.Database
  private readonly insert: Libsql.Statement
  private readonly reject: Libsql.Statement
  private readonly move: Libsql.Statement

  private constructor(readonly path: string) {
    this.db = new Libsql(path, { timeout: 1000 })
    this.db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + schema)
    this.insert = this.db.prepare("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
    this.reject = this.db.prepare("INSERT INTO rejects VALUES (?, ?, ?)")
    this.move = this.db.prepare("INSERT OR REPLACE INTO positions VALUES (?, ?, ?)")
  }

  static readonly open = (path: string): Effect.Effect<Database, DatabaseFailed, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.try({ try: () => new Database(path), catch: (error) => new DatabaseFailed({ path, error }) }),
      ({ db }) => Effect.sync(() => db.close())
    )

  get positions(): ReadonlyArray<Position> {
    return this.db.prepare("SELECT file, byte, line FROM positions").all() as Array<Position>
  }

  /** All of it or nothing, and how far it goes with it: so no row is loaded twice, and none is left out. */
  readonly write = (batch: ReadonlyArray<Validated>): Effect.Effect<Written, DatabaseFailed> =>
    Effect.try({
      try: () => this.transaction(() => this.writeAll(batch)),
      catch: (error) => new DatabaseFailed({ path: this.path, error })
    })

  private transaction<A>(body: () => A): A {
    this.db.exec("BEGIN IMMEDIATE")
    try {
      const value = body()
      this.db.exec("COMMIT")
      return value
    } catch (error) {
      if (this.db.inTransaction) this.db.exec("ROLLBACK")
      throw error
    }
  }

  private writeAll(batch: ReadonlyArray<Validated>): Written {
    let orders = 0
    let rejects = 0
    const refuse = (file: string, line: number, reason: string) => {
      this.reject.run(file, line, reason)
      rejects++
    }
    for (const part of batch) {
      const { file } = part.to
      for (const { line, order: { customer, date, email, id, note, price, product, quantity } } of part.orders) {
        const { changes } = this.insert.run(id, date, customer, email, product, quantity, price, note)
        if (changes === 1) orders++
        else refuse(file, line, `order ${id} is there already`)
      }
      for (const { line, reason } of part.rejects) refuse(file, line, reason)
      this.move.run(file, part.to.byte, part.to.line)
    }
    return { orders, rejects, positions: batch.map(({ to }) => to) }
  }
}
