import { Deferred, Effect, Fiber, Layer, Logger, Queue, Result, type Scope } from "effect"
import type { RateLimiter } from "effect/persistence"
import { TestClock } from "effect/testing"
import { fileURLToPath } from "node:url"
import { WorkerPool } from "sluice"
import { afterEach, describe, expect, it } from "vitest"
import type { Serving } from "../../docs/examples/httpServer.js"
import { ask } from "../../docs/examples/tenants/client.js"
import { end } from "../../docs/examples/tenants/ending.js"
import { serve } from "../../docs/examples/tenants/http.js"
import { parseOptions } from "../../docs/examples/tenants/options.js"
import type { Call } from "../../docs/examples/tenants/pool.js"
import { makeService, type Settings } from "../../docs/examples/tenants/service.js"
import { limits } from "../../docs/examples/tenants/settings.js"
import type { Plan, Tenants } from "../../docs/examples/tenants/tenant.js"
import { start } from "./program.js"

const entry = fileURLToPath(new URL("../../docs/examples/tenants/main.ts", import.meta.url))

const plan = (weight: number, limit = 1000): Plan => ({ name: `x${weight}`, weight, quota: { limit, seconds: 60 } })

/** Each tenant's API key is its name. */
const tenantsOf = (plans: Readonly<Record<string, Plan>>): Tenants =>
  new Map(Object.entries(plans).map(([name, plan]) => [name, { name, plan }]))

const run = <A>(effect: Effect.Effect<A, unknown, Scope.Scope | RateLimiter.RateLimiter>) =>
  Effect.runPromise(effect.pipe(Effect.scoped, Effect.provide([Layer.fresh(limits), TestClock.layer()])))

/** A service with a server, whose calls begin and end as the test says. Before an answer is given there is `giving`. */
const serving = (settings: Partial<Settings> = {}, giving: (path: string) => Effect.Effect<void> = () => Effect.void) =>
  Effect.gen(function*() {
    const [came, left, began] = [yield* queue, yield* queue, yield* queue]
    /** The paths in the order in which they began; those that run now; and how many of a tenant ever did at a time. */
    const [order, running, most] = [[] as Array<string>, [] as Array<Call>, new Map<string, number>()]
    const gates = new Map<string, Deferred.Deferred<void>>()
    const gate = (path: string) => {
      const gate = gates.get(path) ?? Deferred.makeUnsafe<void>()
      gates.set(path, gate)
      return gate
    }
    const work = (call: Call) =>
      Effect.suspend(() => {
        const { path, tenant: { name } } = call
        order.push(path.slice(1))
        running.push(call)
        most.set(name, Math.max(most.get(name) ?? 0, running.filter(({ tenant }) => tenant.name === name).length))
        Queue.offerUnsafe(began, path.slice(1))
        return Deferred.await(gate(path))
      }).pipe(Effect.ensuring(Effect.sync(() => running.splice(running.indexOf(call), 1))))
    const service = yield* makeService({
      tenants: tenantsOf({ noisy: plan(1), quiet: plan(1) }),
      workers: 1,
      capacity: 2,
      concurrency: 100,
      deadlines: { wait: "1 hour", run: "1 hour" },
      work,
      ...settings
    })
    const server: Serving = yield* serve((request) => {
      const path = request.path.slice(1)
      // By its turn, the call is in the pool, or refused.
      const isIn = Effect.andThen(Queue.offer(came, path), Effect.never)
      return Effect.tap(service.api(request), () => giving(path)).pipe(
        Effect.raceFirst(isIn),
        Effect.ensuring(Queue.offer(left, path))
      )
    })
    /** Sends a call of a tenant, who is the start of its name, and answers once it is in the pool. */
    const send = (path: string) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkScoped(ask(server.url, `/${path}`, path.replace(/-.*/, "")))
        yield* until(came, path)
        return fiber
      })
    return {
      ...service,
      server,
      order,
      most,
      send,
      get: (path: string, key?: string) => ask(server.url, path, key),
      status: (fiber: Fiber.Fiber<{ readonly status: number }, unknown>) =>
        Effect.map(Fiber.join(fiber), ({ status }) => status),
      begins: (path: string) => until(began, path),
      leaves: (path: string) => until(left, path),
      finish: (...paths: ReadonlyArray<string>) =>
        Effect.forEach(paths, (path) => Deferred.succeed(gate(`/${path}`), undefined), { discard: true }),
      stats: () => WorkerPool.stats(service.pool)
    }
  })

const queue = Queue.unbounded<string>()

/** Waits for an event, past others. */
const until = (events: Queue.Dequeue<string>, expected: string) =>
  Effect.repeat(Queue.take(events), { until: (event) => event === expected })

