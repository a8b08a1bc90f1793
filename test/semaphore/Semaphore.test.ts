import { Deferred, Effect, Exit, Fiber, Option, Scope } from "effect"
import { Semaphore } from "sluice"
import { describe, expect, test } from "vitest"
import { defectOf, interrupted, isInterrupted, run, settle, squash, start } from "../support/effect.js"
import { holder } from "../support/semaphore.js"

const { stats } = Semaphore

/** Starts requests that note their names when they are granted, and then hold their permits forever. */
const requests = (semaphore: Semaphore.Semaphore, granted: Array<string>) => (name: string, n: number) =>
  start(Semaphore.withPermits(semaphore, n, Effect.andThen(Effect.sync(() => granted.push(name)), Effect.never)))

describe("make", () => {
  test.each([-1, 1.5, NaN, Infinity, -Infinity])(
    "capacity %s is a defect that names it",
    (capacity) =>
      run(Effect.gen(function*() {
        const defect = yield* defectOf(Semaphore.make(capacity))
        expect(defect).toBeInstanceOf(RangeError)
        expect(String(defect)).toBe(
          `RangeError: Semaphore.make: capacity must be an integer >= 0, got ${String(capacity)}`
        )
        expect(() => Semaphore.makeUnsafe(capacity)).toThrow("Semaphore.makeUnsafe: capacity must be an integer >= 0")
      }))
  )

  test("a capacity past the safe integers is a defect, the largest safe one works", () =>
    run(Effect.gen(function*() {
      expect(String(yield* defectOf(Semaphore.make(2 ** 53)))).toContain("capacity must be at most Number.MAX_SAFE")
      const semaphore = yield* Semaphore.make(Number.MAX_SAFE_INTEGER)
      yield* Semaphore.acquire(semaphore, Number.MAX_SAFE_INTEGER)
      expect(stats(semaphore).available).toBe(0)
      expect(yield* Semaphore.tryAcquire(semaphore, 1)).toBe(false)
    })))

  test("an instance is recognised, shows itself, and can be piped", () =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(3, { name: "sockets" })
      expect(Semaphore.isSemaphore(semaphore)).toBe(true)
      expect(Semaphore.isSemaphore({})).toBe(false)
      expect(semaphore.name).toBe("sockets")
      expect(JSON.parse(JSON.stringify(semaphore))).toEqual({
        _id: "Semaphore",
        name: "sockets",
        capacity: 3,
        held: 0,
        available: 3,
        waiting: 0
      })
      expect(String(semaphore)).toContain("\"capacity\":3")
      yield* semaphore.pipe(Semaphore.acquire(2))
      expect(yield* semaphore.pipe(Semaphore.tryAcquire(2))).toBe(false)
      yield* semaphore.pipe(Semaphore.resize(5))
      expect(stats(semaphore)).toEqual({ capacity: 5, held: 2, available: 3, waiting: 0 })
    })))
})

describe("bad arguments change nothing", () => {
  const cases: ReadonlyArray<
    [string, (s: Semaphore.Semaphore, n: number) => Effect.Effect<unknown, unknown, Scope.Scope>]
  > = [
    ["withPermits", (s, n) => Semaphore.withPermits(s, n, Effect.void)],
    ["tryWithPermits", (s, n) => Semaphore.tryWithPermits(s, n, Effect.void)],
    ["acquire", (s, n) => Semaphore.acquire(s, n)],
    ["tryAcquire", (s, n) => Semaphore.tryAcquire(s, n)]
  ]
  for (const [name, operation] of cases) {
    test.each([-1, 0.5, NaN, Infinity])(`${name}(%s) dies before it takes or waits`, (n) =>
      run(Effect.gen(function*() {
        const semaphore = yield* Semaphore.make(2)
        expect(String(yield* defectOf(operation(semaphore, n)))).toBe(
          `RangeError: Semaphore.${name}: permits must be an integer >= 0, got ${String(n)}`
        )
        expect(stats(semaphore)).toEqual({ capacity: 2, held: 0, available: 2, waiting: 0 })
      })))
  }
  test.each([-1, 0.5, NaN, Infinity])(
    "resize(%s) dies before it changes the capacity",
    (n) =>
      run(Effect.gen(function*() {
        const semaphore = yield* Semaphore.make(2)
        expect(String(yield* defectOf(Semaphore.resize(semaphore, n)))).toContain("Semaphore.resize: capacity must be")
        expect(stats(semaphore).capacity).toBe(2)
      }))
  )
})

