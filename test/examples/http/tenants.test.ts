import { start } from "./program.js"

import { Clock, Deferred, Effect, Fiber, Layer, Logger, Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpClientResponse, HttpServer } from "effect/http"
import { TestClock } from "effect/testing"
import { WorkerPool } from "sluice"
import { describe, expect, it } from "vitest"
import { app, Calls, Reports, Webhooks } from "../../../docs/examples/http/tenants.js"

/** Suspends until it is true, while sockets may go on. */
const until = (isTrue: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() =>
    isTrue()
      ? Effect.void
      : Effect.andThen(Effect.promise(() => new Promise((resolve) => setImmediate(resolve))), until(isTrue))
  )

type Receiver = (report: string, attempt: number) => Effect.Effect<number>

/** The service, whose reports are made as the test says, and receivers by name. The clock is the test's. */
const serving = <A, E>(
  test: Effect.Effect<A, E, Calls | Webhooks | HttpServer.HttpServer>,
  receivers: Readonly<Record<string, Receiver>> = {},
  make: (report: string) => Effect.Effect<string> = Effect.succeed
) => {
  const attempts = new Map<string, number>()
  const client = HttpClient.make((request, { hostname, pathname }) => {
    const attempt = (attempts.get(pathname) ?? 0) + 1
    attempts.set(pathname, attempt)
    const status = receivers[hostname.replace(".example", "")]?.(pathname.replace("/hook/", ""), attempt)
    return Effect.map(
      status ?? Effect.succeed(204),
      (status) => HttpClientResponse.fromWeb(request, new Response(null, { status }))
    )
  })
  const services = Layer.merge(Layer.succeed(HttpClient.HttpClient, client), Layer.succeed(Reports, { make }))
  return test.pipe(
    // Nobody moves the clock on for a drain.
    Effect.ensuring(Effect.flatMap(Calls, WorkerPool.shutdownNow)),
    Effect.ensuring(Effect.flatMap(Webhooks, WorkerPool.shutdownNow)),
    Effect.provide(app(0)),
    Effect.provide([services, TestClock.layer(), Logger.layer([])]),
    Effect.runPromise
  )
}

const call = Effect.fn(function*(report: string, key?: string) {
  const client = yield* HttpServer.makeTestClient.pipe(Effect.provide(FetchHttpClient.layer))
  const { headers, status } = yield* client.post(`/reports/${report}`, {
    headers: { "x-api-key": key ?? report.replace(/-.*/, "-key") }
  })
  return { status, after: headers["retry-after"] }
})

/** Sends a call, and returns once the pool has its job. */
const send = Effect.fn(function*(report: string) {
  const pool = yield* Calls
  const before = WorkerPool.stats(pool).submitted
  const fiber = yield* Effect.forkChild(Effect.map(call(report), ({ status }) => status))
  yield* until(() => WorkerPool.stats(pool).submitted > before)
  return fiber
})

const names = (tenant: string, count: number) => Array.from({ length: count }, (_, n) => `${tenant}-${n + 1}`)

/** Reports that end when the gate opens, in the order in which they began. */
const gated = () => {
  const gate = Deferred.makeUnsafe<void>()
  const began: Array<string> = []
  const make = (report: string) =>
    Effect.andThen(Effect.sync(() => began.push(report)), Effect.as(Deferred.await(gate), report))
  return { began, make, open: Deferred.succeed(gate, undefined) }
}

