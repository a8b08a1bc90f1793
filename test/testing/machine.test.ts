/** What a run does with what was decided, and what a chooser is asked. */
import { Deferred, Effect, Fiber, Latch } from "effect"
import * as assert from "node:assert/strict"
import { explore, type ExploreOptions, replay, type Scenario, scenario } from "sluice/testing"
import type { Chooser, Situation } from "sluice/testing/Chooser"
import { DepthFirst } from "sluice/testing/choosers/DepthFirst"
import { Replay } from "sluice/testing/choosers/Replay"
import { randomChooser } from "sluice/testing/choosers/strategies"
import { drive } from "sluice/testing/drive"
import type { Lane } from "sluice/testing/Lane"
import { Machine } from "sluice/testing/Machine"
import { program } from "sluice/testing/Scenario"
import { describe, expect, test } from "vitest"
import { turns } from "../support/effect.js"

const exhaustive = (preemptions: number, cancels: number) => ({ strategy: { exhaustive: { preemptions, cancels } } })

const found = (self: Scenario, options: ExploreOptions = {}) => {
  const { failure } = explore(self, options)
  return failure === undefined ? undefined : `${failure.kind}: ${failure.message}`
}

describe("a run", () => {
  test("numbers actors of one name, in each run anew", () => {
    const self = scenario((t) =>
      Effect.andThen(
        Effect.forEach(["a", "a", "b", "a"], (name) => t.actor(name, Effect.never, { cancel: false })),
        t.settled
      )
    )
    for (const seed of [1, 2]) expect(found(self, { seed })).toBe("deadlock: a, a#2, b and a#3 wait forever")
  })

  test("keeps its first problem", () => {
    const self = scenario((t) => Effect.andThen(t.always(() => false, "first"), t.always(() => false, "second")))
    expect(found(self)).toBe("expectation: first")
  })

  test("asks `always` after each turn, from when it is given, and no other run's", () => {
    let calls = 0
    const self = scenario((t) =>
      Effect.gen(function*() {
        let n = 0
        yield* t.actor("a", Effect.forEach([1, 2, 3], () => Effect.andThen(Effect.sync(() => n++), Effect.yieldNow)))
        yield* t.always(() => (calls++, n < 3), "three")
      })
    )
    expect(found(self, { realism: "suspension", cancels: 0 })).toBe("expectation: three")
    calls = 0
    replay(self, "s1:")
    // After main and each of three turns, in the run and in the one for the trace.
    expect(calls).toBe(8)
  })

  test("goes on for as many timers as an actor needs", () => {
    const self = scenario((t) =>
      Effect.gen(function*() {
        let ended = false
        const all = Effect.forEach(Array.from({ length: 100 }), () => Effect.sleep(1), { discard: true })
        yield* t.actor("a", Effect.andThen(all, Effect.sync(() => (ended = true))), { cancel: false })
        yield* t.settled
        yield* t.expect(ended, "given up")
      })
    )
    expect(found(self, { runs: 5 })).toBeUndefined()
  })

  test("resumes no fiber of an earlier run", () => {
    const gate = Deferred.makeUnsafe<void>()
    const resumed: Array<number> = []
    const lanes: Array<ReadonlyArray<Lane>> = []
    const passive = new Replay([])
    const chooser: Chooser = {
      begin: (situation) => {
        lanes.push(situation.lanes)
        passive.begin(situation)
      },
      preempt: () => false,
      nested: () => false,
      next: () => passive.next(),
      choose: () => 0
    }
    const bodyOf = (run: number) =>
      program(scenario((t) =>
        Effect.gen(function*() {
          yield* t.actor("a", Effect.andThen(Deferred.await(gate), Effect.sync(() => resumed.push(run))))
          yield* Effect.yieldNow
          yield* t.expect(run === 2, "the first run ends before the gate opens")
          Deferred.doneUnsafe(gate, Effect.void)
        })
      ))
    const machine = new Machine(2_000, "contract")
    const problems = [1, 2].map((run) => drive(machine.run(bodyOf(run), chooser)).problem?.kind)
    expect(problems).toEqual(["expectation", undefined])
    expect(resumed).toEqual([2])
    expect(lanes.map((all) => all.map(({ name }) => name))).toEqual([["main", "a"], ["main", "a", "close"]])
  })

  test("takes the first of a choice after `settled`, which no schedule decides", () => {
    const self = scenario((t) =>
      Effect.gen(function*() {
        yield* t.settled
        yield* t.expect(yield* t.choose([true, false]), "the second")
      })
    )
    expect(found(self)).toBeUndefined()
    expect(explore(self, exhaustive(0, 0))).toMatchObject({ runs: 1, exhausted: true, failure: undefined })
  })

  test("interrupts from within only the fiber that the key names", () => {
    const self = scenario((t) =>
      Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        let [taken, seen] = [0, 0]
        yield* Effect.forkScoped(Deferred.await(gate), { startImmediately: true })
        const take = Effect.sync(() => {
          taken++
          Deferred.doneUnsafe(gate, Effect.void)
        })
        const taker = Effect.andThen(Effect.yieldNow, Effect.flatMap(take, () => Effect.sync(() => seen++)))
        yield* t.actor("taker", taker)
        yield* t.settled
        yield* t.expect(taken <= seen, "taken and lost")
      })
    )
    const { failure } = explore(self)
    const [nested] = failure!.schedule
    expect(nested).toMatchObject({ kind: "nested" })
    expect(replay(self, [nested!]).failure?.message).toBe("taken and lost")
    expect(replay(self, [{ ...nested!, pick: 0 }]).failure).toBeUndefined()
  })
})

