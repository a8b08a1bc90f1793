/** The examples of docs/observability.md: what a scraper and a collector get, and a dashboard of what there is. */
import { Deferred, Effect, type Scope } from "effect"
import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import { type MetricsFailed, serveMetrics } from "../../docs/examples/observability/metrics.js"
import { makeMailer } from "../../docs/examples/observability/pool.js"
import { sendTraces } from "../../docs/examples/observability/traces.js"
import { run } from "../support/effect.js"
import { into, makeRegistry } from "../support/metrics.js"
import { type MetricFamily, parse } from "../support/prometheus.js"

const scrape = (url: URL) =>
  Effect.promise(async () => {
    const response = await fetch(url)
    return { type: response.headers.get("content-type"), text: await response.text() }
  })

const sendAll = (mailer: Effect.Success<typeof makeMailer>) =>
  Effect.forEach(["ada@example.org", "nobody", "bob@example.org"], (to) => Effect.exit(WorkerPool.run(mailer, to)))

const scraped: Effect.Effect<ReadonlyArray<MetricFamily>, MetricsFailed, Scope.Scope> = Effect.gen(function*() {
  const mailer = yield* makeMailer
  yield* sendAll(mailer)
  const { text, type } = yield* scrape(yield* serveMetrics(0))
  expect(type).toBe("text/plain; version=0.0.4; charset=utf-8")
  return parse(text)
}).pipe(into(makeRegistry()))

describe("the metrics", () => {
  test("are what Prometheus reads, with the numbers of the ledger", () =>
    run(Effect.gen(function*() {
      const families = yield* scraped
      const samples = families.flatMap(({ samples }) => samples)
      const value = (name: string, labels: Readonly<Record<string, string>> = {}) =>
        samples.filter((sample) =>
          sample.name === `sluice_pool_${name}` &&
          Object.entries({ pool: "mailer", region: "north", ...labels }).every(([label, value]) =>
            sample.labels[label] === value
          )
        ).map(({ value }) => value)
      expect(value("jobs_submitted_total")).toEqual([3])
      expect(value("jobs_settled_total", { outcome: "succeeded" })).toEqual([2])
      expect(value("jobs_settled_total", { outcome: "failed" })).toEqual([1])
      expect(value("workers")).toEqual([3])
      expect(value("queue_capacity")).toEqual([10])
      expect(value("job_run_seconds_count")).toEqual([3])
      expect(value("job_wait_seconds_bucket", { le: "+Inf" })).toEqual([3])
      expect(value("worker_busy_seconds_total").length).toBeGreaterThan(0)
      for (const { help, name, type } of families) {
        expect([name, help]).not.toContain(undefined)
        // Prometheus's conventions.
        expect([name, name.endsWith("_total")]).toEqual([name, type === "counter"])
        expect(name).toMatch(/^sluice_pool_[a-z_]+$/)
      }
    })))

  test("need a port that is free", () =>
    run(Effect.gen(function*() {
      const { port } = yield* serveMetrics(0)
      const error = yield* Effect.flip(serveMetrics(Number(port)))
      expect(error.message).toBe(
        `metrics cannot be served: listen EADDRINUSE: address already in use 127.0.0.1:${port}`
      )
    })))

  test("are none at any other address", () =>
    run(Effect.gen(function*() {
      const url = yield* serveMetrics(0)
      expect((yield* Effect.promise(() => fetch(new URL("/", url)))).status).toBe(404)
    })))

  test.each([
    "a 1\n",
    "# TYPE a counter\na{b=\"\\x\"} 1\n",
    "# TYPE a counter\na 1\na 2\n",
    "# TYPE a counter\na one\n"
  ])(
    "%j is no such text",
    (text) => expect(() => parse(text)).toThrow()
  )
})

interface SentSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly links: ReadonlyArray<{ readonly traceId: string; readonly spanId: string }>
  readonly attributes: ReadonlyArray<{ readonly key: string; readonly value: Readonly<Record<string, unknown>> }>
  readonly status: { readonly code: number }
}

interface Sent {
  readonly resourceSpans: ReadonlyArray<{
    readonly scopeSpans: ReadonlyArray<{ readonly spans: ReadonlyArray<SentSpan> }>
  }>
}

