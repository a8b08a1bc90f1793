import { Effect, Exit, Fiber } from "effect"
import { Limit, LimitStore } from "sluice/durable"
import { describe, expect, test } from "vitest"
import { makeMemory } from "../../../src/internal/durable/limit/memory.js"
import {
  after,
  defectOf,
  expectEnded,
  expectPending,
  interrupted,
  runTimed,
  settle,
  start,
  tagOf
} from "../../support/effect.js"

const lease = 1_200
const limit = (permits: number) => Limit.make("calls", { permits, lease })

/** Runs on a store of its own, with a clock that only `after` moves. */
const run = <A, E>(effect: Effect.Effect<A, E, LimitStore.LimitStore>): Promise<A> =>
  runTimed(Effect.provide(effect, LimitStore.layerMemory))

/** With the operations of a store that fail, or return something else. */
const runChanged = <A, E>(
  change: (store: LimitStore.Store) => Partial<LimitStore.Store>,
  effect: Effect.Effect<A, E, LimitStore.LimitStore>
): Promise<A> => {
  const store = makeMemory()
  return runTimed(Effect.provideService(effect, LimitStore.LimitStore, { ...store, ...change(store) }))
}

const unreachable = () =>
  Effect.fail(new Limit.StoreError({ operation: "Limit.renew", of: "calls", cause: new Error("unreachable") }))

/** Starts effects that hold their permits until they are interrupted, and notes the tokens of the grants. */
const holders = (total: number, tokens: Array<number> = []) => (permits: number) =>
  start(
    Limit.withPermits(limit(total), permits)(({ token }) =>
      Effect.andThen(Effect.sync(() => tokens.push(token)), Effect.never)
    )
  )

/** A request of a process that makes no second call. */
const killed = (permits: number, total: number) =>
  Effect.flatMap(
    LimitStore.LimitStore,
    (store) => store.acquire({ limit: "calls", id: store.nextId(), permits, total, lease })
  )

test("a request that waits learns how many are ahead, and when the next lease is over", () =>
  run(Effect.gen(function*() {
    const { acquire, nextId, release } = yield* LimitStore.LimitStore
    const [held, first, second, third] = Array.from({ length: 4 }, () => {
      const id = nextId()
      return { limit: "calls", id, permits: 1, total: 1, lease }
    }) as [LimitStore.Request, LimitStore.Request, LimitStore.Request, LimitStore.Request]
    const replies: Array<LimitStore.Reply> = []
    const ask = (request: LimitStore.Request) =>
      Effect.map(acquire(request), (reply) => void replies.push({ ...reply }))
    yield* ask(held)
    yield* after(200)
    for (const request of [first, second, third]) yield* ask(request)
    yield* release(first)
    yield* ask(third)
    const waiting = (ahead: number) => ({ _tag: "Waiting", ahead, next: lease - 200 })
    expect(replies.slice(1)).toEqual([waiting(0), waiting(1), waiting(2), waiting(1)])
  })))

describe("make", () => {
  test("returns a plain value, with a lease of 30 seconds by default", () => {
    const one = Limit.make("calls", { permits: 2 })
    expect(one).toMatchObject({ name: "calls", permits: 2, lease: 30_000 })
    expect([Limit.isLimit(one), Limit.isLimit({})]).toEqual([true, false])
  })

  test.each([
    ["", { permits: 1 }, "Limit.make: name must be a string of 1 to 255 characters, without U+0000"],
    ["x".repeat(256), { permits: 1 }, "Limit.make: name must be a string of 1 to 255 characters"],
    ["a\0", { permits: 1 }, "Limit.make: name must be a string of 1 to 255 characters"],
    ["a\ud800", { permits: 1 }, "Limit.make: name must be a string of 1 to 255 characters"],
    ["x", { permits: -1 }, "Limit.make: permits must be an integer >= 0, got -1"],
    ["x", { permits: 1.5 }, "Limit.make: permits must be an integer >= 0, got 1.5"],
    ["x", { permits: 1, lease: 9 }, "Limit.make: lease must be a duration of 10 milliseconds to 100 years, got 9"],
    ["x", { permits: 1, lease: Infinity }, "10 milliseconds to 100 years, got Infinity"],
    ["x", { permits: 1, lease: 1e300 }, "10 milliseconds to 100 years, got 1e+300"]
  ])("throws for %j %j", (name, options, message) => {
    expect(() => Limit.make(name, options)).toThrow(message)
    expect(() => Limit.make(name, options)).toThrow(RangeError)
  })

  test.each([-1, 0.5, NaN])("withPermits(%s) dies before it asks the store", (permits) =>
    run(Effect.gen(function*() {
      const defect = yield* defectOf(Limit.withPermits(limit(1), permits)(() => Effect.void))
      expect(String(defect)).toBe(`RangeError: Limit.withPermits: permits must be an integer >= 0, got ${permits}`)
    })))
})

