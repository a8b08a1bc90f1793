/**
 * The least HTTP service with a pool, and how a signal ends the service without losing a job.
 *
 *     npx tsx docs/examples/http/service.ts --serve
 *
 * Learn from it:
 *
 * - `WorkerPool.Service` makes the pool a layer, and the handlers require the pool like any other service.
 * - `trySubmit` accepts a job and returns: 202. `tryRun` waits for its result: 200. A full queue is a 429.
 * - Layers close in reverse order. The server requires the pool, so on SIGTERM
 *   1. the server accepts no more connections, and waits up to `gracefulShutdownTimeout` for those with a request in
 *      flight to close, by keep-alive some seconds after their response;
 *   2. requests that take longer are interrupted, and the jobs of their `tryRun` with them (P7);
 *   3. the pool drains: submitted jobs belong to no request, and have `drain` to finish;
 *   4. `onShutdown` receives the report: `returned` jobs never began, `aborted` jobs were cut off.
 *
 *   Both times together have to be shorter than the patience of whoever sends the SIGKILL.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Fiber, Layer, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { FetchHttpClient, HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import { WorkerPool } from "sluice"

class Mailer extends WorkerPool.Service<Mailer>()("example/Mailer", {
  name: "mailer",
  size: 2,
  queue: { capacity: 10 },
  run: (user: string) => Effect.as(Effect.sleep(user === "slow" ? "1 minute" : "200 millis"), `sent to ${user}`),
  drain: "1 second",
  onShutdown: ({ aborted, counts, returned }) =>
    Console.log(`sent ${counts.succeeded}, aborted [${aborted.join()}], returned [${returned.join()}]`)
}) {}

const user = Effect.map(HttpRouter.params, ({ user = "" }) => user)

/** The pool's own errors, as responses. The job's errors would pass. */
const unavailable = WorkerPool.catchRunError(({ _tag }) =>
  Effect.succeed(HttpServerResponse.text(_tag, { status: _tag === "QueueFull" ? 429 : 503 }))
)

const submit = Effect.flatMap(user, Mailer.trySubmit).pipe(
  Effect.map(({ id }) => HttpServerResponse.text(`accepted as job ${id}`, { status: 202 })),
  unavailable
)

const run = Effect.flatMap(user, Mailer.tryRun).pipe(
  Effect.map((sent) => HttpServerResponse.text(sent)),
  unavailable
)

const routes = Layer.mergeAll(HttpRouter.add("POST", "/mail/:user", submit), HttpRouter.add("POST", "/now/:user", run))

const server = (port: number) =>
  HttpRouter.serve(routes, { disableLogger: true }).pipe(
    Layer.provide(Mailer.layer),
    Layer.provideMerge(
      NodeHttpServer.layer(createServer, { host: "127.0.0.1", port, gracefulShutdownTimeout: "1 second" })
    )
  )

const demo = Effect.gen(function*() {
  const client = yield* HttpServer.makeTestClient
  const post = Effect.fn("post")(function*(path: string) {
    const response = yield* client.post(path)
    yield* Console.log(`POST ${path}: ${response.status} ${yield* response.text}`)
  })
  yield* Effect.forEach(["/mail/ada", "/mail/bob", "/mail/cy"], post)
  const waiting = yield* Effect.forkDetach(post("/now/dora"))
  yield* Effect.sleep("100 millis")
  yield* Console.log("SIGTERM, with four jobs in flight")
  process.kill(process.pid, "SIGTERM")
  yield* Fiber.join(waiting)
})

const command = Command.make(
  "service",
  {
    serve: Flag.Boolean("serve").pipe(Flag.withDefault(false), Flag.withDescription("Serve until Ctrl-C")),
    port: Flag.Int("port").pipe(Flag.withDescription("Serve on this port (default 3000)"), Flag.optional)
  },
  ({ port, serve }) =>
    serve || Option.isSome(port)
      ? Layer.launch(server(Option.getOrElse(port, () => 3000)))
      : demo.pipe(Effect.provide(server(0)), Effect.provide(FetchHttpClient.layer))
)

if (process.argv[1] === import.meta.filename) {
  NodeRuntime.runMain(Effect.provide(Command.run(command, { version: "1.0.0" }), NodeServices.layer))
}