describe("S1: never more held than there is", () => {
  test("weights add up to the capacity and no further", () =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(5)
      yield* holder(semaphore, 3)
      yield* holder(semaphore, 2)
      yield* holder(semaphore, 1)
      expect(stats(semaphore)).toEqual({ capacity: 5, held: 5, available: 0, waiting: 1 })
    })))

  test("a shrink revokes nothing, does not wait, and grants nothing until enough is returned", () =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(4)
      const first = yield* holder(semaphore, 2)
      const second = yield* holder(semaphore, 2)
      yield* Semaphore.resize(semaphore, 1)
      expect(stats(semaphore)).toEqual({ capacity: 1, held: 4, available: -3, waiting: 0 })
      const third = yield* holder(semaphore, 1)
      yield* first.release
      expect(stats(semaphore)).toEqual({ capacity: 1, held: 2, available: -1, waiting: 1 })
      yield* second.release
      expect(stats(semaphore)).toEqual({ capacity: 1, held: 1, available: 0, waiting: 0 })
      yield* third.release
      expect(stats(semaphore)).toEqual({ capacity: 1, held: 0, available: 1, waiting: 0 })
    })))

  test("growing admits waiters in the next turn, in order, as far as they fit", () =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(1)
      const granted: Array<string> = []
      const request = requests(semaphore, granted)
      yield* request("a", 1)
      yield* request("b", 1)
      yield* request("c", 1)
      yield* request("d", 1)
      yield* Semaphore.resize(semaphore, 3)
      expect(granted).toEqual(["a"])
      yield* Effect.yieldNow
      expect(granted).toEqual(["a", "b", "c"])
      expect(stats(semaphore).waiting).toBe(1)
    })))
})

describe("S2: strictly first come, first served", () => {
  test("a small request does not overtake a large one that waits", () =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(3)
      const granted: Array<string> = []
      const request = requests(semaphore, granted)
      const first = yield* holder(semaphore, 2)
      yield* request("large", 3)
      yield* request("small", 1)
      expect(granted).toEqual([])
      expect(stats(semaphore)).toEqual({ capacity: 3, held: 2, available: 1, waiting: 2 })
      yield* first.release
      expect(granted).toEqual(["large"])
    })))

  // golang.org/x/sync/semaphore: TestLargeAcquireDoesntStarve
  test("a large request is granted under a steady stream of small ones", () =>
    run(Effect.gen(function*() {
      const n = 16
      const semaphore = yield* Semaphore.make(n)
      let running = true
      const small = Effect.gen(function*() {
        while (running) yield* Semaphore.withPermit(semaphore, Effect.yieldNow)
      })
      const fibers = yield* Effect.forEach(Array.from({ length: n }), () => start(small))
      yield* settle
      yield* Semaphore.withPermits(semaphore, n, Effect.sync(() => (running = false)))
      yield* Fiber.awaitAll(fibers)
      expect(stats(semaphore)).toEqual({ capacity: n, held: 0, available: n, waiting: 0 })
    })))

  // golang.org/x/sync/semaphore: TestWeightedTryAcquire
  test("tryAcquire takes free permits, and returns false when it would have to wait", () =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(2)
      const tries: Array<boolean> = []
      yield* Semaphore.acquire(semaphore, 1)
      const scope = yield* Scope.make()
      tries.push(yield* Semaphore.tryAcquire(semaphore, 1).pipe(Scope.provide(scope)))
      tries.push(yield* Semaphore.tryAcquire(semaphore, 1))
      yield* Scope.close(scope, Exit.void)
      tries.push(yield* Semaphore.tryAcquire(semaphore, 1))
      expect(tries).toEqual([true, false, true])
    })))

  test("try does not barge past a waiter, though what it asks for is free", () =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(3)
      yield* holder(semaphore, 2)
      const large = yield* start(Semaphore.withPermits(semaphore, 2, Effect.never))
      expect(stats(semaphore).available).toBe(1)
      expect(yield* Semaphore.tryAcquire(semaphore, 1)).toBe(false)
      expect(yield* Semaphore.tryAcquire(semaphore, 0)).toBe(false)
      expect(yield* Semaphore.tryWithPermits(semaphore, 1, Effect.succeed("ran"))).toEqual(Option.none())
      yield* Fiber.interrupt(large)
      expect(yield* Semaphore.tryWithPermits(semaphore, 1, Effect.succeed("ran"))).toEqual(Option.some("ran"))
    })))

  test("a new request does not overtake one that waits, though it would fit", () =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(3)
      const granted: Array<string> = []
      const request = requests(semaphore, granted)
      yield* request("a", 2)
      yield* request("b", 2)
      yield* request("c", 1)
      expect(granted).toEqual(["a"])
    })))
})

