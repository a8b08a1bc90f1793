/** Jobs and results in a database, as one process has them. */
import { Effect, Layer, Schema, type Scope } from "effect"
import { SqlClient } from "effect/sql"
import Libsql from "libsql"
import { WorkerPool } from "sluice"
import { DurableJob, DurablePool, DurableStore, Results, Wake } from "sluice/durable"
import { pgLayer } from "../support/fleet.js"

export type Database =
  | { readonly kind: "postgres"; readonly port: number }
  | { readonly kind: "sqlite"; readonly filename: string }

export type Stores =
  | DurableStore.Services
  | Results.Results
  | SqlClient.SqlClient

/** How soon the jobs of a killed process begin elsewhere. */
export const lockExpiration = 2_000

const lock = { pollInterval: 20, lockRefreshInterval: 400, lockExpiration }

const postgres = (port: number) =>
  Layer.merge(DurableStore.layerSql(lock), Results.layerSql()).pipe(
    Layer.provide(Wake.layerPg()),
    Layer.provideMerge(pgLayer({ kind: "postgres", port })),
    Layer.orDie
  )

// Node 20 has no driver of its own.
const open = (filename: string) => new Libsql(filename)

/** Another layer each time, with connections of its own. */
export const storesOf = (database: Database): Layer.Layer<Stores> =>
  database.kind === "postgres"
    ? postgres(database.port)
    : Layer.provideMerge(Results.layerSql(), DurableStore.layerSqlite({ ...lock, filename: database.filename, open }))

export const Order = DurableJob.make("order", { payload: Schema.String, success: Schema.String, id: (name) => name })

/** An order is a row. */
export const prepare = Effect.orDie(
  SqlClient.SqlClient.use((sql) => sql`CREATE TABLE IF NOT EXISTS orders (id VARCHAR(50) PRIMARY KEY)`)
)

/** Its row, and its job: within a transaction, both or none. */
export const place = Effect.fn(function*(id: string) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`INSERT INTO orders VALUES (${id}) ON CONFLICT DO NOTHING`
  yield* DurableJob.submit(Order, id)
})

/** Runs orders with connections of its own, as another process would, until the scope closes. */
export const elsewhere = Effect.fn(function*(
  database: Database,
  run: (id: string) => Effect.Effect<string, never, SqlClient.SqlClient>
): Effect.fn.Return<DurablePool.Serving, never, Scope.Scope> {
  const context = yield* Layer.build(Layer.fresh(storesOf(database)))
  const pool = yield* WorkerPool.make({
    size: 4,
    run: (id: string) => Effect.provideContext(run(id), context)
  })
  return yield* Effect.provideContext(DurablePool.serve(Order, pool, { grace: 0 }), context)
})
