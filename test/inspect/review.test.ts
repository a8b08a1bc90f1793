import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { AdaptiveLimit, Semaphore, WorkerPool } from "sluice"
import { Inspect } from "sluice/inspect"
import { describe, expect, test } from "vitest"
import { defectOf } from "../support/effect.js"
import { crosswise, deadlock, fork, run, settle, tags, twice, watched } from "../support/inspect.js"

test("texts of a long circle are short, and say how it ends", () =>
  watched(() =>
    Effect.gen(function*() {
      const ring = yield* Effect.all(Array.from({ length: 50 }, () => Semaphore.make(1)))
      const fibers = []
      for (const [i, one] of ring.entries()) {
        const next = ring[(i + 1) % ring.length]!
        const both = Effect.andThen(Effect.yieldNow, Semaphore.withPermit(next, Effect.void))
        fibers.push(yield* fork(Semaphore.withPermit(one, both)))
      }
      yield* settle
      const [first] = fibers
      const dump = yield* Inspect.dump
      const why = yield* Inspect.explain(first!)
      expect(why.match(/ waits for a permit of /g)).toHaveLength(19)
      expect(why).toMatch(/\. And 31 more\. So fiber \d+ waits for itself: a deadlock \(certain\)\.$/)
      const [head, ...lines] = Inspect.toText({ ...dump, resources: [], missing: [] }).split("\n").slice(2)
      expect(head).toBe("deadlock-1 (certain): 50 wait for each other")
      expect(lines.filter((line) => line.includes(" waits for a permit of "))).toHaveLength(20)
      expect(lines.slice(40)).toEqual(["  ... and 30 more", ""])
      expect(dump.deadlocks[0]!.members).toHaveLength(50)
    })
  ))

test("a report is plain data, which refers to no fiber", () =>
  watched((reports) =>
    Effect.gen(function*() {
      const accessors = (value: unknown): ReadonlyArray<string> =>
        typeof value !== "object" || value === null
          ? []
          : Object.entries(Object.getOwnPropertyDescriptors(value)).flatMap(([name, property]) =>
            "value" in property ? accessors(property.value) : [name]
          )
      const db = yield* Semaphore.make(1)
      const holder = yield* fork(Semaphore.withPermit(db, Effect.uninterruptible(Effect.sleep("90 seconds"))))
      yield* fork(Semaphore.withPermit(db, Effect.void))
      yield* fork(Fiber.interrupt(holder))
      yield* deadlock
      yield* TestClock.adjust("1 minute")
      const found = [...reports]
      yield* TestClock.adjust("30 seconds")
      expect(tags(found).toSorted()).toEqual(["Deadlock", "Held", "Lingers", "Waited"])
      expect(accessors(found)).toEqual([])
    })
  ))

describe("no deadlock is reported", () => {
  const pair = Effect.gen(function*() {
    return crosswise(yield* Semaphore.make(1), yield* Semaphore.make(1))
  })

  test("for certain of a job that the next one drops from its queue", () =>
    watched((reports) =>
      Effect.gen(function*() {
        const db = yield* Semaphore.make(1)
        const queue = { capacity: 1, strategy: "sliding" } as const
        const pool = yield* WorkerPool.make({ size: 1, queue, run: () => Semaphore.withPermit(db, Effect.void) })
        const runs = Effect.gen(function*() {
          yield* WorkerPool.submit(pool, 1)
          return yield* Effect.flip(WorkerPool.run(pool, 2))
        })
        const fiber = yield* fork(Semaphore.withPermit(db, runs))
        expect((yield* Inspect.deadlocks).map(({ evidence }) => evidence)).toEqual(["suspected"])
        yield* TestClock.adjust("5 seconds")
        expect(tags(reports)).toEqual(["Inverted"])
        yield* WorkerPool.submit(pool, 3)
        expect((yield* Fiber.join(fiber))._tag).toBe("JobLost")
      })
    ))

  test("of a fiber that is still starting the fibers that it waits for", () =>
    watched(() =>
      Effect.gen(function*() {
        const db = yield* Semaphore.make(1)
        let found: unknown
        const looks = Effect.andThen(
          Effect.tap(Inspect.deadlocks, (deadlocks) => Effect.sync(() => found = deadlocks)),
          Effect.fail("the end")
        )
        const all = Effect.all([Semaphore.withPermit(db, Effect.void), looks], { concurrency: "unbounded" })
        expect(yield* Effect.flip(Semaphore.withPermit(db, all))).toBe("the end")
        expect(found).toEqual([])
      })
    ))

  test("of fibers that a timeout takes along", () =>
    watched((reports) =>
      Effect.gen(function*() {
        const all = Effect.all(yield* pair, { concurrency: "unbounded" })
        yield* fork(Effect.timeoutOption(all, "5 seconds"))
        yield* TestClock.adjust("4 seconds")
        expect(tags(reports)).toEqual(["Inverted"])
        // Without the timeout the same is a deadlock.
        yield* fork(Effect.all(yield* pair, { concurrency: "unbounded" }))
        yield* TestClock.adjust("1 second")
        expect(tags(reports)).toEqual(["Inverted", "Deadlock"])
      })
    ))

  test("of calls within a limit that another call raises as it succeeds", () =>
    watched((reports) =>
      Effect.gen(function*() {
        const limit = yield* AdaptiveLimit.make({ algorithm: AdaptiveLimit.aimd({ initial: 2, increase: 4 }) })
        const inner = yield* Deferred.make<void>()
        const nested = AdaptiveLimit.withPermit(
          limit,
          Effect.andThen(Deferred.await(inner), AdaptiveLimit.withPermit(limit, Effect.void))
        )
        const calls = [yield* fork(nested), yield* fork(nested)]
        yield* fork(AdaptiveLimit.measure(limit, Effect.sleep("3 seconds")))
        yield* Deferred.succeed(inner, undefined)
        yield* TestClock.adjust("2 seconds")
        expect(reports).toEqual([])
        yield* TestClock.adjust("1 second")
        expect(calls.map((call) => call.pollUnsafe()?._tag)).toEqual(["Success", "Success"])
        // Without another call the same is a deadlock.
        const one = yield* AdaptiveLimit.make({ algorithm: AdaptiveLimit.aimd({ initial: 1 }) })
        yield* fork(AdaptiveLimit.withPermit(one, AdaptiveLimit.withPermit(one, Effect.void)))
        yield* TestClock.adjust("1 second")
        expect(tags(reports)).toEqual(["Deadlock"])
      })
    ))
})