describe("S3: an interrupt loses no permit", () => {
  // golang.org/x/sync/semaphore: TestWeightedAcquire
  test("a waiter that is interrupted takes nothing", () =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(1)
      const first = yield* holder(semaphore, 1)
      const waiter = yield* start(Semaphore.withPermit(semaphore, Effect.void))
      expect(isInterrupted(yield* interrupted(waiter))).toBe(true)
      expect(stats(semaphore)).toEqual({ capacity: 1, held: 1, available: 0, waiting: 0 })
      yield* first.release
      expect(stats(semaphore).available).toBe(1)
    })))

  // golang.org/x/sync/semaphore: TestAllocCancelDoesntStarve
  test("a cancelled head lets smaller requests through", () =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(3)
      const granted: Array<string> = []
      const request = requests(semaphore, granted)
      yield* request("first", 1)
      const head = yield* request("head", 3)
      yield* request("a", 1)
      yield* request("b", 1)
      yield* request("c", 1)
      yield* Fiber.interrupt(head)
      expect(granted).toEqual(["first"])
      yield* Effect.yieldNow
      expect(granted).toEqual(["first", "a", "b"])
    })))

  test("a waiter cancelled in the middle leaves the order of the others as it was", () =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(1)
      const granted: Array<string> = []
      const first = yield* holder(semaphore, 1)
      const note = (name: string) => start(Semaphore.withPermit(semaphore, Effect.sync(() => granted.push(name))))
      yield* note("a")
      const b = yield* note("b")
      yield* note("c")
      const d = yield* note("d")
      yield* note("e")
      yield* Fiber.interrupt(b)
      yield* Fiber.interrupt(d)
      expect(stats(semaphore).waiting).toBe(3)
      yield* first.release
      expect(granted).toEqual(["a", "c", "e"])
    })))

  // https://go.dev/issue/63615
  test("a fiber that is interrupted already takes nothing, though permits are free", () =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(1)
      let ran = false
      const fiber = yield* start(
        Effect.uninterruptibleMask((restore) =>
          Effect.andThen(
            Effect.withFiber((self) => Effect.sync(() => self.interruptUnsafe())),
            restore(Semaphore.withPermit(semaphore, Effect.sync(() => (ran = true))))
          )
        )
      )
      expect(isInterrupted(yield* Fiber.await(fiber))).toBe(true)
      expect(ran).toBe(false)
      expect(stats(semaphore).available).toBe(1)
    })))

  test("waiting is interruptible in the restored part of an uninterruptible caller, and only there", () =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(1)
      const first = yield* holder(semaphore, 1)
      const restored = yield* start(
        Effect.uninterruptibleMask((restore) => restore(Semaphore.withPermit(semaphore, Effect.void)))
      )
      expect(isInterrupted(yield* interrupted(restored))).toBe(true)
      let ran = false
      const shielded = yield* start(
        Effect.uninterruptible(Semaphore.withPermit(semaphore, Effect.sync(() => (ran = true))))
      )
      shielded.interruptUnsafe()
      expect(stats(semaphore).waiting).toBe(1)
      yield* first.release
      expect(ran).toBe(true)
      expect(isInterrupted(yield* Fiber.await(shielded))).toBe(true)
      expect(stats(semaphore).available).toBe(1)
    })))

  test("permits come back from an effect that succeeds, fails, dies or is interrupted", () =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(2)
      const guarded = <A, E>(effect: Effect.Effect<A, E>) => Effect.exit(Semaphore.withPermits(semaphore, 2, effect))
      expect(yield* guarded(Effect.succeed(1))).toEqual(Exit.succeed(1))
      expect(squash(yield* guarded(Effect.fail("no")))).toBe("no")
      expect(squash(yield* guarded(Effect.die("bug")))).toBe("bug")
      expect(isInterrupted(yield* guarded(Effect.interrupt))).toBe(true)
      expect(squash(
        yield* guarded(Effect.suspend(() => {
          throw new Error("thrown")
        }))
      )).toEqual(new Error("thrown"))
      expect(stats(semaphore)).toEqual({ capacity: 2, held: 0, available: 2, waiting: 0 })
    })))

  test("permits are held until the effect's own finalizers have run", () =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(1)
      const gate = yield* Deferred.make<void>()
      const fiber = yield* start(
        Semaphore.withPermit(semaphore, Effect.onExit(Effect.never, () => Deferred.await(gate)))
      )
      fiber.interruptUnsafe()
      yield* settle
      expect(stats(semaphore).held).toBe(1)
      yield* Deferred.succeed(gate, void 0)
      yield* Fiber.await(fiber)
      expect(stats(semaphore).held).toBe(0)
    })))
})

