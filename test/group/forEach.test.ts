/** `Group.forEach`: a child for each item, as places come. */
import { Cause, Deferred, Effect, Exit, Fiber } from "effect"
import { Group } from "sluice"
import { describe, expect, test } from "vitest"
import { defectOf, run, settle, start, tagOf, turns } from "../support/effect.js"
import { child } from "../support/group.js"

/** Items that say which of them were taken, and whether the iterator was closed. */
class Items {
  taken = 0
  isClosed = false;

  *upTo(last: number): Generator<number> {
    try {
      while (this.taken < last) yield ++this.taken
    } finally {
      this.isClosed = true
    }
  }
}

/** A group whose only place is held, until `free`. */
const held = Effect.gen(function*() {
  const group = yield* Group.make({ limit: 1 })
  const holder = yield* child
  yield* Group.go(group, Effect.orDie(holder.effect))
  return { group, free: holder.succeed }
})

describe("G13: a child for each item", () => {
  test("begins in the order of the items, and the call returns once the last has begun", () =>
    run(Effect.gen(function*() {
      const events: Array<string> = []
      yield* Effect.gen(function*() {
        yield* Group.forEach(["a", "b", "c"], (name, i) =>
          Effect.gen(function*() {
            events.push(`${name}${i}`)
            yield* turns(i + 1)
            events.push(`${name} ends`)
          }))
        events.push("returned")
      }).pipe(Group.scoped({ limit: 2 }))
      expect(events.filter((event) => /\d/.test(event))).toEqual(["a0", "b1", "c2"])
      expect(events.indexOf("c2")).toBeGreaterThan(events.indexOf("a ends"))
      expect(events.indexOf("returned")).toBeGreaterThan(events.indexOf("c2"))
      expect(events.at(-1)).toBe("c ends")
    })))

  test("waits in turns with other calls", () =>
    run(Effect.gen(function*() {
      const { free, group } = yield* held
      const begun: Array<string> = []
      const begins = (name: string) => Effect.andThen(Effect.sync(() => begun.push(name)), Effect.yieldNow)
      yield* start(Group.forEach(group, ["a", "b", "c"], begins))
      yield* start(Group.go(group, begins("go")))
      yield* start(Group.forEach(group, ["x", "y"], begins))
      expect(Group.stats(group).waiting).toBe(3)
      yield* free
      yield* Group.wait(group)
      expect(begun).toEqual(["a", "go", "x", "b", "y", "c"])
    })))

  test("overtakes no go, even if there is a place that the go is about to get", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make<string>({ limit: 1, onFailure: "continue" })
      const gate = yield* Deferred.make<void, string>()
      yield* Group.go(group, Deferred.await(gate))
      const begun: Array<string> = []
      const begins = (name: string) => Effect.andThen(Effect.sync(() => begun.push(name)), Effect.yieldNow)
      yield* start(Group.go(group, begins("go")))
      yield* Deferred.fail(gate, "planned")
      expect(Group.stats(group)).toMatchObject({ active: 0, waiting: 1 })
      yield* Group.forEach(group, ["a", "b"], begins)
      expect(begun).toEqual(["go", "a", "b"])
    })))

  test("is started while the limit allows, whatever the limit becomes", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make({ limit: 1 })
      const gate = yield* Deferred.make<void>()
      const call = yield* start(Group.forEach(group, [1, 2, 3, 4], () => Deferred.await(gate)))
      expect(Group.stats(group)).toMatchObject({ active: 1, waiting: 1 })
      yield* Group.setLimit(group, 3)
      yield* settle
      expect(Group.stats(group)).toMatchObject({ active: 3, waiting: 1 })
      yield* Group.setLimit(group, 1)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(call)
      yield* Group.wait(group)
      expect(Group.stats(group)).toMatchObject({ started: 4, succeeded: 4 })
    })))

  test("has the services of the caller, and may itself start children of the current group", () =>
    run(Effect.gen(function*() {
      const found: Array<number> = []
      const visit = (n: number): Effect.Effect<void, never, Group.Current<never>> =>
        Effect.andThen(Effect.sync(() => found.push(n)), n < 8 ? Group.forEach([2 * n, 2 * n + 1], visit) : Effect.void)
      yield* visit(1).pipe(Group.scoped())
      expect(found.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 15 }, (_, i) => i + 1))
    })))

  test("of no items is none, in a group at its limit too", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make({ limit: 1 })
      yield* Group.go(group, Effect.never)
      yield* Group.forEach(group, [], () => Effect.die("no item"))
      expect(yield* Group.forEach(group, [], () => Effect.die("no item"), { results: true })).toEqual([])
    })))

  test("lets other fibers have a turn, however many children end at once", () =>
    run(Effect.gen(function*() {
      let [begun, seen] = [0, Infinity]
      const other = yield* Effect.forkChild(Effect.sync(() => seen = begun))
      yield* Group.forEach(new Items().upTo(100_000), () => Effect.sync(() => begun++)).pipe(Group.scoped())
      yield* Fiber.join(other)
      expect([begun, seen < 10_000]).toEqual([100_000, true])
    })))
})

