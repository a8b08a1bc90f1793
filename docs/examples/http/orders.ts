/**
 * A shop that confirms every order that it has accepted, and no other: an outbox on PostgreSQL.
 *
 *     npx tsx docs/examples/http/orders.ts --database postgres://postgres@127.0.0.1/postgres
 *
 * Learn from it:
 *
 * - The order, the stock and the job that sends the confirmation are one transaction. If the stock is empty, or the
 *   process is killed before the commit, there is no job; after it, the job is run, by this process or another one.
 * - The response does not wait for the mail: 202. The id of the job is that of the order.
 * - A job may be run again after a kill, so it marks the order, and the mail carries the id of the order.
 * - SIGTERM drains: jobs under way have two seconds, and the rest stays in the database.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { PgClient } from "@effect/sql-pg"
import { Console, Data, Effect, Layer, Option, Redacted, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { FetchHttpClient, HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import { createServer } from "node:http"
import { WorkerPool } from "sluice"
import { DurableJob, DurablePool, DurableStore, Results, Wake } from "sluice/durable"

class SoldOut extends Data.TaggedError("SoldOut") {}

export const Confirmation = DurableJob.make("confirmation", {
  payload: Schema.Struct({ order: Schema.String, customer: Schema.String }),
  id: ({ order }) => order
})

/** All or nothing. */
export const place = Effect.fn("place")(function*(item: string, customer: string) {
  const sql = yield* SqlClient.SqlClient
  const order = randomUUID()
  yield* sql.withTransaction(Effect.gen(function*() {
    const taken = yield* sql`UPDATE stock SET pieces = pieces - 1 WHERE item = ${item} AND pieces > 0 RETURNING item`
    if (taken.length === 0) return yield* new SoldOut()
    yield* sql`INSERT INTO orders (id, item, customer) VALUES (${order}, ${item}, ${customer})`
    yield* DurableJob.submit(Confirmation, { order, customer })
  }))
  return order
})

/** The mail, and then the mark. A kill between them sends it again, with the same order. */
class Mailer extends WorkerPool.Service<Mailer>()("orders/Mailer", {
  size: 4,
  run: Effect.fn("confirm")(function*({ customer, order }: typeof Confirmation.payload.Type) {
    yield* Console.log(`mail to ${customer}: your order ${order}`)
    yield* SqlClient.SqlClient.use((sql) => sql`UPDATE orders SET confirmed = true WHERE id = ${order}`)
  }, Effect.orDie)
}) {}

/** The tables of a shop that has two lamps. */
const tables = Layer.effectDiscard(Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE IF NOT EXISTS stock (item text PRIMARY KEY, pieces integer NOT NULL)`
  yield* sql`INSERT INTO stock VALUES ('lamp', 2) ON CONFLICT DO NOTHING`
  yield* sql`CREATE TABLE IF NOT EXISTS orders (
    id uuid PRIMARY KEY,
    item text NOT NULL REFERENCES stock,
    customer text NOT NULL,
    confirmed boolean NOT NULL DEFAULT false
  )`
}))

const post = Effect.gen(function*() {
  const { customer = "", item = "" } = yield* HttpRouter.params
  return HttpServerResponse.text(yield* place(item, customer), { status: 202 })
}).pipe(
  Effect.catchTags({
    SoldOut: () => Effect.succeed(HttpServerResponse.text("sold out", { status: 409 })),
    // The job may have been stored: its caller asks for the order.
    StoreError: () => Effect.succeed(HttpServerResponse.text("try again later", { status: 503 }))
  })
)

const get = Effect.gen(function*() {
  const { order = "" } = yield* HttpRouter.params
  const sql = yield* SqlClient.SqlClient
  const [found] = yield* sql<{ confirmed: boolean }>`SELECT confirmed FROM orders WHERE id::text = ${order}`
  if (found === undefined) return HttpServerResponse.text("no such order", { status: 404 })
  return HttpServerResponse.text(found.confirmed ? "confirmed" : "accepted")
})

const routes = Layer.mergeAll(
  HttpRouter.add("POST", "/orders/:item/:customer", post),
  HttpRouter.add("GET", "/orders/:order", get)
)

/** All on one client, so that a transaction of it includes the job. */
export const database = (url: string) =>
  Layer.mergeAll(DurableStore.layerSql({ lockExpiration: "10 seconds" }), Results.layerSql(), tables).pipe(
    Layer.provide(Wake.layerPg()),
    Layer.provideMerge(PgClient.layer({
      url: Redacted.make(url),
      // The engine's timestamps have no zone: all processes need the same one.
      startupParameters: { timezone: "UTC" }
    }))
  )

const server = (port: number, url: string) =>
  HttpRouter.serve(routes, { disableLogger: true }).pipe(
    Layer.provideMerge(DurablePool.layer(Confirmation, Mailer, { drain: "2 seconds" })),
    Layer.provide(Mailer.layer),
    Layer.provideMerge(database(url)),
    Layer.provideMerge(
      NodeHttpServer.layer(createServer, { host: "127.0.0.1", port, gracefulShutdownTimeout: "1 second" })
    )
  )

const demo = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`UPDATE stock SET pieces = 2`
  const client = yield* HttpServer.makeTestClient
  for (const customer of ["ada", "bob", "cy"]) {
    const response = yield* client.post(`/orders/lamp/${customer}`)
    const text = yield* response.text
    yield* Console.log(`POST /orders/lamp/${customer}: ${response.status} ${text}`)
    if (response.status === 202) yield* DurableJob.await(Confirmation, text)
  }
})

const command = Command.make(
  "orders",
  {
    database: Flag.String("database").pipe(Flag.withDescription("The address of a PostgreSQL, postgres://...")),
    serve: Flag.Boolean("serve").pipe(Flag.withDefault(false), Flag.withDescription("Serve until Ctrl-C")),
    port: Flag.Int("port").pipe(Flag.withDescription("Serve on this port (default 3000)"), Flag.optional)
  },
  ({ database, port, serve }) =>
    serve || Option.isSome(port)
      ? Layer.launch(server(Option.getOrElse(port, () => 3000), database))
      : demo.pipe(Effect.provide(server(0, database)), Effect.provide(FetchHttpClient.layer))
)

if (process.argv[1] === import.meta.filename) {
  NodeRuntime.runMain(Effect.provide(Command.run(command, { version: "1.0.0" }), NodeServices.layer))
}
