/** The handler of `sluice/inspect`: its routes, its headers and its events. */
import { getEventListeners } from "node:events"
import { readFileSync } from "node:fs"
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { type HandlerOptions, type Look, makeHandler } from "../../src/internal/inspect/handler.js"
import type { Dump } from "../../src/internal/inspect/model.js"
import { script, style } from "../../src/internal/inspect/page/built.js"
import { dump, hold, hostile, hostileDump, semaphore, service, wait } from "../support/dumps.js"
import { buildPage } from "../support/page.js"

const look = (more: Partial<Look> = {}): Look => ({
  dump: () => service(),
  explain: (ref) => `${ref} waits`,
  text: ({ resources }) => `${resources.length} resources`,
  ...more
})

const ask = (path: string, init?: RequestInit, by = look()): Promise<Response> =>
  makeHandler(by)(new Request(`http://localhost${path}`, init))

const throws = (message: string) => () => {
  throw new Error(message)
}

describe("routes", () => {
  test.each(["/", "/debug/", "/a/b%20c/?x=1"])("the page is at the end of a folder's path: %s", async (path) => {
    const response = await ask(path)
    expect(response.status).toBe(200)
    expect(response.headers.get("Content-Type")).toBe("text/html; charset=utf-8")
    expect(await response.text()).toContain("<title>sluice</title>")
  })

  test.each([
    ["/debug/inspect", "./inspect/"],
    ["/debug/inspect?x=1", "./inspect/?x=1"],
    ["//example", "./example/"]
  ])("a path without a slash at its end leads to the page: %s", async (path, location) => {
    const response = await ask(path)
    expect(response.status).toBe(307)
    expect(response.headers.get("Location")).toBe(location)
  })

  test("dump.json is the dump", async () => {
    const response = await ask("/debug/dump.json")
    expect(response.headers.get("Content-Type")).toBe("application/json")
    expect(await response.json()).toEqual(JSON.parse(JSON.stringify(service())))
  })

  test("dump.txt is the text of the dump", async () => {
    const response = await ask("/debug/dump.txt")
    expect(response.headers.get("Content-Type")).toBe("text/plain; charset=utf-8")
    expect(await response.text()).toBe("10 resources")
  })

  test("explain returns the explanation of a reference", async () => {
    const response = await ask("/debug/explain?of=job%205%20of%20pool-1")
    expect(response.headers.get("Content-Type")).toBe("text/plain; charset=utf-8")
    expect(await response.text()).toBe("job 5 of pool-1 waits")
  })

  test.each(["/explain", "/explain?of="])("explain needs a reference: %s", async (path) => {
    const response = await ask(path)
    expect([response.status, await response.text()]).toEqual([
      400,
      "explain needs a fiber, job or resource: explain?of=fiber%206\n"
    ])
  })

  test.each(["/favicon.ico", "/dump.xml", "/debug/..dump.json"])("other files are not found: %s", async (path) => {
    expect((await ask(path)).status).toBe(404)
    expect((await ask(path, { method: "POST" })).status).toBe(404)
  })

  test.each(["/", "/dump.json", "/dump.txt", "/explain?of=x", "/events", "/debug"])(
    "only GET and HEAD are allowed: %s",
    async (path) => {
      for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
        const response = await ask(path, { method })
        expect([response.status, response.headers.get("Allow")]).toEqual([405, "GET, HEAD"])
      }
    }
  )

  test.each(["/", "/dump.json", "/explain?of=x", "/events"])("HEAD has the headers and no body: %s", async (path) => {
    const response = await ask(path, { method: "HEAD" })
    const { headers } = await ask(path, { signal: AbortSignal.abort() })
    expect(response.status).toBe(200)
    expect([...response.headers]).toEqual([...headers])
    expect(response.body).toBeNull()
  })

  test.each([["/none.txt", 404], ["/debug", 307], ["/explain", 400]])(
    "HEAD of %s has no body: %i",
    async (path, status) => {
      const response = await ask(path, { method: "HEAD" })
      expect([response.status, response.body]).toEqual([status, null])
      expect([...response.headers]).toEqual([...(await ask(path)).headers])
    }
  )

  test.each([
    ["/dump.json", { dump: throws("no heap") }],
    ["/dump.txt", { text: throws("no heap") }],
    ["/explain?of=x", { explain: throws("no heap") }]
  ])("a look that throws is an error of this request alone: %s", async (path, more) => {
    const response = await ask(path, {}, look(more))
    expect([response.status, response.headers.get("Content-Type"), await response.text()]).toEqual([
      500,
      "text/plain; charset=utf-8",
      "no heap\n"
    ])
  })
})

