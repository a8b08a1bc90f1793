/**
 * Random choosers against the shares that their rules give. Runs made by hand ask them, and nothing else has a part.
 */
import * as assert from "node:assert/strict"
import type { Realism } from "sluice/testing"
import { Pct } from "sluice/testing/choosers/Pct"
import { type Policy, RandomChooser } from "sluice/testing/choosers/RandomChooser"
import { RandomWalk, type Rate } from "sluice/testing/choosers/RandomWalk"
import { Replay } from "sluice/testing/choosers/Replay"
import { randomChooser } from "sluice/testing/choosers/strategies"
import type { Lane } from "sluice/testing/Lane"
import { generator } from "sluice/testing/random"
import { Run } from "sluice/testing/Run"
import { describe, expect, test } from "vitest"
import { alive, entryOf, laneOf } from "../support/lanes.js"

/** A run of so many fibers, with a timer of the present time. No fiber is ready. */
const situationOf = (fibers: number, realism: Realism = "contract") => {
  const situation = new Run({ maxSteps: 1_000, realism }, new Replay([]))
  const lanes = Array.from({ length: fibers }, (_, index) => laneOf(index))
  situation.lanes.push(...lanes)
  situation.timers.push({ due: 0, fire: () => {} })
  return { situation, lanes }
}

const random = (policy: (random: () => number) => Policy, cancels: number) => {
  const numbers = generator(1)
  return new RandomChooser(numbers, [policy(numbers)], cancels)
}

const walk = (rate: Rate) => random((numbers) => new RandomWalk(numbers, rate), 0)
const pct = (depth: number) => random((numbers) => new Pct(numbers, depth), 0)

/** Never preempts where no fiber is ready. */
const still = (cancels: number) => random((numbers) => new Pct(numbers, 1), cancels)

interface Interrupt {
  readonly at: number
  readonly where: "own" | "other" | "between" | "nested"
  readonly of: number
}

/** A run of so many operations, each of them a turn, that the fibers `asked` go through in turn. */
const play = (chooser: RandomChooser, situation: Run, operations: number, asked: ReadonlyArray<Lane>) => {
  const interrupts: Array<Interrupt> = []
  chooser.begin(situation)
  for (let at = 1; at <= operations; at++) {
    const lane = asked[at % asked.length]!
    const yields = chooser.preempt(lane)
    if (chooser.nested(situation.lanes.at(-1)!)) {
      interrupts.push({ at, where: "nested", of: situation.lanes.length - 1 })
    }
    const next = chooser.next()
    if (next >= 0) continue
    interrupts.push({ at, where: !yields ? "between" : ~next === lane.index ? "own" : "other", of: ~next })
  }
  return interrupts
}

const many = <A>(runs: number, run: (i: number) => A) => Array.from({ length: runs }, (_, i) => run(i))
const mean = (numbers: ReadonlyArray<number>) => numbers.reduce((sum, n) => sum + n, 0) / numbers.length
const share = <A>(list: ReadonlyArray<A>, is: (item: A) => boolean) => list.filter(is).length / list.length
const isNear = (actual: number, expected: number, message: string) =>
  assert.ok(Math.abs(actual - expected) < 0.03, `${message}: ${actual}, not about ${expected}`)

/** How often a run has so many interrupts, if so many are allowed. */
const countShares = (cancels: number) => {
  const shares = Array.from({ length: cancels + 1 }, () => 0)
  for (const count of [0, 1, 1, 2]) shares[Math.min(count, cancels)]! += 1 / 5
  for (let count = 1; count <= 8; count++) shares[Math.min(count, cancels)]! += 1 / 40
  return shares
}

const haveCounts = (runs: ReadonlyArray<ReadonlyArray<unknown>>, cancels: number) => {
  for (const [count, expected] of countShares(cancels).entries()) {
    isNear(share(runs, ({ length }) => length === count), expected, `runs with ${count} interrupts`)
  }
  assert.ok(runs.every(({ length }) => length <= cancels))
}

