/** The laws of `Group` over random workloads, schedules and cancellations. */
import { Cause, Effect, Exit, Fiber, Scope } from "effect"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { isDeepStrictEqual } from "node:util"
import { Group } from "sluice"
import { describe, expect, test } from "vitest"
import { anyPlan, runs, stockPlan } from "./support/arbitraries.js"
import { Controlled, type Plan } from "./support/controlled.js"
import { isInterrupted, turns } from "./support/effect.js"

/**
 * What a child does: `work` turns, or a nested group; then it may ask something of its own group; then it ends; then its
 * finalizer takes `cleanup` turns.
 */
interface Child {
  readonly work: number
  readonly ask?: "nothing" | "wait" | "cancel" | "close"
  readonly end: "succeed" | "fail" | "die" | "never" | "interrupt"
  readonly cleanup: number
  readonly cleanupDies: boolean
  readonly nested: ReadonlyArray<Child>
}

const children = (depth: number): fc.Arbitrary<ReadonlyArray<Child>> =>
  fc.array(
    fc.record({
      work: fc.nat(3),
      ask: fc.constantFrom("nothing", "nothing", "nothing", "nothing", "wait", "cancel", "close"),
      end: fc.constantFrom("succeed", "succeed", "fail", "die", "never", "interrupt"),
      cleanup: fc.nat(2),
      cleanupDies: fc.constantFrom(false, false, false, true),
      nested: depth === 0 ? fc.constant([]) : children(depth - 1)
    }),
    { maxLength: depth === 0 ? 2 : 4 }
  )

interface Workload {
  readonly limit: number | "unbounded"
  readonly onFailure: "cancel" | "continue"
  readonly children: ReadonlyArray<Child>
  readonly start: "go" | "tryGo" | "fork"
}

const workload: fc.Arbitrary<Workload> = fc.record({
  limit: fc.constantFrom<number | "unbounded">(1, 2, 3, "unbounded"),
  onFailure: fc.constantFrom("cancel", "cancel", "continue"),
  children: children(1),
  start: fc.constantFrom("go", "go", "tryGo", "fork")
})

/** Counts what begins and ends, by itself and not by asking the group. */
class Census {
  began = 0
  ended = 0
  readonly running = new Set<object>()
  /** The causes of failed children of the group itself, in the order in which they ended. */
  readonly failed: Array<Cause.Cause<unknown>> = []
  onBegin: () => void = () => {}
  /** The group under test, and what closes its scope, for the children that ask something of it. */
  group: Group.Group<string> | undefined = undefined
  close: Effect.Effect<void> = Effect.void

  private ask(ask: Child["ask"]): Effect.Effect<void, string> {
    if (this.group === undefined) return Effect.void
    switch (ask) {
      case "wait":
        return Group.wait(this.group)
      case "cancel":
        return Group.cancel(this.group)
      case "close":
        return this.close
      case "nothing":
      case undefined:
        return Effect.void
    }
  }

  /** A child's effect. `top` marks the children of the group under test, which are the ones it limits. */
  child(spec: Child, top: boolean): Effect.Effect<unknown, string> {
    const id = {}
    const ends = {
      succeed: Effect.succeed("ended"),
      fail: Effect.fail("planned"),
      die: Effect.die("planned"),
      never: Effect.never,
      interrupt: Effect.interrupt
    }
    const nested = spec.nested.length === 0 ?
      Effect.void :
      Group.scoped(
        { limit: 2 },
        (group: Group.Group<string>) =>
          Effect.forEach(spec.nested, (inner) => Group.go(group, this.child(inner, false)), { discard: true })
      )
    const asked = top ? Effect.suspend(() => this.ask(spec.ask)) : Effect.void
    const body = Effect.andThen(Effect.andThen(turns(spec.work), nested), Effect.andThen(asked, ends[spec.end]))
    const finalize = Effect.andThen(turns(spec.cleanup), spec.cleanupDies ? Effect.die("cleanup") : Effect.void)
    return Effect.uninterruptibleMask((restore) => {
      this.began++
      if (top) {
        this.running.add(id)
        this.onBegin()
      }
      return Effect.onExitPrimitive(Effect.onExit(restore(body), () => finalize), (exit) => {
        this.ended++
        this.running.delete(id)
        if (top && Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) this.failed.push(exit.cause)
        return undefined
      }, true)
    })
  }

