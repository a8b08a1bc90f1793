import { Cause, Clock, Context, Deferred, Effect, Exit, Fiber, Queue, Scope } from "effect"
import { Group, Semaphore } from "sluice"
import { describe, expect, test } from "vitest"
import {
  defectOf,
  expectEnded,
  expectPending,
  interrupted,
  isInterrupted,
  run,
  settle,
  squash,
  start
} from "../support/effect.js"
import { child } from "../support/group.js"
import { Stepper } from "../support/stepper.js"

const { stats } = Group

/** A child that is interrupted slowly: its finalizer waits for a gate. */
const slow = Effect.gen(function*() {
  const gate = yield* Deferred.make<void>()
  const log: Array<string> = []
  const effect = Effect.onExit(Effect.never, () =>
    Effect.gen(function*() {
      log.push("finalizing")
      yield* Deferred.await(gate)
      log.push("finalized")
    }))
  return { effect, log, letGo: Deferred.succeed(gate, void 0) }
})

describe("make", () => {
  test.each([0, -1, 1.5, NaN, Infinity])("limit %s is a defect that names it", (limit) =>
    run(Effect.gen(function*() {
      for (const make of [Group.make({ limit }), Group.scoped({ limit }, () => Effect.void)]) {
        const defect = yield* defectOf(make)
        expect(defect).toBeInstanceOf(RangeError)
        expect(String(defect)).toMatch(
          /^RangeError: Group\.(make|scoped): limit must be an integer >= 1 or "unbounded", got /
        )
      }
      const group = yield* Group.make({ limit: 2 })
      expect(String(yield* defectOf(Group.setLimit(group, limit)))).toContain("Group.setLimit: limit must be")
      expect(stats(group).limit).toBe(2)
    })))

  test("a misspelt onFailure is a defect, not a silent default", () =>
    run(Effect.gen(function*() {
      // As from JavaScript, where no type stops it.
      const options = JSON.parse("{\"onFailure\":\"ignore\"}") as Group.Options
      expect(String(yield* defectOf(Group.make(options)))).toBe(
        "RangeError: Group.make: onFailure must be \"cancel\" or \"continue\", got \"ignore\""
      )
    })))

  test("an instance is recognised, shows itself, and can be piped", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make({ limit: 3, name: "crawler" })
      expect(Group.isGroup(group)).toBe(true)
      expect(Group.isGroup({})).toBe(false)
      expect(JSON.parse(JSON.stringify(group))).toEqual({
        _id: "Group",
        name: "crawler",
        limit: 3,
        active: 0,
        waiting: 0,
        started: 0,
        succeeded: 0,
        failed: 0,
        interrupted: 0,
        state: "open"
      })
      yield* group.pipe(Group.setLimit("unbounded"))
      expect(stats(group).limit).toBe("unbounded")
    })))

  test("a group with no children is waited for, cancelled and closed at once", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make()
      yield* Group.wait(group)
      yield* Group.cancel(group)
      yield* Group.cancel(group)
      yield* Group.wait(group)
      expect(stats(group).state).toBe("closed")
      expect(yield* Group.scoped({}, () => Effect.succeed("value"))).toBe("value")
    })))
})

describe("G1: the first failure cancels the rest, and is what wait reports", () => {
  // golang.org/x/sync/errgroup: TestZeroGroup, ExampleGroup_justErrors
  test("wait fails with the first of several failures, whatever succeeds before and after", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make<string>({ onFailure: "continue" })
      for (const error of [undefined, "one", undefined, "two", "three"]) {
        yield* Group.go(group, error === undefined ? Effect.void : Effect.fail(error))
      }
      expect(yield* Effect.flip(Group.wait(group))).toBe("one")
      expect(Group.failures(group).map(Cause.squash)).toEqual(["one", "two", "three"])
      expect(stats(group)).toMatchObject({ succeeded: 2, failed: 3, state: "open" })
    })))

  // golang.org/x/sync/errgroup: TestWithContext, TestCancelCause
  test("a failure interrupts the siblings, in parallel, and every pending go", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make<string>({ limit: 3 })
      const [a, b] = [yield* slow, yield* slow]
      const failing = yield* child
      yield* Group.go(group, a.effect)
      yield* Group.go(group, b.effect)
      yield* Group.go(group, failing.effect)
      let ran = false
      const pending = yield* start(Group.go(group, Effect.sync(() => (ran = true))))
      const waiting = yield* start(Group.wait(group))
      yield* failing.fail("disk full")
      expect([a.log, b.log]).toEqual([["finalizing"], ["finalizing"]])
      expect(squash(yield* Fiber.await(pending))).toBe("disk full")
      expectPending(waiting)
      yield* a.letGo
      yield* b.letGo
      expect(yield* Fiber.await(waiting)).toEqual(Exit.fail("disk full"))
      expect(ran).toBe(false)
      expect(stats(group)).toMatchObject({ active: 0, waiting: 0, failed: 1, interrupted: 2, state: "failed" })
    })))

  test("later failures, and defects on the way out, neither replace the first one nor mix into it", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make<string>()
      yield* Group.go(group, Effect.onExit(Effect.never, () => Effect.die("a finalizer that fails")))
      yield* Group.go(group, Effect.onInterrupt(Effect.never, () => Effect.fail("second")))
      yield* Group.go(group, Effect.fail("first"))
      const exit = yield* Effect.exit(Group.wait(group))
      expect(exit).toEqual(Exit.fail("first"))
      const [first, ...later] = Group.failures(group)
      expect(first?.reasons.map((reason) => reason._tag)).toEqual(["Fail"])
      expect(later.map((cause) => cause.reasons.map((reason) => reason._tag))).toEqual([
        ["Interrupt", "Die"],
        ["Interrupt", "Fail"]
      ])
    })))

  test("the cause is the very one the child failed with", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make<string>()
      const cause = Cause.combine(Cause.fail("both"), Cause.fail("reasons"))
      const fiber = yield* Group.fork(group, Effect.failCause(cause))
      const exit = yield* Fiber.await(fiber)
      const result = yield* Effect.exit(Group.wait(group))
      expect(Exit.isFailure(result) && Exit.isFailure(exit) && result.cause === exit.cause).toBe(true)
      expect(Group.failures(group)[0]).toBe(cause)
    })))

  test("a child that fails inside its own start ends the group before go returns", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make<string>()
      const sibling = yield* child
      yield* Group.go(group, sibling.effect)
      yield* Group.go(group, Effect.fail("at once"))
      expect(sibling.log).toEqual(["began", "interrupted"])
      expect(squash(yield* Effect.exit(Group.go(group, Effect.void)))).toBe("at once")
    })))

  test("a child that fails while a sibling is being started inline interrupts that one too", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make<string>()
      const sibling = yield* child
      const parent = Effect.andThen(Group.go(group, Effect.fail("inner")), sibling.effect)
      yield* Group.go(group, Effect.onError(parent, () => Effect.sync(() => sibling.log.push("parent ended"))))
      expect(squash(yield* Effect.exit(Group.wait(group)))).toBe("inner")
      expect(sibling.log.includes("succeeded")).toBe(false)
      expect(sibling.log.at(-1)).toBe("parent ended")
    })))
})

