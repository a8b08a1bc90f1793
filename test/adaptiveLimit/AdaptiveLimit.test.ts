import { Cause, Clock, Deferred, Effect, Exit, Fiber, Logger } from "effect"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import { AdaptiveLimit } from "sluice"
import { describe, expect, test } from "vitest"
import { defectOf, interrupted, isInterrupted, run, settle, squash, start } from "../support/effect.js"
import { classifyBusy, clients, mean, Server, simulate, watch } from "../support/server.js"

const busy = Effect.fail("busy")

const make = (options: AdaptiveLimit.AimdOptions, rest: Partial<AdaptiveLimit.Options> = {}) =>
  AdaptiveLimit.make({ algorithm: AdaptiveLimit.aimd(options), classify: classifyBusy, ...rest })

describe("the default `classify` of an exit", () => {
  const timeout = Cause.fail(new Cause.TimeoutError())
  const cases: ReadonlyArray<readonly [string, Exit.Exit<unknown, unknown>, AdaptiveLimit.Outcome]> = [
    ["a success", Exit.succeed(1), "success"],
    ["a failure", Exit.fail("not found"), "success"],
    ["a timeout", Exit.failCause(timeout), "overload"],
    ["a timeout and a defect", Exit.failCause(Cause.combine(timeout, Cause.die("bug"))), "overload"],
    ["a defect", Exit.die("bug"), "ignore"],
    ["a failure and a defect", Exit.failCause(Cause.combine(Cause.fail("no"), Cause.die("bug"))), "ignore"],
    ["an interrupt", Exit.interrupt(), "ignore"],
    ["a failure and an interrupt", Exit.failCause(Cause.combine(Cause.fail("no"), Cause.interrupt())), "ignore"],
    ["an empty cause", Exit.failCause(Cause.empty), "ignore"]
  ]
  test.each(cases)("%s", (_, exit, outcome) => {
    expect(AdaptiveLimit.classify(exit)).toBe(outcome)
  })
})

