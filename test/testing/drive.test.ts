/** Events from outside of Effect: the driver waits for them, and the schedule decides their order. */
import { Effect } from "effect"
import { exploreAsync, type Kit, replayAsync, scenario } from "sluice/testing"
import type { Chooser, Situation } from "sluice/testing/Chooser"
import { Replay } from "sluice/testing/choosers/Replay"
import { drive, driveAsync } from "sluice/testing/drive"
import { Machine } from "sluice/testing/Machine"
import { program } from "sluice/testing/Scenario"
import { expect, test } from "vitest"

/** After so many turns of the event loop. */
const after = (turns: number): Promise<void> =>
  turns === 0 ? Promise.resolve() : new Promise((resolve) => setImmediate(() => resolve(after(turns - 1))))

const runAsync = async (body: (t: Kit) => Effect.Effect<unknown>, watch?: (situation: Situation) => void) => {
  const machine = new Machine(2_000, "contract", true)
  const chooser: Chooser = new Replay([])
  let situation!: Situation
  const watching: Chooser = {
    begin: (of) => {
      situation = of
      chooser.begin(of)
    },
    preempt: (lane) => chooser.preempt(lane),
    nested: (outer, inner) => chooser.nested(outer, inner),
    choose: (options) => chooser.choose(options),
    next: () => {
      watch?.(situation)
      return chooser.next()
    }
  }
  return driveAsync(machine.run(program(scenario(body)), watching))
}

test("of what comes back in one turn of the event loop, whichever came first, the first actor's is first by default", async () => {
  let order = ""
  const outcome = await runAsync((t) =>
    Effect.gen(function*() {
      const opened: Array<() => void> = []
      for (const name of ["a", "b", "c"]) {
        const gate = new Promise<void>((resolve) => void opened.push(resolve))
        yield* t.actor(name, Effect.andThen(Effect.promise(() => gate), Effect.sync(() => void (order += name))))
      }
      setImmediate(() => opened.toReversed().forEach((open) => open()))
    })
  )
  expect(outcome.problem).toBeUndefined()
  expect(order).toBe("abc")
})

test("a result that comes some turns later is waited for, and queues with earlier ones", async () => {
  let most = 0
  const outcome = await runAsync(
    (t) => Effect.forEach(["a", "b"], (name, i) => t.actor(name, Effect.promise(() => after(1 + i)))),
    ({ ready }) => {
      most = Math.max(most, ready.filter(({ parked }) => parked).length)
    }
  )
  expect(outcome.problem).toBeUndefined()
  expect(most).toBe(2)
})

/** After so many timers, each set when the one before it fires. */
const afterTimers = (count: number): Promise<void> =>
  count === 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(() => resolve(afterTimers(count - 1)), 1))

test.each([2, 8])("the results of %i timers, one after the other, are put in order as a whole", async (count) => {
  let most = 0
  const names = Array.from({ length: count }, (_, i) => String(i))
  const outcome = await runAsync(
    (t) => Effect.forEach(names, (name, i) => t.actor(name, Effect.promise(() => afterTimers(1 + i)))),
    ({ ready }) => {
      most = Math.max(most, ready.filter(({ parked }) => parked).length)
    }
  )
  expect(outcome.problem).toBeUndefined()
  expect(most).toBe(count)
})

test("an actor is waited for though what it waits for keeps nothing alive", async () => {
  const outcome = await runAsync((t) =>
    t.actor("a", Effect.promise(() => new Promise<void>((resolve) => setTimeout(resolve, 20).unref())))
  )
  expect(outcome.problem).toBeUndefined()
})

test.each([1, 3, 8, 40])("an actor is waited for though nothing has come for %i turns", async (turns) => {
  const outcome = await runAsync((t) => t.actor("a", Effect.promise(() => after(turns))))
  expect(outcome.problem).toBeUndefined()
})