describe("G2: when wait returns, and when the scope has closed, every child has ended", () => {
  test("wait waits for finalizers, and can be repeated", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make()
      const a = yield* child
      yield* Group.go(group, a.effect.pipe(Effect.orDie))
      const first = yield* start(Group.wait(group))
      const second = yield* start(Group.wait(group))
      expectPending(first, second)
      yield* a.succeed
      yield* settle
      expect([first.pollUnsafe(), second.pollUnsafe()]).toEqual([Exit.void, Exit.void])
      yield* Group.wait(group)
      yield* Group.go(group, Effect.yieldNow)
      yield* Group.wait(group)
      expect(stats(group)).toMatchObject({ started: 2, succeeded: 2, active: 0, state: "open" })
    })))

  test("every waiter goes on at the same moment, even if the first of them starts more", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make()
      const a = yield* child
      yield* Group.go(group, a.effect.pipe(Effect.orDie))
      yield* start(Effect.andThen(Group.wait(group), Group.go(group, Effect.never)))
      const second = yield* start(Group.wait(group))
      yield* a.succeed
      yield* settle
      expect(second.pollUnsafe()).toEqual(Exit.void)
      expect(stats(group).active).toBe(1)
    })))

  test("wait waits for what is pending, too", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make({ limit: 1 })
      const [a, b] = [yield* child, yield* child]
      yield* Group.go(group, a.effect.pipe(Effect.orDie))
      yield* start(Group.go(group, b.effect.pipe(Effect.orDie)))
      const waiting = yield* start(Group.wait(group))
      yield* a.succeed
      yield* settle
      expectPending(waiting)
      expect(b.log).toEqual(["began"])
      yield* b.succeed
      yield* Fiber.join(waiting)
    })))

  test("closing the scope interrupts what is left, in parallel, and waits for it", () =>
    run(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const group = yield* Group.make({ limit: 2 }).pipe(Scope.provide(scope))
      const [a, b] = [yield* slow, yield* slow]
      yield* Group.go(group, a.effect)
      yield* Group.go(group, b.effect)
      const pending = yield* start(Group.go(group, Effect.void))
      const closing = yield* start(Scope.close(scope, Exit.void))
      expect([a.log, b.log]).toEqual([["finalizing"], ["finalizing"]])
      expect(squash(yield* Fiber.await(pending))).toBeInstanceOf(Group.GroupClosed)
      yield* b.letGo
      yield* settle
      expectPending(closing)
      yield* a.letGo
      yield* Fiber.join(closing)
      expect([a.log, b.log]).toEqual([["finalizing", "finalized"], ["finalizing", "finalized"]])
      expect(stats(group)).toMatchObject({ active: 0, interrupted: 2, state: "closed" })
    })))

  test("children have ended before what was acquired before the group is released", () =>
    run(Effect.gen(function*() {
      const log: Array<string> = []
      yield* Effect.scoped(Effect.gen(function*() {
        yield* Effect.acquireRelease(Effect.void, () => Effect.sync(() => log.push("resource released")))
        const group = yield* Group.make()
        yield* Group.go(
          group,
          Effect.onExit(Effect.never, () => Effect.andThen(settle, Effect.sync(() => log.push("child ended"))))
        )
      }))
      expect(log).toEqual(["child ended", "resource released"])
    })))

  test("cancel waits for the finalizers; an interrupt of cancel stops the waiting only", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make()
      const a = yield* slow
      yield* Group.go(group, a.effect)
      const impatient = yield* start(Group.cancel(group))
      expect(isInterrupted(yield* interrupted(impatient))).toBe(true)
      const patient = yield* start(Group.cancel(group))
      yield* settle
      expectPending(patient)
      yield* a.letGo
      yield* Fiber.join(patient)
      expect(a.log).toEqual(["finalizing", "finalized"])
    })))

  test("a defect of a child's finalizer while the scope closes is the close's defect", () =>
    run(Effect.gen(function*() {
      const bug = new Error("bug in a finalizer")
      const withGroup = (end: Effect.Effect<void, string>) =>
        Effect.exit(Effect.scoped(Effect.gen(function*() {
          const group = yield* Group.make()
          yield* Group.go(group, Effect.onExit(Effect.never, () => Effect.die(bug)))
          yield* end
        })))
      expect(squash(yield* withGroup(Effect.void))).toBe(bug)
      // But it never spoils a failure that is under way: a Fail mixed with a Die would become a defect.
      expect(yield* withGroup(Effect.fail("first"))).toEqual(Exit.fail("first"))
    })))
})

