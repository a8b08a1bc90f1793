/** Fibers that wait for a group together with others that wait, and failures where scopes and finalizers meet. */
import { Cause, Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { Group } from "sluice"
import { type Scenario, scenario } from "sluice/testing"
import { describe, expect, test } from "vitest"
import { collectGarbage, expectEnded, expectPending, run, settle, squash, start, turns } from "../support/effect.js"
import { holdsWithin } from "../support/property.js"

describe("a pending go that is refused may interrupt another one that is", () => {
  const pairs = [0, 1, 2].flatMap((from) => [0, 1, 2].filter((to) => to !== from).map((to) => [from, to] as const))

  test.each(pairs)(
    "the call of number %i interrupts number %i, and cancel still waits for the children",
    (from, to) =>
      run(Effect.gen(function*() {
        const group = yield* Group.make({ limit: 1 })
        const gate = yield* Deferred.make<void>()
        yield* Group.go(group, Effect.onExit(Effect.never, () => Deferred.await(gate)))
        const callers: Array<Fiber.Fiber<unknown, unknown>> = []
        for (const n of [0, 1, 2]) {
          const interrupts = Effect.sync(() => n === from && callers[to]?.interruptUnsafe())
          callers.push(yield* start(Effect.onExit(Group.go(group, Effect.void), () => interrupts)))
        }
        const cancel = yield* start(Group.cancel(group))
        expect(Group.stats(group)).toMatchObject({ active: 1, waiting: 0, state: "closed" })
        expectPending(cancel)
        for (const caller of callers) yield* Fiber.await(caller)
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(cancel)
        expect(Group.stats(group)).toMatchObject({ active: 0, waiting: 0, started: 1 })
      }))
  )
})

describe("a group is quiet as soon as the last pending go has left", () => {
  test.each(["interrupt", "fail"] as const)(
    "while its place cools down: the last child ends by %s",
    (end) =>
      run(Effect.gen(function*() {
        const group = yield* Group.make<string>({ limit: 1, onFailure: "continue" })
        const gate = yield* Deferred.make<void>()
        const ends = end === "fail" ? Effect.fail("planned") : Effect.interrupt
        yield* Group.go(group, Effect.andThen(Deferred.await(gate), ends))
        let begun = 0
        const pending = yield* start(Group.go(group, Effect.sync(() => begun++)))
        const waiting = yield* start(Group.wait(group))
        yield* Effect.suspend(() =>
          Effect.andThen(
            Deferred.succeed(gate, undefined),
            Effect.sync(() => {
              pending.interruptUnsafe()
            })
          )
        )
        expectEnded(waiting)
        yield* settle
        expect([begun, Group.stats(group).active, Group.stats(group).waiting]).toEqual([0, 0, 0])
      }))
  )

  const leaving = scenario((t) =>
    Effect.gen(function*() {
      const group = yield* Group.make<string>({ limit: 1, onFailure: "continue" })
      yield* Group.go(group, Effect.andThen(Effect.yieldNow, Effect.fail("planned")))
      yield* t.actor("pending", Group.go(group, Effect.void))
      yield* t.actor("waiting", Effect.exit(Group.wait(group)))
      yield* t.settled
      yield* t.expect(Group.stats(group).active === 0 && Group.stats(group).waiting === 0, "something is left")
    })
  )
  test("over every schedule with two interrupts", () => {
    holdsWithin(leaving, { preemptions: 1, cancels: 2 })
  })
})

describe("of several who go on together, one interrupts another", () => {
  /** `wait` is called by three; the second interrupts the first, which has gone on, or is about to. */
  const three = (wait: (group: Group.Group<never>) => Effect.Effect<unknown>): Scenario =>
    scenario((t) =>
      Effect.gen(function*() {
        const group = yield* Group.make({ limit: 1 })
        yield* Group.go(group, turns(2))
        const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
        const known = (effect: Effect.Effect<unknown>) =>
          Effect.withFiber((fiber) => {
            fibers.push(fiber)
            return effect
          })
        yield* t.actor("a", known(wait(group)), { cancel: false })
        yield* t.actor("b", Effect.andThen(wait(group), Effect.sync(() => fibers[0]?.interruptUnsafe())), {
          cancel: false
        })
        yield* t.actor("c", wait(group), { cancel: false })
        yield* t.settled
        yield* t.expect(Group.stats(group).active === 0 && Group.stats(group).waiting === 0, "something is left")
      })
    )
  test.each([
    ["wait", Group.wait],
    ["cancel", Group.cancel],
    ["go", (group: Group.Group<never>) => Group.go(group, Effect.void)]
  ])("%s, over every schedule with a preemption", (_, wait) => {
    holdsWithin(three(wait), { preemptions: 1, cancels: 0 })
  })
})

describe("a group holds on to no child that has ended (G6)", () => {
  test.each([
    ["has waited for the group", (group: Group.Group<never>) => Group.wait(group)],
    ["has waited for a place", (group: Group.Group<never>) => Group.go(group, Effect.void)]
  ])("also once a child %s", (_, ask) =>
    run(Effect.gen(function*() {
      const group = yield* Group.make({ limit: 2 })
      yield* Group.go(group, turns(3))
      yield* Group.go(group, Effect.andThen(Effect.yieldNow, ask(group)))
      yield* Group.wait(group)
      const children: Array<WeakRef<object>> = []
      yield* Effect.gen(function*() {
        for (const child of [Effect.yieldNow, Effect.interrupt, Effect.void]) {
          children.push(new WeakRef(yield* Group.fork(group, child)))
        }
      })
      yield* Group.wait(group)
      yield* collectGarbage
      expect(children.map((child) => child.deref())).toEqual([undefined, undefined, undefined])
    })))
})

describe("the defect of a child's finalizer that dies while the scope closes", () => {
  test.each([
    ["is reported if the scope closes on a success", Exit.void, "planned"],
    ["is reported if the scope closes on an interrupt", Exit.interrupt(1), "planned"],
    ["does not spoil the failure on which the scope closes", Exit.fail("first"), undefined],
    ["does not spoil the defect on which the scope closes", Exit.die("first"), undefined]
  ])("%s", (_, exit, told) =>
    run(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const group = yield* Group.make().pipe(Scope.provide(scope))
      yield* Group.go(group, Effect.onExit(Effect.never, () => Effect.die("planned")))
      expect(squash(yield* Effect.exit(Scope.close(scope, exit)))).toBe(told)
    })))
})