test("a fiber that is no actor is waited for while something is under way, before it counts as a leak", async () => {
  let ended = false
  const slow = Effect.promise(() => new Promise<void>((resolve) => setTimeout(resolve, 15)))
  const outcome = await runAsync(() => Effect.forkDetach(Effect.andThen(slow, Effect.sync(() => (ended = true)))))
  expect(outcome.problem).toBeUndefined()
  expect(ended).toBe(true)
})

test("a timer that began before the run and ends within it hides none of the run's own", async () => {
  const slow = Effect.promise(() => new Promise<void>((resolve) => setTimeout(resolve, 30)))
  setTimeout(() => {}, 5)
  const outcome = await runAsync(() => Effect.forkDetach(slow))
  expect(outcome.problem).toBeUndefined()
})

test("a promise that never settles and keeps nothing alive is a leak at once", async () => {
  const outcome = await runAsync(() => Effect.forkDetach(Effect.promise(() => new Promise(() => {}))))
  expect(outcome.problem?.kind).toBe("leaked-fiber")
})

test("a fiber of an earlier run that something outside resumes takes no part in a later one", async () => {
  const machine = new Machine(2_000, "contract", true)
  const gates = [0, 1].map(() => {
    let open = () => {}
    return { opened: new Promise<void>((resolve) => void (open = resolve)), open: () => open() }
  })
  const done: Array<number> = []
  const bodyOf = (run: number) =>
    scenario((t) =>
      Effect.gen(function*() {
        const forks = Effect.forkDetach(Effect.sync(() => done.push(run)))
        yield* t.actor("a", Effect.andThen(Effect.promise(() => gates[run]!.opened), Effect.andThen(forks, forks)))
        yield* Effect.yieldNow
        yield* t.expect(run === 1, "the first run ends before its gate opens")
        setImmediate(() => gates[0]!.open())
        setImmediate(() => setImmediate(() => gates[1]!.open()))
      })
    )
  const ready: Array<string | undefined> = []
  const passive = new Replay([])
  let situation!: Situation
  let lanes: Situation["lanes"] = []
  const watching: Chooser = {
    begin: (of) => {
      situation = of
      lanes = of.lanes
      passive.begin(of)
    },
    preempt: () => false,
    nested: () => false,
    choose: () => 0,
    next: () => {
      for (const entry of situation.ready) ready.push(entry.lane?.name)
      return passive.next()
    }
  }
  const first = await driveAsync(machine.run(program(bodyOf(0)), passive))
  expect(first.problem?.kind).toBe("expectation")
  const second = await driveAsync(machine.run(program(bodyOf(1)), watching))
  expect(second.problem).toBeUndefined()
  expect(done).toEqual([1, 1])
  expect(lanes.map(({ name }) => name)).toEqual(["main", "a", "a/1", "a/2", "close"])
  expect(new Set(ready)).toEqual(new Set(["main", "a"]))
})

test("synchronously, nothing ever comes from outside", () => {
  const asked: Array<boolean> = []
  function* steps(): Generator<void, string, boolean> {
    asked.push(yield)
    asked.push(yield)
    return "done"
  }
  expect(drive(steps())).toBe("done")
  expect(asked).toEqual([false, false])
})

test("a schedule of what comes from outside is run again as it was, by its key", async () => {
  const self = scenario((t) =>
    Effect.gen(function*() {
      let order = ""
      for (const name of ["a", "b"]) {
        yield* t.actor(name, Effect.andThen(Effect.promise(() => after(1)), Effect.sync(() => void (order += name))))
      }
      yield* t.settled
      yield* t.expect(order !== "ba", "the second one is first")
    })
  )
  const { failure, runs } = await exploreAsync(self, { runs: 50, cancels: 0, shrink: false })
  expect(failure?.message).toBe("the second one is first")
  expect(failure?.run).toBe(runs)
  const again = await replayAsync(self, failure!.key)
  expect(again.failure).toMatchObject({ message: "the second one is first", key: failure!.key })
  expect(again.toTrace()).toContain("failure the second one is first")
  expect((await replayAsync(self, "s1:")).failure).toBeUndefined()
})