describe("G3: nothing starts in a group that is over, and nothing is silent", () => {
  test("go, tryGo and fork on a failed group fail as the group did and start nothing", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make<string>({ limit: 1 })
      yield* Group.go(group, Effect.fail("gone"))
      let ran = false
      const more = Effect.sync(() => (ran = true))
      expect(yield* Effect.exit(Group.go(group, more))).toEqual(Exit.fail("gone"))
      expect(yield* Effect.exit(Group.tryGo(group, more))).toEqual(Exit.fail("gone"))
      expect(yield* Effect.exit(Group.fork(group, more))).toEqual(Exit.fail("gone"))
      expect(ran).toBe(false)
      expect(stats(group).started).toBe(1)
    })))

  test("a producing loop stops by itself", () =>
    run(Effect.gen(function*() {
      let produced = 0
      const exit = yield* Effect.exit(Group.scoped({ limit: 2 }, (group: Group.Group<string>) =>
        Effect.gen(function*() {
          for (;;) {
            const n = ++produced
            yield* Group.go(group, Effect.andThen(Effect.yieldNow, n === 10 ? Effect.fail("tenth") : Effect.void))
          }
        })))
      expect(exit).toEqual(Exit.fail("tenth"))
      expect(produced).toBeLessThanOrEqual(13)
    })))

  test("on a cancelled group, and after its scope has closed, they die with GroupClosed", () =>
    run(Effect.gen(function*() {
      const cancelled = yield* Group.make({ name: "mail" })
      yield* Group.cancel(cancelled)
      const scope = yield* Scope.make()
      const closed = yield* Group.make({ name: "mail" }).pipe(Scope.provide(scope))
      yield* Scope.close(scope, Exit.void)
      let leaked: Group.Group<never> | undefined
      yield* Group.scoped({ name: "mail" }, (group) => Effect.sync(() => (leaked = group)))
      for (const group of [cancelled, closed, leaked!]) {
        for (const operation of [Group.go, Group.tryGo, Group.fork]) {
          const defect = yield* defectOf<unknown, never, never>(
            operation<never, void, never, never>(group, Effect.void)
          )
          expect(defect).toBeInstanceOf(Group.GroupClosed)
          expect(defect).toMatchObject({ _tag: "GroupClosed", group: "mail" })
          expect((defect as Error).message).toBe(
            "Group: the group \"mail\" was cancelled, or its scope has closed: it starts no more children"
          )
        }
        expect(stats(group)).toMatchObject({ started: 0, state: "closed" })
      }
    })))

  test("a failed group whose scope has closed is closed, and wait still tells the failure", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make<string>()
      yield* Group.go(group, Effect.fail("kept"))
      yield* Group.cancel(group)
      expect(yield* defectOf(Group.go(group, Effect.void))).toBeInstanceOf(Group.GroupClosed)
      expect(yield* Effect.exit(Group.wait(group))).toEqual(Exit.fail("kept"))
    })))
})

describe("G4: interruption from outside", () => {
  test("a child that is interrupted fails nobody", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make()
      const sibling = yield* child
      const fiber = yield* Group.fork(group, Effect.never)
      yield* Group.go(group, sibling.effect.pipe(Effect.orDie))
      yield* Group.go(group, Effect.interrupt)
      yield* Fiber.interrupt(fiber)
      expect(stats(group)).toMatchObject({ active: 1, interrupted: 2, failed: 0, state: "open" })
      yield* sibling.succeed
      yield* Group.wait(group)
    })))

  test("an interrupted wait is interrupted, and the group goes on", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make()
      yield* Group.go(group, Effect.never)
      const waiting = yield* start(Group.wait(group))
      expect(isInterrupted(yield* interrupted(waiting))).toBe(true)
      expect(stats(group)).toMatchObject({ active: 1, state: "open" })
    })))

  test("an interrupt of scoped interrupts body and children, waits for them, and is passed on", () =>
    run(Effect.gen(function*() {
      const [a, body] = [yield* slow, yield* slow]
      const fiber = yield* start(
        Group.scoped({}, (group) => Effect.andThen(Group.go(group, a.effect), body.effect))
      )
      fiber.interruptUnsafe()
      yield* settle
      expect([a.log, body.log]).toEqual([["finalizing"], ["finalizing"]])
      yield* a.letGo
      yield* settle
      expectPending(fiber)
      yield* body.letGo
      expect(isInterrupted(yield* Fiber.await(fiber))).toBe(true)
      expect([a.log, body.log]).toEqual([["finalizing", "finalized"], ["finalizing", "finalized"]])
    })))

  test("an interrupt of scoped while a failed child's siblings still end is not swallowed by that failure", () =>
    run(Effect.gen(function*() {
      const a = yield* slow
      const fiber = yield* start(
        Group.scoped(
          {},
          (group: Group.Group<string>) =>
            Effect.andThen(Group.go(group, a.effect), Group.go(group, Effect.fail("child")))
        )
      )
      fiber.interruptUnsafe()
      yield* a.letGo
      const exit = yield* Fiber.await(fiber)
      expect(Exit.hasInterrupts(exit)).toBe(true)
    })))
})

