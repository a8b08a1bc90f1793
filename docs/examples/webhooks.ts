/**
 * Webhooks that survive `kill -9`: `npm run example:webhooks`. Kill it, as it tells you, and start it again: it goes on,
 * and no webhook is lost. In a second terminal the same command helps the first one. Learn how jobs outlive their
 * process:
 *
 * - `DurableJob.make` names the job. Its id is the webhook's, so each start submits all of them, and none twice.
 * - `DurablePool.serve` feeds a pool from the store. A webhook of a process that was killed is sent elsewhere once its
 *   lock is over, here after two seconds. It may have arrived already: the receiver knows it by its id.
 * - A server that fails is tried again (`attempts`, `retry`). A webhook that it refuses for good is reported.
 * - Ctrl-C closes the scope of `serve`, which gives the rest back at once (`drain`).
 * - The store is a layer: a file of SQLite, or Redis with `--redis`.
 */
import { Effect, Exit, Layer, Schedule, Schema } from "effect"
import { Redis } from "effect/persistence"
import { Redis as Client } from "ioredis"
import Libsql from "libsql"
import { randomUUID } from "node:crypto"
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { WorkerPool } from "sluice"
import { DurableJob, DurablePool, DurableStore, Results } from "sluice/durable"
import { commandLine, count, runMain } from "./main.js"

class Refused extends Schema.TaggedError<Refused>()("Refused", { status: Schema.Number }) {}

const Webhook = DurableJob.make("webhook", {
  payload: Schema.Struct({ id: Schema.String, event: Schema.String }),
  success: Schema.Number,
  error: Refused,
  id: ({ id }) => id,
  attempts: 4,
  retry: Schedule.exponential("250 millis")
})

type Webhook = typeof Webhook.payload.Type

/** Sends it once, with its id, by which the receiver knows a webhook that has arrived before. */
const send = (url: string) =>
  Effect.fn(function*({ event, id }: Webhook) {
    // A server that cannot be reached is a defect of this attempt.
    const response = yield* Effect.promise((signal) =>
      fetch(url, { method: "POST", headers: { "idempotency-key": id }, body: event, signal })
    )
    if (response.status >= 500) return yield* Effect.die(new Error(`the server is busy: ${response.status}`))
    if (!response.ok) return yield* new Refused({ status: response.status })
    return response.status
  })

/** The server of a customer: slow, sometimes busy, and without a use for webhook 13. It notes what has arrived. */
const customer = (notes: string, delay: number) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<Server>((resume) => {
        let requests = 0
        const server = createServer((request, response) => {
          const id = String(request.headers["idempotency-key"])
          void setTimeout(delay).then(() => {
            const status = id.endsWith("-13") ? 410 : ++requests % 10 === 0 ? 503 : 200
            if (status === 200) appendFileSync(notes, `${id}\n`)
            response.writeHead(status).end()
          })
        })
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) => Effect.sync(() => (server.close(), server.closeAllConnections()))
    ),
    (server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  )

/** Effect's `Redis` service by ioredis. With `@effect/platform-node` it is `NodeRedis.layer()`. */
const redis = (url: string) =>
  Layer.effect(
    Redis.Redis,
    Effect.gen(function*() {
      const client = yield* Effect.acquireRelease(
        Effect.sync(() => new Client(url, { maxRetriesPerRequest: 0, commandTimeout: 10_000 }).on("error", () => {})),
        (client) => Effect.sync(() => client.disconnect())
      )
      return yield* Redis.make({
        send: <A>(command: string, ...args: ReadonlyArray<string>) =>
          Effect.tryPromise({
            try: () => client.call(command, ...args) as Promise<A>,
            catch: (cause) => new Redis.RedisError({ cause })
          }),
        subscribe: () => Effect.die("not used"),
        connect: Effect.die("not used")
      })
    })
  )

/** How soon the webhooks of a killed process are sent by another one. */
const lock = { lockExpiration: "2 seconds", lockRefreshInterval: "500 millis", pollInterval: "50 millis" } as const

