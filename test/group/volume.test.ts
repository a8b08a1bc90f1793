/** Many of everything: no operation of `Group` recurses with the number of children or groups. */
import { Effect, Exit } from "effect"
import { Group } from "sluice"
import { expect, test } from "vitest"
import { collectGarbage, interrupted, isInterrupted, run, start } from "../support/effect.js"
import { child } from "../support/group.js"
import { isWhole } from "../support/seed.js"

const { stats } = Group

test("a million pending calls on one place", () =>
  run(Effect.gen(function*() {
    const n = 1_000_000
    const group = yield* Group.make({ limit: 1 })
    const first = yield* child
    let ran = 0
    yield* Group.go(group, first.effect.pipe(Effect.orDie))
    const pending = Group.go(group, Effect.sync(() => ran++))
    for (let i = 0; i < n; i++) yield* Effect.forkDetach(pending, { startImmediately: true })
    expect(stats(group).waiting).toBe(n)
    yield* first.succeed
    yield* Group.wait(group)
    expect(ran).toBe(n)
  })))

if (isWhole) {
  test("G6: a group that has had a million children holds on to none of them", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make({ limit: 4 })
      let last: WeakRef<object> | undefined
      for (let i = 0; i < 1_000_000; i++) {
        yield* Group.go(group, i % 10_000 === 0 ? Effect.yieldNow : Effect.void)
      }
      yield* Group.wait(group)
      yield* Effect.gen(function*() {
        last = new WeakRef(yield* Group.fork(group, Effect.yieldNow))
      })
      yield* Group.wait(group)
      yield* collectGarbage
      expect(last?.deref()).toBe(undefined)
      expect(stats(group)).toMatchObject({ started: 1_000_001, succeeded: 1_000_001, active: 0 })
    })))

  test("ten thousand groups, each begun by a finalizer that the failure of the one before runs inline", () =>
    run(Effect.gen(function*() {
      let finalizers = 0
      const nested = (n: number): Effect.Effect<void> =>
        n === 0 ? Effect.void : Effect.scoped(Effect.gen(function*() {
          const group = yield* Group.make<string>()
          // The group fails while this child is being started.
          const child = Effect.andThen(Effect.exit(Group.go(group, Effect.fail("inner"))), Effect.never)
          yield* Effect.exit(Group.go(
            group,
            Effect.onExit(child, () => {
              finalizers++
              return nested(n - 1)
            })
          ))
          yield* Effect.exit(Group.wait(group))
        }))
      yield* nested(10_000)
      expect(finalizers).toBe(10_000)
    })))

  test("a chain of a hundred thousand children, each started by the one before", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make()
      let n = 0
      const next: Effect.Effect<void> = Effect.suspend(() => ++n < 100_000 ? Group.go(group, next) : Effect.void)
      yield* Group.go(group, next)
      yield* Group.wait(group)
      expect(n).toBe(100_000)
      expect(stats(group)).toMatchObject({ succeeded: 100_000, active: 0 })
    })))

  test("a hundred thousand nested groups are started, and interrupted from the outermost", () =>
    run(Effect.gen(function*() {
      let depth = 0
      const nested: Effect.Effect<never> = Effect.suspend(() =>
        ++depth === 100_000 ? Effect.never : Group.scoped({}, () => nested)
      )
      const outermost = yield* start(nested)
      while (depth < 100_000) yield* Effect.yieldNow
      expect(isInterrupted(yield* interrupted(outermost))).toBe(true)
    })))

  test("a failure a hundred thousand nested groups deep comes out whole", () =>
    run(Effect.gen(function*() {
      const nested = (depth: number): Effect.Effect<void, string> =>
        Group.scoped({}, (group: Group.Group<string>) =>
          Group.go(
            group,
            depth === 0 ? Effect.fail("deep") : Effect.suspend(() => nested(depth - 1))
          ))
      expect(yield* Effect.exit(nested(100_000))).toEqual(Exit.fail("deep"))
    })))
}
