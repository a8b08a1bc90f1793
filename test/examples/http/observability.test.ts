/** The example of docs/observability.md: what a scraper and a collector get, and a dashboard of existing metrics. */
import { start } from "./program.js"

import { Effect, Logger, Option } from "effect"
import { FetchHttpClient, HttpServer } from "effect/http"
import { readFileSync } from "node:fs"
import { WorkerPool } from "sluice"
import { describe, expect, it, test } from "vitest"
import { app, collector, Mailer, type Span } from "../../../docs/examples/http/observability.js"
import { into, makeRegistry } from "../../support/metrics.js"
import { type MetricFamily, parse } from "../../support/prometheus.js"

/** Sends three mails, of which one is bounced. */
const requests = Effect.gen(function*() {
  const client = yield* HttpServer.makeTestClient.pipe(Effect.provide(FetchHttpClient.layer))
  const paths = ["/mail/ada@example.org", "/now/nobody", "/now/bob@example.org"]
  const statuses = yield* Effect.forEach(paths, (path) => Effect.map(client.post(path), ({ status }) => status))
  expect(statuses).toEqual([202, 422, 204])
  yield* Effect.flatMap(Mailer, WorkerPool.idle)
  return client
})

const run = <A, E>(effect: Effect.Effect<A, E>) => Effect.runPromise(Effect.provide(effect, Logger.layer([])))

const scraped: Effect.Effect<ReadonlyArray<MetricFamily>, unknown> = Effect.gen(function*() {
  const client = yield* requests
  const { headers, text } = yield* client.get("/metrics")
  expect(headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8")
  return parse(yield* text)
}).pipe(Effect.provide(app(0)), into(makeRegistry()))

test("the metrics are in Prometheus's format, with the numbers of the ledger", () =>
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

test.each(["a 1\n", "# TYPE a counter\na{b=\"\\x\"} 1\n", "# TYPE a counter\na 1\na 2\n", "# TYPE a counter\na one\n"])(
  "%j is not in Prometheus's format",
  (text) => expect(() => parse(text)).toThrow()
)

test("the spans reach a collector: a submitted job's linked to its request's, and one that is run below it", () =>
  run(Effect.gen(function*() {
    const spans: Array<Span> = []
    // What is left is sent as the layer is released.
    yield* HttpServer.addressFormattedWith((url) => Effect.provide(requests, app(0, Option.some(url)))).pipe(
      Effect.provide(collector((span) => Effect.sync(() => spans.push(span))))
    )
    const attributesOf = ({ attributes }: Span) =>
      Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
    const requested = (path: string) => spans.find((span) => attributesOf(span)["url.path"] === path)!
    const job = (n: number) =>
      spans.find((span) => span.name === "mailer/job" && Number(attributesOf(span)["sluice.job"]) === n)!
    const submitter = requested("/mail/ada@example.org")
    const caller = requested("/now/nobody")
    const [submitted, ran] = [job(1), job(2)]
    expect(submitted.links).toMatchObject([{ traceId: submitter.traceId, spanId: submitter.spanId }])
    expect(submitted.traceId).not.toBe(submitter.traceId)
    expect(submitted.parentSpanId).toBeUndefined()
    expect(ran).toMatchObject({ traceId: caller.traceId, parentSpanId: caller.spanId, links: [] })
    const parents = spans.filter(({ name }) => name === "smtp").map(({ parentSpanId }) => parentSpanId)
    expect(parents).toEqual(expect.arrayContaining([submitted.spanId, ran.spanId]))
    expect(attributesOf(ran)).toMatchObject({ "sluice.pool": "mailer", "sluice.outcome": "failed" })
    // Ok, and error.
    expect([submitted.status.code, ran.status.code]).toEqual([1, 2])
  })))

describe("the dashboard", () => {
  interface Dashboard {
    readonly panels: ReadonlyArray<
      { readonly title: string; readonly targets: ReadonlyArray<{ readonly expr: string }> }
    >
    readonly templating: { readonly list: ReadonlyArray<{ readonly query: string }> }
  }
  const file = new URL("../../../docs/examples/http/dashboard.json", import.meta.url)
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
    const text = readFileSync(new URL("../../../docs/observability.md", import.meta.url), "utf8")
    const families = yield* scraped
    const rows = [...text.matchAll(/^\| `([a-z_]+)(?:\{[a-z]+\})?` \| (counter|gauge|histogram) \|/gm)]
    expect(rows.map(([, name, type]) => `sluice_pool_${name} ${type}`).sort()).toEqual(
      families.map(({ name, type }) => `${name} ${type}`).sort()
    )
    const names = new Set(families.flatMap(({ name, samples }) => [name, ...samples.map(({ name }) => name)]))
    const asked = [...text.matchAll(/sluice_pool_[a-z_]*[a-z]/g)].map(([name]) => name)
    expect(asked.filter((name) => !names.has(name))).toEqual([])
  })))

it("demonstrates itself", async () => {
  const { code, stderr, stdout } = await start("observability").ended
  expect([code, stderr]).toEqual([0, ""])
  expect(stdout).toMatch(/^sluice_pool_jobs_settled_total\{.*outcome="failed"\} 1$/m)
  expect(stdout).toMatch(/^span \w{16} of trace \w{8}, linked to \w{16}: mailer\/job$/m)
})