describe("G5: the limit", () => {
  // golang.org/x/sync/errgroup: TestGoLimit
  test("no more than the limit run, whatever is started", () =>
    run(Effect.gen(function*() {
      const limit = 10
      let running = 0
      let most = 0
      yield* Group.scoped({ limit }, (group) =>
        Effect.gen(function*() {
          for (let i = 0; i <= 1 << 10; i++) {
            yield* Group.go(
              group,
              Effect.gen(function*() {
                most = Math.max(most, ++running)
                for (let j = 0; j <= i % 3; j++) yield* Effect.yieldNow
                running--
              })
            )
          }
        }))
      expect(most).toBe(limit)
      expect(running).toBe(0)
    })))

  // golang.org/x/sync/errgroup: TestTryGo
  test("tryGo returns true below the limit and false at it, and true again when a child has ended", () =>
    run(Effect.gen(function*() {
      const n = 42
      const group = yield* Group.make({ limit: n })
      const gates = yield* Effect.forEach(Array.from({ length: n }), () => child)
      for (const { effect } of gates) expect(yield* Group.tryGo(group, effect.pipe(Effect.orDie))).toBe(true)
      expect(yield* Group.tryGo(group, Effect.void)).toBe(false)
      expect(stats(group)).toMatchObject({ active: n, started: n })
      yield* gates[7]!.succeed
      yield* settle
      expect(yield* Group.tryGo(group, Effect.void)).toBe(true)
      for (const { succeed } of gates) yield* succeed
      yield* Group.wait(group)
      // An unbounded group, and one with a limit of 1.
      const unbounded = yield* Group.make()
      expect(yield* Group.tryGo(unbounded, Effect.never)).toBe(true)
      yield* Group.setLimit(unbounded, 1)
      expect(yield* Group.tryGo(unbounded, Effect.void)).toBe(false)
    })))

  test("pending calls are served first come, first served, and tryGo does not barge", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make({ limit: 1 })
      const order: Array<string> = []
      const first = yield* child
      yield* Group.go(group, first.effect.pipe(Effect.orDie))
      for (const name of ["a", "b", "c"]) {
        yield* start(Group.go(group, Effect.andThen(Effect.sync(() => order.push(name)), Effect.yieldNow)))
      }
      expect(stats(group).waiting).toBe(3)
      yield* first.succeed
      yield* settle
      yield* Group.wait(group)
      expect(order).toEqual(["a", "b", "c"])
    })))

  test("raising the limit admits the pending in the next turn, lowering it stops nobody", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make({ limit: 1 })
      const children = yield* Effect.forEach(Array.from({ length: 4 }), () => child)
      for (const { effect } of children) yield* start(Group.go(group, effect.pipe(Effect.orDie)))
      const begun = () => children.filter(({ log }) => log.includes("began")).length
      expect(begun()).toBe(1)
      yield* Group.setLimit(group, 3)
      expect(begun()).toBe(1)
      yield* Effect.yieldNow
      expect(begun()).toBe(3)
      yield* Group.setLimit(group, 1)
      expect(stats(group)).toMatchObject({ limit: 1, active: 3, waiting: 1 })
      yield* children[0]!.succeed
      yield* children[1]!.succeed
      yield* settle
      expect(begun()).toBe(3)
      yield* children[2]!.succeed
      yield* settle
      expect(begun()).toBe(4)
    })))

  test("nobody who is admitted first gets another place ahead of those who still wait", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make({ limit: 1 })
      const log: Array<string> = []
      yield* Group.go(group, Effect.never)
      const greedy = Effect.map(Group.tryGo(group, Effect.never), (started) => log.push(`greedy: ${started}`))
      yield* start(Group.go(group, Effect.andThen(greedy, Effect.never)))
      yield* start(Group.go(group, Effect.andThen(Effect.sync(() => log.push("waited")), Effect.never)))
      yield* Group.setLimit(group, 3)
      yield* settle
      expect(log).toEqual(["greedy: false", "waited"])
    })))

  // golang/go#27837: a blocked Go that can be cancelled
  test("the last pending go that is interrupted, when no child is left, lets those go on that wait for the group", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make<string>({ limit: 1, onFailure: "continue" })
      const gate = yield* Deferred.make<void, string>()
      yield* Group.go(group, Deferred.await(gate))
      const blocked = yield* start(Group.go(group, Effect.never))
      const waiter = yield* start(Effect.exit(Group.wait(group)))
      yield* Deferred.fail(gate, "planned")
      expect(stats(group)).toMatchObject({ active: 0, waiting: 1 })
      yield* Fiber.interrupt(blocked)
      expect(waiter.pollUnsafe()).toEqual(Exit.succeed(Exit.fail("planned")))
    })))

  test("a blocked go that is interrupted leaves its place, and its effect never runs", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make({ limit: 1 })
      const first = yield* child
      yield* Group.go(group, first.effect.pipe(Effect.orDie))
      const ran: Array<string> = []
      const blocked = yield* start(Group.go(group, Effect.sync(() => ran.push("blocked"))))
      const next = yield* start(Group.go(group, Effect.sync(() => ran.push("next"))))
      expect(isInterrupted(yield* interrupted(blocked))).toBe(true)
      yield* first.succeed
      yield* Fiber.join(next)
      yield* Group.wait(group)
      expect(ran).toEqual(["next"])
      expect(stats(group)).toMatchObject({ started: 2, active: 0, waiting: 0 })
    })))

  test("a go at the limit returns at the latest a turn after its child has begun, whatever the others do", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make({ limit: 4 })
      const first = yield* child
      for (const effect of [first.effect, Effect.never, Effect.never, Effect.never]) {
        yield* Group.go(group, Effect.orDie(effect))
      }
      const blocked = yield* start(Group.go(group, Effect.never))
      yield* first.succeed
      yield* settle
      expect(blocked.pollUnsafe()).toEqual(Exit.void)
    })))

  test("an interrupt after the child has begun, and before the go has returned, takes the child along", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make({ limit: 2 })
      const [first, second, third] = [yield* child, yield* child, yield* child]
      for (const { effect } of [first, second]) yield* Group.go(group, Effect.orDie(effect))
      const blocked = yield* start(Group.go(group, Effect.orDie(third.effect)))
      yield* first.succeed
      expect(third.log).toEqual(["began"])
      expectPending(blocked)
      expect(isInterrupted(yield* interrupted(blocked))).toBe(true)
      expect(third.log).toEqual(["began", "interrupted"])
      expect(stats(group)).toMatchObject({ active: 1, interrupted: 1 })
    })))

  test("a child that interrupts its blocked starter, as it begins, is taken along", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make({ limit: 1 })
      const first = yield* child
      yield* Group.go(group, Effect.orDie(first.effect))
      const log: Array<string> = []
      const starters: Array<Fiber.Fiber<void>> = []
      const effect = Effect.suspend(() => {
        starters[0]!.interruptUnsafe()
        return Effect.onInterrupt(Effect.never, () => Effect.sync(() => log.push("interrupted")))
      })
      starters.push(yield* start(Group.go(group, effect)))
      yield* first.succeed
      expect(isInterrupted(yield* Fiber.await(starters[0]!))).toBe(true)
      yield* Group.wait(group)
      expect(log).toEqual(["interrupted"])
    })))

  test("a child that begins while others wait for places does not barge with tryGo", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make({ limit: 1 })
      yield* Group.go(group, Effect.never)
      const began: Array<string> = []
      const greedy = Effect.flatMap(Group.tryGo(group, Effect.never), (started) => {
        began.push(`greedy: ${started}`)
        return Effect.never
      })
      yield* start(Group.go(group, greedy))
      yield* start(Group.go(group, Effect.suspend(() => (began.push("next"), Effect.never))))
      yield* Group.setLimit(group, 3)
      yield* settle
      expect(began).toEqual(["greedy: false", "next"])
    })))

  test("however deep a child ends, nobody takes the group for quiet before a pending one has run", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make({ limit: 1 })
      const first = yield* child
      yield* Group.go(group, Effect.orDie(first.effect))
      const log: Array<string> = []
      yield* start(Group.go(group, Effect.sync(() => log.push("ran"))))
      const waiting = yield* start(Effect.andThen(Group.wait(group), Effect.sync(() => log.push("quiet"))))
      // Each semaphore is released inside the hand-over of the one before.
      const semaphores = Array.from({ length: 64 }, () => Semaphore.makeUnsafe(1))
      const gate = yield* Deferred.make<void>()
      yield* start(Semaphore.withPermit(semaphores[0]!, Deferred.await(gate)))
      for (const [i, semaphore] of semaphores.entries()) {
        const next = semaphores[i + 1]
        const last = Semaphore.withPermit(semaphore, i === 31 ? first.succeed : Effect.void)
        yield* start(next === undefined ? last : Semaphore.withPermit(next, last))
      }
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(waiting)
      expect(log).toEqual(["ran", "quiet"])
    })))

  test("a place is held until the child's finalizers have run", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make({ limit: 1 })
      const a = yield* slow
      const fiber = yield* Group.fork(group, a.effect)
      fiber.interruptUnsafe()
      expect(yield* Group.tryGo(group, Effect.void)).toBe(false)
      yield* a.letGo
      yield* Fiber.await(fiber)
      expect(yield* Group.tryGo(group, Effect.void)).toBe(true)
    })))
})

