import { Cause, Deferred, Effect, Exit, Result } from "effect"
import { layerStoreMemory } from "effect/persistence/CircuitBreaker"
import { TestClock } from "effect/testing"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { WorkerPool } from "sluice"
import { describe, expect, it } from "vitest"
import { fanOut, type Settings } from "../../docs/examples/webhooks/fanOut.js"
import { parseOptions } from "../../docs/examples/webhooks/options.js"
import { type Delivery, makePool } from "../../docs/examples/webhooks/pool.js"
import { received, serve, type Settings as ServerSettings } from "../../docs/examples/webhooks/server.js"
import { type Kind, kindsOf } from "../../docs/examples/webhooks/subscribers.js"
import { percentile } from "../../docs/examples/webhooks/table.js"
import { type Letter, type Row, Tally } from "../../docs/examples/webhooks/tally.js"
import { parse } from "../support/prometheus.js"
import { type Running, start } from "./program.js"

const entry = fileURLToPath(new URL("../../docs/examples/webhooks/main.ts", import.meta.url))

const startWebhooks = (...args: ReadonlyArray<string>): Running => start(args, { entry })

const hour = 3_600_000

type Everything = Settings & ServerSettings

/** Quick subscribers, and no time that could run out. */
const quick: Everything = {
  subscribers: 10,
  slow: 0,
  flaky: 0,
  failing: 0,
  hanging: 0,
  quickDelay: 0,
  slowDelay: 50,
  outage: 3,
  events: 5,
  interval: 0,
  workers: 8,
  keyed: true,
  metrics: false,
  concurrency: 1,
  capacity: 100,
  timeout: hour,
  retries: 4,
  backoff: 1,
  budget: 1000,
  perSecond: 1000,
  trip: 5,
  open: 1,
  deadline: 0
}

/** A breaker that opens soon, and then stays open. */
const patient: Everything = { ...quick, trip: 2, open: hour }

class KeepingLetters extends Tally {
  readonly letters: Array<Letter> = []
  override lost(letter: Letter): void {
    super.lost(letter)
    this.letters.push(letter)
  }
}

/** The subscribers, in this process, and senders for them. */
const setUp = (settings: Everything) =>
  Effect.gen(function*() {
    const server = yield* serve(settings)
    const tally = new KeepingLetters(kindsOf(settings))
    const of = (kind: Kind) => server.inboxes.filter((inbox) => inbox.kind === kind)
    return { ...server, tally, of, pool: makePool(settings, server.port, tally) }
  })

const run = <A, E>(effect: Effect.Effect<A, E, Effect.Services<ReturnType<typeof makePool>>>) =>
  Effect.runPromise(Effect.scoped(Effect.provide(effect, layerStoreMemory())))

/** Once a quick subscriber has something, and then it holds. */
const whenDelivered = (tally: Tally, holds: (row: Row) => boolean): Effect.Effect<void> => {
  const done = Deferred.makeUnsafe<void>()
  const count = tally.delivered.bind(tally)
  tally.delivered = (delivery) => {
    count(delivery)
    if (holds(tally.rows.quick)) Deferred.doneUnsafe(done, Exit.void)
  }
  return Deferred.await(done)
}

/** Once the breaker has refused so many. */
const whenRefused = (tally: Tally, times: number): Effect.Effect<void> => {
  const done = Deferred.makeUnsafe<void>()
  const count = tally.refused.bind(tally)
  let refused = 0
  tally.refused = (delivery) => {
    count(delivery)
    if (++refused === times) Deferred.doneUnsafe(done, Exit.void)
  }
  return Deferred.await(done)
}

const delivery = (subscriber: number, event: number): Delivery => ({ subscriber, event, at: 0 })

const numbers = (most: number) => Array.from({ length: most }, (_, i) => i + 1)

