/** Actors that are alike: fewer schedules, the same outcomes, the same bugs. */
import { Deferred, Effect, Exit, Fiber, Ref } from "effect"
import * as fc from "fast-check"
import { Semaphore } from "sluice"
import { explore, type Kit, type Realism, replay, run, type Scenario, scenario, type Strategy } from "sluice/testing"
import { describe, expect, test } from "vitest"
import { Stage, type Step, steps } from "./programs.js"

const exhaustive = (preemptions: number, cancels: number) => ({ strategy: { exhaustive: { preemptions, cancels } } })

/** Starts `n` actors of one effect: as actors that are alike, or as any others. */
const start = <A, E, R>(t: Kit, alike: boolean, name: string, n: number, effect: Effect.Effect<A, E, R>) =>
  alike
    ? t.actors(name, n, effect)
    : Effect.forEach(Array.from({ length: n }), (_, i) => t.actor(`${name} ${i + 1}`, effect))

const factorial = (n: number): number => n <= 1 ? 1 : n * factorial(n - 1)

describe("of n actors that are alike, one schedule in n! is tried", () => {
  const permits = (n: number, alike: boolean) =>
    scenario((t) =>
      Effect.gen(function*() {
        const semaphore = Semaphore.makeUnsafe(1)
        yield* start(t, alike, "user", n, Semaphore.withPermit(semaphore, Effect.void))
        yield* t.settled
      })
    )

  test.each([[2, 2, 1], [3, 2, 0], [3, 1, 1], [4, 1, 0], [4, 0, 1]])(
    "%i actors with %i preemptions and %i interrupts",
    (n, preemptions, cancels) => {
      const [all, one] = [false, true].map((alike) => explore(permits(n, alike), exhaustive(preemptions, cancels)))
      expect([all!.exhausted, one!.exhausted]).toEqual([true, true])
      expect(one!.runs).toBe(all!.runs / factorial(n))
      expect(one!.distinct).toBe(one!.runs)
    }
  )

  test("four actors at withPermit, with one preemption and one interrupt, take at most 600 schedules", () => {
    const { exhausted, runs } = explore(permits(4, true), exhaustive(1, 1))
    expect(exhausted).toBe(true)
    expect(runs).toBeGreaterThan(500)
    expect(runs).toBeLessThanOrEqual(600)
  })

  test("actors of two calls are not alike", () => {
    const calls = (sizes: ReadonlyArray<number>) =>
      explore(scenario((t) => Effect.forEach(sizes, (n) => t.actors("a", n, Effect.void))), exhaustive(0, 0)).runs
    expect(calls([2, 2])).toBe(factorial(4) / (factorial(2) * factorial(2)))
    expect(calls([1, 1, 1])).toBe(factorial(3))
  })

  test("actors that another actor starts are tried in every order", () => {
    const starting = scenario((t) => t.actor("a", t.actors("b", 3, Effect.void), { cancel: false }))
    expect(explore(starting, exhaustive(0, 0)).runs).toBe(factorial(3))
  })
})

/** A program of `n` actors that are alike and others that are not. */
interface Work {
  readonly n: number
  readonly alike: ReadonlyArray<Step>
  readonly others: ReadonlyArray<ReadonlyArray<Step>>
  readonly cancel: boolean
  readonly shielded: boolean
}

/** Calls an actor that is alike to others by the place where the log first names it. */
const renamed = (log: string): string => {
  const seen: Array<string> = []
  return log.replace(/[abc]/gi, (name) => {
    const letter = name.toLowerCase()
    if (!seen.includes(letter)) seen.push(letter)
    const other = "abc"[seen.indexOf(letter)]!
    return name === letter ? other : other.toUpperCase()
  })
}

const programOf = ({ alike, cancel, n, others, shielded }: Work, symmetric: boolean, ended: (log: string) => void) =>
  scenario((t) =>
    Effect.gen(function*() {
      const stage = new Stage(t)
      const letters = new Map<unknown, string>()
      // The same effect for all, which finds out who runs it.
      const effect = Effect.withFiber((fiber) => stage.bodyOf(letters.get(fiber) ?? "?", alike, shielded))
      const options = { cancel }
      const fibers = symmetric
        ? yield* t.actors("alike", n, effect, options)
        : yield* Effect.forEach(Array.from({ length: n }), (_, i) => t.actor(`alike ${i + 1}`, effect, options))
      for (const [i, fiber] of fibers.entries()) {
        letters.set(fiber, "abc"[i]!)
        stage.watch(fiber, "abc"[i]!)
      }
      for (const [i, steps] of others.entries()) {
        const name = "xy"[i]!
        stage.watch(yield* t.actor(name, stage.bodyOf(name, steps, false)), name)
      }
      yield* t.settled
      ended(`${stage.log} ${t.turn}`)
    })
  )

const list = (minLength: number, maxLength: number) =>
  fc.array(fc.constantFrom(...steps.filter((step) => step !== "choose")), { minLength, maxLength })

const work: fc.Arbitrary<Work> = fc.record({
  n: fc.integer({ min: 2, max: 3 }),
  alike: list(1, 2),
  others: fc.array(list(1, 2), { maxLength: 2 }),
  cancel: fc.boolean(),
  shielded: fc.boolean()
})