describe("exhaustive", () => {
  test("a fiber that never resumes may be interrupted, and may also not be", () => {
    const self = scenario((t) => Effect.andThen(t.actor("a", Effect.never), t.settled))
    expect(found(self, exhaustive(0, 1))).toBe("deadlock: a waits forever")
  })

  test("an uninterruptible stretch has one interrupt, however long it is", () => {
    const steps = Effect.forEach(Array.from({ length: 50 }), () => Effect.sync(() => {}), { discard: true })
    const self = scenario((t) => t.actor("a", Effect.uninterruptible(steps)))
    const { exhausted, runs } = explore(self, exhaustive(0, 1))
    expect(exhausted).toBe(true)
    expect(runs).toBeLessThan(10)
  })

  test("a stop before an operation that only prepares its own fiber's continuation is left out", () => {
    const chain = (n: number): Effect.Effect<unknown> =>
      n === 0 ? Effect.void : Effect.flatMap(Effect.void, () => chain(n - 1))
    const self = scenario((t) =>
      Effect.forEach(["a", "b"], (name) => t.actor(name, chain(10), { cancel: false }), { discard: true })
    )
    const { exhausted, runs } = explore(self, exhaustive(1, 0))
    expect(exhausted).toBe(true)
    expect(runs).toBeLessThan(30)
  })

  test("a preemption before which another fiber is interrupted counts as one", () => {
    const self = scenario((t) =>
      Effect.gen(function*() {
        const steps = Effect.forEach([1, 2, 3], () => Effect.sync(() => {}), { discard: true })
        yield* t.actor("a", steps, { cancel: false })
        yield* t.actor("b", Effect.andThen(Effect.yieldNow, steps))
      })
    )
    const machine = new Machine(2_000, "contract")
    const bounds = { preemptions: 1, cancels: 1 }
    for (const { decisions } of enumerate(self, machine, bounds)) {
      const isOwn = ({ fiber, operation }: { readonly fiber: number; readonly operation: number }) =>
        decisions.some((other) =>
          other.kind === "interrupt" && other.fiber === fiber && other.operation === operation && other.pick === fiber
        )
      expect(decisions.filter((decision) => decision.kind === "preempt" && !isOwn(decision)).length).toBeLessThan(2)
    }
  })

  test("a fiber that is interrupted where it yields leaves the preemptions to the others", () => {
    const steps = Effect.andThen(Effect.sync(() => {}), Effect.sync(() => {}))
    const self = scenario((t) =>
      Effect.gen(function*() {
        yield* t.actor("a", steps)
        for (const name of ["b", "c"]) yield* t.actor(name, steps, { cancel: false })
      })
    )
    const outcomes = enumerate(self, new Machine(2_000, "contract"), { preemptions: 1, cancels: 1 })
    const kinds = outcomes.map(({ decisions }) =>
      decisions.filter(({ kind }) => kind !== "go").map(({ fiber, kind, pick }) =>
        kind === "interrupt" && fiber !== pick ? "interrupt of another" : kind
      ).join()
    )
    expect(kinds).toContain("preempt,interrupt,preempt")
    expect(kinds).toContain("preempt,preempt,interrupt")
    expect(kinds).not.toContain("preempt,preempt")
    expect(kinds).not.toContain("preempt,interrupt of another,preempt")
  })

  test("an uninterruptible stretch has its interrupt in each order of the fibers", () => {
    // A run ends within the stretch, since a failure leaves it without another operation.
    const fails = Effect.uninterruptible(Effect.andThen(Effect.sync(() => {}), Effect.fail("no")))
    const self = scenario((t) => Effect.forEach(["a", "b"], (name) => t.actor(name, fails), { discard: true }))
    const schedules = enumerate(self, new Machine(2_000, "contract"), { preemptions: 0, cancels: 1 })
      .map(({ decisions }) => decisions.map(({ kind, pick }) => `${kind} ${pick}`).join())
    for (const first of ["", "go 1,"]) {
      for (const fiber of [1, 2]) expect(schedules).toContain(`${first}preempt 0,interrupt ${fiber}`)
    }
  })

  test("of two fibers that a task resumes, as many may be preempted as the bound allows", () => {
    const waiters = ["a", "b", "c"]
    const self = scenario((t) =>
      Effect.gen(function*() {
        const latch = yield* Latch.make(false)
        for (const name of waiters) yield* t.actor(name, Effect.andThen(latch.await, Effect.void), { cancel: false })
        yield* t.actor("opener", Effect.andThen(Effect.yieldNow, latch.open), { cancel: false })
      })
    )
    const most = [1, 2].map((preemptions) =>
      Math.max(
        ...enumerate(self, new Machine(2_000, "contract"), { preemptions, cancels: 0 })
          .map(({ decisions }) => decisions.filter(({ kind }) => kind === "preempt").length)
      )
    )
    expect(most).toEqual([1, 2])
  })

  test("a fiber that yields within a task may be the next to go, before those that have been ready for longer", () => {
    const orders = new Set<string>()
    const self = scenario((t) =>
      Effect.gen(function*() {
        let log = ""
        const note = (name: string) => Effect.sync(() => void (log += name))
        let resume: (effect: Effect.Effect<void>) => void = () => {}
        const waiter = Effect.andThen(Effect.callback<void>((r) => void (resume = r)), note("w"))
        yield* t.actor("waiter", waiter, { cancel: false })
        const wake = Effect.withFiber<void>((fiber) => {
          fiber.currentDispatcher.scheduleTask(() => {
            fiber.currentDispatcher.scheduleTask(() => void (log += "o"), 0)
            resume(Effect.void)
            log += "t"
          }, 0)
          return Effect.void
        })
        yield* t.actor("waker", Effect.andThen(Effect.sleep(1), wake), { cancel: false })
        yield* t.settled
        orders.add(log)
      })
    )
    explore(self, exhaustive(1, 0))
    expect([...orders].sort()).toEqual(["tow", "two", "wto"])
  })
})

