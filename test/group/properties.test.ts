/** The laws of `Group` over random workloads, schedules and cancellations, and over every schedule of small ones. */
import { Cause, type Context, Effect, Exit, Fiber, Scope } from "effect"
import { identity } from "effect/Function"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { isDeepStrictEqual } from "node:util"
import { Group } from "sluice"
import { type Scenario, scenario } from "sluice/testing"
import { describe, test } from "vitest"
import { exhausted, history } from "../scenarios/group.js"
import { isInterrupted, turns } from "../support/effect.js"
import { holds, holdsWithin, lawsOf } from "../support/property.js"

/**
 * The plan of a child: it takes `work` turns, or runs a nested group; then it may ask something of its own group; then
 * it ends; then its finalizer takes `cleanup` turns.
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
  readonly start: "go" | "tryGo" | "fork" | "forEach"
}

const workload: fc.Arbitrary<Workload> = fc.record({
  limit: fc.constantFrom<number | "unbounded">(1, 2, 3, "unbounded"),
  onFailure: fc.constantFrom("cancel", "cancel", "continue"),
  children: children(1),
  start: fc.constantFrom("go", "go", "tryGo", "fork", "forEach", "forEach")
})

/** Counts what begins and ends, by itself and not by asking the group. */
class Census {
  began = 0
  ended = 0
  readonly running = new Set<object>()
  /** How many have freed places otherwise than by a success, whom the group has had no turn to follow. */
  cooling = 0
  /** They have, now; by the second turn the group has followed. */
  readonly cools: Effect.Effect<void> = Effect.withFiber(({ context }) => Effect.sync(() => this.cool(context)))
  private cool(context: Context.Context<never>): void {
    this.cooling++
    Effect.runForkWith(context)(Effect.andThen(turns(2), Effect.sync(() => this.cooling--)))
  }
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
    const all = Effect.uninterruptibleMask((restore) => {
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
    if (!top) return all
    return Effect.withFiber((fiber) => {
      const { context } = fiber
      // One that is interrupted as it succeeds is interrupted.
      fiber.addObserver((exit) => {
        if (Exit.isFailure(exit)) this.cool(context)
      })
      return all
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

/** Starts the children of a workload, one call for each or one for all of them; `call` is around each. */
const startAll = (
  group: Group.Group<string>,
  { children, start }: Workload,
  child: (spec: Child) => Effect.Effect<unknown, string>,
  call: (effect: Effect.Effect<unknown, string>) => Effect.Effect<unknown, string> = identity
): Effect.Effect<unknown, string> => {
  if (start === "forEach") return call(Group.forEach(group, children, child))
  const one = (effect: Effect.Effect<unknown, string>): Effect.Effect<unknown, string> =>
    start === "go"
      ? Group.go(group, effect)
      : start === "tryGo"
      ? Group.tryGo(group, effect)
      : Group.fork(group, effect)
  return Effect.forEach(children, (spec) => call(one(child(spec))), { discard: true })
}

/** Checks inside an actor: an error thrown there would be one more defect of the program's. */
class Violations {
  private first: string | undefined

  expect(condition: boolean, message: string): void {
    if (!condition) this.first ??= message
  }

  /** None so far. */
  none(): true {
    assert.equal(this.first, undefined)
    return true
  }
}

interface Limited {
  readonly work: Workload
  readonly limits: ReadonlyArray<number>
}

/**
 * The producer starts the children, waits, and closes the scope as it ends. Others wait; move the limit; start one
 * child, and interrupt it; and the last, which is never interrupted, cancels in the end, so that nothing waits forever.
 *
 * On the stock runtime's terms no fiber stops between what it sees and what it does about it, and more can be said.
 */
const simulate = ({ limits, work }: Limited, stock: boolean): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const violations = new Violations()
      const census = new Census()
      const scope = yield* Scope.make()
      const group = yield* Group.make<string>({ limit: work.limit, onFailure: work.onFailure }).pipe(
        Scope.provide(scope)
      )
      census.group = group
      census.close = Scope.close(scope, Exit.void)
      let highest: number = work.limit === "unbounded" ? Infinity : work.limit

      census.onBegin = () => {
        violations.expect(census.running.size <= highest, "more children than the limit")
        if (stock) violations.expect(Group.stats(group).state === "open", "a child began in a group that is over")
      }

      const checkWait = Effect.onExitPrimitive(Group.wait(group), (exit) => {
        if (isInterrupted(exit)) return undefined
        if (stock) violations.expect(census.nothingRuns, "wait returned and a child still runs")
        const first = Group.failures(group)[0]
        const cause = Exit.isFailure(exit) ? exit.cause : undefined
        // Preempted after it returned, this check may see a failure that came later.
        const exactly = cause === first ||
          (cause === undefined ? !stock : first !== undefined && Cause.hasInterrupts(cause) &&
            isDeepStrictEqual(essence(cause), essence(first)))
        violations.expect(exactly, "wait reports something else than the first failure")
        return undefined
      })

      /** Starts a child, and checks what becomes of that in a group that is over (G3). */
      const checkStart = (call: Effect.Effect<unknown, string>) =>
        Effect.suspend(() => {
          const before = Group.stats(group).state
          return Effect.onExitPrimitive(call, (exit) => {
            if (before === "open" || isInterrupted(exit)) return undefined
            const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
            const expected = before === "failed"
              // Cancelled in the meantime, it dies of that.
              ? isDeepStrictEqual(essence(cause), essence(Group.failures(group)[0]!)) ||
                (!stock && Cause.squash(cause) instanceof Group.GroupClosed)
              : Cause.squash(cause) instanceof Group.GroupClosed
            violations.expect(expected, `a start in a ${before} group ended as ${String(exit)}`)
            return undefined
          })
        })

      const producer = Effect.onExit(
        Effect.gen(function*() {
          yield* startAll(group, work, (spec) => census.child(spec, true), checkStart)
          yield* checkWait
        }),
        (exit) => Scope.close(scope, exit)
      )
      const limiter = Effect.gen(function*() {
        for (const limit of limits) {
          yield* turns(2)
          highest = Math.max(highest, limit)
          yield* Effect.uninterruptible(Effect.andThen(Group.setLimit(group, limit), census.cools))
        }
      })
      const interrupter = Effect.gen(function*() {
        const spec: Child = { work: 2, end: "succeed", cleanup: 1, cleanupDies: false, nested: [] }
        const fiber = yield* Group.fork(group, census.child(spec, true))
        yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
      })

      let before = Group.stats(group)
      yield* t.always(() => {
        // G3: nothing starts in a group that is over.
        if (before.state !== "open") {
          assert.equal(Group.stats(group).started, before.started, "started in a group that is over")
        }
        before = Group.stats(group)
        const { active, failed, interrupted, limit, started, state, succeeded, waiting } = before
        // G5: nobody waits in a group that is over, nor, once the turn of G8 has come, for a place that is free.
        if (waiting > 0) assert.equal(state, "open")
        const due = stock && census.cooling === 0
        if (waiting > 0 && due) assert.ok(active >= Number(limit), "waits beside a free place")
        // A place is held from its grant, which is before the start, to the end: so the ledger never shows less.
        assert.ok(started <= succeeded + failed + interrupted + active, "a child is in no account")
        assert.ok(census.running.size <= active, "a child runs without a place")
        assert.equal(failed, Group.failures(group).length)
        return violations.none()
      }, "the group and its ledger differ")

      yield* t.actor("producer", producer, { mayDie: true })
      yield* t.actor("waiter", checkWait, { mayDie: true })
      yield* t.actor("limiter", limiter, { mayDie: true })
      yield* t.actor("interrupter", interrupter, { mayDie: true })
      yield* t.actor("canceller", Effect.andThen(turns(40), Group.cancel(group)), { cancel: false })
      yield* t.settled
      // If its first fiber was interrupted before it began, it is still to be closed.
      yield* Effect.exit(Scope.close(scope, Exit.void))
      assert.ok(census.nothingRuns)
      const { active, failed, interrupted, started, state, succeeded, waiting } = Group.stats(group)
      assert.deepEqual({ active, waiting, state }, { active: 0, waiting: 0, state: "closed" })
      assert.equal(started, succeeded + failed + interrupted)
      // G1: in the order in which they ended, each exactly as it was. A preempted child may end later than recorded.
      const [seen, recorded] = [Group.failures(group).map(essence), census.failed.map(essence)]
      assert.deepEqual(stock ? seen : seen.toSorted(), stock ? recorded : recorded.toSorted())
    })
  )

const limited: fc.Arbitrary<Limited> = fc.record({
  work: workload,
  limits: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 })
})