describe("G7: defects", () => {
  // golang.org/x/sync/errgroup: TestPanic
  test("a defect of a child is the defect of wait, the same object, with its stack", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make()
      const bug = new TypeError("undefined is not a function")
      yield* Group.go(
        group,
        Effect.andThen(
          Effect.yieldNow,
          Effect.sync(() => {
            throw bug
          })
        )
      )
      const exit = yield* Effect.exit(Group.wait(group))
      expect(squash(exit)).toBe(bug)
      expect((squash(exit) as Error).stack).toContain("Group.test.ts")
      expect(Group.failures(group)).toHaveLength(1)
    })))

  test("a defect cancels the siblings as an error does", () =>
    run(Effect.gen(function*() {
      const sibling = yield* child
      const exit = yield* Effect.exit(Group.scoped({}, (group) =>
        Effect.gen(function*() {
          yield* Group.go(group, sibling.effect.pipe(Effect.orDie))
          yield* Group.go(group, Effect.die("bug"))
        })))
      expect(squash(exit)).toBe("bug")
      expect(sibling.log).toEqual(["began", "interrupted"])
    })))
})

describe("scoped", () => {
  test("returns the body's value once the children have ended", () =>
    run(Effect.gen(function*() {
      const a = yield* child
      const fiber = yield* start(
        Group.scoped({}, (group) => Effect.as(Group.go(group, a.effect.pipe(Effect.orDie)), "value"))
      )
      yield* settle
      expectPending(fiber)
      yield* a.succeed
      expect(yield* Fiber.join(fiber)).toBe("value")
    })))

  test("a child's failure interrupts the body, also one that would never end", () =>
    run(Effect.gen(function*() {
      const failing = yield* child
      const log: Array<string> = []
      const fiber = yield* start(Group.scoped({}, (group: Group.Group<string>) =>
        Effect.andThen(
          Group.go(group, failing.effect),
          Effect.onInterrupt(Effect.never, () => Effect.sync(() => log.push("body interrupted")))
        )))
      yield* failing.fail("child")
      expect(yield* Fiber.await(fiber)).toEqual(Exit.fail("child"))
      expect(log).toEqual(["body interrupted"])
    })))

  test("a child's failure wins over a body that fails or succeeds in spite of it", () =>
    run(Effect.gen(function*() {
      const after = (end: Effect.Effect<string, string>) =>
        Effect.exit(Group.scoped({}, (group: Group.Group<string>) =>
          Effect.uninterruptible(Effect.andThen(Group.go(group, Effect.fail("child")), end))))
      expect(yield* after(Effect.succeed("value"))).toEqual(Exit.fail("child"))
      expect(yield* after(Effect.fail("body"))).toEqual(Exit.fail("child"))
      expect(yield* after(Effect.die("body"))).toEqual(Exit.fail("child"))
    })))

  const ends: ReadonlyArray<[string, Effect.Effect<never, string>, Exit.Exit<never, string>]> = [
    ["fails", Effect.fail("body"), Exit.fail("body")],
    ["dies", Effect.die("body"), Exit.die("body")]
  ]
  test.each(ends)(
    "a body that %s cancels the children and is what scoped ends with",
    (_, end, expected) =>
      run(Effect.gen(function*() {
        const log: Array<string> = []
        const exit = yield* Effect.exit(Group.scoped({}, (group) =>
          Effect.gen(function*() {
            yield* Group.go(
              group,
              Effect.onExit(Effect.never, () => Effect.andThen(settle, Effect.sync(() => log.push("child ended"))))
            )
            yield* Group.go(group, Effect.onExit(Effect.never, () => Effect.die("later")))
            return yield* end
          })))
        expect(exit).toEqual(expected)
        expect(log).toEqual(["child ended"])
      }))
  )

  test("a body that throws before it makes an effect dies with that, and runs nothing", () =>
    run(Effect.gen(function*() {
      const bug = new Error("thrown")
      const body = (): Effect.Effect<void> => {
        throw bug
      }
      expect(yield* defectOf(Group.scoped({}, body))).toBe(bug)
    })))

  test("a body that interrupts itself cancels the children and ends interrupted", () =>
    run(Effect.gen(function*() {
      const a = yield* child
      const exit = yield* Effect.exit(
        Group.scoped({}, (group) => Effect.andThen(Group.go(group, a.effect.pipe(Effect.orDie)), Effect.interrupt))
      )
      expect(isInterrupted(exit)).toBe(true)
      expect(a.log).toEqual(["began", "interrupted"])
    })))

  test("with onFailure continue everything runs to its end, and the first failure is reported", () =>
    run(Effect.gen(function*() {
      const log: Array<string> = []
      let group: Group.Group<string> | undefined
      const exit = yield* Effect.exit(
        Group.scoped({ onFailure: "continue" }, (g: Group.Group<string>) =>
          Effect.gen(function*() {
            group = g
            yield* Group.go(g, Effect.fail("one"))
            yield* Group.go(g, Effect.andThen(Effect.yieldNow, Effect.sync(() => log.push("ran"))))
            yield* Group.go(g, Effect.fail("two"))
            log.push("body")
          }))
      )
      expect(exit).toEqual(Exit.fail("one"))
      expect(log).toEqual(["body", "ran"])
      expect(Group.failures(group!).map(Cause.squash)).toEqual(["one", "two"])
    })))

  test("a child started through a leaked reference, as the group ends, cannot outlive it", () =>
    run(Effect.gen(function*() {
      let leaked: Group.Group<never> | undefined
      const a = yield* child
      const nursery = yield* start(Group.scoped({}, (group) => {
        leaked = group
        return Group.go(group, a.effect.pipe(Effect.orDie))
      }))
      const late = yield* start(Effect.andThen(Group.wait(leaked!), Effect.exit(Group.go(leaked!, Effect.never))))
      yield* a.succeed
      yield* Fiber.join(nursery)
      expect(squash(yield* Fiber.join(late))).toBeInstanceOf(Group.GroupClosed)
      expect(stats(leaked!)).toMatchObject({ started: 1, active: 0, state: "closed" })
    })))

  test("nests: an inner failure that the outer body handles does not touch the outer group", () =>
    run(Effect.gen(function*() {
      const outerChild = yield* child
      const value = yield* Group.scoped({}, (outer) =>
        Effect.gen(function*() {
          yield* Group.go(outer, outerChild.effect.pipe(Effect.orDie))
          const inner = Group.scoped({}, (group: Group.Group<string>) => Group.go(group, Effect.fail("inner")))
          const handled = yield* Effect.catch(inner, (error) => Effect.succeed(`handled ${error}`))
          yield* outerChild.succeed
          return handled
        }))
      expect(value).toBe("handled inner")
      expect(outerChild.log).toEqual(["began", "succeeded"])
    })))
})