const stores = (folder: string, url: string | undefined) =>
  url === undefined
    ? Layer.provideMerge(
      Results.layerSql(),
      DurableStore.layerSqlite({
        ...lock,
        filename: join(folder, "webhooks.db"),
        // Node has a driver of its own since 22.13.
        open: process.getBuiltinModule("node:sqlite") === undefined ? (filename) => new Libsql(filename) : undefined
      })
    )
    : Layer.merge(
      DurableStore.layerRedis({ ...lock, prefix: "webhooks:" }),
      Results.layerRedis({ prefix: "webhooks:result:" })
    ).pipe(Layer.provide(redis(url)))

/** A run has a name until all its webhooks have ended. The name begins their ids. */
const openFolder = (folder: string) => {
  const nameFile = join(folder, "name")
  const isNew = !existsSync(nameFile)
  if (isNew) writeFileSync(nameFile, randomUUID().slice(0, 8))
  const name = readFileSync(nameFile, "utf8")
  // Another process may end the run as well.
  return { isNew, name, notes: join(folder, `${name}.txt`), end: () => rmSync(nameFile, { force: true }) }
}

const received = (notes: string): ReadonlyArray<string> =>
  existsSync(notes) ? readFileSync(notes, "utf8").split("\n").slice(0, -1) : []

const program = Effect.fn(function*(folder: string, webhooks: number, delay: number) {
  const { end, isNew, name, notes } = openFolder(folder)
  const before = new Set(received(notes)).size
  console.error(isNew ? `a new run, in ${folder}` : `goes on in ${folder}: ${before} webhooks had arrived`)

  const url = yield* customer(notes, delay)
  const pool = yield* WorkerPool.make({ size: 4, run: send(url) })
  const serving = yield* DurablePool.serve(Webhook, pool, { drain: "2 seconds" })

  const ids = Array.from({ length: webhooks }, (_, i) => `${name}-${i + 1}`)
  yield* Effect.forEach(ids, (id) => DurableJob.submit(Webhook, { id, event: "order.paid" }), { discard: true })
  console.error(`${webhooks} webhooks are stored. Kill this process, and start it again:

    kill -9 ${process.pid}
`)

  let ended = 0
  const exits = yield* Effect.forEach(ids, (id) =>
    Effect.tap(DurableJob.exit(Webhook, id), () =>
      Effect.sync(() => {
        ended++
        if (ended % Math.ceil(webhooks / 10) === 0) console.error(`${ended} of ${webhooks} have ended`)
      })), { concurrency: 50 })

  const arrived = received(notes)
  const twice = arrived.length - new Set(arrived).size
  const refused = exits.flatMap((exit, i) => Exit.isFailure(exit) ? [ids[i]!.slice(name.length + 1)] : [])
  const lost = ids.filter((id, i) => Exit.isSuccess(exits[i]!) && !arrived.includes(id)).length
  console.log(`arrived: ${new Set(arrived).size}, ${twice} more than once; refused: ${refused.join()}`)
  console.log(`lost: ${lost}`)
  yield* DurablePool.drain(serving)
  end()
})

const usage = `Usage: npm run example:webhooks -- [--webhooks N] [--delay MS] [--folder PATH] [--redis URL]

Sends N webhooks (300) to a server that takes MS milliseconds (50) for each. Kill it, and start it again.
Their jobs are in a file of SQLite in the folder, or with --redis in Redis, such as redis://127.0.0.1:6379
`

runMain(
  import.meta,
  Effect.suspend(() => {
    const { values } = commandLine(usage, {
      options: {
        webhooks: { type: "string", default: "300" },
        delay: { type: "string", default: "50" },
        folder: { type: "string", default: join(tmpdir(), "sluice-webhooks") },
        redis: { type: "string" }
      }
    })
    const { folder, redis } = values
    mkdirSync(folder, { recursive: true })
    return program(folder, count("webhooks", values.webhooks), count("delay", values.delay)).pipe(
      Effect.scoped,
      Effect.provide(stores(folder, redis))
    )
  })
)
