/** Plans: following one repeats its run, and each change to one is exactly what its name says. */
import { Deferred, Effect } from "effect"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { scenario } from "sluice/testing"
import type { Chooser, Situation } from "sluice/testing/Chooser"
import { Replay } from "sluice/testing/choosers/Replay"
import { randomChooser } from "sluice/testing/choosers/strategies"
import { drive } from "sluice/testing/drive"
import { Machine } from "sluice/testing/Machine"
import { type Plan, planned, recording, type Turn, withoutFiber, withoutStop, withoutTurn } from "sluice/testing/Plan"
import { Run } from "sluice/testing/Run"
import { program } from "sluice/testing/Scenario"
import { expect, test } from "vitest"
import { alive, entryOf, laneOf } from "../support/lanes.js"

const steps = ["note", "yield", "sleep", "wake", "wait", "choose"] as const

const scenarioOf = (actors: ReadonlyArray<ReadonlyArray<(typeof steps)[number]>>) =>
  scenario((t) =>
    Effect.gen(function*() {
      let log = ""
      const gate = Deferred.makeUnsafe<void>()
      const effects: Record<(typeof steps)[number], Effect.Effect<unknown>> = {
        note: Effect.sync(() => void (log += ".")),
        yield: Effect.yieldNow,
        sleep: Effect.sleep(1),
        wake: Effect.sync(() => Deferred.doneUnsafe(gate, Effect.void)),
        wait: Effect.timeoutOption(Deferred.await(gate), 1),
        choose: Effect.flatMap(t.choose([1, 2, 3]), (n) => Effect.sync(() => void (log += String(n))))
      }
      for (const [i, all] of actors.entries()) {
        yield* t.actor(`${i}`, Effect.forEach(all, (step) => effects[step]), { cancel: i < 2 })
      }
      yield* t.settled
      yield* t.expect(!log.includes("3."), log)
    })
  )

test.each(["nested", "contract"] as const)(
  "a plan that is followed gives the run again that it was recorded from, at realism %s",
  (realism) => {
    const actors = fc.array(fc.array(fc.constantFrom(...steps), { minLength: 1, maxLength: 5 }), {
      minLength: 2,
      maxLength: 4
    })
    fc.assert(
      fc.property(actors, fc.nat(), (actors, seed) => {
        const machine = new Machine(2_000, realism)
        const body = program(scenarioOf(actors))
        // No interrupts of fibers that have yielded: a fiber interrupted there never gets the turn that it waited for.
        const chance = randomChooser("portfolio", seed, realism === "nested" ? 2 : 0)
        for (let run = 0; run < 4; run++) {
          const recorded = recording(chance)
          const outcome = drive(machine.run(body, recorded))
          assert.deepEqual(drive(machine.run(body, planned(recorded.plan()))), outcome)
        }
      }),
      { seed: 1, numRuns: 40 }
    )
  }
)

const go = (of: number, instead?: number): Turn => ({ kind: "go", of, instead })
const ended = Effect.runSync(Effect.forkDetach(Effect.void, { startImmediately: true }))

/** The plan's choices where these are ready, one after the other: a fiber, a timer's place, or an interrupt. */
const chosen = (plan: Partial<Plan>, queues: ReadonlyArray<ReadonlyArray<number>>) => {
  const situation = new Run({ maxSteps: 1_000, realism: "contract" }, new Replay([]))
  situation.lanes.push(laneOf(0), laneOf(1), laneOf(2), laneOf(3, ended), laneOf(4, alive, false))
  situation.timers.push({ due: 1, fire: () => {} })
  const chooser = planned({ turns: [], stops: [], choices: [], held: [], ...plan })
  chooser.begin(situation)
  return queues.map((queue) => {
    situation.ready.length = 0
    for (const index of queue) situation.ready.push(entryOf(situation.lanes[index]))
    const next = chooser.next()
    return next < 0 ? `x${~next}` : next < queue.length ? queue[next] : "timer"
  })
}

test("a plan gives its turns in order, and the first in the queue goes where it has none left", () => {
  const turns = [go(1), go(2), go(1)]
  expect(chosen({ turns }, [[1, 2], [1, 2], [1, 2], [1, 2]])).toEqual([1, 2, 1, 1])
  expect(chosen({ turns: [go(1), go(2)] }, [[1, 2], [1, 2], [2, 1]])).toEqual([1, 1, 2])
  // Without a turn, a fiber goes before the plan goes on.
  expect(chosen({ turns: [go(2), go(1)] }, [[0, 2, 1], [2, 1], [2, 1], [1]])).toEqual([0, 2, 2, 1])
})

test("a held fiber goes when the plan is through", () => {
  expect(chosen({ turns: [go(2)], held: [1] }, [[1, 2], [1, 2]])).toEqual([2, 1])
  expect(chosen({ turns: [go(2)] }, [[1, 2], [2]])).toEqual([1, 2])
})

