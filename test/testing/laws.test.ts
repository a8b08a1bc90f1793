/** Laws of the kit over random programs: what a schedule is, what a chooser may do, and what the clock keeps to. */
import { Clock, Deferred, Duration, Effect, Exit, Fiber } from "effect"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { explore, type Realism, run, scenario, type Schedule } from "sluice/testing"
import type { Chooser, Situation } from "sluice/testing/Chooser"
import { DepthFirst } from "sluice/testing/choosers/DepthFirst"
import { Replay } from "sluice/testing/choosers/Replay"
import { randomChooser } from "sluice/testing/choosers/strategies"
import { drive } from "sluice/testing/drive"
import { Machine } from "sluice/testing/Machine"
import type { Outcome } from "sluice/testing/Run"
import { program } from "sluice/testing/Scenario"
import { decode, encode, realismOf } from "sluice/testing/Schedule"
import { VirtualClock } from "sluice/testing/VirtualClock"
import { describe, expect, test } from "vitest"

const levels = ["suspension", "nested", "contract", "scheduler", "any"] as const satisfies ReadonlyArray<Realism>
const exhaustive = (preemptions: number, cancels: number) => ({ strategy: { exhaustive: { preemptions, cancels } } })

/** What an actor of a random program does, step after step. */
type Step = "note" | "yield" | "sleep" | "shielded" | "wake" | "wait" | "fork" | "task" | "choose"

const step = fc.constantFrom<Step>("note", "yield", "sleep", "shielded", "wake", "wait", "fork", "task", "choose")

interface Work {
  readonly actors: ReadonlyArray<ReadonlyArray<Step>>
  readonly cancellable: number
  readonly seed: number
}

const work: fc.Arbitrary<Work> = fc.record({
  actors: fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 4 }),
  cancellable: fc.nat(4),
  seed: fc.nat(10_000)
})

/** Few enough schedules for all of them. */
const small: fc.Arbitrary<Work> = work.map(({ actors, ...rest }) => ({
  ...rest,
  actors: actors.slice(0, 3).map((steps) => steps.slice(0, 2))
}))

/** The first `cancellable` actors may be interrupted. It fails in some orders, so that there are failures too. */
const scenarioOf = ({ actors, cancellable }: Work, ended: (log: string) => void = () => {}) =>
  scenario((t) =>
    Effect.gen(function*() {
      let log = ""
      const gate = Deferred.makeUnsafe<void>()
      const note = (name: string) => Effect.sync(() => void (log += name))
      const effectOf = (name: string, step: Step): Effect.Effect<unknown> => {
        switch (step) {
          case "note":
            return note(name)
          case "yield":
            return Effect.yieldNow
          case "sleep":
            return Effect.andThen(Effect.sleep(name.charCodeAt(0) % 3 + 1), note(name))
          case "shielded":
            return Effect.uninterruptible(Effect.andThen(note(name), note(name)))
          case "wake":
            return Effect.sync(() => Deferred.doneUnsafe(gate, Effect.void))
          case "wait":
            return Effect.timeoutOption(Deferred.await(gate), 5)
          case "fork":
            return Effect.flatMap(Effect.forkChild(note(`${name}'`), { startImmediately: true }), Fiber.await)
          case "task":
            return Effect.withFiber((fiber) => {
              fiber.currentDispatcher.scheduleTask(() => Deferred.doneUnsafe(gate, Effect.void), 0)
              return Effect.void
            })
          case "choose":
            return Effect.flatMap(t.choose([1, 2, 3]), (n) => note(String(n)))
        }
      }
      for (const [i, steps] of actors.entries()) {
        const name = "abcd"[i] ?? "z"
        const all = Effect.forEach(steps, (step) => effectOf(name, step), { discard: true })
        const body = Effect.onExit(all, (exit) => note(Exit.isSuccess(exit) ? "." : "!"))
        yield* t.actor(name, body, { cancel: i < cancellable })
      }
      yield* t.settled
      ended(log)
      yield* t.expect(!/ba.*c|!.*b/.test(log), log)
    })
  )

const machineOf = (realism: Realism) => new Machine(2_000, realism)

/** Runs under chance, some times. */
const outcomes = (self: Work, machine: Machine, cancels: number, wrap: (chooser: Chooser) => Chooser = (c) => c) => {
  const body = program(scenarioOf(self))
  const chooser = wrap(randomChooser("portfolio", self.seed, cancels))
  return Array.from({ length: 6 }, () => drive(machine.run(body, chooser, { places: true })))
}