describe("a child that ends its group waits for one that waits for it in a finalizer", () => {
  test.each(["cancel", "close"] as const)("by %s", (how) =>
    run(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const group = yield* Group.make().pipe(Scope.provide(scope))
      const log: Array<string> = []
      const finalizer = Effect.andThen(Group.wait(group), Effect.andThen(settle, Effect.sync(() => log.push("other"))))
      yield* Group.go(group, Effect.onExit(Effect.never, () => finalizer))
      const end = how === "cancel" ? Group.cancel(group) : Scope.close(scope, Exit.void)
      const ending = Effect.andThen(Effect.yieldNow, Effect.andThen(end, Effect.sync(() => log.push("ended"))))
      yield* Fiber.await(yield* Group.fork(group, Effect.uninterruptible(ending)))
      expect(log).toEqual(["other", "ended"])
    })))

  test("and two that cancel it do not wait for each other", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make()
      const cancelling = Effect.uninterruptible(Effect.andThen(Effect.yieldNow, Group.cancel(group)))
      const fibers = [yield* Group.fork(group, cancelling), yield* Group.fork(group, cancelling)]
      yield* settle
      expectEnded(...fibers)
    })))
})

describe("the failure of a child that is interrupted as it cleans up (G1)", () => {
  const tags = (cause: Cause.Cause<unknown> | undefined) => cause?.reasons.map(({ _tag }) => _tag)

  /** A child that has failed, whose finalizer waits for the gate. */
  const cleaning = (options: Group.Options) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const group = yield* Group.make<string>(options).pipe(Scope.provide(scope))
      const gate = yield* Deferred.make<void>()
      const child = yield* Group.fork(group, Effect.onExit(Effect.fail("planned"), () => Deferred.await(gate)))
      return { child, group, scope, open: Effect.andThen(Deferred.succeed(gate, undefined), settle) }
    })

  /** Effect 4.0 does not tell of an interrupt that comes as a fiber cleans up after its failure. */
  const fromOutside = (child: Fiber.Fiber<unknown, unknown>) =>
    Effect.map(
      Fiber.await(child),
      (exit) => Exit.hasInterrupts(exit) ? ["Fail", "Interrupt"] : ["Fail"]
    )

  test.each(["cancel", "close", "sibling", "sibling and cancel"] as const)(
    "shows no interrupt of the group's own: by %s",
    (by) =>
      run(Effect.gen(function*() {
        const { group, open, scope } = yield* cleaning({})
        if (by === "cancel") yield* start(Group.cancel(group))
        else if (by === "close") yield* start(Scope.close(scope, Exit.void))
        else yield* Group.go(group, Effect.fail("sibling"))
        if (by === "sibling and cancel") yield* start(Group.cancel(group))
        yield* open
        expect(tags(Group.failures(group).at(-1))).toEqual(["Fail"])
        const exit = yield* Effect.exit(Group.wait(group))
        expect(Exit.isFailure(exit) && exit.cause).toBe(Group.failures(group)[0])
      }))
  )

  test("shows no such interrupt where the child itself ends the group before go has returned", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make<string>()
      const gate = yield* Deferred.make<void>()
      const sibling = yield* Deferred.make<void, string>()
      yield* Group.go(group, Deferred.await(sibling))
      const failing = Effect.andThen(Deferred.fail(sibling, "sibling"), Effect.fail("planned"))
      yield* Group.go(group, Effect.onExit(failing, () => Deferred.await(gate)))
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      expect(Group.failures(group).map(tags)).toEqual([["Fail"], ["Fail"]])
    })))

  test("shows an interrupt from outside", () =>
    run(Effect.gen(function*() {
      const { child, group, open } = yield* cleaning({ onFailure: "continue" })
      yield* start(Fiber.interrupt(child))
      yield* open
      expect(tags(Group.failures(group)[0])).toEqual(yield* fromOutside(child))
    })))

  test("shows an interrupt from outside, though another fiber has cancelled the group", () =>
    run(Effect.gen(function*() {
      const { child, group, open } = yield* cleaning({ onFailure: "continue" })
      yield* start(Fiber.interrupt(child))
      yield* start(Group.cancel(group))
      yield* open
      expect(tags(Group.failures(group)[0])).toEqual(yield* fromOutside(child))
    })))

  test("of a group that was never cancelled is the very cause of the child", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make<string>()
      const cause = Cause.fromReasons<string>([Cause.makeFailReason("planned"), Cause.makeInterruptReason(1)])
      yield* Group.go(group, Effect.failCause(cause))
      expect(Group.failures(group)[0]).toBe(cause)
    })))

  test("is a failure still, where all that is left of it would be interrupts", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make<string>()
      yield* Group.go(group, Effect.onExit(Effect.never, () => Effect.die("cleanup")))
      yield* Group.cancel(group)
      expect(Group.stats(group)).toMatchObject({ failed: 1, interrupted: 0 })
      expect(squash(yield* Effect.exit(Group.wait(group)))).toBe("cleanup")
    })))
})

