import { Effect, type Scope } from "effect"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

/**
 * Serves what all pools of this context count, as Prometheus asks for it, on a port of this machine, and answers the
 * address. With `@effect/platform-node` and a router, `PrometheusMetrics.layerHttp()` is all of this.
 */
export const serveMetrics = (port: number): Effect.Effect<URL, never, Scope.Scope> =>
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
    const listen = Effect.callback<void>((resume) => {
      server.listen(port, "127.0.0.1", () => resume(Effect.void))
    })
    const close = Effect.callback<void>((resume) => {
      server.close(() => resume(Effect.void))
      // A scraper keeps its connection for the next time.
      server.closeAllConnections()
    })
    yield* Effect.acquireRelease(listen, () => close)
    return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`)
  })
