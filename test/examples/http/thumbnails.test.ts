import { start } from "./program.js"

import { Effect, Fiber, Logger } from "effect"
import { FetchHttpClient, HttpBody, HttpServer } from "effect/http"
import { TestClock } from "effect/testing"
import { WorkerPool } from "sluice"
import { expect, it } from "vitest"
import { app, image, Thumbnails } from "../../../docs/examples/http/thumbnails.js"
import { shrink } from "../../../docs/examples/http/thumbnails.thread.js"

const endless = "width=1&quality=1000000"

/** The service, with real threads. Its deadlines are on the test's clock. */
const serving = <A, E>(test: Effect.Effect<A, E, Thumbnails | HttpServer.HttpServer>) =>
  test.pipe(Effect.provide(app(0)), Effect.provide([TestClock.layer(), Logger.layer([])]), Effect.runPromise)

const post = Effect.fn(function*(query: string, body: Uint8Array = image()) {
  const client = yield* HttpServer.makeTestClient.pipe(Effect.provide(FetchHttpClient.layer))
  const response = yield* client.post(`/thumbnails?${query}`, { body: HttpBody.uint8Array(body) })
  return { status: response.status, body: Buffer.from(yield* response.arrayBuffer) }
})

const status = (query: string, body?: Uint8Array) => Effect.map(post(query, body), ({ status }) => status)

/** Suspends until the pool's statistics are so, while sockets and threads go on. */
const until = (isTrue: (stats: WorkerPool.Stats) => boolean): Effect.Effect<void, never, Thumbnails> =>
  Effect.gen(function*() {
    const { workers } = yield* Thumbnails
    while (!isTrue(WorkerPool.stats(workers))) {
      yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
    }
  })

const stats = Effect.map(Thumbnails, ({ workers }) => WorkerPool.stats(workers))

const header = "P6 4 2 255\n"
const halves = Buffer.concat([
  Buffer.from(header),
  ...[200, 200, 100, 100, 200, 200, 100, 100].map((n) => Buffer.alloc(3, n))
])

it("makes each new pixel the average of its samples", async () => {
  const shrunk = (width: number) =>
    Effect.runPromise(
      Effect.map(shrink({ image: halves, width, quality: 4 }, () => false), (made) => Buffer.from(made))
    )
  expect(await shrunk(2)).toEqual(
    Buffer.concat([Buffer.from("P6 2 1 255\n"), Buffer.alloc(3, 200), Buffer.alloc(3, 100)])
  )
  expect(await shrunk(1)).toEqual(Buffer.concat([Buffer.from("P6 1 1 255\n"), Buffer.alloc(3, 150)]))
})

it("responds with the image that a thread has made", () =>
  serving(Effect.gen(function*() {
    const { body, status } = yield* post("width=2")
    expect([status, body]).toEqual([200, Buffer.concat([Buffer.from("P6 2 2 255\n"), Buffer.alloc(12, 128)])])
  })))

it("refuses images that find the queue full, and stops computations at their deadline", () =>
  serving(Effect.gen(function*() {
    const accepted = yield* Effect.forEach([1, 2, 3, 4, 5, 6], () => Effect.forkChild(status(endless)))
    yield* until(({ queued, running }) => running === 2 && queued === 4)
    expect(yield* status(endless)).toBe(429)
    for (const second of [1, 2, 3]) {
      yield* TestClock.adjust("1 second")
      yield* until(({ timedOut }) => timedOut === 2 * second)
    }
    expect(yield* Effect.forEach(accepted, Fiber.join)).toEqual([504, 504, 504, 504, 504, 504])
    // The threads are the same: each of them has stopped when it was asked to.
    expect(yield* status("width=2")).toBe(200)
    expect(yield* stats).toMatchObject({ timedOut: 6, dropped: 1, succeeded: 1, replaced: 0 })
  })))

it("stops a computation whose client hangs up", () =>
  serving(Effect.gen(function*() {
    const computing = yield* Effect.forkChild(status(endless))
    yield* until(({ running }) => running === 1)
    yield* Fiber.interrupt(computing)
    yield* until(({ idle, interrupted }) => interrupted === 1 && idle === 2)
    expect(yield* status("width=2")).toBe(200)
    expect(yield* stats).toMatchObject({ succeeded: 1, replaced: 0 })
  })))

it("replaces the thread of a bug and disturbs no other call; a bad image costs nothing", () =>
  serving(Effect.gen(function*() {
    const other = yield* Effect.forkChild(status(endless))
    yield* until(({ running }) => running === 1)
    expect(yield* status("width=2", Buffer.from("GIF89a"))).toBe(422)
    expect(yield* status("width=0")).toBe(400)
    expect((yield* stats).replaced).toBe(0)
    expect(yield* status("width=2", image(3))).toBe(500)
    yield* until(({ idle, replaced }) => replaced === 1 && idle === 1)
    expect(yield* status("width=2")).toBe(200)
    expect(yield* stats).toMatchObject({ died: 1, failed: 1, running: 1, succeeded: 1 })
    yield* Fiber.interrupt(other)
  })))

it("responds to the request in flight after a SIGTERM, and reports", async () => {
  const { child, ended, listening } = start("thumbnails", "--port", "0")
  const url = await listening
  const send = (query: string) => fetch(`${url}/thumbnails?${query}`, { method: "POST", body: image() })
  expect((await send("width=2")).status).toBe(200)
  // Its deadline is a second, which the server grants.
  const inFlight = send(endless)
  const submitted = async () => (await (await fetch(`${url}/stats`)).json() as WorkerPool.Stats).submitted
  while (await submitted() < 2);
  child.kill("SIGTERM")
  expect((await inFlight).status).toBe(504)
  const { code, stderr, stdout } = await ended
  expect([code, stderr]).toEqual([130, ""])
  expect(stdout).toMatch(/^thumbnails: 1, refused: 0, bugs: 0$/m)
})

it("demonstrates itself", async () => {
  const { code, stderr, stdout } = await start("thumbnails").ended
  expect([code, stderr]).toEqual([0, ""])
  expect(stdout).toMatch(/^eight that take too long: (429,)+504(,504)*\nno image: 422\na bug: 500\n/m)
  expect(stdout).toMatch(/^thumbnails: 2, refused: \d, bugs: 1$/m)
})
