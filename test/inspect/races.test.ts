/** Waits that a timer or another fiber may end: none of them is in a deadlock of `certain` evidence (I3). */
import { Deferred, Effect, Fiber, FiberHandle, FiberMap, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Group, Semaphore, WorkerPool } from "sluice"
import { Inspect } from "sluice/inspect"
import { describe, expect, test } from "vitest"
import { fork, settle, tags, twice, watched } from "../support/inspect.js"

type Form = (wait: Effect.Effect<void>) => Effect.Effect<unknown, unknown>

/** Two fibers that wait for each other, one of them in this form. */
const crossed = (form: Form) =>
  Effect.gen(function*() {
    const [a, b] = [yield* Semaphore.make(1), yield* Semaphore.make(1)]
    const bothBegun = yield* Deferred.make<void>()
    const both = (one: Semaphore.Semaphore, other: Semaphore.Semaphore) =>
      Semaphore.withPermit(one, Effect.andThen(Deferred.await(bothBegun), Semaphore.withPermit(other, Effect.void)))
    yield* fork(form(both(b, a)))
    // A stream starts its fibers in several turns.
    yield* Effect.repeat(settle, { until: () => Semaphore.stats(b).available === 0 })
    yield* fork(both(a, b))
    yield* Deferred.succeed(bothBegun, undefined)
    yield* Effect.repeat(settle, { until: () => Semaphore.stats(a).waiting + Semaphore.stats(b).waiting >= 2 })
  })

const evidenceOf = (form: Form) =>
  watched(() =>
    Effect.andThen(crossed(form), Effect.map(Inspect.deadlocks, (all) => all.map(({ evidence }) => evidence)))
  )

const merged = (wait: Effect.Effect<void>) => Stream.merge(Stream.fromEffect(wait), Stream.never)
const mapped = (wait: Effect.Effect<void>) => Stream.mapEffect(Stream.make(1, 2), () => wait, { concurrency: 2 })
const flattened = (wait: Effect.Effect<void>) =>
  Stream.flatMap(Stream.make(1, 2), () => Stream.fromEffect(wait), { concurrency: 2 })
const switched = (stream: Stream.Stream<number>, wait: Effect.Effect<void>) =>
  Stream.switchMap(stream, () => Stream.fromEffect(wait))

/** The wait in a job of a pool, under a timeout. */
const inAJob = (
  by: (
    pool: WorkerPool.WorkerPool<Effect.Effect<void>, void>,
    wait: Effect.Effect<void>
  ) => Effect.Effect<unknown, unknown>,
  size = 1
): Form =>
(wait) =>
  Effect.scoped(
    Effect.flatMap(
      WorkerPool.make({ size, run: (job: Effect.Effect<void>) => job }),
      (pool) => Effect.timeout(by(pool, wait), "1 hour")
    )
  )

const inAnHour = Effect.sleep("1 hour")

const inAGroup = (wait: Effect.Effect<void>) =>
  Effect.flatMap(Group.make(), (group) => Effect.andThen(Group.go(group, wait), Group.wait(group)))

describe("no deadlock of a wait", () => {
  const forms: Readonly<Record<string, Form>> = {
    "Effect.timeout": Effect.timeout("1 hour"),
    "Effect.timeoutOption": Effect.timeoutOption("1 hour"),
    "Effect.timeoutOrElse": Effect.timeoutOrElse({ duration: "1 hour", orElse: () => Effect.void }),
    "Inspect.timeout": Inspect.timeout("1 hour"),
    "Effect.race": Effect.race(inAnHour),
    "Effect.raceAllFirst": (wait) => Effect.raceAllFirst([inAnHour, wait]),
    "Stream.race": (wait) => Stream.runDrain(Stream.race(Stream.fromEffect(wait), Stream.fromEffect(inAnHour))),
    "a child that is joined under a timeout": (wait) =>
      Effect.timeout(Effect.flatMap(Effect.forkChild(wait), Fiber.join), "1 hour"),
    "a job whose caller has a timeout": inAJob(WorkerPool.run),
    "a job of runAll": inAJob((pool, wait) => WorkerPool.runAll(pool, [Effect.never, wait]), 2),
    "a job of map behind another one": inAJob(
      (pool, wait) => Stream.runDrain(WorkerPool.map(pool, [Effect.never, wait])),
      2
    ),
    "the source of map behind a job": inAJob((pool, wait) => {
      const source = Stream.concat(Stream.make(Effect.never), Stream.fromEffect(Effect.as(wait, Effect.void)))
      return Stream.runDrain(WorkerPool.map(pool, source))
    }, 2),
    "Group.any": (wait) => Group.any([wait, inAnHour]),
    "Group.any, where another one waits for its place": (wait) =>
      Group.any([wait, inAnHour, Effect.void], { limit: 2 }),
    "Group.quorum": (wait) => Group.quorum([wait, inAnHour, inAnHour], 2)
  }

  test.each(Object.entries(forms))("in %s", async (_, form) => {
    expect(await evidenceOf(form)).toEqual([])
  })
})