test.each<Realism>(["suspension", "nested", "contract", "scheduler", "any"])(
  "at realism %s, actors that are alike show the outcomes of actors that are not, up to their names",
  (realism) => {
    let compared = 0
    let reduced = 0
    fc.assert(
      fc.property(work, fc.nat(2), fc.nat(1), (self, preemptions, cancels) => {
        const shown = (symmetric: boolean) => {
          const logs = new Set<string>()
          const program = programOf(self, symmetric, (log) => void logs.add(renamed(log)))
          const { exhausted, failure, runs } = explore(program, {
            ...exhaustive(preemptions, cancels),
            realism,
            runs: 800
          })
          expect(failure).toBeUndefined()
          return { logs: [...logs].sort(), runs, exhausted }
        }
        const all = shown(false)
        if (!all.exhausted) return
        const one = shown(true)
        expect(one.exhausted).toBe(true)
        expect(one.logs).toEqual(all.logs)
        compared++
        if (one.runs < all.runs) reduced++
      }),
      { seed: 1, numRuns: 40 }
    )
    expect(compared).toBeGreaterThan(12)
    if (realism !== "suspension" && realism !== "nested") expect(reduced).toBe(compared)
  }
)

describe("a bug that needs two of them is found", () => {
  const lostUpdate = scenario((t) =>
    Effect.gen(function*() {
      const ref = yield* Ref.make(0)
      const increment = Effect.flatMap(Ref.get(ref), (n) => Ref.set(ref, n + 1))
      yield* t.actors("adder", 3, increment, { cancel: false })
      yield* t.settled
      yield* t.expect((yield* Ref.get(ref)) === 3, "an update was lost")
    })
  )

  /** A lock whose waiters stay in line when they are interrupted. */
  const lostLock = scenario((t) =>
    Effect.gen(function*() {
      let locked = false
      const waiters: Array<() => void> = []
      const acquire = (restore: typeof Effect.interruptible) =>
        Effect.suspend(() => {
          if (!locked) {
            locked = true
            return Effect.void
          }
          const turn = Deferred.makeUnsafe<void>()
          waiters.push(() => Deferred.doneUnsafe(turn, Exit.void))
          return restore(Deferred.await(turn))
        })
      const release = Effect.sync(() => {
        const next = waiters.shift()
        if (next === undefined) locked = false
        else next()
      })
      const user = Effect.uninterruptibleMask((restore) =>
        Effect.andThen(acquire(restore), Effect.ensuring(restore(Effect.yieldNow), release))
      )
      yield* t.actors("user", 2, user)
      yield* t.settled
      yield* t.expect(() => !locked, "the lock was lost")
    })
  )

  const strategies: ReadonlyArray<Strategy> = ["random", "sticky", "pct", "portfolio", exhaustive(2, 1).strategy]
  test.each([
    ["an update", lostUpdate, "an update was lost"],
    ["an interrupted waiter", lostLock, "the lock was lost"]
  ])("by each strategy, and its key repeats it: %s", (_, self: Scenario, message) => {
    for (const strategy of strategies) {
      const { failure } = explore(self, { strategy, runs: 2_000 })
      expect(failure).toMatchObject({ kind: "expectation", message })
      expect(failure!.schedule.length).toBeLessThanOrEqual(2)
      expect(replay(self, failure!.key).failure).toMatchObject({ kind: "expectation", message, key: failure!.key })
      expect(run(self, failure!.schedule).failure?.message).toBe(message)
    }
  })

  test("with their names and numbers in the trace, and a program for the stock runtime", () => {
    const stuck = scenario((t) =>
      Effect.gen(function*() {
        let left = 1
        const wait = Effect.suspend(() => left-- > 0 ? Effect.yieldNow : Effect.never)
        yield* t.actors("reader", 2, wait, { cancel: false })
        yield* t.settled
      })
    )
    const { failure } = explore(stuck)
    expect(failure).toMatchObject({ kind: "deadlock", message: "reader 2 waits forever" })
    expect(failure!.trace.fibers).toEqual(
      ["main", "reader 1", "reader 2"].map((name) => ({ name, actor: true }))
    )
    expect(failure!.program).toContain("actors: (name, n, effect) =>")
  })
})

test("the fibers come back in the order of their numbers, with the options of an actor", () => {
  const report = explore(
    scenario((t) =>
      Effect.gen(function*() {
        let next = 0
        const fibers = yield* t.actors("a", 3, Effect.sync(() => next++), { cancel: false })
        expect(yield* t.actors("none", 0, Effect.never)).toEqual([])
        yield* t.actors("dying", 2, Effect.die("planned"), { mayDie: true })
        yield* t.settled
        expect(yield* Effect.forEach(fibers, Fiber.join)).toEqual([0, 1, 2])
      })
    ),
    { runs: 300 }
  )
  expect(report.failure).toBeUndefined()
  const dying = explore(scenario((t) => t.actors("a", 2, Effect.die("planned"))), { runs: 10 })
  expect(dying.failure).toMatchObject({ kind: "defect", message: "a 1 died: planned" })
})

test.each([-1, 1.5, NaN, Infinity])("n = %d dies", (n) => {
  const self = scenario((t) => t.actors("a", n, Effect.void))
  expect(explore(self, { runs: 1 }).failure).toMatchObject({
    kind: "defect",
    message: `main failed: Error: Kit.actors: n must be an integer >= 0, got ${n}`
  })
})

test("an actor that the program interrupts before it begins does not keep the others", () => {
  let seen = 0
  const self = scenario((t) =>
    Effect.gen(function*() {
      let begun = 0
      const [first, second] = yield* t.actors("a", 3, Effect.sync(() => begun++), { cancel: false })
      yield* Effect.sync(() => first!.interruptUnsafe())
      yield* Effect.sync(() => second!.interruptUnsafe())
      yield* t.settled
      yield* t.expect(begun === 1 && Exit.isFailure(first!.pollUnsafe()!), `${begun} begun`)
      seen++
    })
  )
  expect(explore(self, exhaustive(1, 0)).toString()).toContain("no failure")
  expect(seen).toBeGreaterThan(0)
})
