import { Data, Effect, type Scope } from "effect"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import { createServer } from "node:http"
import { listening } from "../httpServer.js"

/** That port is taken, for one. */
export class MetricsFailed extends Data.TaggedError("MetricsFailed")<{ readonly reason: string }> {
  override get message(): string {
    return `metrics cannot be served: ${this.reason}`
  }
}

/**
 * Serves what all pools of this context count, as Prometheus asks for it, on a port of this machine, and answers the
 * address. With `@effect/platform-node` and a router, `PrometheusMetrics.layerHttp()` is all of this.
 */
export const serveMetrics = (port: number): Effect.Effect<URL, MetricsFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const context = yield* Effect.context()
    const server = createServer((request, response) => {
      if (request.method === "GET" && request.url === "/metrics") {
        response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" })
        response.end(PrometheusMetrics.formatUnsafe(context))
      } else {
        response.writeHead(404).end()
      }
    })
    const listens = Effect.mapError(listening(server, port), ({ reason }) => new MetricsFailed({ reason }))
    return new URL("/metrics", yield* listens)
  })