describe("the senders", () => {
  it("bring every quick subscriber every event once and in order, and flaky ones too in the end", () =>
    run(Effect.gen(function*() {
      // Senders enough for two events for the same subscriber, if it were not for the limit.
      const settings = { ...quick, subscribers: 60, slow: 2, flaky: 4, failing: 3, workers: 100 }
      const { inboxes, of, port, tally } = yield* setUp(settings)
      const ended = yield* fanOut(settings, port, tally, Effect.never)
      expect(of("quick").length).toBe(51)
      for (const { events } of [...of("quick"), ...of("slow")]) expect(events).toEqual(numbers(5))
      // One that has failed comes again behind those that came meanwhile.
      for (const { events } of of("flaky")) expect(events.toSorted()).toEqual(numbers(5))
      for (const { requests } of of("flaky")) expect(requests).toBe(5 + 3)
      for (const { events } of of("failing")) expect(events).toEqual([])
      expect(received(inboxes)).toEqual({ events: 57 * 5, again: 0, late: 0 })
      expect(ended).toEqual({ delivered: 285, deadLetters: 15, full: 0, aborted: 0, returned: 0, left: 0 })
      expect(tally.settled).toBe(300)
      expect(tally.rows.quick).toMatchObject({ subscribers: 51, delivered: 255, requests: 255, most: 1 })
      expect(tally.rows.quick.latencies.length).toBe(255)
      expect(tally.rows.failing).toMatchObject({ subscribers: 3, delivered: 0, deadLetters: 15 })
    })))

  it.each([1, 2])(
    "a hanging subscriber holds %i of them at most, and the others get everything meanwhile",
    (limit) =>
      run(Effect.gen(function*() {
        const settings = { ...quick, hanging: 1, workers: limit + 1, concurrency: limit }
        const { http, inboxes, of, pool: make, tally } = yield* setUp(settings)
        const hanging = inboxes.findIndex(({ kind }) => kind === "hanging")
        const asked = Deferred.makeUnsafe<void>()
        http.on("request", () => {
          if (inboxes[hanging]!.open === limit) Deferred.doneUnsafe(asked, Exit.void)
        })
        const pool = yield* make
        const stuck: Array<WorkerPool.JobHandle<void, unknown>> = []
        for (const event of numbers(5)) stuck.push(yield* WorkerPool.submit(pool, delivery(hanging, event)))
        yield* Deferred.await(asked)
        const others: Array<WorkerPool.JobHandle<void, unknown>> = []
        for (const event of numbers(5)) {
          for (const subscriber of inboxes.keys()) {
            if (subscriber !== hanging) others.push(yield* WorkerPool.submit(pool, delivery(subscriber, event)))
          }
        }
        for (const { await: ended } of others) expect((yield* ended)._tag).toBe("Success")
        for (const { events } of of("quick")) expect(events).toEqual(numbers(5))
        expect(inboxes[hanging]).toMatchObject({ open: limit, most: limit, requests: limit })
        expect(stuck.map(({ state }) => state)).toEqual(
          numbers(5).map((event) => event <= limit ? "running" : "queued")
        )
        expect(tally.rows.hanging.most).toBe(limit)
        const { aborted, returned } = yield* WorkerPool.shutdownNow(pool)
        expect([aborted.length, returned.length]).toEqual([limit, 5 - limit])
      }))
  )

  it("without keys are all held by it", () =>
    run(Effect.gen(function*() {
      const settings = { ...quick, subscribers: 2, hanging: 1, workers: 3, keyed: false }
      const { http, inboxes, pool: make } = yield* setUp(settings)
      const asked = Deferred.makeUnsafe<void>()
      http.on("request", () => {
        if (inboxes[0]!.open === 3) Deferred.doneUnsafe(asked, Exit.void)
      })
      const pool = yield* make
      for (const event of numbers(5)) yield* WorkerPool.submit(pool, delivery(0, event))
      yield* Deferred.await(asked)
      expect((yield* WorkerPool.submit(pool, delivery(1, 1))).state).toBe("queued")
    })))

  it("leave dead letters for what a subscriber always fails, with the cause and how often it was tried", () =>
    run(Effect.gen(function*() {
      // More than there are failures: the breaker stays out of it.
      const { inboxes, pool: make, tally } = yield* setUp({ ...quick, subscribers: 1, failing: 1, trip: 1000 })
      const pool = yield* make
      for (const event of numbers(3)) yield* WorkerPool.submit(pool, delivery(0, event))
      yield* WorkerPool.shutdown(pool)
      const seen = tally.letters.map(({ attempts, cause, job, reason }) => ({
        event: job.event,
        attempts,
        reason,
        why: Cause.prettyErrors(cause).map(({ message }) => message)
      }))
      expect(seen.toSorted((a, b) => a.event - b.event)).toEqual(
        numbers(3).map((event) => ({ event, attempts: 5, reason: "exhausted", why: ["answered 500"] }))
      )
      expect(inboxes[0]!.requests).toBe(15)
      expect([...tally.reasons]).toEqual([["answered 500", 3]])
    })))

  it("leave dead letters for what is never answered", () =>
    run(Effect.gen(function*() {
      const settings = { ...quick, subscribers: 1, hanging: 1, timeout: 20, retries: 1, trip: 1000 }
      const { pool: make, tally } = yield* setUp(settings)
      const pool = yield* make
      yield* WorkerPool.submit(pool, delivery(0, 1))
      yield* WorkerPool.shutdown(pool)
      expect(tally.letters.map(({ attempts }) => attempts)).toEqual([2])
      expect([...tally.reasons]).toEqual([["no answer in time", 1]])
    })))

  it.each(["failing", "hanging"] as const)("leave a subscriber alone that is %s", (kind) =>
    run(Effect.gen(function*() {
      const timeout = kind === "hanging" ? 20 : hour
      const { inboxes, pool: make, tally } = yield* setUp({ ...patient, subscribers: 1, [kind]: 1, timeout })
      const pool = yield* make
      const refused = whenRefused(tally, 5)
      for (const event of numbers(5)) yield* WorkerPool.submit(pool, delivery(0, event))
      // Those two which were sent are refused when they are to be sent again; the other three, at once.
      yield* refused
      expect(inboxes[0]).toMatchObject({ kind, requests: 2 })
      const { counts } = yield* WorkerPool.shutdownNow(pool)
      expect(counts).toMatchObject({ submitted: 5, succeeded: 0, queued: 0, retrying: 0, running: 0 })
    })))

  it("wait with what the breaker refuses until the subscriber may be asked again", () =>
    run(
      Effect.gen(function*() {
        const settings = { ...patient, subscribers: 1, failing: 1, trip: 1, retries: 2, timeout: 1000 * hour }
        const { inboxes, pool: make, tally } = yield* setUp(settings)
        const { await: ended } = yield* WorkerPool.submit(yield* make, delivery(0, 1))
        yield* Effect.raceFirst(ended, Effect.forever(TestClock.adjust("1 minute")))
        // Its second attempt was refused, and its third came late enough.
        expect(tally.letters.map(({ attempts }) => attempts)).toEqual([3])
        expect(tally.rows.failing).toMatchObject({ requests: 2, refused: 1 })
        expect(inboxes[0]!.requests).toBe(2)
      }).pipe(Effect.provide(TestClock.layer()))
    ))

  it("leave none alone but the one that fails", () =>
    run(Effect.gen(function*() {
      const { pool: make, tally } = yield* setUp({ ...patient, subscribers: 2, failing: 1 })
      const pool = yield* make
      const refused = whenRefused(tally, 2)
      for (const event of [1, 2]) yield* WorkerPool.submit(pool, delivery(0, event))
      yield* refused
      expect(yield* (yield* WorkerPool.submit(pool, delivery(1, 1))).await).toEqual(Exit.void)
    })))

  it("send nothing again that the budget is not there for", () =>
    run(Effect.gen(function*() {
      const settings = { ...quick, subscribers: 1, failing: 1, budget: 0, perSecond: 0 }
      const { inboxes, port, tally } = yield* setUp(settings)
      yield* fanOut(settings, port, tally, Effect.never)
      expect(tally.letters.map(({ attempts, reason }) => [attempts, reason])).toEqual(
        numbers(5).map(() => [1, "budget"])
      )
      expect([...tally.reasons]).toEqual([["no retry left in the budget", 5]])
      expect(inboxes[0]!.requests).toBe(5)
    })))

  it("do not wait for a subscriber that has no more room", () =>
    run(Effect.gen(function*() {
      const settings = { ...quick, hanging: 1, capacity: 2 }
      const { inboxes, of, port, tally } = yield* setUp(settings)
      const stop = whenDelivered(tally, ({ delivered, full }) => delivered + full === 45)
      const ended = yield* fanOut(settings, port, tally, stop)
      // One that is being sent, and two that wait.
      expect(tally.rows.hanging).toMatchObject({ requests: 1, full: 2 })
      expect(of("quick").length).toBe(9)
      expect(ended).toMatchObject({ aborted: 1, returned: 2, left: 0 })
      const { aborted, deadLetters, delivered, full, left, returned } = ended
      expect(aborted + deadLetters + delivered + full + left + returned).toBe(inboxes.length * settings.events)
    })))

  it("close their connections in the end, also those that are in the midst of a request", () =>
    run(Effect.gen(function*() {
      const settings = { ...quick, subscribers: 4, hanging: 1 }
      const { http, inboxes, port, tally } = yield* setUp(settings)
      const closed: Array<Promise<unknown>> = []
      http.on("connection", (socket) => closed.push(once(socket, "close")))
      const ended = yield* fanOut(settings, port, tally, whenDelivered(tally, ({ delivered }) => delivered === 15))
      expect(ended).toMatchObject({ delivered: 15, aborted: 1, returned: 4 })
      expect(closed.length).toBeGreaterThan(1)
      yield* Effect.promise(() => Promise.all(closed))
      expect(inboxes.map(({ open }) => open)).toEqual([0, 0, 0, 0])
    })))

  it("stop between two events", () =>
    run(Effect.gen(function*() {
      const settings = { ...quick, interval: hour }
      const { port, tally } = yield* setUp(settings)
      const ended = yield* fanOut(settings, port, tally, whenDelivered(tally, ({ delivered }) => delivered === 10))
      expect(ended).toMatchObject({ returned: 0, left: 40 })
    })))
})

