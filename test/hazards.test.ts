/**
 * The hazards of the runtime that this library stands on, each shown to be real, and each shown not to reach through.
 * When one of the first kind fails after an upgrade of effect, the runtime has changed, and our reasons with it.
 */
import { Deferred, Effect, Exit, Fiber, Scheduler, Scope, Semaphore as EffectSemaphore } from "effect"
import * as assert from "node:assert/strict"
import { Group, Semaphore } from "sluice"
import { check, scenario } from "sluice/testing"
import { describe, expect, test } from "vitest"
import { isInterrupted, run, settle, start } from "./support/effect.js"

describe("resuming is inline", () => {
  test("resume, interrupt and an immediate start run the other fiber on the caller's stack", () =>
    run(Effect.gen(function*() {
      const log: Array<string> = []
      let resume: (effect: Effect.Effect<void>) => void = () => {}
      const fiber = yield* start(Effect.andThen(
        Effect.callback<void>((r) => {
          resume = r
        }),
        Effect.sync(() => log.push("resumed"))
      ))
      resume(Effect.void)
      expect(log).toEqual(["resumed"])
      yield* Fiber.await(fiber)
      const other = yield* start(Effect.onInterrupt(Effect.never, () => Effect.sync(() => log.push("interrupted"))))
      other.interruptUnsafe()
      expect(log).toEqual(["resumed", "interrupted"])
      Effect.runFork(Effect.sync(() => log.push("started")))
      expect(log).toEqual(["resumed", "interrupted", "started"])
    })))

  test("a naive chain of hand-overs recurses; ours is flat", () =>
    run(Effect.gen(function*() {
      const n = 20
      const depths: Array<number> = []
      const depth = () => {
        const limit = Error.stackTraceLimit
        Error.stackTraceLimit = Infinity
        const frames = new Error().stack!.split("\n").length
        Error.stackTraceLimit = limit
        depths.push(frames)
      }
      // Each fiber waits for the deferred before, and completes the next.
      const deferreds = yield* Effect.forEach(Array.from({ length: n + 1 }), () => Deferred.make<void>())
      for (let i = 0; i < n; i++) {
        yield* start(Effect.andThen(
          Deferred.await(deferreds[i]!),
          Effect.andThen(Effect.sync(depth), Deferred.succeed(deferreds[i + 1]!, void 0))
        ))
      }
      yield* Deferred.succeed(deferreds[0]!, void 0)
      expect(depths.at(-1)! - depths[0]!).toBeGreaterThan(n)

      depths.length = 0
      const semaphore = yield* Semaphore.make(1)
      const gate = yield* Deferred.make<void>()
      yield* start(Semaphore.withPermit(semaphore, Deferred.await(gate)))
      for (let i = 0; i < n; i++) yield* start(Semaphore.withPermit(semaphore, Effect.sync(depth)))
      yield* Deferred.succeed(gate, void 0)
      expect(depths).toHaveLength(n)
      expect(new Set(depths).size).toBe(1)
    })))
})

describe("an interrupt between the wake and the resumption drops the value", () => {
  /** Wakes a waiter, which may be preempted, and interrupted, at any operation on its way out. */
  const interruptAfterWake = (make: () => { waiter: Effect.Effect<unknown>; wake: Effect.Effect<unknown> }) => {
    let reached = 0
    const report = check(
      scenario((t) =>
        Effect.gen(function*() {
          const { waiter, wake } = make()
          let woken = false
          const noted = Effect.onExit(waiter, (exit) =>
            Effect.sync(() => reached += woken && isInterrupted(exit) ? 1 : 0))
          yield* t.actor("waiter", noted)
          const after = Effect.andThen(
            Effect.yieldNow,
            Effect.sync(() =>
              woken = true
            )
          )
          yield* t.actor("waker", Effect.andThen(after, wake), { cancel: false })
        })
      ),
      { strategy: { exhaustive: { preemptions: 2, cancels: 1 } } }
    )
    expect(report.exhausted).toBe(true)
    return reached
  }

  test.each([1, 2])("%i permits that were granted and not yet used go back", (n) => {
    let semaphore: Semaphore.Semaphore | undefined
    const reached = interruptAfterWake(() => {
      if (semaphore !== undefined) assert.deepEqual(Semaphore.stats(semaphore).held, 0)
      const fresh = semaphore = Semaphore.makeUnsafe(2)
      const scope = Scope.makeUnsafe()
      Effect.runSync(Semaphore.acquire(fresh, 2).pipe(Scope.provide(scope)))
      return {
        waiter: Semaphore.withPermits(fresh, n, Effect.void).pipe(Effect.orDie),
        wake: Scope.close(scope, Exit.void)
      }
    })
    expect(reached).toBeGreaterThan(5)
    expect(Semaphore.stats(semaphore!)).toEqual({ capacity: 2, held: 0, available: 2, waiting: 0 })
  })
})

describe("an interrupt of a running fiber replaces its next continuation", () => {
  test("sync(take) and a later release loses what was taken; taking and holding in one step does not", () =>
    run(Effect.gen(function*() {
      let taken = 0
      const interruptSelf = Effect.withFiber((fiber) => Effect.sync(() => fiber.interruptUnsafe()))
      const naive = Effect.flatMap(
        Effect.withFiber((fiber) =>
          Effect.sync(() => {
            taken++
            fiber.interruptUnsafe()
          })
        ),
        () => Effect.onExit(Effect.void, () => Effect.sync(() => taken--))
      )
      expect(isInterrupted(yield* Fiber.await(yield* start(naive)))).toBe(true)
      expect(taken).toBe(1)

      const semaphore = yield* Semaphore.make(1)
      yield* Fiber.await(yield* start(Semaphore.withPermit(semaphore, interruptSelf)))
      yield* Fiber.await(yield* start(Effect.scoped(Effect.andThen(Semaphore.acquire(semaphore, 1), interruptSelf))))
      expect(Semaphore.stats(semaphore).held).toBe(0)
    })))
})