describe("a random chooser interrupts", () => {
  test.each([0, 1, 2, 8])("so often as its rule says, with %i at most", (cancels) => {
    const { lanes, situation } = situationOf(10)
    const chooser = still(cancels)
    haveCounts(many(3_000, () => play(chooser, situation, 40, lanes)), cancels)
  })

  test("in four kinds of places, each with its share", () => {
    const { lanes, situation } = situationOf(10)
    const chooser = still(1)
    const all = many(5_000, () => play(chooser, situation, 40, lanes)).flat()
    // Of ten fibers, an interrupt at another's operation may hit that one too.
    const shares = { own: 0.515, other: 0.135, between: 0.25, nested: 0.1 }
    for (const [where, expected] of Object.entries(shares)) {
      isNear(share(all, (one) => one.where === where), expected, where)
    }
    const others = all.filter(({ where }) => where === "other" || where === "between")
    for (const { index } of lanes) isNear(share(others, ({ of }) => of === index), 0.1, `fiber ${index}`)
  })

  test("at any operation, the first before the second", () => {
    const { lanes, situation } = situationOf(3)
    const chooser = still(2)
    const runs = many(3_000, () => play(chooser, situation, 40, lanes))
    const places = runs.flat().map(({ at }) => at)
    expect(new Set(places).size).toBeGreaterThan(38)
    isNear(share(places, (at) => at <= 20), 0.5, "in the first half")
    const pairs = runs.filter(({ length }) => length === 2)
    isNear(mean(pairs.map(([one]) => one!.at)) / 40, 1 / 3, "the first of two")
    isNear(mean(pairs.map(([, other]) => other!.at)) / 40, 2 / 3, "the second of two")
  })

  test("in the whole of a long run that follows a short one, and in short ones that follow a long one", () => {
    const { lanes, situation } = situationOf(3)
    const chooser = still(1)
    const pairs = many(1_000, () => [400, 40].map((operations) => play(chooser, situation, operations, lanes)))
    const late = pairs.flatMap(([long]) => long!).filter(({ at }) => at > 200)
    expect(late.length).toBeGreaterThan(100)
    for (let i = 0; i < 40; i++) play(chooser, situation, 40, lanes)
    isNear(share(many(2_000, () => play(chooser, situation, 40, lanes)), ({ length }) => length === 0), 0.2, "without")
  })

  test("no fiber that may not be interrupted, and waits for one that may", () => {
    const { lanes, situation } = situationOf(3)
    situation.lanes[0] = lanes[0] = laneOf(0, alive, false)
    const chooser = still(8)
    const runs = many(3_000, () => play(chooser, situation, 40, lanes))
    expect(runs.flat().filter(({ of }) => of === 0)).toEqual([])
    haveCounts(runs, 8)
    chooser.begin(situation)
    for (let i = 0; i < 500; i++) {
      play(chooser, situation, 40, lanes)
      assert.equal(chooser.nested(lanes[0]), false)
    }
  })

  test("between turns, and when its time has come, where no fiber may be preempted", () => {
    const { lanes, situation } = situationOf(3, "suspension")
    const chooser = still(1)
    const runs = many(3_000, () => {
      chooser.begin(situation)
      return many(40, (at) => chooser.preempt(lanes[at % 3]!) ? -1 : chooser.next() < 0 ? at : 40).filter((at) =>
        at < 40
      )
    })
    assert.ok(runs.flat().every((at) => at >= 0))
    // The machine asks about no nested one at this level, so that it comes between turns as well.
    isNear(share(runs, ({ length }) => length === 0), 0.2, "without")
    isNear(share(runs.flat(), (at) => at < 20), 0.5, "in the first half")
  })

  test("at once, if that is the last chance to", () => {
    const { lanes, situation } = situationOf(3)
    situation.timers.length = 0
    const chooser = still(8)
    haveCounts(
      many(3_000, () => {
        chooser.begin(situation)
        return many(10, () => chooser.next()).filter((next) => next < 0 && ~next < lanes.length)
      }),
      8
    )
  })
})

describe("a random walk", () => {
  const yieldsOf = (chooser: RandomChooser, situation: Run, lane: Lane, operations: number) => {
    chooser.begin(situation)
    return many(operations, () => chooser.preempt(lane))
  }

  test("yields with its probability, or so many times in a run", () => {
    const { lanes: [lane], situation } = situationOf(2)
    for (const probability of [0.2, 0.5]) {
      const chooser = walk({ probability })
      isNear(share(yieldsOf(chooser, situation, lane!, 5_000), Boolean), probability, "yields")
    }
    const chooser = walk({ times: 3 })
    yieldsOf(chooser, situation, lane!, 400)
    const counts = many(2_000, () => yieldsOf(chooser, situation, lane!, 400).filter(Boolean).length)
    isNear(mean(counts) / 3, 1, "times")
  })

  test("yields if there is another way to go on, and where a turn may go on without the fiber", () => {
    const { lanes: [lane, other], situation } = situationOf(2)
    const chooser = walk({ probability: 0.5 })
    const doesYield = () => yieldsOf(chooser, situation, lane!, 50).some(Boolean)
    situation.first = lane
    situation.alone = true
    expect(doesYield()).toBe(true)
    situation.timers.length = 0
    expect(doesYield()).toBe(false)
    situation.ready.push(entryOf(other))
    expect(doesYield()).toBe(true)
    situation.ready.length = 0
    situation.alone = false
    expect(doesYield()).toBe(true)
    situation.alone = true
    situation.first = other
    expect(doesYield()).toBe(true)
  })

  test("goes on with each that is ready alike, but for the one that has just yielded", () => {
    const { lanes, situation } = situationOf(4)
    situation.timers.length = 0
    const chooser = walk({ probability: 0.5 })
    situation.ready.push(...lanes.map(entryOf))
    chooser.begin(situation)
    const free = many(4_000, () => chooser.next())
    for (const index of [0, 1, 2, 3]) isNear(share(free, (next) => next === index), 1 / 4, `free, ${index}`)
    const lane = lanes[1]!
    lane.parked = situation.ready[1]
    const all = many(8_000, () => chooser.preempt(lane) ? chooser.next() : -1)
    const after = all.filter((next) => next >= 0)
    for (const index of [0, 2, 3]) isNear(share(after, (next) => next === index), 1 / 3, `after a preemption, ${index}`)
  })
})