test("a decision's turn counts from the fiber's latest operation", () => {
  const self = scenario((t) =>
    Effect.forEach(["a", "b", "c"], (name) => t.actor(name, turns(3), { cancel: false }), { discard: true })
  )
  const outcomes = enumerate(self, new Machine(2_000, "contract"), { preemptions: 0, cancels: 0 })
  expect(outcomes.length).toBeGreaterThan(1)
  // Each turn here begins with an operation.
  for (const { decisions } of outcomes) expect(decisions.filter(({ turn }) => turn !== 0)).toEqual([])
})

/** Every outcome within the bounds. */
const enumerate = (self: Scenario, machine: Machine, bounds: ConstructorParameters<typeof DepthFirst>[0]) => {
  const enumeration = new DepthFirst(bounds)
  const body = program(self)
  const all = [drive(machine.run(body, enumeration, { recorder: enumeration }))]
  while (enumeration.advance()) all.push(drive(machine.run(body, enumeration, { recorder: enumeration })))
  return all
}

describe("the questions to a chooser", () => {
  const busy = scenario((t) =>
    Effect.gen(function*() {
      const step = Effect.andThen(Effect.sync(() => {}), Effect.andThen(Effect.yieldNow, Effect.sync(() => {})))
      const a = yield* t.actor("a", step)
      const b = yield* t.actor("b", Effect.andThen(Fiber.await(a), step))
      yield* t.actor("c", Effect.andThen(step, Fiber.await(b)))
    })
  )

  /** Lets chance decide a hundred runs, and looks on. */
  const watched = (
    strategy: "portfolio" | "random",
    cancels: number,
    watch: (situation: () => Situation, chance: Chooser) => Chooser
  ) => {
    const machine = new Machine(2_000, "contract")
    let situation!: Situation
    const watching = watch(() => situation, randomChooser(strategy, 1, cancels))
    const chooser: Chooser = {
      ...watching,
      begin: (of) => {
        situation = of
        watching.begin(of)
      }
    }
    const body = program(busy)
    return Array.from({ length: 100 }, () => drive(machine.run(body, chooser)))
  }
  const passing = (chance: Chooser): Chooser => ({
    begin: (situation) => chance.begin(situation),
    preempt: (lane) => chance.preempt(lane),
    nested: (outer, inner) => chance.nested(outer, inner),
    next: () => chance.next(),
    choose: (options) => chance.choose(options)
  })

  test("no fiber that has ended is interrupted from within", () => {
    let asked = 0
    watched("portfolio", 8, (_, chance) => ({
      ...passing(chance),
      nested: (outer, inner) => {
        asked++
        assert.equal(outer.fiber.pollUnsafe(), undefined)
        return chance.nested(outer, inner)
      }
    }))
    expect(asked).toBe(0)
  })

  test("each actor starts with an entry of its own in the queue", () => {
    const starts = new Set<string>()
    watched("random", 0, (situation, chance) => ({
      ...passing(chance),
      next: () => {
        for (const { lane } of situation().ready) if (lane?.operations === 0) starts.add(lane.name)
        return chance.next()
      }
    }))
    expect([...starts].sort()).toEqual(["a", "b", "c"])
  })

  test("after a preemption the walk goes on with another fiber, any of those there are", () => {
    let preempted: Lane | undefined
    const chosen = new Set<boolean>()
    watched("random", 0, (situation, chance) => ({
      ...passing(chance),
      preempt: (lane) => {
        const yields = chance.preempt(lane)
        if (yields) preempted = lane
        return yields
      },
      next: () => {
        const index = chance.next()
        const others = situation().ready.filter((entry) => entry !== preempted?.parked)
        if (preempted !== undefined && others.length > 1) {
          const entry = situation().ready[index]
          assert.notEqual(entry, preempted.parked)
          chosen.add(entry === others.at(-1))
        }
        preempted = undefined
        return index
      }
    }))
    expect(chosen.size).toBe(2)
  })

  test.each(["random", "sticky"] as const)("%s preempts within a task though nobody is ready", (strategy) => {
    const self = scenario((t) =>
      Effect.gen(function*() {
        const seen = { begun: false, early: false }
        let resume: (effect: Effect.Effect<void>) => void = () => {}
        const waiter = Effect.andThen(
          Effect.callback<void>((r) => void (resume = r)),
          Effect.sync(() => (seen.begun = true))
        )
        yield* t.actor("waiter", waiter, { cancel: false })
        const wake = Effect.withFiber<void>((fiber) => {
          fiber.currentDispatcher.scheduleTask(() => {
            resume(Effect.void)
            seen.early = !seen.begun
          }, 0)
          return Effect.void
        })
        yield* t.actor("waker", Effect.andThen(Effect.sleep(1), wake), { cancel: false })
        yield* t.settled
        yield* t.expect(!seen.early, "the waiter has not gone on")
      })
    )
    expect(found(self, { strategy, cancels: 0 })).toBe("expectation: the waiter has not gone on")
  })
})