describe("a suspicion at most of a wait", () => {
  const forms: Readonly<Record<string, Form>> = {
    "Stream.timeout": (wait) => Stream.runDrain(Stream.timeout(Stream.fromEffect(wait), "1 hour")),
    "Stream.timeoutOrElse": (wait) =>
      Stream.runDrain(
        Stream.timeoutOrElse(Stream.fromEffect(wait), { duration: "1 hour", orElse: () => Stream.empty })
      ),
    "Stream.interruptWhen": (wait) => Stream.runDrain(Stream.interruptWhen(Stream.fromEffect(wait), inAnHour)),
    "Stream.interruptWhen in Stream.timeout": (wait) =>
      Stream.runDrain(Stream.timeout(Stream.interruptWhen(Stream.fromEffect(wait), Effect.never), "1 hour")),
    "Stream.merge under a timeout": (wait) => Effect.timeout(Stream.runDrain(merged(wait)), "1 hour"),
    "Stream.mapEffect under a timeout": (wait) => Effect.timeout(Stream.runDrain(mapped(wait)), "1 hour"),
    "Stream.flatMap under a timeout": (wait) => Effect.timeout(Stream.runDrain(flattened(wait)), "1 hour"),
    "Stream.buffer under a timeout": (wait) =>
      Effect.timeout(Stream.runDrain(Stream.buffer(Stream.fromEffect(wait), { capacity: 1 })), "1 hour"),
    "Stream.zip under a timeout": (wait) =>
      Effect.timeout(Stream.runDrain(Stream.zip(Stream.fromEffect(wait), Stream.never)), "1 hour"),
    "Stream.switchMap": (wait) => Stream.runDrain(switched(Stream.concat(Stream.make(1), Stream.never), wait)),
    FiberHandle: (wait) =>
      Effect.scoped(
        Effect.flatMap(FiberHandle.make(), (handle) => Effect.andThen(FiberHandle.run(handle, wait), Effect.never))
      ),
    FiberMap: (wait) =>
      Effect.scoped(
        Effect.flatMap(FiberMap.make<string>(), (map) => Effect.andThen(FiberMap.run(map, "key", wait), Effect.never))
      ),
    "a fiber that is joined under a timeout": (wait) =>
      Effect.timeout(Effect.flatMap(Effect.forkDetach(wait), Fiber.join), "1 hour"),
    "a fiber that is awaited in an interrupted fiber's finalizer": (wait) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkDetach(wait)
        const end = Effect.onInterrupt(Effect.never, () => Fiber.await(fiber))
        const interrupted = yield* Effect.forkDetach(end, { startImmediately: true })
        interrupted.interruptUnsafe()
      }),
    "a child whose parent is under a timeout": (wait) =>
      Effect.timeout(Effect.andThen(Effect.forkChild(wait), Effect.never), "1 hour"),
    "a child of a group that is waited for under a timeout": (wait) =>
      Effect.timeout(Effect.scoped(inAGroup(wait)), "1 hour")
  }

  test.each(Object.entries(forms))("in %s", async (_, form) => {
    expect(await evidenceOf(form)).toEqual(["suspected"])
  })

  test("is reported when the wait is long", () =>
    watched((reports) =>
      Effect.gen(function*() {
        yield* crossed(forms["Stream.timeout"]!)
        yield* TestClock.adjust("20 seconds")
        // The two semaphores are taken in two orders, which needs no deadlock to be reported.
        expect(tags(reports)).toEqual(["Inverted"])
        yield* TestClock.adjust("20 seconds")
        expect(tags(reports)).toEqual(["Inverted", "Deadlock"])
      })
    ))
})