const count = ({ decisions }: Outcome, ...kinds: ReadonlyArray<Schedule[number]["kind"]>) =>
  decisions.filter(({ kind }) => kinds.includes(kind)).length

describe.each(levels)("at realism %s", (realism) => {
  test("a run's decisions give the same run again, as they are and as a key", () => {
    fc.assert(
      fc.property(work, (self) => {
        const machine = machineOf(realism)
        const body = program(scenarioOf(self))
        for (const outcome of outcomes(self, machine, 2)) {
          const { decisions } = outcome
          assert.deepEqual(decode(encode(decisions)), decisions)
          assert.deepEqual(drive(machine.run(body, new Replay(decisions), { places: true })), outcome)
          assert.deepEqual(drive(machineOf("any").run(body, new Replay(decisions), { places: true })), outcome)
        }
      }),
      { seed: 1, numRuns: 60 }
    )
  })

  test("chance decides nothing that the level does not allow, and never exceeds the number of interrupts", () => {
    fc.assert(
      fc.property(work, fc.nat(3), (self, cancels) => {
        for (const outcome of outcomes(self, machineOf(realism), cancels)) {
          const needs = realismOf(outcome.decisions, realism)
          assert.ok(levels.indexOf(needs) <= levels.indexOf(realism), `${needs}: ${encode(outcome.decisions)}`)
          assert.ok(count(outcome, "interrupt", "nested") <= cancels)
          for (const { kind, pick } of outcome.decisions) {
            if (kind === "interrupt" || kind === "nested") assert.ok(pick >= 1 && pick <= self.cancellable)
          }
        }
      }),
      { seed: 1, numRuns: 60 }
    )
  })

  test("the enumeration keeps to its bounds, gives no schedule twice, and finds all that chance finds within them", () => {
    fc.assert(
      fc.property(small, fc.nat(1), fc.nat(1), (self, preemptions, cancels) => {
        const machine = machineOf(realism)
        const enumeration = new DepthFirst({ preemptions, cancels })
        const logs = new Set<string>()
        const body = program(scenarioOf(self, (log) => logs.add(log)))
        const keys = new Set<string>()
        let more = true
        for (let runs = 0; more; runs++) {
          if (runs >= 500) return
          const outcome = drive(machine.run(body, enumeration, { recorder: enumeration }))
          const key = encode(outcome.decisions)
          assert.ok(!keys.has(key), `twice: ${key}`)
          keys.add(key)
          const interrupts = count(outcome, "interrupt", "nested")
          assert.ok(interrupts <= cancels, key)
          // An interrupt of the fiber that runs is not also counted as a preemption.
          assert.ok(count(outcome, "preempt") <= preemptions + interrupts, key)
          more = enumeration.advance()
        }
        const all = new Set(logs)
        logs.clear()
        const chance = randomChooser("portfolio", self.seed, cancels)
        for (let i = 0; i < 30; i++) {
          logs.clear()
          const outcome = drive(machine.run(body, chance))
          const own = outcome.decisions.some(({ kind }) => kind === "interrupt")
          if (count(outcome, "preempt") > preemptions || (own && count(outcome, "preempt") > 0)) continue
          for (const log of logs) assert.ok(all.has(log), `not enumerated: ${log} by ${encode(outcome.decisions)}`)
        }
      }),
      { seed: 1, numRuns: 40 }
    )
  })
})

test("a preempted fiber is in the queue once, and only while it is alive", () => {
  fc.assert(
    fc.property(work, (self) => {
      let situation: Situation | undefined
      const checked = (chooser: Chooser): Chooser => ({
        begin: (of) => {
          situation = of
          chooser.begin(of)
        },
        preempt: (lane) => chooser.preempt(lane),
        nested: (outer, inner) => chooser.nested(outer, inner),
        choose: (options) => chooser.choose(options),
        next: () => {
          for (const entry of situation!.ready.filter(({ parked }) => parked)) {
            assert.equal(entry.lane?.parked, entry)
            assert.equal(entry.lane.fiber.pollUnsafe(), undefined)
          }
          return chooser.next()
        }
      })
      outcomes(self, machineOf("any"), 4, checked)
    }),
    { seed: 1, numRuns: 200 }
  )
})

