/** The exhaustive strategy against counts and searches that know nothing of how it enumerates. */
import { Effect } from "effect"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { explore, type Realism, scenario } from "sluice/testing"
import type { Chooser, Situation } from "sluice/testing/Chooser"
import { DepthFirst } from "sluice/testing/choosers/DepthFirst"
import { drive } from "sluice/testing/drive"
import { canBeInterrupted, type Lane } from "sluice/testing/Lane"
import { Machine } from "sluice/testing/Machine"
import type { Program } from "sluice/testing/Run"
import { isInterruptible } from "sluice/testing/runtime"
import { program } from "sluice/testing/Scenario"
import { describe, expect, test } from "vitest"
import { Stage, type Step, steps } from "./programs.js"

interface Bounds {
  readonly preemptions: number
  readonly cancels: number
}

/**
 * Gives every answer to every question, with nothing left out but what exceeds the bounds. An interrupt of the fiber
 * that has just yielded is no preemption; unless `strict`, where it is one if it cannot take effect at once.
 */
class Naive implements Chooser {
  private path: Array<number> = []
  private counts: Array<number> = []
  private position = 0
  private preemptions = 0
  private cancels = 0
  private pending: Lane | undefined
  private situation!: Situation

  constructor(private readonly bounds: Bounds, private readonly strict: boolean) {}

  advance(): boolean {
    for (let last = this.path.length - 1; last >= 0; last--) {
      if (++this.path[last]! < this.counts[last]!) return true
      this.path.pop()
      this.counts.pop()
    }
    return false
  }

  private pick(count: number): number {
    const position = this.position++
    if (position === this.path.length) {
      this.path.push(0)
      this.counts.push(count)
    }
    return this.path[position]!
  }

  begin(situation: Situation): void {
    this.situation = situation
    this.position = 0
    this.preemptions = this.bounds.preemptions
    this.cancels = this.bounds.cancels
    this.pending = undefined
  }

  preempt(lane: Lane): boolean {
    const { first, realism } = this.situation
    if (realism === "suspension" || realism === "nested") return false
    const left = this.preemptions - (this.pending === undefined ? 0 : 1)
    const straight = first === lane
    const own = lane.cancellable && (!this.strict || isInterruptible(lane.fiber))
    if (left <= 0 && !(straight && this.cancels > 0 && own)) return false
    if (this.pick(2) === 0) return false
    if (straight) this.pending = lane
    else this.preemptions--
    return true
  }

  nested(outer: Lane): boolean {
    if (this.cancels === 0 || !outer.cancellable || this.pick(2) === 0) return false
    this.cancels--
    return true
  }

  next(): number {
    const { lanes, options } = this.situation
    const { pending } = this
    this.pending = undefined
    const isOwn = (lane: Lane) => lane === pending && (!this.strict || isInterruptible(lane.fiber))
    const actions: Array<number> = []
    if (pending === undefined || this.preemptions > 0) { for (let i = 0; i < options; i++) actions.push(i) }
    if (this.cancels > 0) {
      for (const lane of lanes) {
        if (!canBeInterrupted(lane)) continue
        if (pending === undefined || isOwn(lane) || this.preemptions > 0) actions.push(~lane.index)
      }
    }
    const action = actions.length === 0 ? 0 : actions[this.pick(actions.length)]!
    if (action < 0) this.cancels--
    if (pending !== undefined && !(action < 0 && isOwn(lanes[~action]!))) this.preemptions--
    return action
  }

  choose(options: number): number {
    return this.pick(options)
  }
}

/** All that a run may show under these bounds, or undefined if it takes more runs than that. */
const shownBy = (
  machine: Machine,
  body: Program,
  chooser: (Naive | DepthFirst) & { readonly advance: () => boolean },
  logs: Set<string>,
  most: number
): Set<string> | undefined => {
  logs.clear()
  const recorder = chooser instanceof DepthFirst ? chooser : undefined
  for (let runs = 0; runs < most; runs++) {
    drive(machine.run(body, chooser, { recorder }))
    if (!chooser.advance()) return new Set(logs)
  }
  return undefined
}

interface Work {
  readonly actors: ReadonlyArray<ReadonlyArray<Step>>
  /** So many of the actors may be interrupted, the first ones. */
  readonly cancellable: number
  /** This one is uninterruptible from its first operation to its last. */
  readonly shielded: number
}

const scenarioOf = ({ actors, cancellable, shielded }: Work, ended: (log: string) => void) =>
  scenario((t) =>
    Effect.gen(function*() {
      const stage = new Stage(t)
      for (const [i, steps] of actors.entries()) {
        const name = "abc"[i] ?? "z"
        const fiber = yield* t.actor(name, stage.bodyOf(name, steps, i === shielded), { cancel: i < cancellable })
        stage.watch(fiber, name)
      }
      yield* t.settled
      ended(stage.log)
    })
  )