const names = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name}-${i + 1}`)

/** Sockets and servers. Those that are closed are gone a turn later. */
const sockets = () => process.getActiveResourcesInfo().filter((name) => /TCP|Pipe(Connect|Server)/.test(name))

describe("the service", () => {
  afterEach(async () => {
    for (let turn = 0; turn < 100 && sockets().length > 0; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(sockets()).toEqual([])
  })

  it("answers a 429 to who has used up the quota, and says when to come again", () =>
    run(Effect.gen(function*() {
      const { finish, get, stats } = yield* serving({ tenants: tenantsOf({ a: plan(1, 2), b: plan(1, 2) }) })
      yield* finish("call")
      const limit = (r: number, t: number) => ({
        "ratelimit-policy": "\"calls\";q=2;w=60",
        ratelimit: `"calls";r=${r};t=${t}`
      })
      const first = yield* get("/call", "a")
      expect([first.status, first.content]).toEqual([200, { tenant: "a", path: "/call" }])
      expect(first.headers).toMatchObject({ ...limit(1, 30), "server-timing": "queue;dur=0" })
      expect((yield* get("/call", "a")).headers).toMatchObject(limit(0, 60))

      yield* TestClock.adjust("10 seconds")
      const refused = yield* get("/call", "a")
      expect([refused.status, refused.content]).toEqual([429, { error: "the quota is used up" }])
      expect(refused.headers).toMatchObject({ "retry-after": "20", ...limit(0, 20) })
      // The token comes first: the pool has not seen it. And the others have their own.
      expect(stats().submitted).toBe(2)
      expect((yield* get("/call", "b")).status).toBe(200)

      yield* TestClock.adjust("20 seconds")
      expect((yield* get("/call", "a")).status).toBe(200)
    })))

  it("answers a 429 to who has a full queue, and serves another tenant before that backlog", () =>
    run(Effect.gen(function*() {
      const { begins, finish, get, order, send, status } = yield* serving({ capacity: 3 })
      const noisy = yield* Effect.forEach(names("noisy", 4), send)
      const refused = yield* get("/noisy-5", "noisy")
      expect([refused.status, refused.content]).toEqual([429, { error: "the queue is full" }])
      expect(refused.headers["retry-after"]).toBe("1")
      const quiet = yield* send("quiet-1")

      yield* finish("noisy-1", "noisy-2", "quiet-1")
      expect(yield* status(quiet)).toBe(200)
      yield* begins("noisy-3")
      expect(order).toEqual(["noisy-1", "noisy-2", "quiet-1", "noisy-3"])
      yield* finish("noisy-3", "noisy-4")
      expect(yield* Effect.forEach(noisy, status)).toEqual([200, 200, 200, 200])
    })))

  it("has the calls of all tenants in one line without keys, for the comparison", () =>
    run(Effect.gen(function*() {
      const { finish, order, send, status } = yield* serving({ keyed: false })
      const all = yield* Effect.forEach([...names("noisy", 4), "quiet-1"], send)
      yield* finish(...names("noisy", 4), "quiet-1")
      expect(yield* Effect.forEach(all, status)).toEqual([200, 200, 200, 200, 200])
      expect(order).toEqual([...names("noisy", 4), "quiet-1"])
    })))

  it("starts as many calls of a tenant in its turn as its plan says, while all have some that wait", () =>
    run(Effect.gen(function*() {
      const tenants = tenantsOf({ first: plan(1), a: plan(1), b: plan(2), c: plan(5) })
      const { finish, order, send, status } = yield* serving({ tenants, capacity: 15 })
      const first = yield* send("first-1")
      const paths = [...names("a", 3), ...names("b", 6), ...names("c", 15)]
      const all = yield* Effect.forEach(paths, send)
      yield* finish("first-1", ...paths)
      yield* Effect.forEach([first, ...all], status)
      expect(order.map((path) => path[0]).join("")).toBe("f" + "abbccccc".repeat(3))
    })))

  it("runs no more calls of a tenant at a time than it may, and leaves the other workers to others", () =>
    run(Effect.gen(function*() {
      const { begins, finish, most, order, send, stats, status } = yield* serving({
        workers: 4,
        capacity: 10,
        concurrency: 2
      })
      const noisy = yield* Effect.forEach(names("noisy", 6), send)
      expect(stats()).toMatchObject({ running: 2, queued: 4, idle: 2 })
      const quiet = yield* send("quiet-1")
      yield* begins("quiet-1")
      expect(order).toEqual(["noisy-1", "noisy-2", "quiet-1"])
      yield* finish("quiet-1", ...names("noisy", 6))
      expect(yield* Effect.forEach([quiet, ...noisy], status)).toEqual(Array.from({ length: 7 }, () => 200))
      expect([...most]).toEqual([["noisy", 2], ["quiet", 1]])
    })))

  it("takes a call out of the queue, or off its worker, when its client hangs up", () =>
    run(Effect.gen(function*() {
      const { begins, finish, get, leaves, order, send, stats, status } = yield* serving({ capacity: 1 })
      const [running, waiting] = [yield* send("noisy-1"), yield* send("noisy-2")]
      expect((yield* get("/noisy-3", "noisy")).status).toBe(429)
      yield* Fiber.interrupt(waiting)
      yield* leaves("noisy-2")
      expect(stats()).toMatchObject({ running: 1, queued: 0, interrupted: 1 })

      const next = yield* send("noisy-4")
      expect(stats()).toMatchObject({ running: 1, queued: 1 })
      yield* Fiber.interrupt(running)
      yield* begins("noisy-4")
      yield* finish("noisy-4")
      expect(yield* status(next)).toBe(200)
      expect(order).toEqual(["noisy-1", "noisy-4"])
      expect(stats()).toMatchObject({ interrupted: 2, succeeded: 1, dropped: 1, idle: 1, replaced: 0 })
      expect((yield* get("/stats")).content).toMatchObject({
        pool: { idle: 1 },
        tenants: { noisy: { plan: "x1", answers: { 200: 1, 429: 1, "hung up": 2 } }, quiet: { answers: {} } }
      })
    })))

  it("answers a 503 to what has waited for too long, and a 504 to what has run for too long", () =>
    run(Effect.gen(function*() {
      const { finish, order, send, status } = yield* serving({ deadlines: { wait: "1 second", run: "5 seconds" } })
      const [running, waiting] = [yield* send("noisy-1"), yield* send("noisy-2")]
      yield* TestClock.adjust("1 second")
      const late = yield* Fiber.join(waiting)
      expect([late.status, late.content]).toEqual([503, { error: "it waited for too long" }])
      expect(late.headers).toMatchObject({ "retry-after": "1", "server-timing": "queue;dur=1000" })

      yield* TestClock.adjust("3900 millis")
      const next = yield* send("noisy-3")
      yield* TestClock.adjust("100 millis")
      const long = yield* Fiber.join(running)
      expect([long.status, long.content]).toEqual([504, { error: "it ran for too long" }])
      yield* finish("noisy-3")
      expect((yield* Fiber.join(next)).headers["server-timing"]).toBe("queue;dur=100")
      expect(yield* status(next)).toBe(200)
      expect(order).toEqual(["noisy-1", "noisy-3"])
    })))

  it("at its end refuses what comes with a 503, and answers what it has accepted before the server goes", () =>
    run(Effect.gen(function*() {
      const given = yield* Deferred.make<void>()
      const { accepted, report, refused } = yield* Effect.scoped(Effect.gen(function*() {
        const service = yield* serving({}, (path) => path === "noisy-2" ? Deferred.await(given) : Effect.void)
        const { finish, get, server } = service
        const accepted = yield* Effect.forEach(
          ["noisy-1", "noisy-2"],
          (path) => Effect.forkDetach(get(`/${path}`, "noisy"), { startImmediately: true })
        )
        yield* service.begins("noisy-1")
        yield* Effect.repeat(Effect.promise(turn), { until: () => service.stats().queued === 1 })
        const ending = yield* Effect.forkChild(end(service, server, "1 minute"), { startImmediately: true })
        const refused = yield* get("/noisy-3", "noisy")
        expect(service.stats().state).toBe("draining")
        yield* finish("noisy-1", "noisy-2")
        yield* service.leaves("noisy-1")
        yield* Effect.repeat(Effect.promise(turn), { until: () => service.stats().state === "stopped" })
        yield* Effect.promise(turn)
        expect(ending.pollUnsafe()).toBe(undefined)
        yield* Deferred.succeed(given, undefined)
        return { accepted, refused, report: yield* Fiber.join(ending) }
      }))
      expect([refused.status, refused.content]).toEqual([503, { error: "the service stops" }])
      expect(report.counts).toMatchObject({ submitted: 2, succeeded: 2 })
      expect((yield* Effect.forEach(accepted, Fiber.join)).map(({ status }) => status)).toEqual([200, 200])
    })))

  it("at its deadline gives up what runs and what waits, with a 503 for each", () =>
    run(Effect.gen(function*() {
      const service = yield* serving()
      const all = yield* Effect.forEach(["noisy-1", "noisy-2"], service.send)
      const { aborted, returned } = yield* end(service, service.server, 0)
      expect([aborted, returned].map((calls) => calls.map(({ path }) => path))).toEqual([["/noisy-1"], ["/noisy-2"]])
      expect(yield* Effect.forEach(all, service.status)).toEqual([503, 503])
    })))

  it("at its end waits for no more than a second for an answer that its client does not take", () =>
    run(Effect.gen(function*() {
      const service = yield* serving({}, () => Effect.never)
      yield* service.finish("noisy-1")
      const call = yield* service.send("noisy-1")
      const ending = yield* Effect.forkChild(end(service, service.server, "1 minute"), { startImmediately: true })
      yield* Effect.repeat(Effect.promise(turn), { until: () => service.stats().state === "stopped" })
      yield* TestClock.adjust("1 second")
      expect((yield* Fiber.join(ending)).counts).toMatchObject({ submitted: 1, succeeded: 1 })
      expect(call.pollUnsafe()).toBe(undefined)
    })))

  it("knows no other keys, and has no bucket for them", () =>
    run(Effect.gen(function*() {
      const { get, stats } = yield* serving()
      for (const key of [undefined, "", "nobody", "__proto__", "undefined"]) {
        const { content, headers, status } = yield* get("/call", key)
        expect([status, content]).toEqual([401, { error: "no such x-api-key" }])
        expect(headers).not.toHaveProperty("ratelimit")
      }
      expect(stats().submitted).toBe(0)
    })))

  it("answers a 500 for a bug, which says nothing of it, and goes on", () =>
    run(
      Effect.gen(function*() {
        const { get } = yield* serving({ work: ({ path }) => path === "/bug" ? Effect.die("secret") : Effect.void })
        const bug = yield* get("/bug", "quiet")
        expect([bug.status, bug.content]).toEqual([500, { error: "a bug of the service" }])
        expect((yield* get("//?bug", "quiet")).status).toBe(200)
        expect((yield* get("/stats")).content).toMatchObject({ tenants: { quiet: { answers: { 200: 1, 500: 1 } } } })
      }).pipe(Effect.provide(Logger.layer([])))
    ))
})

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe.concurrent("the program", () => {
  it("shows what a noisy tenant does to the others, with a queue for each and with one for all", async () => {
    const { code, stderr, stdout } = await start(["--calls", "40", "--work", "2", "--capacity", "10"], { entry }).ended
    expect(stderr).toBe("")
    const lines = stdout.toString().split("\n")
    expect(lines.filter((line) => line.startsWith("tenant"))).toHaveLength(2)
    for (const [name, calls] of [["noisy", "40"], ["ada", "\\d+"], ["bob", "\\d+"], ["cyd", "\\d+"]]) {
      const row = new RegExp(`^${name} +(free|team|business) +${calls}( +\\d+){5}( +\\d+ ms){2}$`)
      expect(lines.filter((line) => row.test(line))).toHaveLength(2)
    }
    expect(code).toBe(0)
  })

  it("serves until Ctrl-C, then answers what it has accepted, and says what became of it", async () => {
    const { child, ended } = start(["--port", "0", "--work", "300", "--deadline", "60000"], { entry })
    const url = await new Promise<URL>((resolve) => {
      let output = ""
      child.stdout!.on("data", (chunk: Buffer) => {
        const found = /(http:\S+)stats/.exec(output += chunk.toString())
        if (found) resolve(new URL(found[1]!))
      })
    })
    const call = Effect.runPromise(ask(url, "/call", "key-of-ada"))
    const submitted = () =>
      Effect.runPromise(
        Effect.map(ask(url, "/stats"), ({ content }) => (content as { pool: WorkerPool.Stats }).pool.submitted)
      )
    while (await submitted() === 0);
    child.kill("SIGINT")
    expect((await call).status).toBe(200)
    const { code, stderr, stdout } = await ended
    expect(stderr).toBe("tenants: stopping (Ctrl-C again: at once)\n")
    expect(stdout.toString()).toMatch(/^1 call: 1 done, 0 cut off, 0 never begun\n$/m)
    expect(code).toBe(130)
  })
})

it.each([
  [["--port", "65536"], "--port must be an integer from 0 to 65535, got \"65536\""],
  [["--wait", "0"], "--wait must be an integer from 1 to 2147483647, got \"0\""],
  [["--capacity=-1"], "--capacity must be an integer from 0 to 1000000, got \"-1\""],
  [["--fast"], "Unknown option '--fast'"]
])("options %j: %s", (args, message) => {
  expect(Result.getOrThrow(Result.flip(parseOptions(args)))).toContain(message)
})