test("a turn that cannot be given is passed over", () => {
  const interrupt = (of: number): Turn => ({ kind: "interrupt", of })
  const timer: Turn = { kind: "timer", of: 0 }
  expect(chosen({ turns: [go(9), go(2)], held: [1] }, [[1, 2]])).toEqual([2])
  for (const  of of[3, 4, 9]) expect(chosen({ turns: [interrupt(of), go(2)], held: [1] }, [[1, 2]])).toEqual([2])
  expect(chosen({ turns: [interrupt(2)], held: [1] }, [[1, 2], [1, 2]])).toEqual(["x2", 1])
  // An interrupt is no turn of the fiber that it hits.
  expect(chosen({ turns: [interrupt(2), go(1)] }, [[1], [2, 1]])).toEqual(["x2", 2])
  // The clock moves on only where nobody is ready.
  expect(chosen({ turns: [timer, go(2)], held: [1] }, [[1, 2]])).toEqual([2])
  expect(chosen({ turns: [timer], held: [1] }, [[]])).toEqual(["timer"])
})

test("a recorded plan holds the fibers that have not ended, and says in which turn each was stopped", () => {
  const situation = new Run({ maxSteps: 1_000, realism: "contract" }, new Replay([]))
  situation.lanes.push(laneOf(0), laneOf(1, ended), laneOf(2))
  let begun: Situation | undefined
  const always: Chooser = {
    begin: (of) => void (begun = of),
    preempt: () => true,
    nested: () => true,
    next: () => 0,
    choose: (options) => options - 1
  }
  const recorded = recording(always)
  recorded.begin(situation)
  expect(begun).toBe(situation)
  for (const lane of [0, 2]) {
    situation.ready.splice(0, 1, entryOf(situation.lanes[lane]))
    recorded.next()
  }
  recorded.preempt(laneOf(2))
  recorded.nested(laneOf(0), laneOf(2))
  recorded.choose(3)
  expect(recorded.plan()).toEqual({
    turns: [go(0, 0), go(2, 2)],
    stops: [{ fiber: 2, operation: 1, outer: undefined, turn: 1 }, { fiber: 2, operation: 1, outer: 0, turn: 1 }],
    choices: [2],
    held: [0, 2]
  })
})

const plan: Plan = {
  turns: [go(1, 1), go(2, 1), { kind: "timer", of: 2 }, go(1, 1), { kind: "interrupt", of: 2 }, go(3, 2), go(2, 2)],
  stops: [
    { fiber: 1, operation: 3, turn: 0 },
    { fiber: 2, operation: 2, turn: 1 },
    { fiber: 3, operation: 2, turn: 1 },
    { fiber: 3, operation: 4, turn: 5 }
  ],
  choices: [1],
  held: [2, 3]
}
const [first, second, timer, third, interrupt, fourth, fifth] = plan.turns
const only = (...indices: ReadonlyArray<number>) => indices.map((i) => plan.stops[i])

test("without a fiber, its turns, its interrupts and its stops are gone, and it is held or not", () => {
  const rest = { ...plan, turns: [first, timer, third, fourth], stops: only(0, 2, 3) }
  expect(withoutFiber(plan, 1)).toEqual([{ ...rest, held: [3] }, { ...rest, held: [3, 2] }])
  expect(withoutFiber(plan, 2)).toBeDefined()
  expect(withoutFiber(plan, 3)).toBeUndefined()
})

test("without a stop, the fiber's next turn is gone, or that in which it was stopped, or none", () => {
  const turnsWithout = (i: number) =>
    withoutStop(plan, i)?.map(({ turns }) => plan.turns.filter((turn) => !turns.includes(turn)))
  expect(turnsWithout(0)).toEqual([[third], [first], []])
  expect(turnsWithout(1)).toEqual([[fifth], [second], []])
  expect(turnsWithout(2)).toEqual([[fourth], []])
  expect(turnsWithout(3)).toEqual([[fourth], []])
  expect(turnsWithout(4)).toBeUndefined()
  for (const candidate of withoutStop(plan, 1) ?? []) {
    expect(candidate).toMatchObject({ stops: only(0, 2, 3), held: [2, 3] })
  }
})

test("without its fiber, a turn goes to the default fiber, or is left out", () => {
  const turnsWithout = (i: number, of: Plan = plan) => withoutTurn(of, i)?.map(({ turns }) => turns)
  expect(turnsWithout(0)).toEqual([])
  expect(turnsWithout(1)).toEqual([
    [first, go(1), second, timer, interrupt, fourth, fifth],
    [first, timer, third, interrupt, fourth, fifth]
  ])
  expect(turnsWithout(2)).toEqual([[first, second, third, interrupt, fourth, fifth]])
  expect(turnsWithout(5)?.[0]).toEqual([first, second, timer, third, interrupt, go(2), fourth])
  expect(turnsWithout(7)).toBeUndefined()
  const last = { ...plan, turns: [go(2, 3)] }
  expect(turnsWithout(0, last)).toEqual([[go(3), go(2, 3)], []])
})