  /** Every child that began has ended, once. */
  get nothingRuns(): boolean {
    return this.running.size === 0 && this.began === this.ended
  }
}

/**
 * A cause without its interruptions. The runtime adds one to whatever a fiber fails with that is interrupted on its way
 * out; of a child, or of the fiber that waits for it, that is an interruption from outside and belongs there (G4).
 */
const essence = (cause: Cause.Cause<unknown>): ReadonlyArray<unknown> =>
  cause.reasons.filter((reason) => reason._tag !== "Interrupt").map((reason) =>
    reason._tag === "Fail" ? ["Fail", reason.error] : ["Die", reason.defect]
  )

const start = (group: Group.Group<string>, how: Workload["start"], effect: Effect.Effect<unknown, string>) =>
  how === "go" ? Group.go(group, effect) : how === "tryGo" ? Group.tryGo(group, effect) : Group.fork(group, effect)

/**
 * Actor 0 starts the children, waits, and closes the scope as it ends. Actor 1 waits; 2 moves the limit; 3 starts one
 * child, and interrupts it; 4, which no plan interrupts, cancels in the end, so that nothing waits for ever.
 */
const simulate = (work: Workload, limits: ReadonlyArray<number>, plan: Plan, stock: boolean) => {
  const scheduler = new Controlled(plan)
  const census = new Census()
  const scope = Scope.makeUnsafe()
  const group = Effect.runSync(
    Group.make<string>({ limit: work.limit, onFailure: work.onFailure }).pipe(Scope.provide(scope))
  )
  census.group = group
  census.close = Scope.close(scope, Exit.void)
  let highest: number = work.limit === "unbounded" ? Infinity : work.limit

  census.onBegin = () => {
    scheduler.check(census.running.size <= highest, "more children than the limit")
    if (stock) scheduler.check(Group.stats(group).state === "open", "a child began in a group that is over")
  }

  const checkWait = Effect.onExitPrimitive(Group.wait(group), (exit) => {
    if (isInterrupted(exit)) return undefined
    if (stock) scheduler.check(census.nothingRuns, "wait returned and a child still runs")
    const first = Group.failures(group)[0]
    const cause = Exit.isFailure(exit) ? exit.cause : undefined
    // Preempted after it returned, this check may see a failure that came later.
    const exactly = cause === first ||
      (cause === undefined ? !stock : first !== undefined && Cause.hasInterrupts(cause) &&
        isDeepStrictEqual(essence(cause), essence(first)))
    scheduler.check(exactly, "wait reports something else than the first failure")
    return undefined
  }, true)

  /** Starts a child, and checks what becomes of that in a group that is over (G3). */
  const checkStart = (spec: Child) =>
    Effect.suspend(() => {
      let before: Group.Stats["state"] = "open"
      const started = start(group, work.start, census.child(spec, true))
      return Effect.onExitPrimitive(
        scheduler.noting(() => (before = Group.stats(group).state), started),
        (exit) => {
          if (before === "open" || isInterrupted(exit)) return undefined
          const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
          const expected = before === "failed"
            ? isDeepStrictEqual(essence(cause), essence(Group.failures(group)[0]!))
            : Cause.squash(cause) instanceof Group.GroupClosed
          scheduler.check(expected, `a start in a ${before} group ended as ${String(exit)}`)
          return undefined
        },
        true
      )
    })

  const producer = Effect.onExit(
    Effect.gen(function*() {
      for (const spec of work.children) yield* checkStart(spec)
      yield* checkWait
    }),
    (exit) => Scope.close(scope, exit)
  )
  const limiter = Effect.gen(function*() {
    for (const limit of limits) {
      yield* turns(2)
      yield* scheduler.noting(() => (highest = Math.max(highest, limit)), Group.setLimit(group, limit))
    }
  })
  const interrupter = Effect.gen(function*() {
    const spec: Child = { work: 2, end: "succeed", cleanup: 1, cleanupDies: false, nested: [] }
    const fiber = yield* Group.fork(group, census.child(spec, true))
    yield* Effect.yieldNow
    yield* Fiber.interrupt(fiber)
  })
  const canceller = Effect.andThen(turns(40), Group.cancel(group))
  const actors = [producer, checkWait, limiter, interrupter, canceller]

  let before = Group.stats(group)
  const result = scheduler.run(actors, () => {
    // G3: nothing starts in a group that is over.
    if (before.state !== "open") {
      assert.equal(Group.stats(group).started, before.started, "started in a group that is over")
    }
    before = Group.stats(group)
    const { active, failed, interrupted, limit, started, state, succeeded, waiting } = before
    // G5: nobody waits for a place that is free, nor in a group that is over.
    if (waiting > 0) assert.ok(state === "open" && active >= Number(limit), "waits beside a free place")
    // A place is held from its grant, which is before the start, to the end: so the ledger never shows less.
    assert.ok(started <= succeeded + failed + interrupted + active, "a child is in no account")
    assert.ok(census.running.size <= active, "a child runs without a place")
    assert.equal(failed, Group.failures(group).length)
  })
  assert.deepEqual(result.stuck, [])
  assert.ok(census.nothingRuns)
  const { active, failed, interrupted, started, state, succeeded, waiting } = Group.stats(group)
  assert.deepEqual({ active, waiting, state }, { active: 0, waiting: 0, state: "closed" })
  assert.equal(started, succeeded + failed + interrupted)
  // G1: in the order in which they ended, each exactly as it was. Preempted, a child may end later than it has recorded.
  const [seen, recorded] = [Group.failures(group).map(essence), census.failed.map(essence)]
  assert.deepEqual(stock ? seen : seen.toSorted(), stock ? recorded : recorded.toSorted())
  return result
}