describe("the options of stores", () => {
  test.each([
    [() => LimitStore.layerRedis({ prefix: "" }), "LimitStore.layerRedis: prefix must be a string that is not empty"],
    [() => LimitStore.layerRedis({ poll: 0 }), "LimitStore.layerRedis: poll must be a finite duration above 0, got 0"],
    [() => LimitStore.layerPg({ prefix: "Robert'; --" }), "LimitStore.layerPg: prefix must be at most 24 of"],
    [() => LimitStore.layerPg({ poll: Infinity }), "LimitStore.layerPg: poll must be a finite duration above 0"]
  ])("are checked as the layer is made: %s", (make, message) => expect(make).toThrow(message))
})

test("leases that are not over never exceed the limit (F1)", () =>
  run(Effect.gen(function*() {
    const tokens: Array<number> = []
    const hold = holders(3, tokens)
    const first = yield* hold(2)
    yield* hold(1)
    yield* hold(1)
    yield* after(10 * lease)
    expect(tokens).toEqual([1, 2])
    yield* interrupted(first)
    yield* settle
    expect(tokens).toEqual([1, 2, 3])
  })))

describe("the line", () => {
  test("a small request does not overtake a large one that waits (F2)", () =>
    run(Effect.gen(function*() {
      const order: Array<string> = []
      const note = (name: string, permits: number) =>
        start(Limit.withPermits(limit(3), permits)(() => Effect.sync(() => order.push(name))))
      const first = yield* holders(3)(2)
      yield* note("large", 3)
      yield* note("small", 1)
      yield* after(5 * lease)
      expect(order).toEqual([])
      yield* interrupted(first)
      yield* settle
      expect(order).toEqual(["large", "small"])
    })))

  test("a dead waiter holds up the line for a lease, to the millisecond (F2)", () =>
    run(Effect.gen(function*() {
      const first = yield* holders(1)(1)
      yield* killed(1, 1)
      // Not at a time at which it asks anyway.
      yield* after(100)
      const second = yield* start(Limit.withPermit(limit(1), () => Effect.void))
      yield* interrupted(first)
      yield* after(lease - 101)
      expectPending(second)
      yield* after(2)
      expectEnded(second)
    })))

  test("a dead waiter holds up nobody for whom there is room in addition (F2)", () =>
    run(Effect.gen(function*() {
      const first = yield* holders(2)(2)
      yield* killed(1, 2)
      const second = yield* start(Limit.withPermit(limit(2), () => Effect.void))
      yield* interrupted(first)
      yield* settle
      expectEnded(second)
    })))

  test("the newest request's number of permits counts (F4)", () =>
    run(Effect.gen(function*() {
      const tokens: Array<number> = []
      const first = yield* holders(2, tokens)(2)
      const impossible = yield* start(Limit.withPermits(limit(2), 2)(() => Effect.void))
      yield* settle
      const smaller = yield* start(Limit.withPermit(limit(1), () => Effect.void))
      yield* settle
      expect(yield* Effect.flip(Fiber.join(impossible))).toMatchObject({
        _tag: "LimitExceeded",
        requested: 2,
        permits: 1
      })
      yield* interrupted(first)
      yield* settle
      expectEnded(smaller)
      yield* Limit.withPermits(limit(5), 5)(() => Effect.void)
    })))
})

test("an interrupt gives permits and places back at once, a death after a lease (F3)", () =>
  run(Effect.gen(function*() {
    const tokens: Array<number> = []
    const hold = holders(1, tokens)
    const first = yield* hold(1)
    const second = yield* hold(1)
    const third = yield* hold(1)
    yield* interrupted(second)
    yield* interrupted(first)
    yield* settle
    expect(tokens).toHaveLength(2)
    yield* interrupted(third)
    yield* killed(1, 1)
    const last = yield* start(Limit.withPermit(limit(1), () => Effect.void))
    yield* after(lease - 1)
    expectPending(last)
    yield* after(2)
    expectEnded(last)
  })))

test("a request for more than the limit fails at once, with name and numbers (F4)", () =>
  run(Effect.gen(function*() {
    yield* holders(2)(2)
    const error = yield* Effect.flip(Limit.withPermits(limit(2), 3, () => Effect.void))
    expect(error).toBeInstanceOf(Limit.LimitExceeded)
    expect(error.message).toBe("3 permits requested of limit \"calls\", which has 2")
    expect((yield* Effect.flip(Limit.withPermit(limit(0), () => Effect.void)))._tag).toBe("LimitExceeded")
  })))

