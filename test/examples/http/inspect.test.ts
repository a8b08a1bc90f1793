/** The handler of `sluice/inspect` behind a server of Effect: real sockets, many clients, and clients that hang up. */
import "./program.js"

import { Effect, Layer, Logger } from "effect"
import { HttpEffect, HttpRouter, HttpServer } from "effect/http"
import { Semaphore } from "sluice"
import { Inspect } from "sluice/inspect"
import { afterEach, expect, test, vi } from "vitest"
import { server } from "../../../docs/examples/http/observability.js"
import { fork } from "../../support/inspect.js"

afterEach(() => vi.restoreAllMocks())

/** Serves the handler, and calls `test` with the address of its mount point. */
const serving = (test: (address: string) => Promise<void>, interval?: number): Promise<void> => {
  const handler = HttpEffect.fromWebHandler(Inspect.handler({ interval }))
  const app = HttpRouter.serve(HttpRouter.add("*", "/debug/sluice/*", handler), { disableLogger: true })
  return HttpServer.addressFormattedWith((url) => Effect.promise(() => test(`${url}/debug/sluice/`))).pipe(
    Effect.provide(Layer.provideMerge(app, server(0))),
    Effect.provide(Inspect.layer({ adopt: false })),
    Effect.provide(Logger.layer([])),
    Effect.runPromise
  )
}

/** A client of the events. */
const listen = async (address: string) => {
  const gone = new AbortController()
  const { body, headers, status } = await fetch(`${address}events`, { signal: gone.signal })
  const reader = body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ""
  return {
    status,
    type: headers.get("content-type"),
    hangUp: () => gone.abort(),
    /** Reads until so many events of the name have come in all. */
    events: async (name: string, count: number): Promise<ReadonlyArray<unknown>> => {
      for (;;) {
        // The last part is not complete.
        const found = text.split("\n\n").slice(0, -1).filter((event) => event.includes(`event: ${name}\n`))
        if (found.length >= count) return found.map((event) => JSON.parse(/^data: (.*)$/m.exec(event)![1]!) as unknown)
        const { done, value } = await reader.read()
        if (done) throw new Error(`the events have ended after: ${text}`)
        text += value
      }
    }
  }
}

const until = async (isTrue: () => boolean): Promise<void> => {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve))
}

test("the page, the dumps and an explanation are served, with their headers", () =>
  serving(async (address) => {
    const page = await fetch(address)
    expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"])
    expect(page.headers.get("content-security-policy")).toMatch(/^default-src 'none'; .*'sha256-/)
    expect(await page.text()).toContain("<title>sluice</title>")
    const dump = (await (await fetch(`${address}dump.json`)).json()) as Inspect.Dump
    expect([dump.schema, dump.resources]).toEqual(["sluice/inspect/1", []])
    expect(await (await fetch(`${address}dump.txt`)).text()).toMatch(
      /^sluice at .*: 0 deadlocks, 0 resources, 0 waiting/
    )
    expect(await (await fetch(`${address}explain?of=pool-99`)).text()).toBe(
      "No fiber, job or resource is called \"pool-99\"."
    )
    expect((await fetch(`${address}favicon.ico`)).status).toBe(404)
    expect((await fetch(address, { method: "POST" })).status).toBe(405)
    const head = await fetch(`${address}dump.json`, { method: "HEAD" })
    expect([head.status, await head.text()]).toEqual([200, ""])
  }))

test("many clients receive the same dumps, and go on when others hang up", () =>
  serving(async (address) => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => listen(address)))
    for (const { status, type } of clients) expect([status, type]).toEqual([200, "text/event-stream"])
    const first = await Promise.all(clients.map(({ events }) => events("dump", 1)))
    expect(new Set(first.map(([dump]) => JSON.stringify(dump))).size).toBe(1)
    for (const { hangUp } of clients.slice(1)) hangUp()
    const [last] = clients
    await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
      const db = yield* Semaphore.make(1, { name: "orders-db" })
      yield* fork(Semaphore.withPermit(db, Effect.never))
      const [, dump] = yield* Effect.promise(() => last!.events("dump", 2))
      expect(dump).toMatchObject({ resources: [{ name: "orders-db", lines: [{ held: 1 }] }] })
    })))
    last!.hangUp()
  }, 10))

test("nothing looks any more when the last client has hung up", async () => {
  const set = vi.spyOn(globalThis, "setInterval")
  const cleared = vi.spyOn(globalThis, "clearInterval")
  await serving(async (address) => {
    const clients = [await listen(address), await listen(address)]
    for (const { events } of clients) await events("time", 2)
    const at = set.mock.calls.findIndex(([, millis]) => millis === 17)
    const timer = set.mock.results[at]?.value as unknown
    expect(set.mock.calls.filter(([, millis]) => millis === 17).length).toBe(1)
    const isCleared = () => cleared.mock.calls.some(([one]) => one === timer)
    clients[0]!.hangUp()
    await clients[1]!.events("time", 4)
    expect(isCleared()).toBe(false)
    clients[1]!.hangUp()
    await until(isCleared)
  }, 17)
})