interface Nursery {
  readonly work: Workload
  readonly end: "succeed" | "fail" | "never"
}

/** `scoped`: nothing runs once it has returned, and it fails as the first child did. */
const nursery = ({ end, work }: Nursery): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const census = new Census()
      const violations = new Violations()
      yield* t.always(() => violations.none(), "a violation")
      let group: Group.Group<string> | undefined
      let exit: Exit.Exit<unknown, unknown> | undefined
      const scoped = Group.scoped({ limit: work.limit, onFailure: work.onFailure }, (g: Group.Group<string>) => {
        group = g
        census.group = g
        return Effect.gen(function*() {
          yield* startAll(g, work, (spec) => census.child(spec, true))
          yield* turns(3)
          violations.expect(Group.stats(g).state !== "failed", "the body went on after a child's failure")
          return yield* { succeed: Effect.succeed("body"), fail: Effect.fail("body"), never: turns(30) }[end]
        })
      })
      // The clock moves when nothing can run: only what waits forever is cancelled.
      const cancel = Effect.andThen(Effect.sleep(1), Effect.suspend(() => group ? Group.cancel(group) : Effect.void))
      const returned = Effect.onExitPrimitive(scoped, (ended) => {
        exit = ended
        violations.expect(census.nothingRuns, "scoped returned and a child still runs")
        return undefined
      })
      yield* t.actor("scoped", returned, { mayDie: true })
      yield* t.actor("canceller", cancel, { cancel: false })
      yield* t.settled
      if (group === undefined || exit === undefined) return
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
    })
  )

