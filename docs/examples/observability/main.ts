/**
 * Sends mail, serves what it counts, and sends its spans to a collector, if one is named:
 *
 *     npx tsx docs/examples/observability/main.ts [http://localhost:4318]
 */
import { Effect, Layer } from "effect"
import { WorkerPool } from "sluice"
import { serveMetrics } from "./metrics.js"
import { makeMailer } from "./pool.js"
import { sendTraces } from "./traces.js"

const [collector] = process.argv.slice(2)

const program = Effect.gen(function*() {
  const mailer = yield* makeMailer
  const url = yield* serveMetrics(9464)
  yield* Effect.log(`metrics are at ${url.href}`)
  const request = (n: number) => WorkerPool.submit(mailer, n % 10 === 0 ? "nobody" : `user${n}@example.org`)
  for (let n = 1;; n++) {
    yield* Effect.withSpan(request(n), "POST /mail")
    yield* Effect.sleep("20 millis")
  }
})

const traces = collector === undefined ? Layer.empty : sendTraces(new URL(collector))
const stopped = new AbortController()
process.once("SIGINT", () => stopped.abort())
await Effect.runPromiseExit(Effect.scoped(program).pipe(Effect.provide(traces)), { signal: stopped.signal })
