/** Which finalizers count as having run, and how often. */
import { Effect, Exit, Scope } from "effect"
import { explore, scenario } from "sluice/testing"
import { expect, test } from "vitest"

/** The finalizers that a scope has at present. */
const finalizersOf = (scope: Scope.Scope) => {
  const { state } = scope
  if (state._tag !== "Open") return []
  return state.finalizers === undefined ? [state.finalizer!] : [...state.finalizers.values()]
}

const found = (body: (scope: Scope.Closeable) => Effect.Effect<unknown, unknown, Scope.Scope>, close = true) => {
  const self = scenario(() =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      yield* Scope.provide(body(scope), scope)
      if (close) yield* Scope.close(scope, Exit.void)
    })
  )
  return explore(self, { runs: 1 }).failure?.message
}

const add = Effect.andThen(Effect.addFinalizer(() => Effect.void), Effect.yieldNow)

test.each([1, 2, 3])("the last of %i finalizers that runs twice is reported", (count) => {
  const body = (scope: Scope.Scope) =>
    Effect.gen(function*() {
      for (let i = 0; i < count; i++) yield* add
      yield* finalizersOf(scope).at(-1)!(Exit.void)
    })
  expect(found(body)).toBe("a finalizer registered by main ran 2 times")
})

test("a finalizer that came after another had gone is counted as well", () => {
  const body = (scope: Scope.Scope) =>
    Effect.gen(function*() {
      const child = yield* Scope.fork(scope)
      yield* add
      yield* Scope.close(child, Exit.void)
      yield* Effect.yieldNow
      yield* add
      yield* finalizersOf(scope).at(-1)!(Exit.void)
    })
  expect(found(body)).toBe("a finalizer registered by main ran 2 times")
})

test.each([1, 2, 3])("of a scope that is never closed, the %i finalizers are counted", (count) => {
  const body = () => Effect.forEach(Array.from({ length: count }), () => add)
  const plural = count === 1 ? "" : "s"
  expect(found(body, false)).toBe(
    `a scope used by main was never closed: ${count} finalizer${plural} never ran`
  )
})

test("finalizers that run once each are no leak, those of a run before do not count", () => {
  const body = () => Effect.forEach([1, 2, 3], () => add)
  expect(found(body)).toBeUndefined()
  const self = scenario(() => Effect.scoped(Effect.forEach([1, 2], () => add)))
  expect(explore(self, { runs: 20 }).failure).toBeUndefined()
})

test("a finalizer that ran twice in one run does not count in the next: the reduced schedule has all that it takes", () => {
  const self = scenario((t) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      yield* Scope.provide(add, scope)
      if (yield* t.choose([false, true])) yield* finalizersOf(scope)[0]!(Exit.void)
      yield* Scope.close(scope, Exit.void)
    })
  )
  expect(explore(self).failure).toMatchObject({
    key: "s1:0.0c1",
    message: "a finalizer registered by main ran 2 times"
  })
})

test("a finalizer that came when nobody used the scope any more is counted at its close", () => {
  // The scope was open when it was last seen, and had none.
  const self = scenario(() =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      yield* Scope.provide(Effect.yieldNow, scope)
      yield* Scope.addFinalizer(scope, Effect.void)
    })
  )
  expect(explore(self, { runs: 1 }).failure?.message)
    .toBe("a scope used by main was never closed: 1 finalizer never ran")
})