const options = (settings: Readonly<Record<string, number>>) =>
  Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])

describe.concurrent("the program", () => {
  it("shows both versions, with a line for each kind of subscriber, and ends by itself", async () => {
    const { code, stderr, stdout } = await startWebhooks(...options({
      subscribers: 60,
      slow: 2,
      flaky: 2,
      failing: 2,
      // One would take as long as it may.
      hanging: 0,
      events: 5,
      interval: 1,
      "slow-delay": 10,
      timeout: hour,
      backoff: 1,
      budget: 1000,
      trip: 2,
      open: 20
    })).ended
    const [keyed, naive] = stdout.toString().split("\n\n")
    expect(keyed).toMatch(/^a queue for each subscriber, 64 senders, /)
    expect(naive).toMatch(/^one queue for all, 64 senders, /)
    for (const table of [keyed!, naive!]) {
      expect(table).toMatch(/^quick +54 +270 +270 +0 +0 +\d/m)
      expect(table).toMatch(/^slow +2 +10 +10 +0 +0 +\d/m)
      expect(table).toMatch(/^failing +2 +0 +\d+ +\d+ +10 +\d +- +-$/m)
      expect(table).not.toContain("hanging")
      expect(table).toContain(" of them twice; ")
    }
    expect(stderr).toContain("webhooks: keyed: ")
    expect(code).toBe(0)
  })

  it("says on Ctrl-C what was aborted, returned and left, and no version begins after it", async () => {
    const { child, ended, says } = startWebhooks(
      ...options({ subscribers: 20, slow: 0, flaky: 0, failing: 0, hanging: 10, events: 3, workers: 4 }),
      ...options({ interval: hour, timeout: hour, deadline: 0 })
    )
    // The quick ones have theirs where the hanging ones hold no more than 4: not all of them do, at once.
    await says("4 being sent")
    child.kill("SIGINT")
    const { code, stderr } = await ended
    const [, ...parts] = /stopped: (\d+) of 60 delivered, (\d+) dead letters, (\d+) aborted, (\d+) returned, (\d+) left/
      .exec(stderr)!
    const [delivered, deadLetters, aborted, returned, left] = parts.map(Number)
    expect({ deadLetters, aborted, left }).toEqual({ deadLetters: 0, aborted: 4, left: 40 })
    expect(delivered! + returned!).toBe(16)
    expect(stderr).not.toContain("naive")
    expect(code).toBe(130)
  })

  it("serves what its pool counts, while it runs", async () => {
    const { child, ended, says } = startWebhooks(
      "--keyed",
      "--metrics",
      "0",
      ...options({ subscribers: 8, slow: 0, flaky: 0, failing: 0, hanging: 4, events: 1, workers: 6 }),
      ...options({ timeout: hour, deadline: 0 })
    )
    const [url] = /http:\S+/.exec(await says("4 of 8, 4 being sent"))!
    const samples = parse(await (await fetch(url)).text()).flatMap(({ samples }) => samples)
    const value = (name: string, labels: Readonly<Record<string, string>> = {}) =>
      samples.find((sample) =>
        sample.name === `sluice_pool_${name}` &&
        Object.entries({ pool: "webhooks", version: "keyed", ...labels }).every(([label, value]) =>
          sample.labels[label] === value
        )
      )?.value
    expect(value("workers")).toBe(6)
    expect(value("jobs_running")).toBe(4)
    expect(value("jobs_settled_total", { outcome: "succeeded" })).toBe(4)
    expect(value("job_run_seconds_count")).toBe(4)
    child.kill("SIGINT")
    expect((await ended).code).toBe(130)
  })

  it("leaves no process behind when a second Ctrl-C kills it", async () => {
    const { child, ended, says } = startWebhooks(
      ...options({ subscribers: 4, slow: 0, flaky: 0, failing: 0, hanging: 4, events: 1 }),
      ...options({ timeout: hour, deadline: hour })
    )
    await says("4 being sent")
    child.kill("SIGINT")
    await says("stopping")
    child.kill("SIGINT")
    // That both have closed standard error is part of having ended.
    expect((await ended).signal).toBe("SIGINT")
  })

  it("refuses bad options with exit code 1, and begins nothing", async () => {
    const { code, stderr, stdout } = await startWebhooks("--workers", "0").ended
    expect(stderr).toBe("webhooks: --workers must be an integer from 1 to 10000, got \"0\" (see --help)\n")
    expect(stdout.length).toBe(0)
    expect(code).toBe(1)
  })
})