const limits = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 })

describe("over random schedules and cancellations", () => {
  test("on the stock runtime's terms: G1 to G6", () => {
    fc.assert(
      fc.property(workload, limits, stockPlan(4), (work, limits, plan) => void simulate(work, limits, plan, true)),
      runs(3_000)
    )
  })

  test("preempted and interrupted at any operation: G1 to G6", () => {
    fc.assert(
      fc.property(workload, limits, anyPlan(4), (work, limits, plan) => void simulate(work, limits, plan, false)),
      runs(3_000)
    )
  })

  test("scoped: nothing runs once it has returned, and it fails as the first child did", () => {
    fc.assert(
      fc.property(workload, fc.constantFrom("succeed", "fail", "never"), anyPlan(1), (work, end, plan) => {
        const census = new Census()
        const scheduler = new Controlled(plan)
        let group: Group.Group<string> | undefined
        const nursery = Group.scoped({ limit: work.limit, onFailure: work.onFailure }, (g: Group.Group<string>) => {
          group = g
          census.group = g
          return Effect.gen(function*() {
            for (const spec of work.children) yield* start(g, work.start, census.child(spec, true))
            yield* turns(3)
            scheduler.check(Group.stats(g).state !== "failed", "the body went on after a child's failure")
            return yield* { succeed: Effect.succeed("body"), fail: Effect.fail("body"), never: turns(30) }[end]
          })
        })
        const canceller = Effect.andThen(turns(60), Effect.suspend(() => group ? Group.cancel(group) : Effect.void))
        const returned = Effect.onExitPrimitive(nursery, () => {
          scheduler.check(census.nothingRuns, "scoped returned and a child still runs")
          return undefined
        }, true)
        const { exits, stuck } = scheduler.run([returned, canceller])
        assert.deepEqual(stuck, [])
        const exit = exits[0]!
        if (group === undefined) return assert.ok(isInterrupted(exit))
        assert.equal(Group.stats(group).state, "closed")
        const first = Group.failures(group)[0]
        if (Exit.isSuccess(exit)) return assert.equal(first, undefined, "a failure was swallowed")
        // It is one failure exactly, a child's or the body's, and never a mix of them (G1). Only an interruption, which
        // carries no failure of its own, may be joined by what finalizers died of.
        const failure = essence(exit.cause)
        const ends = [[], [["Fail", "body"]], ...(first ? [essence(first)] : [])]
        // Cancelled while its `go` was pending, the body dies of that.
        if (isDeepStrictEqual(failure, [["Die", new Group.GroupClosed({ group: undefined })]])) return
        const died = Cause.hasInterrupts(exit.cause) && failure.every((reason) => String(reason).startsWith("Die"))
        assert.ok(died || ends.some((end) => isDeepStrictEqual(end, failure)), `a mix: ${JSON.stringify(failure)}`)
      }),
      runs(3_000)
    )
  })
})