describe("S4: a request that can never be granted fails and blocks nobody", () => {
  // golang.org/x/sync/semaphore: TestWeightedDoesntBlockIfTooBig
  test("more than the capacity fails at once, with both numbers", () =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(2)
      const error = yield* Effect.flip(Semaphore.withPermits(semaphore, 3, Effect.void))
      expect(error).toBeInstanceOf(Semaphore.CapacityExceeded)
      expect(error).toMatchObject({ _tag: "CapacityExceeded", requested: 3, capacity: 2 })
      expect(error.message).toBe("3 permits requested of a semaphore whose capacity is 2")
      expect((yield* Effect.flip(Semaphore.acquire(semaphore, 3)))._tag).toBe("CapacityExceeded")
      expect(yield* Semaphore.tryAcquire(semaphore, 3)).toBe(false)
      expect(yield* Semaphore.tryWithPermits(semaphore, 3, Effect.void)).toEqual(Option.none())
      expect(yield* Semaphore.withPermits(semaphore, 2, Effect.succeed("others go on"))).toBe("others go on")
    })))

  test("it fails at once even while others wait", () =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(1)
      yield* holder(semaphore, 1)
      yield* start(Semaphore.withPermit(semaphore, Effect.never))
      expect((yield* Effect.flip(Semaphore.withPermits(semaphore, 2, Effect.void)))._tag).toBe("CapacityExceeded")
    })))

  test.each([1, 2, 5, 20])("a shrink fails all of %i waiters, in their order", (count) =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(3)
      yield* holder(semaphore, 1)
      const failed: Array<number> = []
      for (let n = 0; n < count; n++) {
        yield* start(Effect.catch(
          Semaphore.withPermits(semaphore, 3, Effect.void),
          () => Effect.sync(() => failed.push(n))
        ))
      }
      yield* Semaphore.resize(semaphore, 2)
      expect(failed).toEqual(Array.from({ length: count }, (_, n) => n))
      expect(Semaphore.stats(semaphore).waiting).toBe(0)
    })))

  test("a shrink fails the waiters it makes impossible, wherever they are in the queue, and the others go on", () =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(4)
      const first = yield* holder(semaphore, 2)
      const granted: Array<string> = []
      const request = requests(semaphore, granted)
      const large = yield* request("large", 4)
      yield* request("a", 1)
      const larger = yield* start(Semaphore.acquire(semaphore, 3))
      yield* request("b", 1)
      yield* Semaphore.resize(semaphore, 2)
      expect(squash(yield* Fiber.await(large))).toMatchObject({ requested: 4, capacity: 2 })
      expect(squash(yield* Fiber.await(larger))).toMatchObject({ requested: 3, capacity: 2 })
      expect(stats(semaphore)).toEqual({ capacity: 2, held: 2, available: 0, waiting: 2 })
      yield* first.release
      expect(granted).toEqual(["a", "b"])
    })))

  test("a shrink that fails the first waiter lets those behind begin in a later turn (S7)", () =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(4)
      yield* holder(semaphore, 2)
      const granted: Array<string> = []
      const request = requests(semaphore, granted)
      yield* request("large", 4)
      yield* request("small", 1)
      yield* Semaphore.resize(semaphore, 3)
      expect(granted).toEqual([])
      yield* settle
      expect(granted).toEqual(["small"])
    })))

  test("a request for nothing waits its turn, takes nothing, and is granted even after a shrink", () =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(2)
      const first = yield* holder(semaphore, 2)
      expect(yield* Semaphore.withPermits(semaphore, 0, Effect.succeed("first in line"))).toBe("first in line")
      const granted: Array<string> = []
      const request = requests(semaphore, granted)
      yield* request("one", 1)
      yield* request("none", 0)
      expect(granted).toEqual([])
      yield* first.release
      expect(granted).toEqual(["one", "none"])
      yield* Semaphore.resize(semaphore, 0)
      expect(yield* Semaphore.withPermits(semaphore, 0, Effect.succeed("nothing needs nothing"))).toBe(
        "nothing needs nothing"
      )
      expect(stats(semaphore)).toEqual({ capacity: 0, held: 1, available: -1, waiting: 0 })
    })))

  test("withPermit dies with CapacityExceeded on a capacity of 0, also when a shrink leaves it there", () =>
    run(Effect.gen(function*() {
      const empty = yield* Semaphore.make(0)
      expect(yield* defectOf(Semaphore.withPermit(empty, Effect.void))).toMatchObject({ _tag: "CapacityExceeded" })
      const semaphore = yield* Semaphore.make(1)
      yield* holder(semaphore, 1)
      const waiter = yield* start(Semaphore.withPermit(semaphore, Effect.void))
      yield* Semaphore.resize(semaphore, 0)
      const exit = yield* Fiber.await(waiter)
      expect(Exit.hasDies(exit)).toBe(true)
      expect(squash(exit)).toMatchObject({ requested: 1, capacity: 0 })
    })))
})

