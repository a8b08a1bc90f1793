/**
 * Thumbnails over HTTP, computed in threads: the service responds while all of them compute.
 *
 *     npx tsx docs/examples/http/thumbnails.ts
 *
 * Learn from it:
 *
 * - The jobs are a module of their own, `thumbnails.thread.ts`. Images are moved to a thread, not copied.
 * - A `"dropping"` queue refuses an image when it is full: the client gets a 429, and no upload piles up.
 * - `deadlines.run` stops a computation: the function asks `isCancelled`, and its thread goes on with the next image. A
 *   function that does not ask is terminated with its thread after the `grace`.
 * - A client that hangs up is an interrupt, which stops the computation likewise.
 * - A bad image is a typed error, 422. A bug is a defect, 500: its thread is replaced, and no other call notices.
 * - At the end the server waits for the requests in flight. Every job belongs to a request, so the pool has nothing
 *   left to drain, and reports.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Context, Duration, Effect, Fiber, Layer, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { FetchHttpClient, HttpBody, HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import { WorkerPool } from "sluice"
import { ThreadPool } from "sluice/threads"
import { threadModule } from "../threadModule.js"
import type { jobs } from "./thumbnails.thread.js"

export class Thumbnails
  extends Context.Service<Thumbnails, ThreadPool.ThreadPool<typeof jobs, WorkerPool.JobTimeout>>()("example/Thumbnails")
{
  static readonly layer = Layer.effect(
    Thumbnails,
    Effect.gen(function*() {
      const pool = yield* ThreadPool.make<typeof jobs>({
        ...(yield* threadModule("thumbnails.thread", import.meta.url)),
        name: "thumbnails",
        size: 2,
        queue: { capacity: 4, strategy: "dropping" },
        deadlines: { wait: "5 seconds", run: "1 second" },
        grace: "200 millis"
      })
      yield* Effect.addFinalizer(() =>
        Effect.flatMap(
          WorkerPool.shutdown(pool.workers),
          ({ counts: { died, dropped, succeeded } }) =>
            Console.log(`thumbnails: ${succeeded}, refused: ${dropped}, bugs: ${died}`)
        )
      )
      return pool
    })
  )
}

const refuse = (status: number, why: string) =>
  Effect.succeed(HttpServerResponse.text(why, { status, headers: { "retry-after": "1" } }))

const between = (least: number, most: number) =>
  Schema.NumberFromString.check(Schema.isInt(), Schema.isBetween({ minimum: least, maximum: most }))
const Query = Schema.Struct({ width: between(1, 1_000), quality: Schema.optional(between(1, 1_000_000)) })

const thumbnail = Effect.gen(function*() {
  const { quality = 4, width } = yield* HttpServerRequest.schemaSearchParams(Query)
  const image = new Uint8Array(yield* Effect.flatMap(HttpServerRequest.HttpServerRequest, (_) => _.arrayBuffer))
  const pool = yield* Thumbnails
  const made = yield* pool.run.shrink(ThreadPool.transfer({ image, width, quality }, [image.buffer]))
  return HttpServerResponse.uint8Array(made, { contentType: "image/x-portable-pixmap" })
}).pipe(
  Effect.catchTags({
    SchemaError: (error) => refuse(400, error.message),
    NotAnImage: ({ reason }) => refuse(422, reason)
  }),
  WorkerPool.catchRunError((error) => {
    if (error._tag === "JobLost" && error.reason === "dropped") return refuse(429, "the queue is full")
    return error._tag === "JobTimeout" && error.phase === "run" ? refuse(504, "too slow") : refuse(503, error._tag)
  })
)

const stats = Effect.map(Thumbnails, ({ workers }) => HttpServerResponse.jsonUnsafe(WorkerPool.stats(workers)))

export const app = (port: number) =>
  HttpRouter.serve(
    Layer.merge(HttpRouter.add("POST", "/thumbnails", thumbnail), HttpRouter.add("GET", "/stats", stats)),
    { disableLogger: true }
  ).pipe(
    Layer.provideMerge(Thumbnails.layer),
    Layer.provideMerge(
      NodeHttpServer.layer(createServer, { host: "127.0.0.1", port, gracefulShutdownTimeout: "3 seconds" })
    )
  )

/** A gray image of four by three pixels, or less of it. */
export const image = (pixels = 12) => Buffer.concat([Buffer.from("P6 4 3 255\n"), Buffer.alloc(pixels * 3, 128)])

const demo = Effect.gen(function*() {
  const client = yield* HttpServer.makeTestClient.pipe(Effect.provide(FetchHttpClient.layer))
  const post = (query: string, body = image()) =>
    client.post(`/thumbnails?${query}`, { body: HttpBody.uint8Array(body) }).pipe(
      Effect.map(({ status }) => status)
    )
  yield* Console.log(`an image: ${yield* post("width=2")}`)
  const slow = yield* Effect.forkChild(
    Effect.forEach(Array.from({ length: 8 }), () => post("width=2&quality=1000000"), { concurrency: 8 })
  )
  yield* Effect.sleep("500 millis")
  const [time] = yield* Effect.timed(client.get("/stats"))
  yield* Console.log(`the service responds in ${Math.ceil(Duration.toMillis(time))} ms while both threads compute`)
  yield* Console.log(`eight that take too long: ${(yield* Fiber.join(slow)).sort().join()}`)
  yield* Console.log(`no image: ${yield* post("width=2", Buffer.from("GIF89a"))}`)
  yield* Console.log(`a bug: ${yield* post("width=2", image(3))}`)
  yield* Console.log(`an image after that: ${yield* post("width=2")}`)
})

const command = Command.make(
  "thumbnails",
  {
    serve: Flag.Boolean("serve").pipe(Flag.withDefault(false), Flag.withDescription("Serve until Ctrl-C")),
    port: Flag.Int("port").pipe(Flag.withDescription("Serve on this port (default 3000)"), Flag.optional)
  },
  ({ port, serve }) =>
    serve || Option.isSome(port)
      ? Layer.launch(app(Option.getOrElse(port, () => 3000)))
      : Effect.provide(demo, app(0))
)

if (process.argv[1] === import.meta.filename) {
  NodeRuntime.runMain(Effect.provide(Command.run(command, { version: "1.0.0" }), NodeServices.layer))
}
