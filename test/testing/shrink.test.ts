/** How far a failing schedule is reduced. */
import { Effect, Exit } from "effect"
import { explore, type ExploreOptions, type Scenario, scenario } from "sluice/testing"
import { DepthFirst } from "sluice/testing/choosers/DepthFirst"
import { Replay } from "sluice/testing/choosers/Replay"
import { randomChooser } from "sluice/testing/choosers/strategies"
import { drive } from "sluice/testing/drive"
import { Machine } from "sluice/testing/Machine"
import { generator } from "sluice/testing/random"
import type { Outcome, Program } from "sluice/testing/Run"
import { program } from "sluice/testing/Scenario"
import { type Decision, decode, encode, type Schedule } from "sluice/testing/Schedule"
import { shrink } from "sluice/testing/shrink"
import { describe, expect, test } from "vitest"
import { turns } from "../support/effect.js"
import { gallery } from "./gallery.js"

type Options = Pick<ExploreOptions, "realism" | "maxSteps">

/**
 * Two fibers, one of them later, add one to a number, each in two steps. So many bystanders make a queue in which every
 * decision shifts the places of all others.
 */
const crowd = (bystanders: number) =>
  scenario((t) =>
    Effect.gen(function*() {
      let n = 0
      const add = Effect.flatMap(Effect.sync(() => n), (seen) => Effect.sync(() => (n = seen + 1)))
      yield* t.actor("early", Effect.andThen(turns(1), add), { cancel: false })
      for (let i = 0; i < bystanders; i++) yield* t.actor(`bystander ${i}`, turns(4))
      yield* t.actor("late", Effect.andThen(turns(3), add), { cancel: false })
      yield* t.settled
      yield* t.expect(n === 2, "an update was lost")
    })
  )

interface Reduced {
  readonly machine: Machine
  readonly body: Program
  readonly found: Outcome
  readonly least: Outcome
}

/** A failing run found by chance, and the same reduced. */
const reduced = (self: Scenario, seed: number, { maxSteps = 20_000, realism = "contract" }: Options = {}): Reduced => {
  const machine = new Machine(maxSteps, realism)
  const body = program(self)
  const chance = randomChooser("portfolio", seed, 2)
  for (let i = 0; i < 5_000; i++) {
    const found = drive(machine.run(body, chance))
    if (found.problem !== undefined) return { machine, body, found, least: drive(shrink(machine, body, found)) }
  }
  throw new Error("no failure found")
}

/** Fails as the other does: an expectation with its message, all else with its kind. */
const isSame = (a: Outcome, b: Outcome) =>
  a.problem?.kind === b.problem?.kind &&
  (a.problem?.kind !== "expectation" || a.problem.message === b.problem?.message)

test.each([1, 2, 3, 4, 5, 6, 24, 56])(
  "a failure whose decisions each shift the places of all others is reduced to six at most: seed %i",
  (seed) => {
    const { found, least } = reduced(crowd(8), seed)
    expect(found.decisions.length).toBeGreaterThan(40)
    expect(least.decisions.length, encode(least.decisions)).toBeLessThanOrEqual(6)
  }
)

describe.each([{ name: "a crowd", bug: crowd(3), options: {} }, ...gallery])("of $name", ({ bug, name, options }) => {
  test("the reduced schedule fails in the same way, again and again, and with none of its decisions left out", () => {
    for (const seed of [1, 2, 3]) {
      const { body, found, least, machine } = reduced(bug, seed, options)
      const replayed = (decisions: Schedule) => drive(machine.run(body, new Replay(decisions)))
      expect(isSame(found, least), name).toBe(true)
      expect(least.decisions.length).toBeLessThanOrEqual(found.decisions.length)
      expect(replayed(least.decisions)).toEqual(least)
      for (const left of least.decisions) {
        const fewer = replayed(least.decisions.filter((decision) => decision !== left))
        const isSmaller = fewer.decisions.length < least.decisions.length
        expect(isSame(fewer, least) && isSmaller, encode(least.decisions)).toBe(false)
      }
    }
  })
})

test("a failed expectation is not reduced to another one", () => {
  const self = scenario((t) =>
    Effect.gen(function*() {
      const value = yield* t.choose([0, 1, 2])
      yield* t.expect(value !== 1, "one")
      yield* t.expect(value !== 2, "two")
    })
  )
  const messages = (shrink: boolean) =>
    Array.from({ length: 12 }, (_, seed) => explore(self, { seed, shrink }).failure?.message)
  expect(messages(true)).toEqual(messages(false))
  expect(messages(false)).toContain("two")
})

test("of choices that fail together, none can be left out in the end", () => {
  const bits = 9
  const seeds = Array.from({ length: 150 }, (_, seed) => seed)
  for (const seed of seeds) {
    // Which sets of choices fail is arbitrary; all of them do.
    const random = generator(seed)
    const fails = Array.from({ length: 2 ** bits }, (_, set) => set === 2 ** bits - 1 || (set > 0 && random() < 0.2))
    const self = scenario((t) =>
      Effect.gen(function*() {
        let set = 0
        for (let bit = 0; bit < bits; bit++) set = 2 * set + (yield* t.choose([0, 1]))
        yield* t.expect(fails[set] === false, "fails")
      })
    )
    const machine = new Machine(20_000, "contract")
    const body = program(self)
    const all: Schedule = Array.from({ length: bits }, (_, operation) => (
      { kind: "choose", fiber: 0, operation, turn: 0, pick: 1 }
    ))
    const { decisions } = drive(shrink(machine, body, drive(machine.run(body, new Replay(all)))))
    for (const left of decisions) {
      const fewer = drive(machine.run(body, new Replay(decisions.filter((decision) => decision !== left))))
      expect(fewer.problem, `seed ${seed}, ${encode(decisions)}`).toBeUndefined()
    }
  }
})