test("a limit that becomes unbounded admits all pending calls, and one that is lowered again holds up those that come", () =>
  run(Effect.gen(function*() {
    const group = yield* Group.make({ limit: 1 })
    const active = () => [Group.stats(group).active, Group.stats(group).waiting]
    for (let n = 0; n < 4; n++) yield* start(Group.go(group, Effect.never))
    expect(active()).toEqual([1, 3])
    yield* Group.setLimit(group, "unbounded")
    yield* settle
    expect(active()).toEqual([4, 0])
    yield* Group.setLimit(group, 5)
    for (let n = 0; n < 3; n++) yield* start(Group.go(group, Effect.never))
    expect(active()).toEqual([5, 2])
    yield* Group.setLimit(group, 6)
    yield* settle
    expect(active()).toEqual([6, 1])
  })))

describe("places that failures have freed (G8)", () => {
  test("are given to as many pending calls in the next turn, and to no more", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make<string>({ limit: 3, onFailure: "continue" })
      const gates = yield* Effect.all([1, 2, 3].map(() => Deferred.make<void>()))
      for (const gate of gates) yield* Group.go(group, Effect.andThen(Deferred.await(gate), Effect.fail("planned")))
      let begun = 0
      const work = Effect.andThen(Effect.sync(() => begun++), Effect.never)
      for (let n = 0; n < 5; n++) yield* start(Group.go(group, work))
      yield* Effect.suspend(() =>
        Effect.andThen(Deferred.succeed(gates[0]!, undefined), Deferred.succeed(gates[1]!, undefined))
      )
      expect(begun).toBe(0)
      expect(Group.stats(group)).toMatchObject({ active: 1, waiting: 5 })
      yield* settle
      expect(begun).toBe(2)
      yield* Deferred.succeed(gates[2]!, undefined)
      yield* settle
      expect(begun).toBe(3)
      yield* Group.cancel(group)
    })))

  test("are free at once for a go where nobody waits", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make<string>({ limit: 1, onFailure: "continue" })
      yield* Group.go(group, Effect.fail("planned"))
      expect(yield* Group.tryGo(group, Effect.never)).toBe(true)
    })))

  test("of a success is given at once, also while the place of a failure in the same turn cools down", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make<string>({ limit: 2, onFailure: "continue" })
      const [fails, succeeds] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      yield* Group.go(group, Effect.andThen(Deferred.await(fails), Effect.fail("planned")))
      yield* Group.go(group, Deferred.await(succeeds))
      let begun = 0
      const work = Effect.andThen(Effect.sync(() => begun++), Effect.never)
      for (let n = 0; n < 3; n++) yield* start(Group.go(group, work))
      yield* Deferred.succeed(fails, undefined)
      yield* Deferred.succeed(succeeds, undefined)
      expect(begun).toBe(1)
      yield* settle
      expect(begun).toBe(2)
      yield* Group.cancel(group)
    })))

  test("leave none of a raised limit out, nor give any twice", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make<string>({ limit: 1, onFailure: "continue" })
      const gate = yield* Deferred.make<void>()
      yield* Group.go(group, Effect.andThen(Deferred.await(gate), Effect.fail("planned")))
      let begun = 0
      const work = Effect.andThen(Effect.sync(() => begun++), Effect.never)
      for (let n = 0; n < 6; n++) yield* start(Group.go(group, work))
      yield* Effect.suspend(() => Effect.andThen(Deferred.succeed(gate, undefined), Group.setLimit(group, 3)))
      yield* Group.setLimit(group, 4)
      expect(begun).toBe(0)
      yield* settle
      expect(begun).toBe(4)
      yield* Group.cancel(group)
    })))
})