describe("options that make no sense are defects", () => {
  const aimd: ReadonlyArray<readonly [AdaptiveLimit.AimdOptions, string]> = [
    [{ min: NaN }, "min must be an integer >= 1, got NaN"],
    [{ min: 0 }, "min must be an integer >= 1, got 0"],
    [{ max: -3 }, "max must be an integer >= 1, got -3"],
    [{ min: 5, max: 4 }, "max must be at least min, which is 5, got 4"],
    [{ initial: 1.5 }, "initial must be an integer from min to max, 1 to 200, got 1.5"],
    [{ initial: 9, max: 8 }, "initial must be an integer from min to max, 1 to 8, got 9"],
    [{ initial: 4, min: 5 }, "initial must be an integer from min to max, 5 to 200, got 4"],
    [{ increase: 0 }, "increase must be a number > 0, got 0"],
    [{ increase: Infinity }, "increase must be a number > 0, got Infinity"],
    [{ backoff: 0 }, "backoff must be a number > 0 and < 1, got 0"],
    [{ backoff: 1 }, "backoff must be a number > 0 and < 1, got 1"],
    [{ backoff: NaN }, "backoff must be a number > 0 and < 1, got NaN"],
    [{ timeout: 0 }, "timeout must be a duration > 0, got 0"],
    [{ timeout: NaN }, "timeout must be a duration > 0, got NaN"],
    [{ timeout: "-1 seconds" }, `timeout must be a duration > 0, got "-1 seconds"`]
  ]
  test.each(aimd)("aimd(%o)", (options, message) => {
    expect(() => AdaptiveLimit.aimd(options)).toThrow(new RangeError(`AdaptiveLimit.aimd: ${message}`))
  })

  const gradient: ReadonlyArray<readonly [AdaptiveLimit.GradientOptions, string]> = [
    [{ max: NaN }, "max must be an integer >= 1, got NaN"],
    [{ smoothing: 0 }, "smoothing must be a number > 0 and <= 1, got 0"],
    [{ smoothing: 1.1 }, "smoothing must be a number > 0 and <= 1, got 1.1"],
    [{ tolerance: 2 }, "tolerance must be a number >= 1 and < 2, got 2"],
    [{ tolerance: 0.9 }, "tolerance must be a number >= 1 and < 2, got 0.9"],
    [{ queue: 0 }, "queue must be a number > 0, got 0"],
    [{ window: 0 }, "window must be an integer >= 1, got 0"],
    [{ window: 1.5 }, "window must be an integer >= 1, got 1.5"]
  ]
  test.each(gradient)("gradient(%o)", (options, message) => {
    expect(() => AdaptiveLimit.gradient(options)).toThrow(new RangeError(`AdaptiveLimit.gradient: ${message}`))
  })

  test("the last values that make sense are none", () => {
    expect(AdaptiveLimit.aimd({ min: 5, max: 5, initial: 5 })).toMatchObject({ initial: 5 })
    expect(AdaptiveLimit.gradient({ smoothing: 1, tolerance: 1, window: 1 })).toMatchObject({ kind: "gradient" })
  })

  test("an algorithm that is none", () =>
    run(Effect.gen(function*() {
      const wrong = { algorithm: "aimd" } as unknown as AdaptiveLimit.Options
      const defect = yield* defectOf(AdaptiveLimit.make(wrong))
      expect(String(defect)).toBe(
        `RangeError: AdaptiveLimit.make: algorithm must be of AdaptiveLimit.aimd or AdaptiveLimit.gradient, got "aimd"`
      )
      expect(() => AdaptiveLimit.makeUnsafe(wrong)).toThrow("AdaptiveLimit.makeUnsafe: algorithm must be")
    })))

  test.each(["classify", "onChange"])("%s must be a function", (argument) => {
    const wrong = { algorithm: AdaptiveLimit.aimd(), [argument]: "ignore" } as AdaptiveLimit.Options
    expect(() => AdaptiveLimit.makeUnsafe(wrong)).toThrow(
      new RangeError(`AdaptiveLimit.makeUnsafe: ${argument} must be a function, got "ignore"`)
    )
  })

  test("initial is what of min and max is nearest to 20", () => {
    expect(AdaptiveLimit.aimd()).toMatchObject({ initial: 20, min: 1, max: 200 })
    expect(AdaptiveLimit.aimd({ max: 8 })).toMatchObject({ initial: 8 })
    expect(AdaptiveLimit.gradient({ min: 300 })).toMatchObject({ initial: 300, max: 300 })
  })
})

test("a limit can be recognised, piped and shown", () => {
  const limit = AdaptiveLimit.makeUnsafe({ algorithm: AdaptiveLimit.aimd({ initial: 2 }), name: "database" })
  expect(AdaptiveLimit.isAdaptiveLimit(limit)).toBe(true)
  expect(AdaptiveLimit.isAdaptiveLimit({})).toBe(false)
  expect(limit.pipe(AdaptiveLimit.stats).limit).toBe(2)
  expect(inspect(limit)).toContain("database")
  expect(JSON.stringify(AdaptiveLimit.gradient({ initial: 7, max: 9 }))).toBe(
    `{"_id":"AdaptiveLimit.Algorithm","kind":"gradient","initial":7,"min":1,"max":9}`
  )
})