test("a key has a letter for each kind of decision, and refuses what is none", () => {
  const decision = fc.record({
    kind: fc.constantFrom("preempt", "go", "timer", "interrupt", "nested", "choose"),
    fiber: fc.nat(50),
    operation: fc.nat(1_000),
    turn: fc.nat(3),
    pick: fc.nat(50)
  }).map((one) => one.kind === "preempt" ? { ...one, pick: 0 } : { ...one })
  fc.assert(fc.property(fc.array(decision), (schedule) => assert.deepEqual(decode(encode(schedule)), schedule)), {
    seed: 1
  })
  for (
    const bad of ["", "s1", "s2:1.2p", "s1:1.2p3", "s1:1.2g", "s1:1p", "s1:1.2p,", "s1:a.2p", "s1:1.2p 1.3p", " s1:"]
  ) {
    expect(() => decode(bad)).toThrow(`sluice/testing: not a schedule's key: ${JSON.stringify(bad)}`)
  }
})

test("decisions that the run does not come to, or that name what is not there, are left out", () => {
  const self = scenario((t) => Effect.andThen(t.actor("a", Effect.yieldNow), t.actor("b", Effect.sleep(1))))
  for (const key of ["s1:1.99p", "s1:9.1p", "s1:1.2g7", "s1:0.1x9", "s1:2.2t5", "s1:1.1n1", "s1:0.0c4"]) {
    expect(run(self, key)).toMatchObject({ failure: undefined, truncated: 0 })
  }
})