describe("certain evidence of a wait that nothing else ends", () => {
  const forms: Readonly<Record<string, Form>> = {
    "Stream.mapEffect": (wait) => Stream.runDrain(mapped(wait)),
    "Stream.flatMap": (wait) => Stream.runDrain(flattened(wait)),
    "Stream.switchMap of the last element": (wait) => Stream.runDrain(switched(Stream.make(1), wait)),
    "a child": (wait) => Effect.andThen(Effect.forkChild(wait), Effect.never),
    "a fiber of a scope": (wait) => Effect.scoped(Effect.andThen(Effect.forkScoped(wait), Effect.never)),
    "a job whose result is read under a timeout": inAJob((pool, wait) =>
      Effect.flatMap(WorkerPool.submit(pool, wait), (handle) => handle.await)
    ),
    "a child of a group that is waited for": (wait) => Effect.scoped(inAGroup(wait)),
    "Group.any of one": (wait) => Group.any([wait])
  }

  test.each(Object.entries(forms))("in %s", async (_, form) => {
    expect(await evidenceOf(form)).toEqual(["certain"])
  })
})

describe("a deadlock of an uninterruptible fiber", () => {
  const pool = WorkerPool.make({
    size: 1,
    deadlines: { run: "3 seconds" },
    run: (job: Effect.Effect<void, unknown>) => job
  })
  const forms: Readonly<Record<string, (wait: Effect.Effect<void, unknown>) => Effect.Effect<unknown, unknown>>> = {
    "a timeout": Effect.timeout("3 seconds"),
    "a race": Effect.raceFirst(Effect.sleep("3 seconds")),
    "a timeout around Effect.all": (wait) =>
      Effect.timeout(Effect.all([wait, Effect.never], { concurrency: 2 }), "3 seconds"),
    "a deadline of its run": (wait) => Effect.scoped(Effect.flatMap(pool, (pool) => WorkerPool.run(pool, wait)))
  }

  test.each(Object.entries(forms))(
    "is reported in the end when %s has interrupted it in vain",
    (_, form) =>
      watched((reports) =>
        Effect.gen(function*() {
          const semaphore = yield* Semaphore.make(1)
          yield* fork(form(Effect.uninterruptible(twice(semaphore))))
          expect(yield* Inspect.deadlocks).toEqual([])
          yield* TestClock.adjust("5 seconds")
          expect(reports).toEqual([])
          // It may be on its way to its end.
          expect(yield* Inspect.deadlocks).toMatchObject([{ evidence: "suspected" }])
          yield* TestClock.adjust("40 seconds")
          expect(tags(reports)).toEqual(["Lingers", "Deadlock"])
          yield* Semaphore.resize(semaphore, 2)
        })
      )
  )
})

describe("a deadlock of more fibers than a sweep asks for their races", () => {
  const many = 250
  const circle = (form: Form) =>
    Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(many)
      const allHold = yield* Deferred.make<void>()
      const again = Effect.andThen(Deferred.await(allHold), Semaphore.withPermit(semaphore, Effect.void))
      for (let i = 0; i < many; i++) yield* fork(form(Semaphore.withPermit(semaphore, again)))
      yield* Deferred.succeed(allHold, undefined)
      yield* Effect.repeat(settle, { until: () => Semaphore.stats(semaphore).waiting === many })
    })

  test("is in each dump", () =>
    watched(() =>
      Effect.gen(function*() {
        yield* circle((wait) => wait)
        const deadlocks = yield* Inspect.deadlocks
        expect(deadlocks.map(({ evidence, members }) => [evidence, members.length])).toEqual([["certain", many]])
      })
    ))

  test("is in no dump where each has a timeout", () =>
    watched(() =>
      Effect.gen(function*() {
        yield* circle(Effect.timeout("1 hour"))
        expect(yield* Inspect.deadlocks).toEqual([])
      })
    ))
})

test("a look runs no trap of a proxy that a waiting generator refers to (I1)", () =>
  watched(() =>
    Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(1)
      const { proxy, revoke } = Proxy.revocable({}, {})
      revoke()
      const parent = Effect.gen(function*() {
        const child = yield* Effect.forkChild(twice(semaphore), { startImmediately: true })
        child.addObserver(() => proxy)
        yield* Effect.never
        return () => proxy
      })
      yield* fork(parent)
      expect(yield* Inspect.deadlocks).toMatchObject([{ evidence: "certain" }])
    })
  ))