describe("S5: permits belong to an effect or a scope", () => {
  test("a scope returns what was acquired in it as it closes, once", () =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(5)
      const scope = yield* Scope.make()
      yield* Semaphore.acquire(semaphore, 2).pipe(Scope.provide(scope))
      expect(yield* Semaphore.tryAcquire(semaphore, 3).pipe(Scope.provide(scope))).toBe(true)
      expect(stats(semaphore).available).toBe(0)
      yield* Scope.close(scope, Exit.void)
      yield* Scope.close(scope, Exit.void)
      expect(stats(semaphore)).toEqual({ capacity: 5, held: 0, available: 5, waiting: 0 })
    })))

  test("acquiring into a scope that has closed leaves nothing taken", () =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(1)
      const scope = yield* Scope.make()
      yield* Scope.close(scope, Exit.void)
      yield* Semaphore.acquire(semaphore, 1).pipe(Scope.provide(scope))
      expect(stats(semaphore).available).toBe(1)
    })))

  test("a scope that closes while its acquire waits ends with nothing taken", () =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(1)
      const first = yield* holder(semaphore, 1)
      const scope = yield* Scope.make()
      const waiter = yield* start(Semaphore.acquire(semaphore, 1).pipe(Scope.provide(scope)))
      yield* Scope.close(scope, Exit.void)
      yield* first.release
      yield* Fiber.await(waiter)
      expect(stats(semaphore)).toEqual({ capacity: 1, held: 0, available: 1, waiting: 0 })
    })))

  test("a finalizer that fails does not keep the permits", () =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(1)
      const exit = yield* Effect.exit(Effect.scoped(Effect.gen(function*() {
        yield* Effect.addFinalizer(() => Effect.die("outer"))
        yield* Semaphore.acquire(semaphore, 1)
        yield* Effect.addFinalizer(() => Effect.die("inner"))
      })))
      expect(Exit.isFailure(exit)).toBe(true)
      expect(stats(semaphore).available).toBe(1)
      yield* Effect.exit(Semaphore.withPermit(semaphore, Effect.onExit(Effect.void, () => Effect.die("body"))))
      expect(stats(semaphore).available).toBe(1)
    })))
})