test("choices of which each can go only after a later one go all the same", () => {
  const all = Array.from({ length: 20 }, (_, i) => i)
  const even = all.filter((i) => i % 2 === 0)
  const chain = new Set([20, ...even].map((lowest) => all.filter((i) => i % 2 === 1 || i < lowest).join()))
  const self = scenario((t) =>
    Effect.gen(function*() {
      const set: Array<number> = []
      for (const i of all) if ((yield* t.choose([0, 1])) === 1) set.push(i)
      yield* t.expect(!chain.has(set.join()), "fails")
    })
  )
  const machine = new Machine(20_000, "contract")
  const body = program(self)
  const found = drive(machine.run(body, new Replay(decode(`s1:${all.map((i) => `0.${i}c1`).join()}`))))
  const least = drive(shrink(machine, body, found))
  expect(least.decisions.map(({ operation }) => operation)).toEqual(all.filter((i) => i % 2 === 1))
})

/** The first failure of an enumeration that has these decisions, and the same reduced. */
const enumerated = (self: Scenario, bounds: Bounds, wanted: ReadonlyArray<Partial<Decision>>) => {
  const machine = new Machine(20_000, "contract")
  const body = program(self)
  const enumeration = new DepthFirst(bounds)
  do {
    const found = drive(machine.run(body, enumeration, { recorder: enumeration }))
    const isWanted = wanted.every(({ kind, pick }) =>
      found.decisions.some((decision) => decision.kind === kind && (pick === undefined || decision.pick === pick))
    )
    if (found.problem !== undefined && isWanted) return { found, least: drive(shrink(machine, body, found)) }
  } while (enumeration.advance())
  throw new Error("no such failure")
}

type Bounds = ConstructorParameters<typeof DepthFirst>[0]

test("a failure that needs an interrupt and another order, or another interrupt alone, is reduced to that one", () => {
  const self = scenario((t) =>
    Effect.gen(function*() {
      let log = ""
      const note = (name: string) => Effect.sync(() => void (log += name))
      const cut = (name: string) =>
        Effect.onExit(Effect.yieldNow, (exit) => Exit.isFailure(exit) ? note(name) : Effect.void)
      yield* t.actor("a", note("a"), { cancel: false })
      yield* t.actor("b", note("b"), { cancel: false })
      yield* t.actor("x", cut("x"))
      yield* t.actor("y", cut("y"))
      yield* t.settled
      yield* t.expect(!log.includes("y") && !(log.includes("ba") && log.includes("x")), "either")
    })
  )
  const { least } = enumerated(self, { preemptions: 0, cancels: 1 }, [{ kind: "go" }, { kind: "interrupt", pick: 3 }])
  expect(least.decisions).toMatchObject([{ kind: "interrupt", pick: 4 }])
})

test("a failure is not reduced to one that the level of realism does not allow", () => {
  // By an early timer it fails as well.
  const self = scenario((t) =>
    Effect.gen(function*() {
      let log = ""
      const note = (name: string) => Effect.sync(() => void (log += name))
      yield* t.actor("a", Effect.andThen(turns(3), note("a")), { cancel: false })
      yield* t.actor("b", Effect.andThen(Effect.sleep(1), note("b")), { cancel: false })
      for (const name of ["c", "d", "e", "f"]) {
        yield* t.actor(name, Effect.andThen(turns(1), note(name)), { cancel: false })
      }
      yield* t.settled
      const isBefore = (one: string, other: string) => log.indexOf(one) < log.indexOf(other)
      yield* t.expect(!isBefore("b", "a") && !(isBefore("d", "c") && isBefore("f", "e")), "either")
    })
  )
  for (const seed of [1, 2, 3]) {
    const { found, least } = reduced(self, seed)
    expect(found.decisions.length).toBeGreaterThan(1)
    expect(least.decisions.filter(({ kind }) => kind === "timer")).toEqual([])
  }
})

test("a failure that needs two preemptions, or one interrupt, is reduced to the interrupt", () => {
  const self = scenario((t) =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const step = (name: string) => Effect.sync(() => void log.push(name))
      const steps = (name: string) => Effect.andThen(Effect.andThen(step(name), step(name)), step(name))
      yield* t.actor("a", steps("a"), { cancel: false })
      yield* t.actor("b", steps("b"), { cancel: false })
      yield* t.actor("c", Effect.onExit(Effect.yieldNow, (exit) => Exit.isFailure(exit) ? step("x") : Effect.void))
      yield* t.settled
      const order = log.join("")
      yield* t.expect(order !== "aabbab" && !order.includes("x"), "either")
    })
  )
  const { least } = enumerated(self, { preemptions: 2, cancels: 0 }, [{ kind: "preempt" }])
  expect(least.decisions.map(({ kind }) => kind)).toEqual(["interrupt"])
})