describe("a child may do anything to its own group", () => {
  test("wait for it: it waits for the others, and two that wait do not wait for each other", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make()
      const sibling = yield* child
      const log: Array<string> = []
      const waiter = (name: string) => Effect.andThen(Group.wait(group), Effect.sync(() => log.push(name)))
      yield* Group.go(group, waiter("at once"))
      yield* Group.go(group, Effect.andThen(Effect.yieldNow, waiter("later")))
      yield* Group.go(group, sibling.effect.pipe(Effect.orDie))
      yield* settle
      expect(log).toEqual(["at once"])
      yield* sibling.succeed
      yield* Group.wait(group)
      expect(log.toSorted()).toEqual(["at once", "later"])
    })))

  test("wait for it: what still waits for a place is waited for, too", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make<string>({ limit: 2 })
      const first = yield* child
      const log: Array<string> = []
      yield* Group.go(group, first.effect)
      const waiting = yield* Group.fork(
        group,
        Effect.onExit(Group.wait(group), () => Effect.sync(() => log.push("waited")))
      )
      for (const name of ["a", "b", "c"]) yield* start(Group.go(group, Effect.sync(() => log.push(name))))
      yield* first.succeed
      yield* Fiber.await(waiting)
      expect(log).toEqual(["a", "b", "c", "waited"])
    })))

  test("wait for it, with all places held by children that wait: what is pending cannot run before, and is not waited for", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make({ limit: 1 })
      const log: Array<string> = []
      const waiter = Effect.andThen(
        Effect.yieldNow,
        Effect.andThen(Group.wait(group), Effect.sync(() => log.push("waited")))
      )
      yield* Group.go(group, waiter)
      yield* Group.go(group, Effect.sync(() => log.push("ran")))
      yield* Group.wait(group)
      expect(log).toEqual(["waited", "ran"])
    })))

  test("close its scope while another one waits in a finalizer: that one has ended before the close returns", () =>
    run(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const group = yield* Group.make().pipe(Scope.provide(scope))
      const log: Array<string> = []
      const finalizer = Effect.andThen(
        Group.wait(group),
        Effect.andThen(settle, Effect.sync(() => log.push("other ended")))
      )
      yield* Group.go(group, Effect.onExit(Effect.never, () => finalizer))
      const closing = Effect.andThen(Scope.close(scope, Exit.void), Effect.sync(() => log.push("closed")))
      const closer = yield* Group.fork(group, Effect.uninterruptible(Effect.andThen(Effect.yieldNow, closing)))
      yield* Fiber.await(closer)
      expect(log).toEqual(["other ended", "closed"])
    })))

  test.each([["at once", Effect.void], ["after it has suspended", Effect.yieldNow]])(
    "cancel it, %s: all are interrupted, the child included",
    (_, before) =>
      run(Effect.gen(function*() {
        const group = yield* Group.make()
        const sibling = yield* child
        yield* Group.go(group, sibling.effect.pipe(Effect.orDie))
        const fiber = yield* Group.fork(group, Effect.andThen(before, Effect.as(Group.cancel(group), "not reached")))
        yield* Group.wait(group)
        expect(isInterrupted(yield* Fiber.await(fiber))).toBe(true)
        expect(stats(group)).toMatchObject({ active: 0, interrupted: 2, state: "closed" })
      }))
  )

  test.each([["at once", Effect.void], ["after it has suspended", Effect.yieldNow]])(
    "close its scope, %s: the close waits for the other children, not for the one that closes",
    (_, before) =>
      run(Effect.gen(function*() {
        const scope = yield* Scope.make()
        const group = yield* Group.make().pipe(Scope.provide(scope))
        const other = yield* slow
        const log: Array<string> = []
        yield* Group.go(group, other.effect)
        const closer = yield* Group.fork(
          group,
          Effect.uninterruptible(Effect.andThen(
            before,
            Effect.andThen(
              Scope.close(scope, Exit.void),
              Effect.sync(() => log.push(`closed after ${other.log.at(-1)}`))
            )
          ))
        )
        yield* settle
        yield* other.letGo
        yield* Fiber.await(closer)
        expect(log).toEqual(["closed after finalized"])
        expect(stats(group)).toMatchObject({ active: 0, state: "closed" })
      }))
  )

  test("raise the limit, start a sibling, and interrupt the one that waits", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make({ limit: 1 })
      const waiting = yield* start(Group.wait(group))
      yield* Group.go(
        group,
        Effect.gen(function*() {
          yield* Group.setLimit(group, 2)
          yield* Group.go(group, Fiber.interrupt(waiting))
        })
      )
      yield* Group.wait(group)
      expect(stats(group)).toMatchObject({ succeeded: 2, active: 0 })
    })))
})