describe("a call", () => {
  test("waits for room, first come, first served", () =>
    run(Effect.gen(function*() {
      const limit = yield* make({ initial: 2, max: 2 })
      const begun: Array<number> = []
      const gates = yield* Effect.forEach([0, 1, 2, 3], () => Deferred.make<void>())
      for (const [i, gate] of gates.entries()) {
        const call = Effect.andThen(Effect.sync(() => begun.push(i)), Deferred.await(gate))
        yield* start(call.pipe(AdaptiveLimit.withPermit(limit)))
      }
      expect(AdaptiveLimit.stats(limit)).toMatchObject({ limit: 2, inFlight: 2, waiting: 2 })
      for (const gate of gates.toReversed()) yield* Deferred.succeed(gate, undefined)
      yield* Effect.yieldNow
      expect(begun).toEqual([0, 1, 2, 3])
      expect(AdaptiveLimit.stats(limit)).toMatchObject({ inFlight: 0, waiting: 0, samples: 4, ignored: 0 })
    })))

  test("keeps its value, its failure and its defect", () =>
    run(Effect.gen(function*() {
      const limit = yield* make({ initial: 4 })
      for (const call of [AdaptiveLimit.withPermit(limit), AdaptiveLimit.measure(limit)]) {
        expect(yield* call(Effect.succeed(7))).toBe(7)
        expect(squash(yield* Effect.exit(call(busy)))).toBe("busy")
        expect(yield* defectOf(call(Effect.die("bug")))).toBe("bug")
      }
    })))

  test("that is interrupted is ignored, while it waits as while it runs", () =>
    run(Effect.gen(function*() {
      const limit = yield* make({ initial: 1 })
      const running = yield* start(AdaptiveLimit.withPermit(limit, Effect.never))
      const waiting = yield* start(AdaptiveLimit.withPermit(limit, Effect.never))
      expect(isInterrupted(yield* interrupted(waiting))).toBe(true)
      expect(AdaptiveLimit.stats(limit)).toMatchObject({ inFlight: 1, waiting: 0, ignored: 0 })
      yield* interrupted(running)
      expect(AdaptiveLimit.stats(limit)).toMatchObject({ inFlight: 0, waiting: 0, ignored: 1, samples: 0 })
    })))

  test("is measured without the time it waits", () =>
    simulate(Effect.gen(function*() {
      const limit = yield* make({ initial: 2, max: 2, timeout: 15 })
      const fibers = yield* Effect.forEach([1, 2, 3, 4, 5, 6], () =>
        Effect.forkChild(AdaptiveLimit.withPermit(limit, Effect.sleep(10))))
      yield* TestClock.adjust(30)
      yield* Fiber.awaitAll(fibers)
      expect(AdaptiveLimit.stats(limit)).toMatchObject({ limit: 2, samples: 6, changes: 0 })
      const late = yield* Effect.forkChild(AdaptiveLimit.withPermit(limit, Effect.sleep(16)))
      yield* TestClock.adjust(16)
      yield* Fiber.await(late)
      expect(AdaptiveLimit.stats(limit)).toMatchObject({ limit: 1, overloads: 0, changes: 1 })
    })))

  test("is measured by the monotonic clock, whatever the wall clock does", () =>
    simulate(Effect.gen(function*() {
      const limit = yield* make({ initial: 2, timeout: 15 })
      const clock = yield* Clock.Clock
      let day = 0n
      const jumping = Object.assign(Object.create(clock) as Clock.Clock, {
        currentTimeNanosUnsafe: () => ++day * 86_400_000_000_000n,
        currentTimeMillisUnsafe: () => Number(++day) * 86_400_000
      })
      for (const [millis, now] of [[10, 2], [16, 1]] as const) {
        const call = AdaptiveLimit.withPermit(limit, Effect.provideService(Effect.sleep(millis), Clock.Clock, clock))
        const fiber = yield* Effect.forkChild(Effect.provideService(call, Clock.Clock, jumping))
        yield* TestClock.adjust(millis)
        yield* Fiber.await(fiber)
        expect(AdaptiveLimit.stats(limit).limit).toBe(now)
      }
    })))

  test("whose classification throws dies of it, and gives back its permit", () =>
    run(Effect.gen(function*() {
      const limit = yield* make({ initial: 1 }, {
        classify: () => {
          throw new Error("cannot tell")
        }
      })
      for (let i = 0; i < 2; i++) {
        expect(String(yield* defectOf(AdaptiveLimit.withPermit(limit, Effect.void)))).toBe("Error: cannot tell")
      }
      expect(AdaptiveLimit.stats(limit)).toMatchObject({ inFlight: 0, waiting: 0, samples: 0, ignored: 2 })
    })))
})