describe("G13: the iterator", () => {
  test("is asked for an item when the child before it has begun, and closed by a failure", () =>
    run(Effect.gen(function*() {
      const items = new Items()
      const fails = Group.forEach(items.upTo(Infinity), (n) => n === 5 ? Effect.fail("five") : Effect.yieldNow)
      expect(yield* Effect.flip(fails.pipe(Group.scoped({ limit: 2 })))).toBe("five")
      expect(items.isClosed).toBe(true)
      expect(items.taken).toBeLessThanOrEqual(7)
    })))

  test("is closed by an interrupt, and children that run go on", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make({ limit: 2 })
      const items = new Items()
      const call = yield* start(Group.forEach(group, items.upTo(Infinity), () => Effect.never))
      expect(items).toEqual({ taken: 3, isClosed: false })
      yield* Fiber.interrupt(call)
      expect(items).toEqual({ taken: 3, isClosed: true })
      expect(Group.stats(group)).toMatchObject({ active: 2, waiting: 0 })
    })))

  test("is closed, and no child begins, when the caller leaves as the one before it begins", () =>
    run(Effect.gen(function*() {
      const { free, group } = yield* held
      const items = new Items()
      const call: Fiber.Fiber<void> = yield* start(
        Group.forEach(group, items.upTo(3), () => Effect.sync(() => call.interruptUnsafe()))
      )
      yield* free
      yield* Fiber.await(call)
      expect(items).toEqual({ taken: 1, isClosed: true })
      expect(Group.stats(group)).toMatchObject({ started: 2, waiting: 0 })
    })))

  test("that cannot be closed is not asked again when the caller has left", () =>
    run(Effect.gen(function*() {
      const { free, group } = yield* held
      let taken = 0
      const items = { [Symbol.iterator]: () => ({ next: () => ({ value: ++taken }) }) }
      const call: Fiber.Fiber<void> = yield* start(
        Group.forEach(group, items, () => Effect.sync(() => call.interruptUnsafe()))
      )
      yield* free
      yield* Fiber.await(call)
      expect(taken).toBe(1)
    })))

  test("is closed when the group is cancelled as a child of a waiting call begins", () =>
    run(Effect.gen(function*() {
      const { free, group } = yield* held
      const items = new Items()
      const call = yield* start(Group.forEach(group, items.upTo(3), () =>
        Effect.forkDetach(Group.cancel(group), {
          startImmediately: true
        })))
      yield* free
      expect(tagOf(yield* Fiber.await(call))).toBe("GroupClosed")
      expect(items.isClosed).toBe(true)
    })))

  test.each([1, 3])(
    "that throws at item %i is a defect of the call, which leaves running children alone",
    (at) =>
      run(Effect.gen(function*() {
        const group = yield* Group.make({ limit: 1 })
        function* items() {
          for (let n = 1; n < at; n++) yield n
          throw new Error("no more")
        }
        expect(yield* defectOf(Group.forEach(group, items(), () => Effect.yieldNow))).toEqual(new Error("no more"))
        yield* Group.wait(group)
        expect(Group.stats(group)).toMatchObject({ started: at - 1, succeeded: at - 1, waiting: 0 })
      }))
  )

  test("is not closed once it has thrown, or has no more", () =>
    run(Effect.gen(function*() {
      for (const end of ["done", "thrown"]) {
        let closes = 0
        const next = (n = 0) => () => {
          if (++n === 1) return { value: n }
          if (end === "done") return { value: undefined, done: true }
          throw new Error("no more")
        }
        const items = { [Symbol.iterator]: () => ({ next: next(), return: () => ({ value: ++closes, done: true }) }) }
        yield* Effect.exit(Group.forEach(items, () => Effect.void).pipe(Group.scoped()))
        expect([end, closes]).toEqual([end, 0])
      }
    })))

  test("may interrupt the caller as it is asked for an item, which then begins nothing", () =>
    run(Effect.gen(function*() {
      const { free, group } = yield* held
      function* items() {
        yield 1
        call.interruptUnsafe()
        yield 2
      }
      const call: Fiber.Fiber<void> = yield* start(Group.forEach(group, items(), () => Effect.yieldNow))
      yield* free
      yield* Fiber.await(call)
      yield* Group.wait(group)
      expect(Group.stats(group)).toMatchObject({ started: 2, succeeded: 2, waiting: 0 })
    })))

  test("that throws as it is closed adds a defect to the interrupt", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make({ limit: 1 })
      const items = {
        [Symbol.iterator]: () => ({
          next: () => ({ value: 1 }),
          return: () => {
            throw new Error("not closed")
          }
        })
      }
      const call = yield* start(Group.forEach(group, items, () => Effect.never))
      yield* Fiber.interrupt(call)
      const exit = yield* Fiber.await(call)
      expect(Exit.isFailure(exit) && Cause.hasDies(exit.cause)).toBe(true)
    })))

  test("may come back into the group", () =>
    run(Effect.gen(function*() {
      const begun: Array<string> = []
      const group = yield* Group.make({ limit: 2 })
      function* items() {
        for (const n of [1, 2, 3]) {
          Effect.runFork(Group.go(group, Effect.sync(() => begun.push(`go ${n}`))))
          yield n
        }
      }
      yield* Group.forEach(
        group,
        items(),
        (n) => Effect.andThen(Effect.sync(() => begun.push(`${n}`)), Effect.yieldNow)
      )
      yield* Group.wait(group)
      expect(begun.toSorted()).toEqual(["1", "2", "3", "go 1", "go 2", "go 3"])
    })))
})

