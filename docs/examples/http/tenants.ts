/**
 * An API whose tenants share workers, and webhooks that a second pool delivers.
 *
 *     npx tsx docs/examples/http/tenants.ts
 *
 * Learn from it:
 *
 * - A quota is a token for each call, taken before anything is enqueued: 429 with `retry-after`.
 * - `queue.key` gives each tenant a queue of its own. Tenants take turns by the `weight` of their plan; `concurrency`
 *   bounds the workers that one tenant holds. So a tenant with a backlog fills its own queue and delays nobody else.
 * - `tryRun` refuses a call whose queue is full, and a client that hangs up takes its call along.
 * - Webhooks go to a pool of their own: the response waits for no receiver. There the receiver is the key, so one
 *   that hangs or fails holds one sender at most. Failures are retried, and the last attempt leaves a dead letter.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Context, Duration, Effect, Layer, Option, Schedule, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import { FetchHttpClient, HttpClient, HttpClientResponse, HttpServer } from "effect/http"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { RateLimiter } from "effect/persistence"
import { createServer } from "node:http"
import { WorkerPool } from "sluice"

interface Tenant {
  readonly name: string
  /** Calls in its turn at the workers, and calls per minute. */
  readonly plan: { readonly weight: number; readonly quota: number }
}

/** By their API keys. */
const tenants = new Map<string, Tenant>([
  ["noisy-key", { name: "noisy", plan: { weight: 1, quota: 60 } }],
  ["ada-key", { name: "ada", plan: { weight: 5, quota: 1000 } }],
  ["bob-key", { name: "bob", plan: { weight: 2, quota: 300 } }]
])

export class Reports extends Context.Service<Reports, {
  readonly make: (name: string) => Effect.Effect<string>
}>()("example/Reports") {}

export class Calls extends WorkerPool.Service<Calls>()("example/Calls", {
  name: "calls",
  size: 4,
  queue: {
    capacity: 20,
    key: ({ tenant }: { readonly tenant: Tenant; readonly report: string }) => tenant,
    perKey: { concurrency: 2, weight: ({ plan }: Tenant) => plan.weight }
  },
  deadlines: { wait: "2 seconds", run: "5 seconds" },
  run: ({ report }) => Effect.flatMap(Reports, (reports) => reports.make(report)),
  drain: "5 seconds"
}) {}

export class Webhooks extends WorkerPool.Service<Webhooks>()("example/Webhooks", {
  name: "webhooks",
  size: 4,
  queue: { capacity: 50, key: ({ receiver }) => receiver, perKey: { concurrency: 1 } },
  deadlines: { run: "300 millis" },
  retry: { schedule: Schedule.jittered(Schedule.exponential("50 millis")), times: 2, deadLetters: {} },
  run: ({ receiver, report }: { readonly receiver: string; readonly report: string }) =>
    Effect.flatMap(
      HttpClient.HttpClient,
      (client) => HttpClient.filterStatusOk(client).post(`http://${receiver}.example/hook/${report}`)
    ),
  drain: "1 second",
  onShutdown: ({ counts: { deadLettered, succeeded }, aborted, returned }) =>
    Console.log(`webhooks sent: ${succeeded}, dead letters: ${deadLettered}, left: ${aborted.length + returned.length}`)
}) {}

const refuse = (status: number, why: string, after = Duration.seconds(1)) =>
  HttpServerResponse.text(why, { status, headers: { "retry-after": String(Math.ceil(Duration.toSeconds(after))) } })

