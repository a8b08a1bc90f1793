/** Watches that end and begin again, and several at once. */
import { Deferred, Effect, Exit, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import { Group, Semaphore } from "sluice"
import { Inspect } from "sluice/inspect"
import { describe, expect, test } from "vitest"
import { fork, run } from "../support/inspect.js"

/** A watch until the result is run, or until the test ends. */
const watch = (adopt: boolean, found: Array<string> = []) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const end = Scope.close(scope, Exit.void)
    yield* Effect.addFinalizer(() => end)
    const onReport = ({ _tag }: Inspect.Report) => Effect.sync(() => found.push(_tag))
    yield* Scope.provide(Layer.build(Inspect.layer({ adopt, onReport })), scope)
    return end
  })

const findNamed = (name: string) =>
  Effect.map(Inspect.dump, ({ resources }) => resources.filter((one) => one.name === name))

describe("a hold that two watches have seen, one after the other,", () => {
  /** The fiber holds a permit of two, and does `then` once it may. */
  const seenTwice = (then: Effect.Effect<void> = Effect.void) =>
    Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(2, { name: "again" })
      const goOn = yield* Deferred.make<void>()
      const end = yield* watch(true)
      const holder = yield* fork(Semaphore.withPermit(semaphore, Effect.andThen(Deferred.await(goOn), then)))
      yield* TestClock.adjust("2 seconds")
      yield* end
      const found: Array<string> = []
      yield* watch(true, found)
      return { semaphore, holder, found, goOn: Deferred.succeed(goOn, undefined) }
    })

  test("counts once", () =>
    run(
      Effect.gen(function*() {
        const { holder } = yield* seenTwice()
        const [found] = yield* findNamed("again")
        expect(found?.lines[0]?.holders).toMatchObject([{ by: `fiber ${holder.id}`, weight: 1 }])
      }).pipe(Effect.provide(TestClock.layer()))
    ))

  test("makes no deadlock where another permit will return", () =>
    run(
      Effect.gen(function*() {
        const known: { semaphore?: Semaphore.Semaphore } = {}
        const child = Effect.suspend(() => Semaphore.withPermit(known.semaphore!, Effect.void))
        const { goOn, semaphore } = yield* seenTwice(Group.scoped(Group.go(child)))
        known.semaphore = semaphore
        yield* fork(Semaphore.withPermit(semaphore, Effect.sleep("1 hour")))
        yield* goOn
        yield* TestClock.adjust("1 second")
        expect(yield* Inspect.deadlocks).toEqual([])
      }).pipe(Effect.provide(TestClock.layer()))
    ))

  test("is not lost as it ends", () =>
    run(
      Effect.gen(function*() {
        const { found, goOn, semaphore } = yield* seenTwice()
        yield* goOn
        yield* fork(Semaphore.withPermits(semaphore, 2, Effect.never))
        yield* fork(Semaphore.withPermits(semaphore, 2, Effect.never))
        yield* TestClock.adjust("5 seconds")
        expect(found).toEqual([])
      }).pipe(Effect.provide(TestClock.layer()))
    ))
})

test("a watch looks for the resources that an earlier one has left out", () =>
  run(Effect.gen(function*() {
    const semaphore = yield* Semaphore.make(1, { name: "before both" })
    const holder = yield* fork(Semaphore.withPermit(semaphore, Effect.never))
    yield* watch(false)
    expect(yield* findNamed("before both")).toEqual([])
    yield* watch(true)
    const [found] = yield* findNamed("before both")
    expect(found?.lines[0]?.holders).toMatchObject([{ by: `fiber ${holder.id}` }])
  })))