describe("while a failure interrupts the children", () => {
  test.each([1, 2])(
    "a child that succeeds meanwhile hands its place to nobody, with %i pending calls",
    (pending) =>
      run(Effect.gen(function*() {
        const group = yield* Group.make<string>({ limit: 3 })
        const [interrupted, fails] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        yield* Group.go(group, Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined)))
        yield* Group.go(group, Effect.uninterruptible(Deferred.await(interrupted)))
        yield* Group.go(group, Effect.andThen(Deferred.await(fails), Effect.fail("planned")))
        let begun = 0
        const calls: Array<Fiber.Fiber<unknown, unknown>> = []
        for (let n = 0; n < pending; n++) calls.push(yield* start(Group.go(group, Effect.sync(() => begun++))))
        yield* Deferred.succeed(fails, undefined)
        for (const call of calls) expect(squash(yield* Fiber.await(call))).toBe("planned")
        expect(begun).toBe(0)
        expect(Group.stats(group)).toMatchObject({ started: 3, succeeded: 1, failed: 1, interrupted: 1 })
      }))
  )

  test("a body that dies of itself is among no child's failures", () =>
    run(Effect.gen(function*() {
      let group: Group.Group<string> | undefined
      const exit = yield* Effect.exit(Group.scoped({}, (it: Group.Group<string>) => {
        group = it
        return Effect.die("a bug")
      }))
      expect(squash(exit)).toBe("a bug")
      expect(Group.failures(group!)).toEqual([])
    })))
})

