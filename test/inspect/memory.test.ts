/** Which objects a look and a watch keep from being collected. */
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { Semaphore } from "sluice"
import { Inspect } from "sluice/inspect"
import { expect, test } from "vitest"
import { collectGarbage } from "../support/effect.js"

/** A fiber that waits for itself, which nothing else refers to. */
const deadlocked = Effect.suspend(() => {
  const semaphore = Semaphore.makeUnsafe(1)
  const twice = Semaphore.withPermit(semaphore, Semaphore.withPermit(semaphore, Effect.void))
  return Effect.as(Effect.forkDetach(twice, { startImmediately: true }), new WeakRef(semaphore))
})

/** A fiber that waits for another one, which nothing resumes. Nothing else refers to the two: no report does. */
const waitedFor = Effect.suspend(() => {
  const semaphore = Semaphore.makeUnsafe(1)
  const fork = Effect.forkDetach({ startImmediately: true })
  const never = fork(Semaphore.withPermit(semaphore, Effect.callback<void>(() => {})))
  return Effect.as(Effect.andThen(never, fork(Semaphore.withPermit(semaphore, Effect.void))), new WeakRef(semaphore))
})

const idle = Effect.sync(() => new WeakRef(Semaphore.makeUnsafe(1)))

/** A weak reference keeps its object up to the end of the task in which it was read. */
const nextTask = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

const isLeft = (ref: WeakRef<object>): Effect.Effect<boolean> =>
  Effect.gen(function*() {
    for (let i = 0; i < 3; i++) {
      yield* nextTask
      collectGarbage()
    }
    return ref.deref() !== undefined
  })

const run = <A>(effect: Effect.Effect<A>, watches: boolean): Promise<A> =>
  Effect.runPromise(effect.pipe(
    watches ? Effect.provide(Inspect.layer({ adopt: false, onReport: () => Effect.void })) : (it) => it,
    Effect.provide(TestClock.layer())
  ))

test.each([
  ["a fiber that waits for itself", deadlocked],
  ["a fiber that waits for another", waitedFor],
  ["an idle semaphore", idle]
])("a dump keeps nothing from being collected: %s (I1)", async (_, make) => {
  const looked = Effect.gen(function*() {
    const ref = yield* make
    expect((yield* Inspect.dump).resources.length).toBeGreaterThan(0)
    return yield* isLeft(ref)
  })
  expect(await run(looked, false)).toBe(false)
})

const watched = (make: Effect.Effect<WeakRef<object>>) =>
  Effect.gen(function*() {
    const ref = yield* make
    yield* TestClock.adjust("2 seconds")
    return yield* isLeft(ref)
  })

test.each([
  ["a fiber that waits for itself", deadlocked],
  ["a fiber that waits for another", waitedFor]
])("a resource that somebody waits for is held while somebody watches: %s (I6)", async (_, make) => {
  expect(await run(watched(make), true)).toBe(true)
  expect(await run(watched(make), false)).toBe(false)
})

test("an idle resource is not held while somebody watches (I6)", async () => {
  expect(await run(watched(idle), true)).toBe(false)
})

test("a resource is not held when nobody watches any more (I6)", async () => {
  const ref = await run(Effect.tap(deadlocked, () => TestClock.adjust("1 minute")), true)
  expect(await run(isLeft(ref), false)).toBe(false)
})