test("permits return from an effect that succeeds, fails, dies or is interrupted (F5)", () =>
  run(Effect.gen(function*() {
    const ends = [Effect.succeed(1), Effect.fail("no"), Effect.die("bug"), Effect.interrupt]
    const tags = yield* Effect.forEach(
      ends,
      (end) => Effect.map(Effect.exit(Limit.withPermits(limit(2), 2)(() => end)), tagOf)
    )
    expect(tags).toEqual(["Success", "no", "bug", "Interrupt"])
    expect(yield* Limit.withPermits(limit(2), 2)(({ permits }) => Effect.succeed(permits))).toBe(2)
  })))

test("a caller that is interrupted already asks the store for nothing (F3)", () => {
  let asked = 0
  return runChanged(
    ({ acquire }) => ({ acquire: (request) => Effect.andThen(Effect.sync(() => asked++), acquire(request)) }),
    Effect.gen(function*() {
      const fiber = yield* start(Effect.uninterruptibleMask((restore) =>
        Effect.andThen(
          Effect.withFiber((self) => Effect.sync(() => self.interruptUnsafe())),
          restore(Limit.withPermit(limit(1), () => Effect.void))
        )
      ))
      expect(tagOf(yield* Fiber.await(fiber))).toBe("Interrupt")
      expect(asked).toBe(0)
    })
  )
})

test("tokens grow from grant to grant, also when the limit was not in use (F6)", () =>
  run(Effect.gen(function*() {
    const tokens = yield* Effect.forEach([1, 2, 3], () =>
      Limit.withPermit(limit(1), ({ token }) => Effect.succeed(token)))
    expect(tokens).toEqual([1, 2, 3])
  })))

describe("a lease", () => {
  test("lasts for as long as the effect runs, and is renewed every third of it (F7)", () => {
    let renewals = 0
    return runChanged(
      ({ renew }) => ({ renew: (request) => Effect.andThen(Effect.sync(() => renewals++), renew(request)) }),
      Effect.gen(function*() {
        const fiber = yield* start(Limit.withPermit(limit(1), () => Effect.as(Effect.sleep(10 * lease), "done")))
        for (let i = 0; i < 30; i++) yield* after(lease / 3)
        expect(yield* Fiber.join(fiber)).toBe("done")
        expect(renewals).toBe(29)
      })
    )
  })

  test("that cannot be renewed ends its effect a sixth before it is over, with LeaseLost (F7)", () =>
    runChanged(
      () => ({ renew: unreachable }),
      Effect.gen(function*() {
        let isOver = false
        const work = Effect.onInterrupt(Effect.never, () => Effect.sync(() => (isOver = true)))
        const fiber = yield* start(Limit.withPermit(limit(1), () => work))
        yield* after(lease * 5 / 6 - 1)
        expect(isOver).toBe(false)
        yield* after(1)
        expect(isOver).toBe(true)
        const error = yield* Effect.flip(Fiber.join(fiber))
        expect(error).toMatchObject({ _tag: "LeaseLost", limit: "calls", token: 1 })
        expect(error.message).toContain("lease 1 of limit \"calls\" was lost")
      })
    ))

  test("whose renewal has no reply ends its effect in time, too (F7)", () =>
    runChanged(
      () => ({ renew: () => Effect.never }),
      Effect.gen(function*() {
        const fiber = yield* start(Limit.withPermit(limit(1), () => Effect.never))
        yield* after(lease * 5 / 6)
        expect(tagOf(yield* Fiber.await(fiber))).toBe("LeaseLost")
      })
    ))

  test("is renewed after a failure, while there is time (F7)", () => {
    let failures = 2
    return runChanged(
      ({ renew }) => ({ renew: (request) => failures-- > 0 ? unreachable() : renew(request) }),
      Effect.gen(function*() {
        const fiber = yield* start(Limit.withPermit(limit(1), () => Effect.as(Effect.sleep(2 * lease), "done")))
        for (let i = 0; i < 24; i++) yield* after(lease / 12)
        expect(yield* Fiber.join(fiber)).toBe("done")
      })
    )
  })

  test("that is over in the store ends its effect at the next renewal (F7)", () =>
    runChanged(
      () => ({ renew: () => Effect.succeed(false) }),
      Effect.gen(function*() {
        const fiber = yield* start(Limit.withPermit(limit(1), () => Effect.never))
        yield* after(lease / 3)
        expect(tagOf(yield* Fiber.await(fiber))).toBe("LeaseLost")
      })
    ))

  test("that was lost makes a failure of a success, and of no failure of the effect (F7)", () =>
    runChanged(
      ({ release }) => ({ release: (request) => Effect.as(release(request), false) }),
      Effect.gen(function*() {
        const exits = yield* Effect.forEach([Effect.succeed("done"), Effect.fail("refused")], (end) =>
          Effect.exit(Limit.withPermit(limit(1), () => end)))
        expect(exits.map(tagOf)).toEqual(["LeaseLost", "refused"])
      })
    ))

  test("that was over while the event loop was blocked is lost, though the store cannot say so (F7)", () =>
    Effect.runPromise(Effect.gen(function*() {
      const block = Effect.sync(() => {
        const until = performance.now() + 40
        while (performance.now() < until);
      })
      const store = { ...makeMemory(), release: unreachable }
      const use = Limit.withPermit(Limit.make("calls", { permits: 1, lease: 20 }), () => block)
      const exit = yield* Effect.exit(Effect.provideService(use, LimitStore.LimitStore, store))
      expect(tagOf(exit)).toBe("LeaseLost")
    })))

  test("fails with LeaseLost only after the effect's finalizers have run (F7)", () =>
    runChanged(
      () => ({ renew: () => Effect.succeed(false) }),
      Effect.gen(function*() {
        const work = Effect.onExit(Effect.never, () => Effect.sleep(5 * lease))
        const fiber = yield* start(Limit.withPermit(limit(1), () => work))
        yield* after(4 * lease)
        expectPending(fiber)
        yield* after(2 * lease)
        expect(tagOf(yield* Fiber.await(fiber))).toBe("LeaseLost")
      })
    ))
})