describe("over random workloads, schedules and cancellations", () => {
  test("on the stock runtime's terms: G1 to G6", () => {
    holds(limited, (work) => simulate(work, true), { realism: "nested", cancels: 4, workloads: 1_500 })
  })

  test("preempted and interrupted at any operation: G1 to G6", () => {
    holds(limited, (work) => simulate(work, false), { realism: "contract", cancels: 4, workloads: 1_500 })
  })

  test("scoped: nothing runs once it has returned, and it fails as the first child did", () => {
    const work = fc.record<Nursery>({ work: workload, end: fc.constantFrom("succeed", "fail", "never") })
    holds(work, nursery, { realism: "contract", cancels: 3, workloads: 1_500 })
  })

  test("the order of admissions can be explained one after the other", () => {
    const actor = fc.record({
      kind: fc.constantFrom("go", "go", "tryGo", "setLimit"),
      n: fc.integer({ min: 1, max: 3 }),
      work: fc.nat(2)
    })
    holds(fc.array(actor, { minLength: 2, maxLength: 5 }), history, {
      realism: "contract",
      cancels: 2,
      workloads: 1_000
    })
  })
})

// With two preemptions these have 28,000 schedules, and 50,000.
const many = ["forEach, setLimit", "forEach, cancel"]

lawsOf(exhausted, {
  bounds: (name) => ({ preemptions: many.includes(name) ? 1 : 2, cancels: 1 }),
  runs: 1_000
})

test("over every schedule with two interrupts: cancel and scoped", () => {
  for (const self of [exhausted["cancel"]!, exhausted["scoped"]!]) holdsWithin(self, { preemptions: 0, cancels: 2 })
})