/** Stands in for a collector: keeps the spans that it is sent. */
const collector = Effect.gen(function*() {
  const spans: Array<SentSpan> = []
  const server = createServer((request, response) => {
    let body = ""
    request.setEncoding("utf8").on("data", (text: string) => body += text).on("end", () => {
      if (request.url === "/v1/traces") {
        const { resourceSpans } = JSON.parse(body) as Sent
        spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)))
      }
      response.writeHead(200, { "content-type": "application/json" }).end("{}")
    })
  })
  const listening = yield* Deferred.make<void>()
  server.listen(0, "127.0.0.1", () => Deferred.doneUnsafe(listening, Effect.void))
  yield* Effect.acquireRelease(Deferred.await(listening), () =>
    Effect.sync(() => {
      server.close()
      server.closeAllConnections()
    }))
  return { spans, url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`) }
})

test("the spans reach a collector: a submitted job's with a link to its submitter's, and one that is run below it", () =>
  run(Effect.gen(function*() {
    const { spans, url } = yield* collector
    // What is left is sent as the layer is released.
    yield* Effect.scoped(Effect.gen(function*() {
      const mailer = yield* makeMailer
      const { await: end } = yield* Effect.withSpan(WorkerPool.submit(mailer, "ada@example.org"), "POST /mail")
      yield* end
      yield* Effect.exit(Effect.withSpan(WorkerPool.run(mailer, "nobody"), "POST /mail/now"))
    })).pipe(Effect.provide(sendTraces(url)))
    const named = (name: string) => spans.filter((span) => span.name === name)
    const [[submitter], [caller], [submitted, ran], smtp] = [
      named("POST /mail"),
      named("POST /mail/now"),
      named("mailer/job"),
      named("smtp")
    ]
    expect(submitted!.links).toMatchObject([{ traceId: submitter!.traceId, spanId: submitter!.spanId }])
    expect(submitted!.traceId).not.toBe(submitter!.traceId)
    expect(submitted!.parentSpanId).toBeUndefined()
    expect(ran).toMatchObject({ traceId: caller!.traceId, parentSpanId: caller!.spanId, links: [] })
    expect(smtp.map(({ parentSpanId }) => parentSpanId)).toEqual([submitted!.spanId, ran!.spanId])
    const attributes = Object.fromEntries(ran!.attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
    expect(attributes).toMatchObject({ "sluice.pool": "mailer", "sluice.outcome": "failed", "sluice.job": 2 })
    // Ok, and error.
    expect([submitted!.status.code, ran!.status.code]).toEqual([1, 2])
  })))

describe("the dashboard", () => {
  interface Dashboard {
    readonly panels: ReadonlyArray<
      { readonly title: string; readonly targets: ReadonlyArray<{ readonly expr: string }> }
    >
    readonly templating: { readonly list: ReadonlyArray<{ readonly query: string }> }
  }
  const file = new URL("../../docs/examples/observability/dashboard.json", import.meta.url)
  const { panels, templating } = JSON.parse(readFileSync(file, "utf8")) as Dashboard
  const expressions = [
    ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ...templating.list.map(({ query }) => query)
  ]
  // What else has the form of a name in PromQL. A label is inside of braces, or behind "by".
  const words = ["sum", "by", "rate", "histogram_quantile", "label_values", "pool", "prometheus"]
  const namesIn = (expression: string) => {
    const bare = expression.replaceAll(/\{[^}]*\}|\[[^\]]*\]|by \([^)]*\)/g, " ")
    return (bare.match(/[a-zA-Z_]\w*/g) ?? []).filter((name) => !words.includes(name))
  }

  test("asks for metrics that there are, with labels that they have; and leaves none out", () =>
    run(Effect.gen(function*() {
      const samples = (yield* scraped).flatMap(({ samples }) => samples)
      const names = new Set(samples.map(({ name }) => name))
      for (const expression of expressions) {
        for (const name of namesIn(expression)) {
          expect([expression, name, names.has(name)]).toEqual([expression, name, true])
        }
        const labels = [...expression.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list]) => list!.split(", "))
        for (const label of labels) {
          const of = samples.filter(({ name }) => namesIn(expression).includes(name))
          expect([expression, label, of.some(({ labels }) => label in labels)]).toEqual([expression, label, true])
        }
      }
      const used = new Set(expressions.flatMap(namesIn))
      const unused = [...names].filter((name) => !used.has(name) && !/job_wait_seconds_(sum|count)$/.test(name))
      expect(unused).toEqual([])
    })))
})

test("the guide's table has every metric, and its alerts ask for no other", () =>
  run(Effect.gen(function*() {
    const text = readFileSync(new URL("../../docs/observability.md", import.meta.url), "utf8")
    const families = yield* scraped
    const rows = [...text.matchAll(/^\| `([a-z_]+)(?:\{[a-z]+\})?` \| (counter|gauge|histogram) \|/gm)]
    expect(rows.map(([, name, type]) => `sluice_pool_${name} ${type}`).sort()).toEqual(
      families.map(({ name, type }) => `${name} ${type}`).sort()
    )
    const names = new Set(families.flatMap(({ name, samples }) => [name, ...samples.map(({ name }) => name)]))
    const asked = [...text.matchAll(/sluice_pool_[a-z_]*[a-z]/g)].map(([name]) => name)
    expect(asked.filter((name) => !names.has(name))).toEqual([])
  })))