describe("pct", () => {
  test("makes the running fiber fall behind at depth - 1 places of the run, in their order", () => {
    const { lanes: [a, b], situation } = situationOf(2)
    const chooser = pct(3)
    const changes = many(3_000, () => {
      chooser.begin(situation)
      let [running, waiting] = [a!, b!]
      const found: Array<number> = []
      for (let at = 1; at <= 40; at++) {
        situation.ready.splice(0, 1, entryOf(waiting))
        if (!chooser.preempt(running)) continue
        if (at > 1) found.push(at)
        ;[running, waiting] = [waiting, running]
      }
      return found
    })
    assert.ok(changes.every(({ length }) => length <= 2))
    const both = changes.filter(({ length }) => length === 2)
    expect(both.length).toBeGreaterThan(2_500)
    isNear(mean(both.map(([first]) => first!)) / 40, 1 / 3, "the first change")
    isNear(mean(both.map(([, second]) => second!)) / 40, 2 / 3, "the second change")
  })

  test("lets a fiber that has fallen behind go after all that have not", () => {
    const { lanes, situation } = situationOf(400)
    situation.timers.length = 0
    const chooser = pct(2)
    for (let run = 0; run < 30; run++) {
      chooser.begin(situation)
      const lane = lanes[run]!
      const others = lanes.filter((other) => other !== lane)
      situation.ready.splice(0, 2, entryOf(others[0]))
      for (let at = 1; at <= 40; at++) chooser.preempt(lane)
      for (const other of others) {
        situation.ready.splice(0, 2, entryOf(lane), entryOf(other))
        assert.equal(chooser.next(), 1)
      }
    }
  })

  test("gives the turn to the highest priority, wherever in the queue, and draws priorities for each run", () => {
    const { lanes, situation } = situationOf(4)
    situation.timers.length = 0
    const chooser = pct(1)
    const chosen = many(2_000, () => {
      chooser.begin(situation)
      situation.ready.splice(0, 4, ...lanes.map(entryOf))
      const first = chooser.next()
      situation.ready.reverse()
      assert.equal(3 - chooser.next(), first)
      return first
    })
    for (const { index } of lanes) isNear(share(chosen, (other) => other === index), 1 / 4, `fiber ${index}`)
  })

  test("lets a timer fire now and then where time is uncertain", () => {
    for (const [realism, expected] of [["contract", 0], ["any", 0.05]] as const) {
      const { lanes, situation } = situationOf(1, realism)
      situation.timers.splice(0, 1, { due: 1, fire: () => {} })
      const chooser = pct(1)
      situation.ready.push(...lanes.map(entryOf))
      chooser.begin(situation)
      isNear(share(many(3_000, () => chooser.next()), (next) => next === 1), expected, realism)
    }
  })
})

test("the policies of a strategy alternate, run after run", () => {
  const { lanes: [lane], situation } = situationOf(2)
  const chooser = randomChooser("portfolio", 1, 0)
  const shares = many(40, () => {
    chooser.begin(situation)
    // Nobody is ready, so that only a walk yields.
    return share(many(2_000, () => chooser.preempt(lane!)), Boolean)
  })
  for (const [run, actual] of shares.entries()) {
    if (run > 4) assert.ok(Math.abs(actual - [0.5, 0, 0.2, 0][run % 4]!) < 0.06, `run ${run}: ${actual}`)
  }
})

test("a seed gives the same numbers everywhere, evenly spread, and another seed others", () => {
  const random = generator(1)
  expect(many(4, () => Math.floor(random() * 2 ** 32))).toEqual([2693262067, 11749833, 2265367787, 4213581821])
  isNear(mean(many(5_000, generator(7))), 0.5, "mean")
  expect(generator(2)()).not.toBe(generator(1)())
})