describe("swept over every operation", () => {
  const child = (end: Child["end"]): Child => ({ work: 1, end, cleanup: 1, cleanupDies: false, nested: [] })
  const small: ReadonlyArray<[string, Workload]> = [
    ["go", { limit: 1, onFailure: "cancel", start: "go", children: [child("succeed"), child("succeed")] }],
    ["go, failing", { limit: 1, onFailure: "cancel", start: "go", children: [child("fail"), child("never")] }],
    ["tryGo", { limit: 1, onFailure: "cancel", start: "tryGo", children: [child("succeed"), child("succeed")] }],
    ["fork", { limit: 2, onFailure: "continue", start: "fork", children: [child("die"), child("succeed")] }]
  ]
  test.each(small)(
    "%s, wait, setLimit, cancel, close: each actor interrupted at each operation, under 20 schedules",
    (_, work) => {
      for (let seed = 0; seed < 20; seed++) {
        for (let actor = 0; actor < 4; actor++) {
          let operations = Infinity
          for (let at = 1; at <= operations; at++) {
            const plan: Plan = { seed, preemption: 0.1, interrupts: [{ actor, at, unit: "operation" }] }
            operations = simulate(work, [2, 1], plan, false).operations[actor]!
          }
        }
      }
    }
  )

  test("cancel: interrupted at each operation, twice in a row, with children that take their time", () => {
    for (let seed = 0; seed < 100; seed++) {
      let operations = Infinity
      for (let at = 1; at <= operations; at++) {
        const census = new Census()
        const scope = Scope.makeUnsafe()
        const group = Effect.runSync(Group.make<string>({ limit: 2 }).pipe(Scope.provide(scope)))
        const starter = Effect.gen(function*() {
          yield* Group.go(group, census.child({ ...child("never"), cleanup: 2 }, true))
          yield* Group.go(group, census.child({ ...child("never"), cleanup: 3 }, true))
          yield* Group.go(group, census.child(child("succeed"), true))
        })
        const canceller = Effect.andThen(Effect.andThen(turns(2), Group.cancel(group)), Group.cancel(group))
        const closer = Effect.andThen(turns(15), Scope.close(scope, Exit.void))
        const scheduler = new Controlled({ seed, preemption: 0.1, interrupts: [{ actor: 0, at, unit: "operation" }] })
        const cancelled = Effect.onExitPrimitive(canceller, (exit) => {
          if (Exit.isSuccess(exit)) scheduler.check(census.nothingRuns, "cancel returned and a child still runs")
          return undefined
        }, true)
        const result = scheduler.run([cancelled, starter, closer])
        operations = result.operations[0]!
        assert.deepEqual(result.stuck, [])
        assert.ok(census.nothingRuns)
        assert.equal(Group.stats(group).active, 0)
      }
    }
  })

  test("scoped: interrupted at each operation, with a child that fails and one that never ends", () => {
    let interrupted = 0
    for (let seed = 0; seed < 100; seed++) {
      let operations = Infinity
      for (let at = 1; at <= operations; at++) {
        const census = new Census()
        const nursery = Group.scoped({}, (group: Group.Group<string>) =>
          Effect.gen(function*() {
            yield* Group.go(group, census.child({ ...child("fail"), work: 3 }, true))
            yield* Group.go(group, census.child(child("never"), true))
          }))
        const plan: Plan = { seed, preemption: 0.1, interrupts: [{ actor: 0, at, unit: "operation" }] }
        const result = new Controlled(plan).run([nursery])
        operations = result.operations[0]!
        assert.deepEqual(result.stuck, [])
        assert.ok(census.nothingRuns)
        const exit = result.exits[0]!
        assert.ok(Exit.isFailure(exit))
        if (isInterrupted(exit)) interrupted++
        else assert.deepEqual(essence(exit.cause), [["Fail", "planned"]])
      }
    }
    expect(interrupted).toBeGreaterThan(500)
  })
})