describe("the virtual clock", () => {
  interface Set {
    readonly after: number
    readonly millis: number
    readonly cancelled: boolean
  }
  const sets = fc.array(
    fc.record({ after: fc.nat(5), millis: fc.integer({ min: 1, max: 4 }), cancelled: fc.boolean() }),
    { minLength: 1, maxLength: 12 }
  )

  const sleep = (clock: VirtualClock, millis: number, then: () => void) =>
    Effect.runFork(Effect.andThen(clock.sleep(Duration.millis(millis)), Effect.sync(then)))

  test("timers fire in the order in which they are due, those of one time as they were set, unless cancelled", () => {
    fc.assert(
      fc.property(sets, (all) => {
        const clock = new VirtualClock()
        const fired: Array<readonly [number, number]> = []
        const expected: Array<readonly [due: number, i: number]> = []
        const set = (one: Set, i: number) => {
          const due = clock.now + one.millis
          const fiber = sleep(clock, one.millis, () => fired.push([clock.now, i]))
          if (one.cancelled) fiber.interruptUnsafe()
          else expected.push([due, i])
        }
        let left = [...all.entries()]
        for (let time = 0; left.length > 0 || clock.timers.length > 0; time++) {
          for (const [i, one] of left) if (one.after <= time) set(one, i)
          left = left.filter(([, { after }]) => after > time)
          if (clock.timers.length > 0) clock.advance(0)?.fire()
        }
        // Stable: of equal times, in the order in which they were set, which is that of `expected`.
        const sorted = [...expected.keys()].sort((a, b) => expected[a]![0] - expected[b]![0] || a - b)
        assert.deepEqual(fired, sorted.map((i) => expected[i]))
      }),
      { seed: 1, numRuns: 300 }
    )
  })

  test("time never goes back, whichever timer fires", () => {
    fc.assert(
      fc.property(sets, fc.array(fc.nat(10)), (all, picks) => {
        const clock = new VirtualClock()
        for (const { millis } of all) sleep(clock, millis, () => {})
        let latest = 0
        for (const pick of picks) {
          const due = clock.timers[pick]?.due
          const timer = clock.advance(pick)
          assert.equal(timer?.due, due)
          assert.equal(clock.now, Math.max(latest, due ?? 0))
          latest = clock.now
        }
      }),
      { seed: 1 }
    )
  })

  test("all its readings are of the same time", () => {
    const clock = new VirtualClock()
    sleep(clock, 1_500, () => {})
    clock.advance(0)
    expect(clock.currentTimeMillisUnsafe()).toBe(1_500)
    expect(clock.currentTimeNanosUnsafe()).toBe(1_500_000_000n)
    expect(clock.monotonicTimeNanosUnsafe()).toBe(1_500_000_000n)
    expect(Effect.runSync(clock.currentTimeMillis)).toBe(1_500)
    expect(Effect.runSync(clock.currentTimeNanos)).toBe(1_500_000_000n)
    expect(Effect.runSync(clock.monotonicTimeNanos)).toBe(1_500_000_000n)
  })

  test("each run begins at time 0, without the timers of the run before", () => {
    const begins: Array<number> = []
    const body = program(scenario((t) =>
      Effect.gen(function*() {
        begins.push(yield* Clock.currentTimeMillis)
        yield* Effect.forkDetach(Effect.sleep(5))
        yield* Effect.sleep(1)
        yield* t.expect(false, "the run ends while a timer is set")
      })
    ))
    const timers: Array<number> = []
    const replay = new Replay([])
    const chooser: Chooser = {
      begin: (situation) => {
        timers.push(situation.timers.length)
        replay.begin(situation)
      },
      preempt: (lane) => replay.preempt(lane),
      nested: (outer, inner) => replay.nested(outer, inner),
      next: () => replay.next(),
      choose: () => replay.choose()
    }
    const machine = machineOf("contract")
    const problems = [1, 2, 3].map(() => drive(machine.run(body, chooser)).problem?.kind)
    expect({ begins, problems, timers }).toEqual({
      begins: [0, 0, 0],
      problems: ["expectation", "expectation", "expectation"],
      timers: [0, 0, 0]
    })
  })

  test("to sleep for no time yields, and for all time never ends", () => {
    const clock = new VirtualClock()
    const scheduled = [0, -1, Infinity].map((millis) => {
      const fiber = sleep(clock, millis, () => {})
      fiber.currentDispatcher.flush()
      return fiber.pollUnsafe() !== undefined
    })
    expect(scheduled).toEqual([true, true, false])
    expect(clock.timers).toEqual([])
  })

  test("an interrupt takes out the fiber's own timer, if that is there, and no other", () => {
    const clock = new VirtualClock()
    const first = sleep(clock, 1, () => {})
    sleep(clock, 2, () => {})
    const third = sleep(clock, 3, () => {})
    clock.advance(0)
    first.interruptUnsafe()
    expect(clock.timers.map(({ due }) => due)).toEqual([2, 3])
    third.interruptUnsafe()
    expect(clock.timers.map(({ due }) => due)).toEqual([2])
  })

  test("a late timer sees a later time, and none an earlier one", () => {
    const self = scenario((t) =>
      Effect.gen(function*() {
        let latest = 0
        const sleeper = (millis: number) =>
          Effect.gen(function*() {
            yield* Effect.sleep(millis)
            const now = yield* Clock.currentTimeMillis
            yield* t.expect(now >= latest && now >= millis, `${now} after ${latest}`)
            latest = now
          })
        yield* t.actor("a", sleeper(1), { cancel: false })
        yield* t.actor("b", sleeper(2), { cancel: false })
      })
    )
    expect(explore(self, { realism: "any", runs: 200 }).failure).toBeUndefined()
  })
})

describe("exhaustive", () => {
  /** What an actor that may be interrupted once has done, and how it ended. */
  const endings = (body: (note: (name: string) => Effect.Effect<void>) => Effect.Effect<unknown>) => {
    const seen = new Set<string>()
    const self = scenario((t) =>
      Effect.gen(function*() {
        let log = ""
        const note = (name: string) => Effect.sync(() => void (log += name))
        const fiber = yield* t.actor("a", body(note))
        fiber.addObserver((exit) => void (log += Exit.isSuccess(exit) ? "." : "!"))
        yield* t.settled
        seen.add(log)
      })
    )
    expect(explore(self, exhaustive(0, 1)).exhausted).toBe(true)
    return [...seen].sort()
  }

  test("each of two uninterruptible stretches has an interrupt of its own", () => {
    // An interrupt in the last stretch is seen by nobody but the fiber's end.
    const all = endings((note) =>
      Effect.onExit(
        Effect.gen(function*() {
          yield* Effect.uninterruptible(note("1"))
          yield* note("2")
          yield* Effect.uninterruptible(note("3"))
        }),
        (exit) => note(exit._tag === "Success" ? "s" : "f")
      )
    )
    expect(all).toEqual(["123f!", "123s!", "123s.", "12f!", "1f!", "f!"])
  })
})