describe.each(["busy", undefined, true, null, {}])("a classification of %o", (outcome) => {
  const classify = () => outcome as AdaptiveLimit.Outcome
  const message =
    "RangeError: AdaptiveLimit.make: the result of classify must be \"success\", \"overload\" or \"ignore\", got"

  test.each(
    [
      ["a success", Effect.void],
      ["a failure", busy],
      ["a defect", Effect.die("bug")]
    ] satisfies ReadonlyArray<readonly [string, Effect.Effect<void, string>]>
  )("is a defect of a call that ends with %s, and changes nothing", (_, effect) =>
    run(Effect.gen(function*() {
      for (const algorithm of [AdaptiveLimit.aimd({ initial: 1 }), AdaptiveLimit.gradient({ initial: 1 })]) {
        const limit = yield* AdaptiveLimit.make({ algorithm, classify })
        for (
          const call of [AdaptiveLimit.withPermit(limit), AdaptiveLimit.withPermit(limit), AdaptiveLimit.measure(limit)]
        ) {
          const exit = yield* Effect.exit(call(effect))
          const reasons = Exit.isFailure(exit) ? exit.cause.reasons : []
          const defects = reasons.flatMap((reason) => reason._tag === "Die" ? [String(reason.defect)] : [])
          expect(defects.at(-1)).toContain(message)
        }
        expect(AdaptiveLimit.stats(limit)).toEqual({
          limit: 1,
          inFlight: 0,
          waiting: 0,
          samples: 0,
          overloads: 0,
          ignored: 3,
          changes: 0
        })
      }
    })))
})

describe("the limit", () => {
  test("falls once for the calls of one congestion, and again for the next (A3, A4)", () =>
    run(Effect.gen(function*() {
      const limit = yield* make({ initial: 10, backoff: 0.5 })
      const gate = yield* Deferred.make<void>()
      const fibers = yield* Effect.forEach(Array.from({ length: 10 }), () =>
        start(AdaptiveLimit.withPermit(limit, Effect.andThen(Deferred.await(gate), busy))))
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.awaitAll(fibers)
      expect(AdaptiveLimit.stats(limit)).toMatchObject({ limit: 5, samples: 10, overloads: 10, changes: 1 })
      yield* Effect.exit(AdaptiveLimit.withPermit(limit, busy))
      expect(AdaptiveLimit.stats(limit)).toMatchObject({ limit: 2, changes: 2 })
    })))

  test("revokes nobody's permit, and lets nobody in until there is room again", () =>
    run(Effect.gen(function*() {
      const limit = yield* make({ initial: 4, backoff: 0.25 })
      const held = yield* Effect.forEach([1, 2, 3], () => start(AdaptiveLimit.withPermit(limit, Effect.never)))
      yield* Effect.exit(AdaptiveLimit.withPermit(limit, busy))
      const next = yield* start(AdaptiveLimit.withPermit(limit, Effect.never))
      expect(AdaptiveLimit.stats(limit)).toMatchObject({ limit: 1, inFlight: 3, waiting: 1 })
      for (const fiber of held.slice(1)) yield* Fiber.interrupt(fiber)
      expect(AdaptiveLimit.stats(limit)).toMatchObject({ inFlight: 1, waiting: 1 })
      yield* Fiber.interruptAll([...held, next])
      expect(AdaptiveLimit.stats(limit)).toMatchObject({ inFlight: 0, waiting: 0 })
    })))

  test("lets the next in as it rises", () =>
    run(Effect.gen(function*() {
      const limit = yield* make({ initial: 1, increase: 2 })
      const gate = yield* Deferred.make<void>()
      const first = yield* start(AdaptiveLimit.withPermit(limit, Deferred.await(gate)))
      const rest = yield* Effect.forEach([1, 2, 3], () => start(AdaptiveLimit.withPermit(limit, Effect.never)))
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.await(first)
      yield* settle
      expect(AdaptiveLimit.stats(limit)).toMatchObject({ limit: 3, inFlight: 3, waiting: 0 })
      yield* Fiber.interruptAll(rest)
    })))

  test("is each limit's own, though they share a description", () =>
    run(Effect.gen(function*() {
      for (const algorithm of [AdaptiveLimit.aimd(), AdaptiveLimit.gradient()]) {
        const [one, other] = yield* Effect.all(
          [1, 2].map(() => AdaptiveLimit.make({ algorithm, classify: classifyBusy }))
        )
        yield* Effect.exit(AdaptiveLimit.withPermit(one!, busy))
        expect([one!, other!].map((limit) => AdaptiveLimit.stats(limit).limit)).toEqual([18, 20])
      }
    })))
})