describe("safety", () => {
  test.each(["/", "/dump.json", "/dump.txt", "/explain?of=x", "/explain", "/events", "/a.b", "/debug"])(
    "no response is stored, sniffed or framed: %s",
    async (path) => {
      const { headers } = await ask(path, { signal: AbortSignal.abort() })
      expect(headers.get("Cache-Control")).toBe("no-store")
      expect(headers.get("X-Content-Type-Options")).toBe("nosniff")
      expect(headers.get("Content-Security-Policy")).toMatch(/^default-src 'none'; .*frame-ancestors 'none'/)
    }
  )

  test("the page's policy allows its own script and style sheet alone, by their hashes", async () => {
    const response = await ask("/")
    const page = await response.text()
    const policy = response.headers.get("Content-Security-Policy") ?? ""
    for (const name of ["script", "style"]) {
      const texts = page.split(`<${name}>`).slice(1).map((rest) => rest.split(`</${name}>`)[0])
      expect(texts).toHaveLength(1)
      const hash = Buffer.from(await crypto.subtle.digest("SHA-256", Buffer.from(texts[0]!))).toString("base64")
      expect(policy).toContain(`${name}-src 'sha256-${hash}';`)
    }
    expect(policy).toContain("connect-src 'self';")
    expect(policy).not.toContain("unsafe")
    expect(page).not.toMatch(/ on[a-z]+=|style="/)
  })

  test("the page has nothing of a dump in it", async () => {
    const made = vi.fn(hostileDump)
    const page = await (await ask("/", {}, look({ dump: made }))).text()
    expect(made).not.toHaveBeenCalled()
    for (const name of hostile) expect(page).not.toContain(name)
  })

  test("hostile names are text, whatever the route", async () => {
    const by = look({ dump: hostileDump, explain: (ref) => ref, text: ({ missing }) => missing.join() })
    for (const path of ["/dump.txt", `/explain?of=${encodeURIComponent(hostile[0])}`]) {
      const response = await ask(path, {}, by)
      expect(response.headers.get("Content-Type")).toBe("text/plain; charset=utf-8")
      expect(await response.text()).toContain(hostile[0])
    }
    expect(await (await ask("/dump.json", {}, by)).json()).toEqual(JSON.parse(JSON.stringify(hostileDump())))
  })
})

describe("the page", () => {
  test("is built of its sources: `npm run build:page`", () => {
    const built = new URL("../../src/internal/inspect/page/built.ts", import.meta.url)
    expect(readFileSync(built, "utf8")).toBe(buildPage())
  })

  test("has less than 25 kB, and no end of a script or style sheet in either", async () => {
    const page = await (await ask("/")).text()
    expect(Buffer.byteLength(page)).toBeLessThan(25_000)
    expect(script).not.toMatch(/<\/script|<!--/i)
    expect(style).not.toMatch(/<\/style/i)
  })
})

describe("options", () => {
  const make = (options: unknown) => () => makeHandler(look(), options as HandlerOptions)

  test.each([9, 0, -1, NaN, Infinity, 2 ** 31, "1000", {}])(
    "refuses an interval of %j",
    (interval) => {
      expect(make({ interval })).toThrow(
        /^Inspect\.handler: interval must be a number of milliseconds from 10 to 2147483647, got /
      )
    }
  )

  test.each([null, 5, "x", []])("refuses options that are no object: %j", (options) => {
    expect(make(options)).toThrow(/^Inspect\.handler: options must be an object, got /)
  })

  test("accepts the bounds of the interval, and none", () => {
    for (const options of [undefined, {}, { interval: undefined }, { interval: 10 }, { interval: 2 ** 31 - 1 }]) {
      expect(make(options)).not.toThrow()
    }
  })
})

describe("events", () => {
  const anything: unknown = expect.anything()

  beforeEach(() => {
    vi.useFakeTimers({ now: service().at })
  })

  afterEach(() => {
    vi.useRealTimers()
    vi.restoreAllMocks()
  })

  interface Listener {
    /** The events that have come, as `name` and `data`, once no more come without the clock. */
    readonly received: () => Promise<ReadonlyArray<readonly [name: string, data: unknown]>>
    readonly response: Response
    readonly cancel: () => Promise<void>
    readonly end: Promise<unknown>
  }

  const parse = (text: string): ReadonlyArray<readonly [string, unknown]> => {
    expect(text).toMatch(/^(retry: 1000\n)?(event: [a-z]+\ndata: [^\n\r]*\n\n)*$/)
    return [...text.matchAll(/event: ([a-z]+)\ndata: ([^\n]*)\n\n/g)].map((
      [, name, data]
    ) => [name!, JSON.parse(data!)])
  }

  const listen = async (handler: (request: Request) => Promise<Response>, signal?: AbortSignal): Promise<Listener> => {
    const response = await handler(new Request("http://localhost/events", signal === undefined ? {} : { signal }))
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    let text = ""
    const pump = async (): Promise<void> => {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return
        text += value
      }
    }
    const end = pump().then(() => "ended", () => "failed")
    return {
      response,
      end,
      cancel: () => reader.cancel(),
      received: async () => {
        // Streams move on in microtasks alone.
        for (let i = 0; i < 100; i++) await Promise.resolve()
        const all = parse(text)
        text = ""
        return all
      }
    }
  }

  const names = async ({ received }: Listener) => (await received()).map(([name]) => name)

  test("an event stream begins with a dump and the time, and proxies leave it as it is", async () => {
    const { cancel, received, response } = await listen(makeHandler(look()))
    expect(response.headers.get("Content-Type")).toBe("text/event-stream")
    expect(response.headers.get("X-Accel-Buffering")).toBe("no")
    expect(await received()).toEqual([["time", service().at], ["dump", JSON.parse(JSON.stringify(service()))]])
    await cancel()
  })

  test("a dump that differs is sent after each interval, and else the time alone", async () => {
    let capacity = 1
    const handler = makeHandler(look({ dump: () => dump({ resources: [semaphore("semaphore-1", capacity, [])] }) }))
    const client = await listen(handler)
    expect(await names(client)).toEqual(["time", "dump"])
    vi.advanceTimersByTime(999)
    expect(await names(client)).toEqual([])
    vi.advanceTimersByTime(1)
    expect(await client.received()).toEqual([["time", service().at + 1000]])
    capacity = 2
    vi.advanceTimersByTime(1000)
    expect(await client.received()).toMatchObject([["time", anything], ["dump", {
      resources: [{ stats: { capacity: 2 } }]
    }]])
    await client.cancel()
  })

  test("the interval is an option", async () => {
    const made = vi.fn(service)
    const client = await listen(makeHandler(look({ dump: made }), { interval: 10 }))
    for (let i = 0; i < 5; i++) {
      vi.advanceTimersByTime(10)
      await client.received()
    }
    expect(made).toHaveBeenCalledTimes(6)
    await client.cancel()
  })

  test("durations that go on are no difference, and one that begins again is", async () => {
    const began = Date.now()
    let since = began - 5000
    const now = (): Dump => {
      const millis = Date.now() - since
      const waits = [wait("fiber 2", "1 permit", { millis })]
      return dump({ at: Date.now(), resources: [semaphore("semaphore-1", 1, [hold("fiber 1", { millis })], waits)] })
    }
    const client = await listen(makeHandler(look({ dump: now })))
    expect(await names(client)).toEqual(["time", "dump"])
    vi.advanceTimersByTime(1000)
    expect(await names(client)).toEqual(["time"])
    since = Date.now()
    vi.advanceTimersByTime(1000)
    expect(await names(client)).toEqual(["time", "dump"])
    await client.cancel()
  })

  test("a name cannot forge an event", async () => {
    const { cancel, received } = await listen(makeHandler(look({ dump: hostileDump })))
    expect(await received()).toMatchObject([["time", anything], ["dump", JSON.parse(JSON.stringify(hostileDump()))]])
    await cancel()
  })

  test("clients share the looks, and the last one that leaves ends the timer", async () => {
    const made = vi.fn(service)
    const handler = makeHandler(look({ dump: made }))
    expect(vi.getTimerCount()).toBe(0)
    const gone = new AbortController()
    const [a, b] = [await listen(handler), await listen(handler, gone.signal)]
    expect(vi.getTimerCount()).toBe(1)
    expect([await names(a), await names(b)]).toEqual([["time", "dump"], ["time", "dump"]])
    made.mockClear()
    vi.advanceTimersByTime(1000)
    expect([await names(a), await names(b)]).toEqual([["time"], ["time"]])
    expect(made).toHaveBeenCalledTimes(1)
    await a.cancel()
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(1000)
    expect(await names(b)).toEqual(["time"])
    gone.abort()
    expect(await b.end).toBe("ended")
    expect(vi.getTimerCount()).toBe(0)
  })

  test("a stream that has ended leaves no listener on its signal", async () => {
    const handler = makeHandler(look())
    const gone = new AbortController()
    const requests = [{}, { signal: gone.signal }].map((init) => new Request("http://localhost/events", init))
    const bodies = await Promise.all(requests.map(async (request) => (await handler(request)).body!))
    const listeners = () => requests.map(({ signal }) => getEventListeners(signal, "abort").length)
    expect(listeners()).toEqual([1, 1])
    await bodies[0]!.cancel()
    gone.abort()
    expect(listeners()).toEqual([0, 0])
    await bodies[1]!.cancel()
    expect(vi.getTimerCount()).toBe(0)
  })

  test("a client that has left before it is served starts no timer", async () => {
    const made = vi.fn(service)
    const client = await listen(makeHandler(look({ dump: made })), AbortSignal.abort())
    expect(await client.end).toBe("ended")
    expect([vi.getTimerCount(), made.mock.calls.length]).toEqual([0, 0])
  })

  test("HEAD begins no stream", async () => {
    const made = vi.fn(service)
    await makeHandler(look({ dump: made }))(new Request("http://localhost/events", { method: "HEAD" }))
    expect([vi.getTimerCount(), made.mock.calls.length]).toEqual([0, 0])
  })

  test("a slow client misses dumps, has at most one event queued, and then receives the newest dump", async () => {
    let capacity = 1
    const made = vi.fn(() => dump({ resources: [semaphore("semaphore-1", capacity, [])] }))
    const response = await makeHandler(look({ dump: made }))(new Request("http://localhost/events"))
    const reader = response.body!.getReader()
    const read = async () => parse(new TextDecoder().decode((await reader.read()).value as Uint8Array))
    for (let i = 0; i < 1000; i++) {
      capacity++
      vi.advanceTimersByTime(1000)
    }
    // Nobody would see any more of them.
    expect(made).toHaveBeenCalledTimes(1)
    expect(await read()).toMatchObject([["time", anything], ["dump", { resources: [{ stats: { capacity: 1 } }] }]])
    vi.advanceTimersByTime(1000)
    expect(await read()).toMatchObject([["time", anything], ["dump", { resources: [{ stats: { capacity: 1001 } }] }]])
    await reader.cancel()
  })

  test("a slow client does not hold up another one", async () => {
    let capacity = 1
    const handler = makeHandler(look({ dump: () => dump({ resources: [semaphore("semaphore-1", capacity, [])] }) }))
    const slow = await handler(new Request("http://localhost/events"))
    const client = await listen(handler)
    await client.received()
    for (let i = 0; i < 3; i++) {
      capacity++
      vi.advanceTimersByTime(1000)
      expect(await names(client)).toEqual(["time", "dump"])
    }
    await slow.body!.cancel()
    await client.cancel()
  })

  test("a look that throws is an event, and the stream goes on", async () => {
    let isBroken = true
    const dump = () => isBroken ? throws("no heap")() : service()
    const client = await listen(makeHandler(look({ dump })))
    expect(await client.received()).toEqual([["time", service().at], ["failed", "no heap"]])
    vi.advanceTimersByTime(1000)
    expect(await names(client)).toEqual(["time"])
    isBroken = false
    vi.advanceTimersByTime(1000)
    expect(await names(client)).toEqual(["time", "dump"])
    await client.cancel()
  })

  test("looks take a tenth of the time at most, and the time is sent nevertheless", async () => {
    let now = 0
    vi.spyOn(performance, "now").mockImplementation(() => now)
    const made = vi.fn(() => {
      now += 500
      return service()
    })
    const client = await listen(makeHandler(look({ dump: made })))
    await client.received()
    for (let i = 0; i < 20; i++) {
      now += 1000
      vi.advanceTimersByTime(1000)
      expect(await names(client)).toEqual(["time"])
    }
    // The first look, and one each 5 seconds.
    expect(made).toHaveBeenCalledTimes(5)
    await client.cancel()
  })
})