const report = Effect.gen(function*() {
  const { headers } = yield* HttpServerRequest.HttpServerRequest
  const tenant = tenants.get(headers["x-api-key"] ?? "")
  if (tenant === undefined) return HttpServerResponse.text("no such x-api-key", { status: 401 })
  const { name: key, plan: { quota: limit } } = tenant
  const limiter = yield* RateLimiter.RateLimiter
  yield* limiter.consume({ key, limit, window: "1 minute", algorithm: "token-bucket" })
  const { report = "" } = yield* HttpRouter.params
  const made = yield* Calls.tryRun({ tenant, report })
  // A receiver that is too slow loses this webhook, and delays no response.
  yield* Effect.ignore(Webhooks.trySubmit({ receiver: tenant.name, report }))
  return HttpServerResponse.text(made)
}).pipe(
  Effect.catchReason(
    "RateLimiterError",
    "RateLimitExceeded",
    ({ retryAfter }) => Effect.succeed(refuse(429, "the quota is used up", retryAfter))
  ),
  WorkerPool.catchRunError((error) => {
    if (error._tag === "QueueFull") return Effect.succeed(refuse(429, "your queue is full"))
    return Effect.succeed(refuse(error._tag === "JobTimeout" && error.phase === "run" ? 504 : 503, error._tag))
  })
)

export const app = (port: number) =>
  HttpRouter.serve(HttpRouter.add("POST", "/reports/:report", report), { disableLogger: true }).pipe(
    Layer.provide(Layer.provide(RateLimiter.layer, RateLimiter.layerStoreMemory)),
    Layer.provideMerge(Calls.layer),
    Layer.provideMerge(Webhooks.layer), // Drains after the calls, which bring the webhooks.
    Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port }))
  )

/** Stands in for the tenants' own servers: that of `noisy` hangs, that of `bob` is broken. */
const receivers = HttpClient.make((request, { hostname }) => {
  const response = new Response(null, { status: hostname === "bob.example" ? 500 : 204 })
  return hostname === "noisy.example" ? Effect.never : Effect.succeed(HttpClientResponse.fromWeb(request, response))
})

const live = (port: number) =>
  app(port).pipe(
    Layer.provide(Layer.succeed(HttpClient.HttpClient, receivers)),
    Layer.provide(Layer.succeed(Reports, { make: (name) => Effect.as(Effect.sleep("50 millis"), `report ${name}`) }))
  )

const demo = Effect.gen(function*() {
  const client = yield* HttpServer.makeTestClient.pipe(Effect.provide(FetchHttpClient.layer))
  const calls = Effect.fn("calls")(function*(name: string, count: number, concurrency: number) {
    const call = (n: number) => Effect.timed(client.post(`/reports/${n}`, { headers: { "x-api-key": `${name}-key` } }))
    const all = yield* Effect.forEach(Array.from({ length: count }, (_, n) => n), call, { concurrency })
    const made = all.filter(([, { status }]) => status === 200)
    const slowest = Math.round(Math.max(...made.map(([time]) => Duration.toMillis(time))))
    yield* Console.log(`${name}: ${made.length} of ${count} reports, the slowest after ${slowest} ms`)
  })
  yield* calls("bob", 1, 1)
  yield* Effect.all([calls("noisy", 40, 40), calls("ada", 8, 1)], { concurrency: 2 })
  const [letter] = yield* Stream.runCollect(Stream.take(WorkerPool.deadLetters(yield* Webhooks), 1))
  yield* Console.log(`dead letter: ${letter?.job.receiver}, after ${letter?.attempts} attempts`)
  const { queued, running } = yield* Webhooks.stats
  yield* Console.log(`webhooks: ${running} sender is held by noisy's receiver, ${queued} of its events wait`)
})

const command = Command.make(
  "tenants",
  {
    serve: Flag.Boolean("serve").pipe(Flag.withDefault(false), Flag.withDescription("Serve until Ctrl-C")),
    port: Flag.Int("port").pipe(Flag.withDescription("Serve on this port (default 3000)"), Flag.optional)
  },
  ({ port, serve }) =>
    serve || Option.isSome(port)
      ? Layer.launch(live(Option.getOrElse(port, () => 3000)))
      : Effect.provide(demo, live(0))
)

if (process.argv[1] === import.meta.filename) {
  NodeRuntime.runMain(Effect.provide(Command.run(command, { version: "1.0.0" }), NodeServices.layer))
}