describe("the watch goes on", () => {
  test("after a report of a key whose methods fail", () =>
    watched((reports) =>
      Effect.gen(function*() {
        const fails = (): never => {
          throw new Error("no text")
        }
        const keyed = yield* Semaphore.makeKeyed<object>({ permits: 1 })
        yield* fork(twice(Semaphore.forKey(keyed, { toJSON: fails, toString: fails })))
        yield* TestClock.adjust("1 second")
        expect(tags(reports)).toEqual(["Deadlock"])
        expect(reports[0]?.text).toContain("(key { toJSON: function fails, toString: function fails })")
        yield* deadlock
        yield* TestClock.adjust("1 second")
        expect(tags(reports)).toEqual(["Deadlock", "Deadlock"])
      })
    ))

  test("and each report of one sweep is made, however many there are", () =>
    watched((reports) =>
      Effect.gen(function*() {
        for (let i = 0; i < 1_100; i++) {
          const semaphore = yield* Semaphore.make(1)
          yield* Effect.replicateEffect(fork(Semaphore.withPermit(semaphore, Effect.never)), 2)
        }
        yield* deadlock
        yield* TestClock.adjust("1 second")
        yield* TestClock.adjust("2 seconds")
        yield* Effect.repeat(settle, { times: 100 })
        expect(tags(reports).filter((tag) => tag === "Deadlock")).toHaveLength(1)
        expect(tags(reports).filter((tag) => tag === "Waited")).toHaveLength(1_100)
        expect(tags(reports).filter((tag) => tag === "Held")).toHaveLength(1_100)
      }), { waitedFor: "1 second", heldFor: "1 second" }))

  test("while a report is being made", () => {
    const seen: Array<Inspect.Report> = []
    const onReport = (report: Inspect.Report) => Effect.andThen(Effect.sync(() => seen.push(report)), Effect.never)
    return watched(() =>
      Effect.gen(function*() {
        const semaphore = yield* Semaphore.make(1, { name: "db" })
        yield* deadlock
        yield* TestClock.adjust("1 second")
        expect(tags(seen)).toEqual(["Deadlock"])
        yield* fork(Semaphore.withPermit(semaphore, Effect.never))
        yield* fork(Semaphore.withPermit(semaphore, Effect.void))
        yield* TestClock.adjust("3 seconds")
        const { resources } = yield* Inspect.dump
        const [wait] = resources.find(({ name }) => name === "db")?.waits ?? []
        // A sweep has seen it.
        expect(wait?.millis).toBe(2_000)
      }), { onReport })
  })
})

describe("a signal that cannot be handled", () => {
  test.each(["SIGUSR", "SIGKILL", "", 12])(
    "is a defect of the build of the layer: %o",
    (signal) =>
      run(Effect.gen(function*() {
        const layer = Inspect.layer({ adopt: false, signal: signal as string })
        const defect = yield* defectOf(Effect.provide(Effect.void, layer))
        expect(String(defect)).toContain("RangeError: Inspect.layer: signal must be a signal such as \"SIGUSR2\", got")
      }))
  )
})