describe("a store that fails", () => {
  test("fails the first call at once", () =>
    runChanged(
      () => ({ acquire: unreachable }),
      Effect.gen(function*() {
        const error = yield* Effect.flip(Limit.withPermit(limit(1), () => Effect.void))
        expect(error._tag).toBe("StoreError")
        expect(error.message).toBe("Limit.renew of \"calls\" failed: Error: unreachable")
      })
    ))

  test("fails a waiter after a lease without a reply, and not before (F2)", () => {
    let isUp = true
    return runChanged(
      ({ acquire }) => ({ acquire: (request) => isUp ? acquire(request) : unreachable() }),
      Effect.gen(function*() {
        yield* holders(1)(1)
        const waiter = yield* start(Limit.withPermit(limit(1), () => Effect.void))
        yield* settle
        isUp = false
        for (let i = 0; i < 11; i++) yield* after(lease / 12)
        expectPending(waiter)
        isUp = true
        for (let i = 0; i < 12; i++) yield* after(lease / 12)
        expectPending(waiter)
        isUp = false
        for (let i = 0; i < 18; i++) yield* after(lease / 12)
        expect(tagOf(yield* Fiber.await(waiter))).toBe("StoreError")
      })
    )
  })

  test("does not change the success of an effect whose permits it cannot take back", () =>
    runChanged(
      () => ({ release: unreachable }),
      Effect.gen(function*() {
        expect(yield* Limit.withPermit(limit(1), () => Effect.succeed("done"))).toBe("done")
        const next = yield* start(Limit.withPermit(limit(1), () => Effect.void))
        yield* after(lease - 1)
        expectPending(next)
        yield* after(2)
        expectEnded(next)
      })
    ))
})

test("a waiter polls a store whose wake-ups are lost: the k-th in the line each k times the interval", () => {
  const asked: Array<string> = []
  return runChanged(
    ({ acquire }) => ({
      poll: 100,
      onWake: () => () => {},
      acquire: (request) => Effect.andThen(Effect.sync(() => asked.push(request.id)), acquire(request))
    }),
    Effect.gen(function*() {
      const first = yield* holders(1)(1)
      const second = yield* start(Limit.withPermit(limit(1), () => Effect.void))
      const third = yield* start(Limit.withPermit(limit(1), () => Effect.void))
      yield* settle
      for (let i = 0; i < 4; i++) yield* after(100)
      expect(asked.filter((id) => id === "memory:2")).toHaveLength(1 + 4)
      expect(asked.filter((id) => id === "memory:3")).toHaveLength(1 + 2)
      yield* interrupted(first)
      yield* after(100)
      expectEnded(second)
      yield* after(100)
      expectEnded(third)
    })
  )
})

test("two thousand waiters that complete synchronously on one release do not overflow the stack", () =>
  run(Effect.gen(function*() {
    const first = yield* holders(1)(1)
    const waiters = yield* Effect.forEach(
      Array.from({ length: 2_000 }),
      () => start(Limit.withPermit(limit(1), () => Effect.void))
    )
    yield* interrupted(first)
    yield* Fiber.awaitAll(waiters)
    expect(waiters.every((fiber) => Exit.isSuccess(fiber.pollUnsafe()!))).toBe(true)
  })))