describe("options", () => {
  it.each([
    [["--subscribers", "0"], "--subscribers must be an integer from 1 to 1000000, got \"0\""],
    [["--events", "ten"], "--events must be an integer from 1 to 1000000, got \"ten\""],
    [["--subscribers", "10"], "--subscribers must be at least the 85 that are not quick, got \"10\""],
    [["--budget", "much"], "--budget must be a number >= 0, got \"much\""],
    [["--fast"], "Unknown option '--fast'"],
    [["2000"], "Unexpected argument '2000'"]
  ])("%j: %s", (args, message) => {
    expect(Result.getOrThrow(Result.flip(parseOptions(args)))).toBe(message)
  })

  it("are for 2,000 subscribers, 64 senders and both versions by default", () => {
    expect(Result.getOrThrow(parseOptions([]))).toMatchObject({
      subscribers: 2000,
      workers: 64,
      versions: ["keyed", "naive"]
    })
  })
})

it("spreads the kinds of subscribers evenly", () => {
  const few = kindsOf({ subscribers: 8, slow: 1, flaky: 1, failing: 1, hanging: 1 })
  expect(few).toEqual(["slow", "quick", "flaky", "quick", "failing", "quick", "hanging", "quick"])
})

it("takes as a percentile the least that is enough", () => {
  expect(percentile(numbers(100), 0.5)).toBe("50 ms")
  expect(percentile(numbers(100), 0.99)).toBe("99 ms")
  expect(percentile([7], 0.99)).toBe("7 ms")
  expect(percentile([], 0.5)).toBe("-")
})