test("a child that cancels its group as it begins waits for a child that waits for the group", () =>
  run(Effect.gen(function*() {
    const group = yield* Group.make()
    const gate = yield* Deferred.make<void>()
    const unstoppable = <A, E>(effect: Effect.Effect<A, E>) =>
      Group.go(group, Effect.ignore(Effect.uninterruptible(effect)))
    let [hasEnded, sawEnd] = [false, false]
    yield* unstoppable(Deferred.await(gate))
    yield* unstoppable(
      Effect.andThen(
        Effect.exit(Group.wait(group)),
        Effect.andThen(turns(3), Effect.sync(() => void (hasEnded = true)))
      )
    )
    yield* unstoppable(Effect.andThen(Group.cancel(group), Effect.sync(() => void (sawEnd = hasEnded))))
    expect(hasEnded).toBe(false)
    yield* Deferred.succeed(gate, undefined)
    yield* settle
    expect([hasEnded, sawEnd]).toEqual([true, true])
  })))

test("after the body has ended as well, a go in a failed group still fails with the failure", () =>
  run(Effect.gen(function*() {
    let refusal: unknown
    const late = (group: Group.Group<string>) =>
      Effect.andThen(
        turns(3),
        Effect.map(Effect.exit(Group.tryGo(group, Effect.void)), (exit) => (refusal = squash(exit)))
      )
    const exit = yield* Effect.exit(Group.scoped({}, (group: Group.Group<string>) =>
      Effect.gen(function*() {
        yield* Group.go(group, Effect.onInterrupt(Effect.never, () => late(group)))
        yield* Group.go(group, Effect.andThen(Effect.yieldNow, Effect.fail("planned")))
        return yield* Effect.never
      })))
    expect([squash(exit), refusal]).toEqual(["planned", "planned"])
  })))

describe("a fiber waits for the children", () => {
  const working = (group: Group.Group<never>) =>
    Effect.map(Deferred.make<void>(), (gate) => ({
      done: Deferred.succeed(gate, undefined),
      go: Group.go(group, Deferred.await(gate))
    }))

  test("also after a child that waited, too, was interrupted", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make()
      const [first, second] = [yield* working(group), yield* working(group)]
      yield* first.go
      yield* second.go
      const child = yield* Group.fork(group, Group.wait(group))
      yield* Fiber.interrupt(child)
      const other = yield* Group.fork(group, Group.wait(group))
      yield* first.done
      yield* settle
      expect(other.pollUnsafe()).toBe(undefined)
      yield* second.done
      yield* Fiber.join(other)
    })))

  test("also if it begins to wait while a child begins, and is no child itself", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make()
      const [work, begins] = [yield* working(group), yield* Deferred.make<void>()]
      const outsider = yield* start(Effect.andThen(Deferred.await(begins), Group.wait(group)))
      yield* Group.go(group, Effect.andThen(Deferred.succeed(begins, undefined), Effect.yieldNow))
      yield* work.go
      yield* settle
      expect(outsider.pollUnsafe()).toBe(undefined)
      yield* work.done
      yield* Fiber.join(outsider)
    })))

  test("once more, if it starts another child as soon as it goes on, before those who wait with it", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make()
      const [first, second] = [yield* working(group), yield* working(group)]
      yield* first.go
      const again = yield* start(
        Effect.andThen(Group.wait(group), Effect.andThen(second.go, Group.wait(group)))
      )
      const once = yield* start(Group.wait(group))
      yield* first.done
      yield* settle
      expect([again.pollUnsafe(), once.pollUnsafe()?._tag]).toEqual([undefined, "Success"])
      yield* second.done
      yield* Fiber.join(again)
    })))
})

test("an error of a child whose scope closes is no defect of the close", () =>
  run(Effect.gen(function*() {
    const scope = yield* Scope.make()
    const group = yield* Scope.provide(Group.make<string>(), scope)
    yield* Group.go(group, Effect.onInterrupt(Effect.never, () => Effect.fail("planned")))
    expect(yield* Effect.exit(Scope.close(scope, Exit.void))).toEqual(Exit.void)
    expect(Group.failures(group).map(Cause.squash)).toEqual(["planned"])
  })))

test("failures is a copy: later failures are not in it", () =>
  run(Effect.gen(function*() {
    const group = yield* Group.make<string>({ onFailure: "continue" })
    yield* Group.go(group, Effect.fail("first"))
    const failures = Group.failures(group)
    yield* Group.go(group, Effect.fail("second"))
    expect([failures.length, Group.failures(group).length]).toEqual([1, 2])
  })))
