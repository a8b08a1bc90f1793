/** Waits that a timer or another fiber may end: none of them is in a deadlock of `certain` evidence (I3). */
import { Deferred, Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Semaphore } from "sluice"
import { Inspect } from "sluice/inspect"
import { describe, expect, test } from "vitest"
import { fork, settle, tags, watched } from "../support/inspect.js"

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

const inAnHour = Effect.sleep("1 hour")

describe("no deadlock of a wait", () => {
  const forms: Readonly<Record<string, Form>> = {
    "Effect.timeout": Effect.timeout("1 hour"),
    "Effect.timeoutOption": Effect.timeoutOption("1 hour"),
    "Effect.timeoutOrElse": Effect.timeoutOrElse({ duration: "1 hour", orElse: () => Effect.void }),
    "Inspect.timeout": Inspect.timeout("1 hour"),
    "Effect.race": Effect.race(inAnHour),
    "Effect.raceAllFirst": (wait) => Effect.raceAllFirst([inAnHour, wait]),
    "Stream.race": (wait) => Stream.runDrain(Stream.race(Stream.fromEffect(wait), Stream.fromEffect(inAnHour))),
    "Stream.zip under a timeout": (wait) =>
      Effect.timeout(Stream.runDrain(Stream.zip(Stream.fromEffect(wait), Stream.never)), "1 hour"),
    "a fiber that is joined under a timeout": (wait) =>
      Effect.timeout(Effect.flatMap(Effect.forkDetach(wait), Fiber.join), "1 hour")
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
    "a child whose parent is under a timeout": (wait) =>
      Effect.timeout(Effect.andThen(Effect.forkChild(wait), Effect.never), "1 hour")
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
    "a child": (wait) => Effect.andThen(Effect.forkChild(wait), Effect.never),
    "a fiber of a scope": (wait) => Effect.scoped(Effect.andThen(Effect.forkScoped(wait), Effect.never))
  }

  test.each(Object.entries(forms))("in %s", async (_, form) => {
    expect(await evidenceOf(form)).toEqual(["certain"])
  })
})