describe("an end", () => {
  test("by f that throws is the end of that child", () =>
    run(Effect.gen(function*() {
      const throws = Group.forEach([1, 2], (): Effect.Effect<void> => {
        throw new Error("in f")
      }).pipe(Group.scoped())
      expect(yield* defectOf(throws)).toEqual(new Error("in f"))
      const group = yield* Group.make({ onFailure: "continue" })
      yield* Group.forEach(group, [1, 2], (n): Effect.Effect<void> => {
        if (n === 1) throw new Error("in f")
        return Effect.void
      })
      expect(Group.stats(group)).toMatchObject({ started: 2, succeeded: 1, failed: 1 })
    })))

  test("of the group ends the call as it ends a go", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make<string>({ limit: 1 })
      const failing = Group.forEach(
        group,
        [1, 2, 3],
        (n) => Effect.andThen(Effect.yieldNow, Effect.fail(`failure ${n}`))
      )
      expect(yield* Effect.flip(failing)).toBe("failure 1")
      expect(yield* Effect.flip(Group.forEach(group, [1], () => Effect.void))).toBe("failure 1")
      const closed = yield* Effect.scoped(Group.make())
      expect(yield* defectOf(Group.forEach(closed, [1], () => Effect.void))).toBeInstanceOf(Group.GroupClosed)
    })))

  test("by a deadlock of children that wait for their group is a GroupDeadlock", () =>
    run(Effect.gen(function*() {
      const nested = Group.forEach([1], () => Group.forEach([2], () => Effect.void)).pipe(Group.scoped({ limit: 1 }))
      expect(yield* defectOf(nested)).toBeInstanceOf(Group.GroupDeadlock)
      const later = Group.forEach([1], () => Effect.andThen(Effect.yieldNow, Group.forEach([2], () => Effect.void)))
      expect(yield* defectOf(later.pipe(Group.scoped({ limit: 1 })))).toBeInstanceOf(Group.GroupDeadlock)
      // The second child of the inner call finds its place taken by the first, which waits for the group.
      const group = yield* Group.make({ limit: 2 })
      yield* Group.go(group, Group.forEach(group, [1, 2], () => Effect.andThen(Effect.yieldNow, Group.wait(group))))
      expect(yield* defectOf(Group.wait(group))).toBeInstanceOf(Group.GroupDeadlock)
    })))

  test("by a deadlock that comes with one of its children, as the call waits for the next place", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make({ limit: 2 })
      const gate = yield* Deferred.make<void>()
      yield* Group.go(group, Deferred.await(gate))
      yield* Group.go(group, Group.forEach(group, [1, 2], () => Group.wait(group)))
      yield* Deferred.succeed(gate, undefined)
      expect(yield* defectOf(Group.wait(group))).toBeInstanceOf(Group.GroupDeadlock)
    })))
})