describe("a lazily forked fiber that is interrupted before it starts", () => {
  test("runs neither its body nor its finalizers; a child of a group is accounted for all the same", () =>
    run(Effect.gen(function*() {
      const log: Array<string> = []
      const body = Effect.onExit(Effect.sync(() => log.push("ran")), () => Effect.sync(() => log.push("finalized")))
      const lazy = yield* Effect.forkChild(body)
      yield* Fiber.interrupt(lazy)
      expect(log).toEqual([])

      // Deep in a chain of starts a child starts lazily, too.
      const group = yield* Group.make({ limit: 100 })
      let deepest: Fiber.Fiber<unknown> | undefined
      const chain = (depth: number): Effect.Effect<void> =>
        depth === 0
          ? Effect.map(Group.fork(group, body), (fiber) => {
            deepest = fiber
            fiber.interruptUnsafe()
          })
          : Group.go(group, Effect.suspend(() => chain(depth - 1)))
      yield* chain(32)
      yield* Group.wait(group)
      expect(isInterrupted(deepest!.pollUnsafe()!)).toBe(true)
      expect(log).toEqual([])
      expect(Group.stats(group)).toMatchObject({ active: 0, started: 33, succeeded: 32, interrupted: 1 })
    })))
})

describe("scopes and children", () => {
  test("a sequential scope interrupts its fibers one after another; a group interrupts them together", () =>
    run(Effect.gen(function*() {
      const cleanups = (log: Array<string>) => (name: string) =>
        Effect.onExit(Effect.never, () => Effect.andThen(Effect.sync(() => log.push(`${name} begins`)), settle))
      const scoped: Array<string> = []
      const scope = yield* Scope.make()
      yield* Effect.forkIn(cleanups(scoped)("a"), scope, { startImmediately: true })
      yield* Effect.forkIn(cleanups(scoped)("b"), scope, { startImmediately: true })
      const closing = yield* start(Scope.close(scope, Exit.void))
      expect(scoped).toHaveLength(1)
      yield* Fiber.await(closing)

      const grouped: Array<string> = []
      const groupScope = yield* Scope.make()
      const group = yield* Group.make().pipe(Scope.provide(groupScope))
      yield* Group.go(group, cleanups(grouped)("a"))
      yield* Group.go(group, cleanups(grouped)("b"))
      const together = yield* start(Scope.close(groupScope, Exit.void))
      expect(grouped).toEqual(["a begins", "b begins"])
      yield* Fiber.await(together)
    })))

  test("a Fail and a Die in one cause make the failure unrecoverable; a group keeps the first failure apart", () =>
    run(Effect.gen(function*() {
      const mixed = Effect.onExit(Effect.fail("first"), () => Effect.die("later"))
      const recovered = yield* Effect.exit(Effect.catch(mixed, () => Effect.succeed("recovered")))
      expect(Exit.isFailure(recovered)).toBe(true)

      const grouped = Group.scoped({}, (group: Group.Group<string>) =>
        Effect.andThen(
          Group.go(group, Effect.onExit(Effect.never, () => Effect.die("later"))),
          Group.go(group, Effect.fail("first"))
        ))
      expect(yield* Effect.catch(grouped, (error) => Effect.succeed(error))).toBe("first")
    })))
})

describe("yielding", () => {
  test("everything works at the smallest budget of operations that makes progress", () =>
    run(
      Effect.gen(function*() {
        const semaphore = yield* Semaphore.make(2)
        let done = 0
        yield* Group.scoped({ limit: 3 }, (group: Group.Group<Semaphore.CapacityExceeded>) =>
          Effect.gen(function*() {
            for (let i = 0; i < 20; i++) {
              yield* Group.go(group, Semaphore.withPermits(semaphore, 1 + i % 2, Effect.sync(() => done++)))
            }
          }))
        expect(done).toBe(20)
        expect(Semaphore.stats(semaphore)).toMatchObject({ held: 0, waiting: 0 })
      }).pipe(Effect.provideService(Scheduler.MaxOpsBeforeYield, 3))
    ))
})

describe("why sluice keeps a queue of its own", () => {
  test("Effect's semaphore lets a small request overtake a large one; ours does not", () =>
    run(Effect.gen(function*() {
      const order = (withPermits: (n: number, effect: Effect.Effect<unknown>) => Effect.Effect<unknown>) =>
        Effect.gen(function*() {
          const granted: Array<string> = []
          const gate = yield* Deferred.make<void>()
          yield* start(withPermits(1, Deferred.await(gate)))
          const large = yield* start(withPermits(2, Effect.sync(() => granted.push("large"))))
          const small = yield* start(withPermits(1, Effect.sync(() => granted.push("small"))))
          yield* settle
          yield* Deferred.succeed(gate, void 0)
          yield* Fiber.awaitAll([large, small])
          return granted
        })
      const theirs = yield* EffectSemaphore.make(2)
      const ours = yield* Semaphore.make(2)
      expect(yield* order((n, effect) => theirs.withPermits(n)(effect))).toEqual(["small", "large"])
      expect(yield* order((n, effect) => Effect.orDie(Semaphore.withPermits(ours, n, effect)))).toEqual([
        "large",
        "small"
      ])
    })))
})