const work: fc.Arbitrary<Work> = fc.record({
  actors: fc.array(fc.array(fc.constantFrom(...steps), { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 3 }),
  cancellable: fc.nat(3),
  shielded: fc.nat(5)
})

/** Programs in which some answer matters that few random ones have. */
const examples: Array<[Work, preemptions: number, cancels: number]> = [
  // One stops for another to be interrupted that waits, while nobody is ready.
  [{ actors: [["sleep"], ["yield", "note"]], cancellable: 1, shielded: 5 }, 1, 1],
  // The last operation of a run is within an uninterruptible stretch, as is the first of the next run.
  [{ actors: [["shielded"], ["note"]], cancellable: 1, shielded: 0 }, 1, 1],
  // One is interrupted where it stops, and another one is stopped: one interrupt, and one preemption.
  [{ actors: [["note"], ["note"]], cancellable: 1, shielded: 5 }, 1, 1]
]

describe.each<Realism>(["suspension", "nested", "contract", "scheduler", "any"])("at realism %s", (realism) => {
  test("the enumeration shows all that trying every answer shows within the bounds, and nothing beyond them", () => {
    let compared = 0
    fc.assert(
      fc.property(work, fc.nat(2), fc.nat(2), (self, preemptions, cancels) => {
        const bounds = { preemptions, cancels }
        const machine = new Machine(2_000, realism)
        const logs = new Set<string>()
        const body = program(scenarioOf(self, (log) => logs.add(log)))
        const strict = shownBy(machine, body, new Naive(bounds, true), logs, 500)
        const free = strict && shownBy(machine, body, new Naive(bounds, false), logs, 500)
        if (strict === undefined || free === undefined) return
        const shown = shownBy(machine, body, new DepthFirst(bounds), logs, 500)
        assert.ok(shown !== undefined, "more schedules than answers")
        for (const log of strict) assert.ok(shown.has(log), `left out: ${log} of ${[...shown].join(" ")}`)
        for (const log of shown) assert.ok(free.has(log), `beyond the bounds: ${log}`)
        compared++
      }),
      { seed: 1, numRuns: 50, examples }
    )
    expect(compared).toBeGreaterThan(15)
  })
})

/** Actors of so many steps, each an operation that others can see. Before its steps, each has two that they cannot. */
const plain = (lengths: ReadonlyArray<number>) =>
  scenario((t) =>
    Effect.forEach(lengths, (length, i) =>
      t.actor(
        String(i),
        Array.from({ length }).reduce<Effect.Effect<unknown>>(
          (before) => Effect.flatMap(before, () => Effect.sync(() => {})),
          Effect.void
        ),
        { cancel: false }
      ))
  )

/** In how many ways actors of so many steps can take turns, with so many turns that end before their actor does. */
const interleavings = (lengths: ReadonlyArray<number>, preemptions: number): number => {
  const go = (left: ReadonlyArray<number>, running: number | undefined, budget: number): number => {
    if (left.every((n) => n === 0)) return 1
    return left.reduce((sum, n, i) => {
      if (n === 0) return sum
      const isSwitch = running !== undefined && running !== i && left[running]! > 0
      return isSwitch && budget === 0 ? sum : sum + go(left.with(i, n - 1), i, budget - (isSwitch ? 1 : 0))
    }, 0)
  }
  return go(lengths, undefined, preemptions)
}

test.each([[[1, 1]], [[2, 2]], [[3, 1]], [[1, 1, 1]], [[2, 1, 1]], [[4, 4]]])(
  "the enumeration runs each interleaving of actors of %j steps once, with as many preemptions as allowed",
  (lengths) => {
    // A turn may also end before an actor's first step, or before the operation that this follows.
    const parts = lengths.map((length) => length + 2)
    for (const preemptions of [0, 1, 2, 3, 20]) {
      const runs = interleavings(parts, preemptions)
      if (runs > 2_000) continue
      const strategy = { exhaustive: { preemptions, cancels: 0 } }
      expect(explore(plain(lengths), { strategy })).toMatchObject({ runs, distinct: runs, exhausted: true })
      expect(explore(plain(lengths), { strategy, runs })).toMatchObject({ runs, exhausted: true })
      if (runs > 1) expect(explore(plain(lengths), { strategy, runs: runs - 1 })).toMatchObject({ exhausted: false })
    }
  }
)

test("of all schedules within the bounds, none is counted as the same as another", () => {
  fc.assert(
    fc.property(work, fc.nat(1), fc.nat(1), fc.constantFrom("nested", "any"), (self, preemptions, cancels, realism) => {
      const report = explore(scenarioOf(self, () => {}), {
        strategy: { exhaustive: { preemptions, cancels } },
        realism,
        runs: 300
      })
      assert.equal(report.distinct, report.runs)
    }),
    { seed: 1, numRuns: 30 }
  )
})

describe("where one yields that a timer has woken", () => {
  /** The second one's timer is due at the same time as the first one's, `apart` milliseconds later. */
  const sleepers = (apart: number, orders: Set<string>) =>
    scenario((t) =>
      Effect.gen(function*() {
        let order = ""
        const note = (name: string) => Effect.sync(() => void (order += name))
        yield* t.actor("a", Effect.andThen(Effect.sleep(1), Effect.andThen(note("a"), note("A"))), { cancel: false })
        yield* t.actor("b", Effect.andThen(Effect.sleep(1 + apart), note("b")), { cancel: false })
        yield* t.settled
        orders.add(order)
      })
    )

  test.each(
    [
      ["exhaustive", { exhaustive: { preemptions: 1, cancels: 0 } }],
      ["random", "random"],
      ["portfolio", "portfolio"]
    ] as const
  )("another timer of that time may fire, though nobody is ready (%s)", (_, strategy) => {
    const orders = new Set<string>()
    expect(explore(sleepers(0, orders), { strategy, cancels: 0 }).failure).toBeUndefined()
    expect([...orders].sort()).toEqual(["aAb", "abA", "baA"])
  })

  test.each(
    [
      ["exhaustive", { exhaustive: { preemptions: 1, cancels: 0 } }],
      ["random", "random"]
    ] as const
  )("a later timer may fire only at realism any (%s)", (_, strategy) => {
    for (const [realism, expected] of [["contract", ["aAb"]], ["any", ["aAb", "abA", "baA"]]] as const) {
      const orders = new Set<string>()
      expect(explore(sleepers(1, orders), { strategy, realism, cancels: 0 }).failure).toBeUndefined()
      expect([...orders].sort()).toEqual(expected)
    }
  })
})