describe("the listener (A6)", () => {
  test("runs when the permit has been returned, and holds up nobody else", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const told: Array<number> = []
      const limit = yield* make({ initial: 2, backoff: 0.5 }, {
        onChange: (n) => Effect.andThen(Effect.sync(() => told.push(n)), Deferred.await(gate))
      })
      const changing = yield* start(AdaptiveLimit.withPermit(limit, busy))
      expect(AdaptiveLimit.stats(limit)).toMatchObject({ limit: 1, inFlight: 0 })
      // The next change is left to the one who tells already.
      yield* AdaptiveLimit.withPermit(limit, Effect.void)
      expect(AdaptiveLimit.stats(limit)).toMatchObject({ limit: 2, inFlight: 0 })
      expect(told).toEqual([1])
      expect(changing.pollUnsafe()).toBe(undefined)
      yield* Deferred.succeed(gate, undefined)
      expect(squash(yield* Fiber.await(changing))).toBe("busy")
      expect(told).toEqual([1, 2])
    })))

  test("hears changes that come while it runs in their order", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const told: Array<number> = []
      const limit = yield* make({ initial: 16, backoff: 0.5 }, {
        onChange: (n) => Effect.andThen(Effect.sync(() => told.push(n)), Deferred.await(gate))
      })
      const changing = yield* start(AdaptiveLimit.withPermit(limit, busy))
      for (let i = 0; i < 3; i++) yield* Effect.exit(AdaptiveLimit.withPermit(limit, busy))
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.await(changing)
      expect(told).toEqual([8, 4, 2, 1])
    })))

  test("may make calls itself, and receives their changes afterwards", () =>
    run(Effect.gen(function*() {
      const told: Array<string> = []
      let limit: AdaptiveLimit.AdaptiveLimit | undefined = undefined
      const made = yield* make({ initial: 8, backoff: 0.5 }, {
        onChange: (n) =>
          Effect.gen(function*() {
            told.push(`begin ${n}`)
            if (n > 1) yield* Effect.exit(AdaptiveLimit.withPermit(limit!, busy))
            told.push(`end ${n}`)
          })
      })
      limit = made
      yield* Effect.exit(AdaptiveLimit.withPermit(made, busy))
      expect(told).toEqual(["begin 4", "end 4", "begin 2", "end 2", "begin 1", "end 1"])
    })))

  test.each(
    [
      ["dies", () => Effect.die("a bug")],
      ["throws", () => {
        throw new Error("a bug")
      }],
      ["interrupts itself", () => Effect.interrupt]
    ] satisfies ReadonlyArray<readonly [string, () => Effect.Effect<void>]>
  )(
    "that %s is logged, and takes neither a result nor a permit, nor the next change",
    (_, fail) =>
      run(Effect.gen(function*() {
        const told: Array<number> = []
        const logged: Array<unknown> = []
        const logger = Logger.make(({ cause, logLevel, message }) =>
          void logged.push([logLevel, message, cause.reasons.length])
        )
        const limit = yield* make({ initial: 4, backoff: 0.5 }, {
          onChange: (n) => {
            told.push(n)
            return n === 2 ? fail() : Effect.void
          }
        })
        const call = Effect.provide(AdaptiveLimit.withPermit(limit, busy), Logger.layer([logger]))
        expect(squash(yield* Effect.exit(call))).toBe("busy")
        expect(squash(yield* Effect.exit(call))).toBe("busy")
        expect(told).toEqual([2, 1])
        expect(logged).toEqual([["Error", ["AdaptiveLimit: onChange did not succeed"], 1]])
        expect(AdaptiveLimit.stats(limit)).toMatchObject({ inFlight: 0, waiting: 0, limit: 1 })
      }))
  )

  test("hears of measured calls too, which take no permit", () =>
    run(Effect.gen(function*() {
      const sizes: Array<number> = []
      const limit = yield* make({ initial: 2, backoff: 0.5 }, {
        onChange: (n) => Effect.sync(() => void sizes.push(n))
      })
      const jobs = yield* Effect.forEach([1, 2, 3], () => start(AdaptiveLimit.measure(limit, Effect.never)))
      expect(AdaptiveLimit.stats(limit)).toMatchObject({ inFlight: 3, waiting: 0 })
      yield* Effect.exit(AdaptiveLimit.measure(limit, busy))
      expect(sizes).toEqual([1])
      yield* Fiber.interruptAll(jobs)
      expect(AdaptiveLimit.stats(limit)).toMatchObject({ inFlight: 0, ignored: 3 })
    })))
})