describe("calls", () => {
  it("have a quota for each tenant", () =>
    serving(Effect.gen(function*() {
      yield* Effect.forEach(names("noisy", 60), (report) => call(report))
      yield* TestClock.adjust("500 millis")
      expect(yield* call("noisy-61")).toEqual({ status: 429, after: "1" })
      expect((yield* call("ada-1")).status).toBe(200)
      yield* TestClock.adjust("500 millis")
      expect((yield* call("noisy-62")).status).toBe(200)
      expect((yield* call("noisy-63", "nobody")).status).toBe(401)
    })))

  it("of a tenant with a full queue are refused, hold two workers, and delay no other tenant", () => {
    const { began, make, open } = gated()
    return serving(
      Effect.gen(function*() {
        const noisy = yield* Effect.forEach(names("noisy", 22), send)
        expect(yield* call("noisy-23")).toEqual({ status: 429, after: "1" })
        const quiet = yield* Effect.forEach([...names("ada", 2), "bob-1"], send)
        // Four workers: two of them were left to the others.
        expect(began).toEqual(["noisy-1", "noisy-2", "ada-1", "ada-2"])
        yield* open
        expect(new Set(yield* Effect.forEach([...noisy, ...quiet], Fiber.join))).toEqual(new Set([200]))
        expect(began.indexOf("bob-1")).toBeLessThan(7)
      }),
      {},
      make
    )
  })

  it("leave the queue, or their worker, when their client hangs up", () => {
    const { began, make, open } = gated()
    return serving(
      Effect.gen(function*() {
        const pool = yield* Calls
        const [running, , waiting] = yield* Effect.forEach(names("ada", 3), send)
        yield* Fiber.interrupt(waiting!)
        yield* until(() => WorkerPool.stats(pool).interrupted === 1)
        const last = yield* send("ada-4")
        yield* Fiber.interrupt(running!)
        yield* until(() => began.includes("ada-4"))
        expect(began).toEqual(["ada-1", "ada-2", "ada-4"])
        yield* open
        expect(yield* Fiber.join(last)).toBe(200)
      }),
      {},
      make
    )
  })

  it("that wait too long get a 503, and those that run too long a 504", () =>
    serving(
      Effect.gen(function*() {
        const [running, , waiting] = yield* Effect.forEach(names("ada", 3), send)
        yield* TestClock.adjust("2 seconds")
        expect(yield* Fiber.join(waiting!)).toBe(503)
        yield* TestClock.adjust("3 seconds")
        expect(yield* Fiber.join(running!)).toBe(504)
      }),
      {},
      () => Effect.never
    ))
})

describe("webhooks", () => {
  it("come to each receiver in order, whatever the others do", () => {
    const got: Array<string> = []
    const quick: Receiver = (report) => Effect.as(Effect.sync(() => got.push(report)), 204)
    return serving(
      Effect.gen(function*() {
        yield* Effect.forEach([...names("noisy", 5), ...names("bob", 5), ...names("ada", 5)], (report) => call(report))
        const pool = yield* Webhooks
        yield* until(() => WorkerPool.stats(pool).succeeded === 5)
        expect(got).toEqual(names("ada", 5))
        // The receiver that hangs holds one sender, and the responses have not waited for it.
        expect(WorkerPool.stats(pool).running).toBe(1)
      }),
      { ada: quick, bob: () => Effect.succeed(500), noisy: () => Effect.never }
    )
  })

  it("are tried three times, then leave a dead letter", () => {
    const flaky: Receiver = (_, attempt) => Effect.succeed(attempt < 3 ? 503 : 204)
    return serving(
      Effect.gen(function*() {
        const pool = yield* Webhooks
        yield* Effect.forEach(["ada-1", "bob-1", "noisy-1"], (report) => call(report))
        const letters = yield* Effect.forkChild(Stream.runCollect(Stream.take(WorkerPool.deadLetters(pool), 2)))
        yield* Effect.repeat(TestClock.adjust("100 millis"), { until: () => letters.pollUnsafe() !== undefined })
        const { deadLettered, succeeded } = WorkerPool.stats(pool)
        expect({ deadLettered, succeeded }).toEqual({ deadLettered: 2, succeeded: 1 })
        expect((yield* Fiber.join(letters)).map(({ attempts, job, reason }) => [job.report, attempts, reason])).toEqual(
          [
            ["bob-1", 3, "exhausted"],
            ["noisy-1", 3, "exhausted"]
          ]
        )
        // Three timeouts of 300 ms for the receiver that hangs.
        expect(yield* Clock.currentTimeMillis).toBeGreaterThan(900)
      }),
      { ada: flaky, bob: () => Effect.succeed(500), noisy: () => Effect.never }
    )
  })
})

it("demonstrates itself", async () => {
  const { code, stderr, stdout } = await start("tenants").ended
  expect([code, stderr]).toEqual([0, ""])
  expect(stdout).toMatch(/^ada: 8 of 8 reports, the slowest after \d+ ms$/m)
  expect(stdout).toMatch(/^dead letter: bob, after 3 attempts$/m)
  expect(stdout).toMatch(/^webhooks: 1 sender is held by noisy's receiver, \d+ of its events wait$/m)
  expect(stdout).toMatch(/^webhooks sent: 8, dead letters: 1, left: \d+$/m)
})