describe("results", () => {
  const later = (n: number) => Effect.as(turns(10 - n), n * n)

  test("come in the order of the items, once all children have ended", () =>
    run(Effect.gen(function*() {
      const squares = Group.forEach([1, 2, 3, 4, 5], later, { results: true }).pipe(Group.scoped({ limit: 3 }))
      expect(yield* squares).toEqual([1, 4, 9, 16, 25])
      const synchronous = Group.forEach("abc", (letter, i) => Effect.succeed(`${letter}${i}`), { results: true })
      expect(yield* synchronous.pipe(Group.scoped())).toEqual(["a0", "b1", "c2"])
    })))

  test("are the first failure in the order of the items, if a child has none, and the others run on where they may", () =>
    run(Effect.gen(function*() {
      const body = (n: number) => n % 2 === 0 ? Effect.andThen(later(n), Effect.fail(`failure ${n}`)) : later(n)
      const all = Group.forEach([1, 2, 3, 4], body, { results: true })
      const continuing = Effect.flip(all).pipe(Effect.tap((error) => Effect.sync(() => caught.push(error))))
      const caught: Array<string> = []
      expect(yield* Effect.flip(continuing.pipe(Group.scoped({ onFailure: "continue" })))).toBe("failure 4")
      expect(caught).toEqual(["failure 2"])
      expect(yield* Effect.flip(all.pipe(Group.scoped()))).toBe("failure 4")
      const group = yield* Group.make<string>({ onFailure: "continue" })
      expect(yield* Effect.flip(Group.forEach(group, [4, 2], body, { results: true }))).toBe("failure 4")
    })))

  test("are an interrupt, if a child was interrupted", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make()
      const exit = yield* Effect.exit(
        Group.forEach(group, [1, 2], (n) => n === 1 ? Effect.interrupt : Effect.yieldNow, { results: true })
      )
      expect(Exit.hasInterrupts(exit)).toBe(true)
      expect(Group.stats(group)).toMatchObject({ state: "open", succeeded: 1, interrupted: 1 })
    })))

  test("are waited for until the caller is interrupted", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make()
      const gate = yield* Deferred.make<void>()
      const call = yield* start(Group.forEach(group, [1], () => Deferred.await(gate), { results: true }))
      yield* Fiber.interrupt(call)
      expect(Group.stats(group).active).toBe(1)
      yield* Deferred.succeed(gate, undefined)
      yield* Group.wait(group)
    })))
})

test.each<readonly [string, ReadonlyArray<unknown>]>([
  ["items must be an iterable, got 7", [7, () => Effect.void]],
  ["items must be an iterable, got undefined", [undefined, () => Effect.void]],
  ["f must be a function, got undefined", [[1]]],
  ["options must be an object, got true", [[1], () => Effect.void, true]]
])("dies of arguments that make no sense: %s", (message, args) =>
  run(Effect.gen(function*() {
    const forEach = Group.forEach as unknown as (
      ...args: ReadonlyArray<unknown>
    ) => Effect.Effect<void, never, Group.Current<never>>
    const group = yield* Group.make()
    for (const call of [forEach(group, ...args), forEach(...args)]) {
      expect(String(yield* defectOf(call.pipe(Group.scoped())))).toContain(`Group.forEach: ${message}`)
    }
    expect(Group.stats(group).started).toBe(0)
  })))