/**
 * A server that serves so many calls in 10 milliseconds, and a hundred clients: before, during and after a slow phase.
 */
const story = (options: {
  readonly algorithm: AdaptiveLimit.Algorithm
  readonly capacities: ReadonlyArray<number>
  readonly refuses?: boolean
}) =>
  simulate(Effect.gen(function*() {
    const { algorithm, capacities, refuses = false } = options
    const limit = yield* AdaptiveLimit.make({ algorithm, classify: classifyBusy })
    const server = new Server(1, 10)
    yield* clients(100, limit, server)
    return yield* Effect.forEach(capacities, (capacity) =>
      Effect.gen(function*() {
        yield* server.resize(capacity)
        if (refuses) server.refusesAbove = capacity * 1.5
        const seen = yield* watch(limit, 300, 10)
        // The second half: what it has come to.
        const later = seen.slice(150)
        return { mean: mean(later) / capacity, min: Math.min(...later), max: Math.max(...later) }
      }))
  }))

describe("a server with a queue, whose capacity falls and rises again", () => {
  const capacities = [24, 6, 24]

  test("aimd with a timeout holds the limit at the capacity", async () => {
    const phases = await story({ algorithm: AdaptiveLimit.aimd({ timeout: 15 }), capacities })
    for (const { mean } of phases) {
      expect(mean).toBeGreaterThan(0.9)
      expect(mean).toBeLessThan(1.2)
    }
  })

  test("aimd holds the limit at what the server does not refuse", async () => {
    const phases = await story({ algorithm: AdaptiveLimit.aimd(), capacities, refuses: true })
    for (const { mean } of phases) {
      expect(mean).toBeGreaterThan(1.2)
      expect(mean).toBeLessThan(1.6)
    }
  })

  test("gradient holds the limit at tolerance times the capacity, and queue", async () => {
    const phases = await story({ algorithm: AdaptiveLimit.gradient({ initial: 10 }), capacities })
    for (const [i, { mean }] of phases.entries()) {
      const goal = 1 + 4 / capacities[i]!
      expect(mean).toBeGreaterThan(0.8 * goal)
      // Calls that all take the same time queue in step: one in three takes twice as long, the others show no queue.
      expect(mean).toBeLessThan(1.25 * goal)
    }
  })
})

describe("gradient measures what it compares with", () => {
  const settled = (limit: AdaptiveLimit.AdaptiveLimit) =>
    Effect.map(watch(limit, 300, 10), (seen) => mean(seen.slice(150)))

  test("and so it leaves a queue in which it began", () =>
    simulate(Effect.gen(function*() {
      const limit = yield* AdaptiveLimit.make({ algorithm: AdaptiveLimit.gradient({ initial: 90 }) })
      yield* clients(100, limit, new Server(8, 10))
      const found = yield* settled(limit)
      expect(found).toBeGreaterThan(12)
      expect(found).toBeLessThan(20)
    })))

  test("and so it finds its way back when the server has become slower for good", () =>
    simulate(Effect.gen(function*() {
      const limit = yield* AdaptiveLimit.make({ algorithm: AdaptiveLimit.gradient({ initial: 10, window: 20 }) })
      const server = new Server(16, 10)
      yield* clients(100, limit, server)
      const before = yield* settled(limit)
      server.service = 30
      yield* watch(limit, 300, 10)
      const after = yield* settled(limit)
      expect(Math.abs(after - before)).toBeLessThan(before / 5)
    })))
})

test.each([
  ["aimd", AdaptiveLimit.aimd({ timeout: "1 second" })],
  ["gradient", AdaptiveLimit.gradient()]
])("%s does not grow while less than half of it is used (A2)", (_, algorithm) =>
  simulate(Effect.gen(function*() {
    const limit = yield* AdaptiveLimit.make({ algorithm })
    yield* clients(9, limit, new Server(100, 10))
    yield* watch(limit, 100, 10)
    expect(AdaptiveLimit.stats(limit)).toMatchObject({ limit: 20, samples: 900, changes: 0 })
  })))
