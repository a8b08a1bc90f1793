/**
 * A service whose pool is seen from outside: metrics that Prometheus scrapes, and spans that a collector receives.
 *
 *     npx tsx docs/examples/http/observability.ts
 *     npx tsx docs/examples/http/observability.ts --serve --collector http://localhost:4318
 *
 * Learn from it:
 *
 * - `Watch.metrics()` and `Watch.spans()` are all that the pool needs. Metrics and spans are Effect's own, so whatever
 *   exports those exports these: here `PrometheusMetrics.layerHttp` and `OtlpTracer`.
 * - A request that waits, with `run`, has its job within its trace. A submitted job has a trace of its own with a link
 *   to the request: it may begin when the request has long ended.
 * - The pool uses the tracer and the registry of its maker, so `OtlpTracer.layer` has to be below the pool's layer.
 *
 * `dashboard.json` is a Grafana dashboard of these metrics, to import. docs/observability.md has alerts for them.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Data, Effect, Layer, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { FetchHttpClient, HttpMiddleware, HttpRouter, HttpServer } from "effect/http"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { OtlpSerialization, OtlpTracer, PrometheusMetrics } from "effect/observability"
import { createServer } from "node:http"
import { Watch, WorkerPool } from "sluice"

export class Bounced extends Data.TaggedError("Bounced")<{ readonly to: string }> {}

export class Mailer extends WorkerPool.Service<Mailer>()("example/Mailer", {
  name: "mailer",
  size: 3,
  queue: { capacity: 10 },
  watch: [Watch.metrics({ attributes: { region: "north" }, workers: true }), Watch.spans()],
  run: Effect.fn(function*(to: string) {
    yield* Effect.withSpan(Effect.sleep("10 millis"), "smtp")
    if (!to.includes("@")) return yield* new Bounced({ to })
  }),
  drain: "1 second"
}) {}

const to = Effect.map(HttpRouter.params, ({ to = "" }) => decodeURIComponent(to))

const unavailable = WorkerPool.catchRunError(({ _tag }) =>
  Effect.succeed(HttpServerResponse.text(_tag, { status: _tag === "QueueFull" ? 429 : 503 }))
)

const submit = Effect.flatMap(to, Mailer.trySubmit).pipe(
  Effect.as(HttpServerResponse.empty({ status: 202 })),
  unavailable
)

const run = Effect.flatMap(to, Mailer.tryRun).pipe(
  Effect.as(HttpServerResponse.empty({ status: 204 })),
  Effect.catchTag("Bounced", () => Effect.succeed(HttpServerResponse.empty({ status: 422 }))),
  unavailable
)

const routes = Layer.mergeAll(
  HttpRouter.add("POST", "/mail/:to", submit),
  HttpRouter.add("POST", "/now/:to", run),
  PrometheusMetrics.layerHttp()
)

export const server = (port: number) => NodeHttpServer.layer(createServer, { host: "127.0.0.1", port })

/** Sends all spans to a collector that speaks OTLP over HTTP. */
const traces = (collector: string) =>
  OtlpTracer.layer({
    url: `${collector}/v1/traces`,
    resource: { serviceName: "mailer" },
    exportInterval: "1 second"
  }).pipe(Layer.provide(OtlpSerialization.layerJson), Layer.provide(FetchHttpClient.layer))

export const app = (port: number, collector: Option.Option<string> = Option.none()) =>
  HttpRouter.serve(routes, { disableLogger: true }).pipe(
    Layer.provideMerge(Mailer.layer),
    Layer.provideMerge(server(port)),
    Layer.provide(HttpMiddleware.layerTracerDisabledForUrls(["/metrics"])),
    Layer.provide(Option.match(collector, { onNone: () => Layer.empty, onSome: traces }))
  )

export interface Span {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly links: ReadonlyArray<{ readonly traceId: string; readonly spanId: string }>
  readonly attributes: ReadonlyArray<{ readonly key: string; readonly value: Readonly<Record<string, unknown>> }>
  readonly status: { readonly code: number }
}

/** Stands in for a collector: hands over the spans that it receives. */
export const collector = (seen: (span: Span) => Effect.Effect<unknown>) => {
  const receive = Effect.gen(function*() {
    const body = yield* Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => request.json)
    const { resourceSpans } = body as {
      readonly resourceSpans: ReadonlyArray<{ scopeSpans: ReadonlyArray<{ spans: ReadonlyArray<Span> }> }>
    }
    const scopes = resourceSpans.flatMap(({ scopeSpans }) => scopeSpans)
    yield* Effect.forEach(scopes.flatMap(({ spans }) => spans), seen)
    return HttpServerResponse.jsonUnsafe({})
  })
  const route = HttpRouter.add("POST", "/v1/traces", receive)
  return Layer.provideMerge(HttpRouter.serve(route, { disableListenLog: true, disableLogger: true }), server(0))
}

const demo = Effect.gen(function*() {
  const client = yield* HttpServer.makeTestClient.pipe(Effect.provide(FetchHttpClient.layer))
  for (const path of ["/mail/ada@example.org", "/now/bob@example.org", "/now/nobody"]) {
    yield* Console.log(`POST ${path}: ${(yield* client.post(path)).status}`)
  }
  const text = yield* Effect.flatMap(client.get("/metrics"), (response) => response.text)
  for (const line of text.split("\n")) if (/jobs_settled.*(succ|fail)/.test(line)) yield* Console.log(line)
})

const show = ({ links, name, parentSpanId, spanId, traceId }: Span) => {
  const [link] = links
  const of = link !== undefined
    ? `linked to ${link.spanId}`
    : parentSpanId === undefined
    ? "a root"
    : `in ${parentSpanId}`
  return Console.log(`span ${spanId} of trace ${traceId.slice(0, 8)}, ${of}: ${name}`)
}

const command = Command.make(
  "observability",
  {
    serve: Flag.Boolean("serve").pipe(Flag.withDefault(false), Flag.withDescription("Serve until Ctrl-C")),
    port: Flag.Int("port").pipe(Flag.withDescription("Serve on this port (default 9464)"), Flag.optional),
    collector: Flag.String("collector").pipe(Flag.withDescription("Send the spans there, as you serve"), Flag.optional)
  },
  ({ collector: address, port, serve }) =>
    serve || Option.isSome(port)
      ? Layer.launch(app(Option.getOrElse(port, () => 9464), address))
      : HttpServer.addressFormattedWith((url) => Effect.provide(demo, app(0, Option.some(url)))).pipe(
        Effect.provide(collector(show))
      )
)

if (process.argv[1] === import.meta.filename) {
  NodeRuntime.runMain(Effect.provide(Command.run(command, { version: "1.0.0" }), NodeServices.layer))
}