describe("cancellation, and the causes that are reported", () => {
  test("cancel in the body of scoped ends the children; the body goes on, and its value is what scoped returns", () =>
    run(Effect.gen(function*() {
      const losers: Array<string> = []
      const race = Group.scoped({}, (group) =>
        Effect.gen(function*() {
          const winner = yield* Deferred.make<string>()
          for (const name of ["a", "b", "c"]) {
            const runner = name === "b"
              ? Effect.andThen(Effect.yieldNow, Deferred.succeed(winner, name))
              : Effect.onInterrupt(Effect.never, () => Effect.sync(() => losers.push(name)))
            yield* Group.go(group, runner)
          }
          const name = yield* Deferred.await(winner)
          yield* Group.cancel(group)
          return name
        }))
      expect(yield* race).toBe("b")
      expect(losers).toEqual(["a", "c"])
    })))

  test("an interrupt of scoped after a cancel still reaches the body", () =>
    run(Effect.gen(function*() {
      const fiber = yield* start(Group.scoped({}, (group) => Effect.andThen(Group.cancel(group), Effect.never)))
      expect(isInterrupted(yield* interrupted(fiber))).toBe(true)
    })))

  const reasons = (exit: Exit.Exit<unknown, unknown>) =>
    Exit.isFailure(exit)
      ? exit.cause.reasons.map((reason) =>
        reason._tag === "Interrupt" ? "Interrupt" : Cause.squash(Cause.fromReasons([reason]))
      )
      : []
  const cleanup = Effect.onExit(Effect.never, () => settle)
  const dying = Effect.onExit(Effect.never, () => Effect.andThen(settle, Effect.die("cleanup")))
  type Body = (group: Group.Group<string>) => Effect.Effect<unknown, string>
  const interruptedAfter = (body: Body) =>
    Effect.gen(function*() {
      const fiber = yield* start(Group.scoped({}, body))
      fiber.interruptUnsafe()
      return reasons(yield* Fiber.await(fiber))
    })
  const cases: ReadonlyArray<[string, Body, ReadonlyArray<unknown>]> = [
    [
      "a child that failed, before siblings had ended",
      (group) => Effect.andThen(Group.go(group, cleanup), Group.go(group, Effect.fail("child"))),
      ["Interrupt", "child"]
    ],
    [
      "a child that died, before siblings had ended",
      (group) => Effect.andThen(Group.go(group, cleanup), Group.go(group, Effect.die("bug"))),
      ["Interrupt", "bug"]
    ],
    [
      "a body that died, before children had ended",
      (group) => Effect.andThen(Group.go(group, cleanup), Effect.die("bug")),
      ["Interrupt", "bug"]
    ],
    ["a child whose finalizer dies of it", (group) => Effect.andThen(Group.go(group, dying), Effect.never), [
      "Interrupt",
      "cleanup"
    ]],
    ["nothing else", (group) => Effect.andThen(Group.go(group, cleanup), Effect.never), ["Interrupt"]]
  ]
  test.each(cases)("an interrupt from outside is reported with %s", (_, body, expected) =>
    run(Effect.gen(function*() {
      expect(yield* interruptedAfter(body)).toEqual(expected)
    })))

  test("a body that interrupts itself is reported with the defect of a child's finalizer that then dies", () =>
    run(Effect.gen(function*() {
      const exit = yield* Effect.exit(
        Group.scoped({}, (group) => Effect.andThen(Group.go(group, dying), Effect.interrupt))
      )
      expect(reasons(exit)).toEqual(["Interrupt", "cleanup"])
    })))

  test("the defect of a body that dies when a child's failure interrupts it is among the failures", () =>
    run(Effect.gen(function*() {
      let group: Group.Group<string> | undefined
      const exit = yield* Effect.exit(Group.scoped({}, (g: Group.Group<string>) => {
        group = g
        return Effect.onExit(
          Effect.andThen(Group.go(g, Effect.andThen(Effect.yieldNow, Effect.fail("child"))), Effect.never),
          () => Effect.die("body")
        )
      }))
      expect(exit).toEqual(Exit.fail("child"))
      expect(Group.failures(group!).map(Cause.squash)).toEqual(["child", "body"])
      expect(stats(group!)).toMatchObject({ started: 1, failed: 1 })
    })))
})