describe("a resumed fiber may do anything, at once", () => {
  test("come back without end as fast as it is served, and timers still fire", () =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(1)
      const first = yield* holder(semaphore, 1)
      let served = 0
      const greedy = Effect.forever(Semaphore.withPermit(semaphore, Effect.sync(() => served++)), {
        disableYield: true
      })
      const fibers = yield* Effect.forEach([1, 2, 3], () => start(greedy))
      yield* first.release
      // A real timer: whether the event loop gets its turn is the question.
      yield* Effect.callback<void>((resume) => {
        setTimeout(() => resume(Effect.void))
      })
      yield* Fiber.interruptAll(fibers)
      expect(served).toBeGreaterThan(1_000)
      expect(stats(semaphore)).toEqual({ capacity: 1, held: 0, available: 1, waiting: 0 })
    })))

  test("acquire and release again, in a loop, inside the hand-over", () =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(1)
      const first = yield* holder(semaphore, 1)
      const order: Array<string> = []
      const greedy = (name: string) =>
        Effect.gen(function*() {
          for (let i = 0; i < 3; i++) yield* Semaphore.withPermit(semaphore, Effect.sync(() => order.push(name)))
        })
      yield* start(greedy("a"))
      yield* start(greedy("b"))
      yield* first.release
      expect(order).toEqual(["a", "b", "a", "b", "a", "b"])
    })))

  test("interrupt the next waiter, and the holder that is releasing", () =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(1)
      const gate = yield* Deferred.make<void>()
      const releasing = yield* start(Semaphore.withPermit(semaphore, Deferred.await(gate)))
      const victims: Array<Fiber.Fiber<unknown>> = [releasing]
      yield* start(
        Semaphore.withPermit(semaphore, Effect.sync(() => victims.forEach((fiber) => fiber.interruptUnsafe())))
      )
      victims.push(yield* start(Semaphore.withPermit(semaphore, Effect.void)))
      const last = yield* start(Semaphore.withPermit(semaphore, Effect.succeed("granted")))
      yield* Deferred.succeed(gate, void 0)
      expect(yield* Fiber.await(last)).toEqual(Exit.succeed("granted"))
      expect(isInterrupted(yield* Fiber.await(victims[1]!))).toBe(true)
      expect(stats(semaphore)).toEqual({ capacity: 1, held: 0, available: 1, waiting: 0 })
    })))

  test("close the scope that holds the rest, and resize", () =>
    run(Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(3)
      const scope = yield* Scope.make()
      yield* Semaphore.acquire(semaphore, 2).pipe(Scope.provide(scope))
      const first = yield* holder(semaphore, 1)
      yield* start(Semaphore.withPermit(
        semaphore,
        Effect.andThen(Scope.close(scope, Exit.void), Effect.andThen(Semaphore.resize(semaphore, 2), Effect.never))
      ))
      const second = yield* start(Semaphore.withPermit(semaphore, Effect.succeed("granted")))
      const impossible = yield* start(Effect.flip(Semaphore.withPermits(semaphore, 3, Effect.void)))
      yield* first.release
      expect(yield* Fiber.await(second)).toEqual(Exit.succeed("granted"))
      expect(yield* Fiber.join(impossible)).toMatchObject({ requested: 3, capacity: 2 })
      expect(stats(semaphore)).toEqual({ capacity: 2, held: 1, available: 1, waiting: 0 })
    })))

  test("shrink from inside the refusal of a shrink, ten thousand levels deep", () =>
    run(Effect.gen(function*() {
      const n = 10_000
      const semaphore = yield* Semaphore.make(n)
      yield* holder(semaphore, n)
      let refused = 0
      for (let i = n; i > 0; i--) {
        yield* start(Effect.catchTag(Semaphore.withPermits(semaphore, i, Effect.void), "CapacityExceeded", () => {
          refused++
          return Semaphore.resize(semaphore, Math.max(0, i - 2))
        }))
      }
      yield* Semaphore.resize(semaphore, n - 1)
      expect(refused).toBe(n)
      expect(stats(semaphore).waiting).toBe(0)
    })))
})

// golang.org/x/sync/semaphore: TestWeighted
test("hammering it with every weight leaves it whole", () =>
  run(Effect.gen(function*() {
    const n = 8
    const semaphore = yield* Semaphore.make(n)
    let held = 0
    const hammer = (weight: number) =>
      Effect.gen(function*() {
        for (let i = 0; i < 200; i++) {
          yield* Semaphore.withPermits(
            semaphore,
            weight,
            Effect.gen(function*() {
              held += weight
              expect(held).toBeLessThanOrEqual(n)
              yield* Effect.yieldNow
              held -= weight
            })
          )
        }
      })
    yield* Effect.all(Array.from({ length: n + 1 }, (_, weight) => hammer(weight)), { concurrency: "unbounded" })
    expect(stats(semaphore)).toEqual({ capacity: n, held: 0, available: n, waiting: 0 })
  })))