describe("an observer of the user's that throws", () => {
  const boom = () => {
    throw new Error("observer")
  }

  test("does not keep a group from interrupting the others, nor from being waited for", () => {
    const log: Array<string> = []
    const effect = Group.scoped({}, (group: Group.Group<string>) =>
      Effect.gen(function*() {
        const first = yield* Group.fork(group, Effect.never)
        first.addObserver(boom)
        yield* Group.go(group, Effect.onInterrupt(Effect.never, () => Effect.sync(() => log.push("interrupted"))))
        yield* Group.go(group, Effect.andThen(Effect.yieldNow, Effect.fail("child")))
      }))
    const scheduler = new Stepper()
    const fiber = Effect.runFork(effect, { scheduler })
    // It comes out where the runtime itself would throw it, ...
    expect(() => scheduler.drain()).toThrow("observer")
    // ... and everything else goes its way.
    scheduler.drain()
    expect(fiber.pollUnsafe()).toEqual(Exit.fail("child"))
    expect(log).toEqual(["interrupted"])
  })

  test("does not strand those who wait behind", () => {
    const semaphore = Semaphore.makeUnsafe(1)
    const log: Array<string> = []
    const waiter = (name: string) => Semaphore.withPermit(semaphore, Effect.sync(() => log.push(name)))
    const effect = Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      yield* start(Semaphore.withPermit(semaphore, Deferred.await(gate)))
      const first = yield* start(waiter("first"))
      first.addObserver(boom)
      yield* start(waiter("second"))
      yield* start(waiter("third"))
      yield* Deferred.succeed(gate, void 0)
      yield* settle
    })
    const scheduler = new Stepper()
    const fiber = Effect.runFork(effect, { scheduler })
    expect(() => scheduler.drain()).toThrow("observer")
    scheduler.drain()
    expectEnded(fiber)
    expect(log).toEqual(["first", "second", "third"])
    expect(Semaphore.stats(semaphore)).toMatchObject({ held: 0, waiting: 0 })
  })

  test("on a child that ends in its start makes that child one that died", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make()
      yield* Group.go(group, Effect.withFiber((fiber) => Effect.sync(() => void fiber.addObserver(boom))))
      expect(String(yield* defectOf(Group.wait(group)))).toBe("Error: observer")
      expect(stats(group)).toMatchObject({ active: 0, failed: 1 })
    })))
})

describe("context: a child has what its caller has", () => {
  class Config extends Context.Service<Config, { readonly url: string }>()("Config") {}

  test("services, references and the span of the fiber that called go, also of one that waited at the limit", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make({ limit: 1 })
      const first = yield* child
      yield* Group.go(group, first.effect.pipe(Effect.orDie))
      const seen: Array<string> = []
      const observe = Effect.gen(function*() {
        const { url } = yield* Config
        const span = yield* Effect.orDie(Effect.currentSpan)
        const clock = yield* Clock.Clock
        seen.push(`${url} ${span.name} ${String(clock === fake)}`)
      })
      const fake = Object.create(yield* Clock.Clock) as Clock.Clock
      const pending = yield* start(
        Group.go(group, observe).pipe(
          Effect.provideService(Config, { url: "localhost" }),
          Effect.provideService(Clock.Clock, fake),
          Effect.withSpan("caller")
        )
      )
      yield* first.succeed
      yield* Fiber.join(pending)
      yield* Group.wait(group)
      expect(seen).toEqual(["localhost caller true"])
    })))

  test("a child is interruptible, though its caller is not", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make()
      const fiber = yield* Effect.uninterruptible(Group.fork(group, Effect.never))
      expect(isInterrupted(yield* interrupted(fiber))).toBe(true)
    })))
})

// golang.org/x/sync/errgroup: ExampleGroup_parallel
test("results go to their places, in whatever order the children end", () =>
  run(Effect.gen(function*() {
    const inputs = Array.from({ length: 50 }, (_, i) => i)
    const results: Array<number> = []
    yield* Group.scoped({ limit: 4 }, (group) =>
      Effect.gen(function*() {
        for (const i of inputs) {
          const work = Effect.forEach(Array.from({ length: i % 5 }), () => Effect.yieldNow, { discard: true })
          yield* Group.go(group, Effect.andThen(work, Effect.sync(() => (results[i] = i * i))))
        }
      }))
    expect(results).toEqual(inputs.map((i) => i * i))
  })))

// golang.org/x/sync/errgroup: ExampleGroup_pipeline
describe("a pipeline in one group: a producer, a pool of workers, a collector", () => {
  const pipeline = (fail: (n: number) => boolean) =>
    Effect.gen(function*() {
      const inputs = yield* Queue.bounded<number, Cause.Done>(2)
      const outputs = yield* Queue.bounded<number, Cause.Done>(2)
      const sum = { value: 0 }
      const each = <E>(queue: Queue.Queue<number, Cause.Done>, f: (n: number) => Effect.Effect<unknown, E>) =>
        Effect.catchIf(Effect.forever(Effect.flatMap(Queue.take(queue), f)), Cause.isDone, () => Effect.void)
      yield* Group.scoped({}, (group: Group.Group<string>) =>
        Effect.gen(function*() {
          const produce = Effect.forEach(Array.from({ length: 100 }, (_, i) => i), (n) => Queue.offer(inputs, n))
          yield* Group.go(group, Effect.andThen(produce, Queue.end(inputs)))
          const work = each(inputs, (n) => fail(n) ? Effect.fail(`bad input ${n}`) : Queue.offer(outputs, n * 2))
          const workers = Group.scoped(
            {},
            (inner: Group.Group<string>) => Effect.forEach([1, 2, 3], () => Group.go(inner, work), { discard: true })
          )
          yield* Group.go(group, Effect.andThen(workers, Queue.end(outputs)))
          yield* Group.go(group, each(outputs, (n) => Effect.sync(() => sum.value += n)))
        }))
      return sum.value
    })

  test("yields every result", () =>
    run(Effect.gen(function*() {
      expect(yield* pipeline(() => false)).toBe(9_900)
    })))

  test("stops as a whole when one worker fails, though the producer is blocked on a full queue", () =>
    run(Effect.gen(function*() {
      expect(yield* Effect.flip(pipeline((n) => n === 10))).toBe("bad input 10")
    })))
})
