/** The kit itself: what it explores, what it finds, and what it says. */
import {
  Cause,
  Clock,
  Deferred,
  Effect,
  Exit,
  Fiber,
  Latch,
  Queue,
  Random,
  Ref,
  Schedule,
  Scope,
  Semaphore
} from "effect"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { pbkdf2 } from "node:crypto"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import {
  cancellations,
  check,
  checkAsync,
  CheckFailed,
  explore,
  exploreAsync,
  Kit,
  replay,
  replayAsync,
  run,
  type Scenario,
  scenario,
  schedule,
  withCancellations
} from "sluice/testing"
import { describe, expect, test } from "vitest"

const exhaustive = (preemptions: number, cancels: number) => ({ strategy: { exhaustive: { preemptions, cancels } } })

/** Two fibers add one to a number, each in two steps. */
const lostUpdate = scenario((t) =>
  Effect.gen(function*() {
    const ref = yield* Ref.make(0)
    const increment = Effect.gen(function*() {
      const n = yield* Ref.get(ref)
      yield* Ref.set(ref, n + 1)
    })
    yield* t.actor("a", increment, { cancel: false })
    yield* t.actor("b", increment, { cancel: false })
    yield* t.settled
    yield* t.expect((yield* Ref.get(ref)) === 2, "an update was lost")
  })
)

/** The kind and message of what is found. */
const found = (self: Scenario, options: Parameters<typeof explore>[1] = {}) => {
  const { failure } = explore(self, options)
  return failure === undefined ? undefined : `${failure.kind}: ${failure.message}`
}

const thrown = (f: () => unknown): CheckFailed => {
  try {
    f()
  } catch (error) {
    assert.ok(error instanceof CheckFailed, String(error))
    return error
  }
  throw new Error("nothing was thrown")
}

describe("exploring", () => {
  test.each(["portfolio", "random", "sticky", "pct"] as const)("%s finds a lost update", (strategy) => {
    expect(found(lostUpdate, { strategy })).toBe("expectation: an update was lost")
  })

  test("by default, a run is as on the stock runtime: first come, first served, and nothing in between", () => {
    const order: Array<string> = []
    const self = scenario((t) =>
      Effect.gen(function*() {
        order.length = 0
        const actor = (name: string) =>
          Effect.gen(function*() {
            order.push(`${name}1`)
            yield* Effect.yieldNow
            order.push(`${name}2`)
          })
        yield* t.actor("a", actor("a"))
        yield* t.actor("b", actor("b"))
      })
    )
    expect(run(self, []).failure).toBeUndefined()
    expect(order).toEqual(["a1", "b1", "a2", "b2"])
  })

  /** Actors of so many steps, none of which suspends: with every preemption allowed, all their interleavings. */
  const interleavings = (lengths: ReadonlyArray<number>, preemptions: number) => {
    const seen = new Set<string>()
    let word: Array<number> = []
    const self = scenario((t) =>
      Effect.gen(function*() {
        word = []
        yield* Effect.forEach(lengths, (length, i) =>
          t.actor(
            String(i),
            // Operations that matter are the steps, and no others.
            Array.from({ length }).reduce<Effect.Effect<unknown>>(
              (before) => Effect.flatMap(before, () => Effect.sync(() => word.push(i))),
              Effect.void
            ),
            { cancel: false }
          ))
        yield* t.settled
        seen.add(word.join(""))
      })
    )
    const report = explore(self, exhaustive(preemptions, 0))
    return { seen, report }
  }

  const factorial = (n: number): number => n < 2 ? 1 : n * factorial(n - 1)

  test.each([[[1, 1]], [[2, 2]], [[3, 2]], [[2, 2, 2]], [[1, 3, 2]]])(
    "exhaustive: all interleavings of actors of %j steps",
    (lengths) => {
      const { report, seen } = interleavings(lengths, 20)
      const all = lengths.reduce((product, n) => product / factorial(n), factorial(lengths.reduce((a, b) => a + b, 0)))
      expect(report.exhausted).toBe(true)
      expect(report.failure).toBeUndefined()
      expect(seen.size).toBe(all)
      expect(report.distinct).toBe(report.runs)
    }
  )

  test("exhaustive: as many preemptions as allowed, and no more", () => {
    // The fibers of an interleaving change places more often than they must once for each preemption.
    const switches = (word: string) => word.split("").filter((c, i) => i > 0 && word[i - 1] !== c).length
    for (const preemptions of [0, 1, 2, 3]) {
      const { seen } = interleavings([3, 3], preemptions)
      const all = interleavings([3, 3], 20).seen
      const allowed = [...all].filter((word) => switches(word) <= preemptions + 1)
      expect([...seen].sort()).toEqual(allowed.sort())
    }
  })

  test("exhaustive: an interrupt at every operation, uninterruptible stretches counted once", () => {
    const where = new Set<string>()
    const self = scenario((t) =>
      Effect.gen(function*() {
        const log: Array<string> = []
        const step = (name: string) => Effect.sync(() => log.push(name))
        const all = Effect.all([
          step("a"),
          Effect.uninterruptible(Effect.all([step("b"), step("c"), step("d")])),
          step("e")
        ])
        yield* t.actor("x", Effect.onExit(all, (exit) => step(Exit.isSuccess(exit) ? "ok" : "cut")))
        yield* t.settled
        where.add(log.join(""))
      })
    )
    const report = explore(self, exhaustive(0, 1))
    expect(report.exhausted).toBe(true)
    expect([...where].sort()).toEqual(["abcdcut", "abcdecut", "abcdeok", "acut", "cut"])
    expect(report.runs).toBeLessThan(25)
  })

  test.each(["portfolio", "random", "sticky", "pct"] as const)("%s reaches all of a long run", (strategy) => {
    const self = scenario((t) =>
      Effect.gen(function*() {
        let at = 0
        yield* t.actor("a", Effect.forEach(Array.from({ length: 300 }), () => Effect.sync(() => at++)))
        yield* t.settled
        yield* t.expect(at <= 150 || at === 300, "cut off in its second half")
      })
    )
    expect(found(self, { strategy })).toBe("expectation: cut off in its second half")
  })

  test("exhaustive: within the realism that was asked for", () => {
    expect(explore(lostUpdate, { ...exhaustive(2, 0), realism: "suspension" })).toMatchObject({
      failure: undefined,
      exhausted: true,
      runs: 1
    })
  })

  test("a fiber that is interrupted before it begins stays so", () => {
    const self = scenario((t) =>
      t.actor("a", Effect.flatMap(Effect.forkChild(Effect.never), (fiber) => Fiber.interrupt(fiber)), { cancel: false })
    )
    expect(explore(self, exhaustive(2, 0))).toMatchObject({ failure: undefined, exhausted: true })
  })

  test("a timer of the background that is set again and again keeps nobody from settling", () => {
    const self = scenario((t) =>
      Effect.gen(function*() {
        let ticks = 0
        yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(1), Effect.sync(() => ticks++))))
        yield* t.actor("a", Effect.sleep(10), { cancel: false })
        yield* t.settled
        yield* t.expect(ticks >= 9, "time stood still")
      })
    )
    expect(found(self, { runs: 100 })).toBeUndefined()
  })

  test("exhaustive: the program's own interrupt, before a handler is installed", () => {
    const self = scenario((t) =>
      Effect.gen(function*() {
        let held = 0
        const take = Effect.flatMap(
          Effect.sync(() => held++),
          () => Effect.ensuring(Effect.sync(() => 0), Effect.sync(() => held--))
        )
        const child = yield* t.actor("child", take, { cancel: false })
        yield* t.actor("killer", Effect.sync(() => child.interruptUnsafe()), { cancel: false })
        yield* t.settled
        yield* t.expect(held === 0, "leaked")
      })
    )
    expect(found(self, exhaustive(1, 0))).toBe("expectation: leaked")
  })

  test("exhaustive: two uninterruptible stretches, one right after the other", () => {
    const self = scenario((t) =>
      Effect.gen(function*() {
        let seen = ""
        let ended = ""
        const both = Effect.onExit(
          Effect.uninterruptible(Effect.sync(() => 1)),
          (exit) => Effect.sync(() => (seen = exit._tag))
        )
        const fiber = yield* t.actor("a", both)
        fiber.addObserver((exit) => (ended = exit._tag))
        yield* t.settled
        yield* t.expect(seen === ended, "the handler saw another end")
      })
    )
    expect(found(self, exhaustive(0, 1))).toBe("expectation: the handler saw another end")
  })

  test.each([["portfolio", "portfolio"], ["exhaustive", exhaustive(1, 0).strategy]] as const)(
    "%s: who runs on top of another may yield, though nobody is ready",
    (_, strategy) => {
      const self = scenario((t) =>
        Effect.gen(function*() {
          let resume: ((effect: Effect.Effect<void>) => void) | undefined
          let flag = false
          let saw = false
          const wait = Effect.callback<void>((r) => void (resume = r))
          yield* t.actor("b", Effect.flatMap(wait, () => Effect.sync(() => (saw = flag))), { cancel: false })
          const wake = Effect.sync(() => {
            resume?.(Effect.void)
            flag = true
          })
          yield* t.actor("a", Effect.andThen(Effect.yieldNow, wake), { cancel: false })
          yield* t.settled
          yield* t.expect(!saw, "saw it")
        })
      )
      expect(found(self, { strategy })).toBe("expectation: saw it")
    }
  )

  test("a run that is cut off is not called exhausted", () => {
    const long = Effect.forEach(Array.from({ length: 150 }), () => Effect.sync(() => {}), { discard: true })
    const self = scenario((t) => Effect.andThen(long, t.actor("a", Effect.void)))
    const report = explore(self, { ...exhaustive(1, 0), maxSteps: 100 })
    expect(report).toMatchObject({ exhausted: false, truncated: report.runs, failure: undefined })
    expect(String(report)).toContain("were cut off at maxSteps")
  })

  test("distinct schedules are counted", () => {
    const report = explore(lostUpdate, { runs: 500, shrink: false, realism: "suspension" })
    expect(report.failure).toBeUndefined()
    expect(report.distinct).toBe(1)
  })

  test("time is virtual: sleeping does not wait, and timers fire in order", () => {
    const began = Date.now()
    const times: Array<number> = []
    const self = scenario((t) =>
      Effect.gen(function*() {
        times.length = 0
        const sleeper = (millis: number) =>
          Effect.andThen(Effect.sleep(millis), Effect.map(Clock.currentTimeMillis, (now) => times.push(now)))
        yield* t.actor("slow", sleeper(3_600_000), { cancel: false })
        yield* t.actor("fast", sleeper(1_000), { cancel: false })
        yield* t.actor("never", Effect.timeoutOption(Effect.never, "1 day"), { cancel: false })
        yield* t.settled
        assert.deepEqual(times, [1_000, 3_600_000])
        assert.equal(yield* Clock.currentTimeMillis, 86_400_000)
      })
    )
    expect(found(self, { runs: 200 })).toBeUndefined()
    expect(Date.now() - began).toBeLessThan(30_000)
  })

  test("with realism any, a timer may be late", () => {
    const race = scenario((t) =>
      Effect.gen(function*() {
        const order: Array<string> = []
        const sleeper = (name: string, millis: number) =>
          Effect.andThen(Effect.sleep(millis), Effect.sync(() => order.push(name)))
        yield* t.actor("a", sleeper("a", 1), { cancel: false })
        yield* t.actor("b", sleeper("b", 2), { cancel: false })
        yield* t.settled
        yield* t.expect(order.join("") === "ab", "out of order")
      })
    )
    expect(found(race)).toBeUndefined()
    const { failure } = explore(race, { realism: "any" })
    expect(failure?.message).toBe("out of order")
    expect(failure?.realism).toBe("any")
  })

  test("randomness that is Effect's is the same in every run", () => {
    const seen = new Set<number>()
    const self = scenario((t) =>
      Effect.gen(function*() {
        yield* t.actor("a", Effect.map(Random.next, (n) => seen.add(n)), { cancel: false })
      })
    )
    expect(found(self, { runs: 50 })).toBeUndefined()
    expect(seen.size).toBe(1)
  })

  test("choose: every value is tried, and the failing one is part of the key", () => {
    const self = scenario((t) =>
      Effect.gen(function*() {
        const n = yield* t.choose([1, 2, 3, 4, 5])
        const m = yield* t.choose(["x", "y"])
        yield* t.expect(!(n === 4 && m === "y"), `${n}${m}`)
      })
    )
    expect(found(self)).toBe("expectation: 4y")
    const { failure, runs } = explore(self, exhaustive(0, 0))
    expect(failure?.key).toBe("s1:0.0c3,0.1c1")
    // 1x, then one deviation: 1y, 2x, 3x, 4x, 5x. Then two: 2y, 3y, 4y.
    expect(runs).toBe(9)
    expect(replay(self, failure!.key).failure?.message).toBe("4y")
  })

  test("the kit is a service too", () => {
    const self = scenario(() =>
      Effect.gen(function*() {
        const t = yield* Kit
        yield* t.expect(false, "asked")
      })
    )
    expect(found(self)).toBe("expectation: asked")
  })

  test("the same seed explores the same schedules, another one others", () => {
    const explored = (seed: number) => {
      const orders: Array<string> = []
      let order = ""
      const self = scenario((t) =>
        Effect.gen(function*() {
          order = ""
          for (const name of ["a", "b", "c"]) {
            yield* t.actor(name, Effect.andThen(Effect.yieldNow, Effect.sync(() => (order += name))))
          }
          yield* t.settled
          orders.push(order)
        })
      )
      explore(self, { seed, runs: 100 })
      return orders.join()
    }
    expect(explored(1)).toBe(explored(1))
    expect(explored(1)).not.toBe(explored(2))
  })

  test("options that make no sense throw", () => {
    const bad = (options: object) => expect(() => explore(lostUpdate, options))
    bad({ runs: 0 }).toThrow("sluice/testing: runs must be at least 1, got 0")
    bad({ runs: NaN }).toThrow("sluice/testing: runs must be at least 1, got NaN")
    bad({ cancels: 9 }).toThrow("cancels must be 0 to 8, got 9")
    bad({ strategy: "best" }).toThrow(`strategy must be one of`)
    bad({ realism: "none" }).toThrow(`realism must be one of suspension, nested, contract, scheduler, any, got "none"`)
    bad(exhaustive(-1, 0)).toThrow("exhaustive.preemptions must be at least 0, got -1")
    expect(() => replay(lostUpdate, "1.2")).toThrow(`not a schedule's key: "1.2"`)
    expect(() => replay(lostUpdate, "s1:1.2q")).toThrow(`not a schedule's key`)
  })
})

describe("problems that are found without a line from the user", () => {
  test("a deadlock, with who waits where", () => {
    const self = scenario((t) =>
      Effect.gen(function*() {
        const [left, right] = [yield* Latch.make(false), yield* Latch.make(false)]
        const wait = (mine: Latch.Latch, others: Latch.Latch) =>
          Effect.gen(function*() {
            yield* mine.await
            yield* others.open
          })
        yield* t.actor("a", wait(left, right), { cancel: false })
        yield* t.actor("b", wait(right, left), { cancel: false })
        yield* t.settled
      })
    )
    const error = thrown(() => check(self))
    expect(error.message).toContain("deadlock: a and b wait forever")
    expect(error.message).toMatch(/a {6}waits at test\/testing\/kit\.test\.ts:\d+ {2}yield\* mine\.await/)
    expect(error.message).toMatch(/b {6}waits at test\/testing\/kit\.test\.ts:\d+ {2}yield\* mine\.await/)
  })

  test("a deadlock of the body itself", () => {
    expect(found(scenario((t) =>
      Effect.gen(function*() {
        const fiber = yield* t.actor("a", Effect.never, { cancel: false })
        yield* Fiber.join(fiber)
      })
    ))).toBe("deadlock: main and a wait forever")
  })

  test("a livelock: fibers that hand each other the turn without end", () => {
    const self = scenario((t) => t.actor("a", Effect.forever(Effect.yieldNow), { cancel: false }))
    expect(found(self, { maxSteps: 1_000 })).toMatch(/^livelock: a did not end within 2000 steps/)
    const busy = scenario((t) => t.actor("a", Effect.forever(Effect.void), { cancel: false }))
    expect(found(busy, { maxSteps: 1_000 })).toMatch(/^livelock: a did not end/)
    const timed = scenario((t) => t.actor("a", Effect.forever(Effect.sleep(1)), { cancel: false }))
    expect(found(timed, { maxSteps: 1_000 })).toMatch(/^livelock: a did not end.*: a went on$/)
  })

  test("a long run is no livelock when a fair rest ends it", () => {
    // It spins until the other has had its turn: unfairness alone would make it last.
    const self = scenario((t) =>
      Effect.gen(function*() {
        let done = false
        yield* t.actor("spin", Effect.repeat(Effect.yieldNow, { until: () => done }), { cancel: false })
        yield* t.actor("set", Effect.sync(() => (done = true)), { cancel: false })
      })
    )
    expect(found(self, { maxSteps: 100, runs: 300 })).toBeUndefined()
  })

  test("a fiber that outlives the scenario", () => {
    const self = scenario((t) => t.actor("a", Effect.forkDetach(Effect.never)))
    expect(found(self)).toBe("leaked-fiber: a/1 still lived when the scenario was over and its scope closed")
    const ticking = scenario((t) => t.actor("a", Effect.forkDetach(Effect.repeat(Effect.void, Schedule.spaced(10)))))
    expect(found(ticking, { maxSteps: 1_000 })).toBe(
      "leaked-fiber: a/1 still lived when the scenario was over and its scope closed"
    )
  })

  test("a fiber in the scenario's scope is no leak", () => {
    expect(found(scenario(() => Effect.forkScoped(Effect.never)))).toBeUndefined()
  })

  test("a scope that is never closed", () => {
    const self = scenario((t) =>
      t.actor(
        "a",
        Effect.gen(function*() {
          const scope = yield* Scope.make()
          yield* Scope.provide(Effect.acquireRelease(Effect.void, () => Effect.void), scope)
          yield* Effect.yieldNow
          yield* Scope.close(scope, Exit.void)
        })
      )
    )
    const { failure } = explore(self)
    expect(failure?.kind).toBe("leaked-finalizer")
    expect(failure?.message).toBe("a scope used by a was never closed: 1 finalizer never ran")
    expect(failure?.realism).toBe("suspension")
    const careful = scenario((t) =>
      t.actor(
        "a",
        Effect.scoped(Effect.andThen(Effect.acquireRelease(Effect.void, () => Effect.void), Effect.yieldNow))
      )
    )
    expect(explore(careful, exhaustive(1, 2))).toMatchObject({ failure: undefined, exhausted: true })
  })

  test("a finalizer that runs twice", () => {
    const self = scenario(() =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        yield* Scope.provide(Effect.andThen(Effect.addFinalizer(() => Effect.void), Effect.void), scope)
        const { state } = scope
        assert.ok(state._tag === "Open")
        const finalizer = state.finalizer ?? [...state.finalizers!.values()][0]!
        yield* finalizer(Exit.void)
        yield* Scope.close(scope, Exit.void)
      })
    )
    expect(found(self)).toBe("leaked-finalizer: a finalizer registered by main ran 2 times")
  })

  test("the finalizers it counts still run, in their order, and see the exit", () => {
    const log: Array<string> = []
    const self = scenario((t) =>
      t.actor(
        "a",
        Effect.gen(function*() {
          log.length = 0
          for (const name of ["1", "2", "3"]) {
            yield* Effect.addFinalizer((exit) => Effect.sync(() => log.push(name + exit._tag)))
          }
          return yield* Effect.fail("planned")
        }).pipe(Effect.scoped, Effect.ignore),
        { cancel: false }
      )
    )
    expect(found(self, { runs: 1 })).toBeUndefined()
    expect(log).toEqual(["3Failure", "2Failure", "1Failure"])
  })

  test("a defect of an actor, and a failure of the body", () => {
    const boom = scenario((t) => t.actor("a", Effect.die(new TypeError("boom"))))
    expect(found(boom)).toBe("defect: a died: TypeError: boom")
    expect(found(scenario(() => Effect.fail("no")))).toBe("defect: main failed: no")
    expect(found(scenario(() => Effect.fail(1n)))).toBe("defect: main failed: 1n")
    const circular: { self?: unknown } = {}
    circular.self = circular
    expect(found(scenario(() => Effect.fail(circular)))).toMatch(/^defect: main failed: /)
    // A typed failure of an actor is a result like any other.
    expect(found(scenario((t) => t.actor("a", Effect.fail("no"))))).toBeUndefined()
  })

  test("assertions of node and vitest, in the body and in actors, are expectations", () => {
    const inBody = scenario(() => Effect.sync(() => assert.equal(1, 2, "one is not two")))
    expect(found(inBody)).toMatch(/^expectation: one is not two/)
    const inActor = scenario((t) => t.actor("a", Effect.sync(() => expect(1).toBe(2))))
    expect(found(inActor)).toMatch(/^expectation: expected 1 to be 2/)
  })

  test("a throw outside of any fiber", () => {
    const self = scenario((t) =>
      Effect.gen(function*() {
        const fiber = yield* t.actor("a", Effect.void, { cancel: false })
        fiber.addObserver(() => {
          throw new Error("an observer's")
        })
      })
    )
    expect(found(self)).toBe("defect: thrown outside of any fiber: Error: an observer's")
  })

  test("a run that is not the same twice: time, chance, and what outlives a run", () => {
    let calls = 0
    const self = scenario((t) =>
      t.actor("a", Effect.forEach(Array.from({ length: ++calls }), () => Effect.yieldNow), { cancel: false })
    )
    const { failure } = explore(self)
    expect(failure?.kind).toBe("escaped")
    expect(failure?.message).toMatch(
      /the same choices gave different runs: in turn \d+, a stopped after \d+ operations/
    )
  })
})

describe("linearizability", () => {
  /** A queue whose `take` looks first and takes then. */
  const lossy = scenario((t) =>
    Effect.gen(function*() {
      const items: Array<number> = []
      const put = (n: number) => t.op("put", n, Effect.sync(() => void items.push(n)))
      const take = t.op(
        "take",
        undefined,
        Effect.flatMap(Effect.sync(() => items[0]), (head) =>
          Effect.sync(() => {
            items.shift()
            return head
          }))
      )
      yield* t.actor("p", Effect.andThen(put(1), put(2)), { cancel: false })
      yield* t.actor("c1", take, { cancel: false })
      yield* t.actor("c2", take, { cancel: false })
      yield* t.settled
      yield* t.linearizable<ReadonlyArray<number>>({
        init: [],
        step: (state, { argument, exit, name }) => {
          if (name === "put") return [[...state, argument as number]]
          const [head, ...rest] = state
          return exit !== undefined && Exit.isSuccess(exit) && exit.value === head ? [rest] : []
        }
      })
    })
  )

  test("a queue that gives the same item twice", () => {
    const { failure } = explore(lossy)
    expect(failure?.kind).toBe("not-linearizable")
    expect(failure?.message).toContain("take")
  })

  test("Effect's queue is one", () => {
    const self = scenario((t) =>
      Effect.gen(function*() {
        const queue = yield* Queue.bounded<number>(1)
        yield* t.actor("p", Effect.forEach([1, 2], (n) => t.op("put", n, Queue.offer(queue, n))), { cancel: false })
        yield* t.actor("c1", t.op("take", undefined, Queue.take(queue)), { cancel: false })
        yield* t.actor("c2", t.op("take", undefined, Queue.take(queue)), { cancel: false })
        yield* t.settled
        yield* t.linearizable<ReadonlyArray<unknown>>({
          init: [],
          step: (state, { argument, exit, name }) => {
            if (name === "put") return [[...state, argument]]
            const [head, ...rest] = state
            return exit !== undefined && Exit.isSuccess(exit) && exit.value === head ? [rest] : []
          }
        })
      })
    )
    expect(explore(self, { runs: 300 }).failure).toBeUndefined()
  })
})

describe("a failure", () => {
  test("is replayed from its key, with the trace of operations", () => {
    const { failure } = explore(lostUpdate)
    expect(failure?.schedule).toHaveLength(1)
    const again = replay(lostUpdate, failure!.key)
    expect(again.failure).toMatchObject({ kind: "expectation", message: "an update was lost", key: failure!.key })
    expect(again.toTrace()).toMatch(
      /a {4,}preempt preempted before test\/testing\/kit\.test\.ts:\d+ {2}yield\* Ref\.set/
    )
  })

  test("of a key that does not fail any more has its trace all the same", () => {
    const report = replay(lostUpdate, "s1:")
    expect(report.failure).toBeUndefined()
    expect(report.toTrace()).toContain("Ref.set")
  })

  test("is shown in a few lines, with names, source lines and the line that runs it again", () => {
    const { message } = thrown(() => check(lostUpdate))
    expect(message).toMatch(
      new RegExp(
        "^expectation: an update was lost\n\n" +
          "  main   waits at test/testing/kit.test.ts:\\d+  yield\\* t.settled\n" +
          "  a      preempted before test/testing/kit.test.ts:\\d+  yield\\* Ref.set\\(ref, n \\+ 1\\)\n" +
          "  b      ends: success, .*\n" +
          "  a      ends: success, .*\n" +
          "  FAILS  an update was lost, at test/testing/kit.test.ts:\\d+  yield\\* t.expect.*\n\n" +
          "Found in schedule \\d+ \\(seed 1\\).*\n" +
          `Run it again:  replay\\(yourScenario, "s1:1\\.4p"\\)$`
      )
    )
  })

  test.each([
    [
      "suspension",
      scenario((t) =>
        Effect.gen(function*() {
          let ended = false
          yield* t.actor("a", Effect.andThen(Effect.yieldNow, Effect.sync(() => (ended = true))))
          yield* t.settled
          yield* t.expect(ended, "cut off")
        })
      )
    ],
    ["contract", lostUpdate],
    [
      "nested",
      scenario((t) =>
        // The value is taken, and lost when whoever is resumed by that interrupts the taker.
        Effect.gen(function*() {
          const gate = yield* Deferred.make<void>()
          let taken = 0
          let seen = 0
          yield* Effect.forkScoped(Deferred.await(gate), { startImmediately: true })
          const take = Effect.sync(() => {
            taken++
            Deferred.doneUnsafe(gate, Effect.void)
          })
          yield* t.actor(
            "taker",
            Effect.andThen(Effect.yieldNow, Effect.flatMap(take, () => Effect.sync(() => seen++)))
          )
          yield* t.settled
          yield* t.expect(taken <= seen, "taken and lost")
        })
      )
    ]
  ])("says what it needs of the runtime: %s", (realism, self) => {
    expect(explore(self).failure).toMatchObject({ kind: "expectation", realism })
  })

  test("comes with a program that shows it on the stock runtime, where that can be", () => {
    const folder = join(import.meta.dirname, "../../node_modules/.cache/sluice-programs")
    mkdirSync(folder, { recursive: true })
    const runs = (self: Scenario, name: string) => {
      const { failure } = explore(self)
      assert.ok(failure?.program !== undefined)
      const file = join(folder, `${name}.mjs`)
      writeFileSync(file, failure.program)
      return spawnSync(process.execPath, [file], { encoding: "utf8" }).stderr
    }
    const given = scenario((t) =>
      Effect.gen(function*() {
        const semaphore = yield* Semaphore.make(1)
        // What is taken before the handler that gives it back is there can be lost.
        const careless = Effect.gen(function*() {
          yield* semaphore.take(1)
          yield* Effect.yieldNow
          yield* semaphore.release(1)
        })
        yield* t.actor("a", careless)
        yield* t.actor("b", careless, { cancel: false })
        yield* t.settled
      })
    )
    expect(runs(given, "deadlock")).toContain("Error: b waits forever")
    expect(thrown(() => check(given)).message).toContain("A program that shows it on the stock runtime:")
    const cutOff = scenario((t) =>
      Effect.gen(function*() {
        let ended = false
        yield* t.actor("a", Effect.andThen(Effect.sleep(10), Effect.sync(() => (ended = true))))
        yield* t.settled
        yield* t.expect(ended, "cut off")
      })
    )
    expect(runs(cutOff, "expectation")).toContain("Error: cut off")
    // It takes a yield between two operations that do not suspend.
    expect(explore(lostUpdate).failure?.program).toBeUndefined()
  })

  test("is drawn where it is asked for", () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-"))
    const svg = join(folder, "lost.svg")
    expect(thrown(() => check(lostUpdate, { svg })).message).toContain(`Drawn in ${svg}`)
    expect(readFileSync(svg, "utf8")).toMatch(/^<svg[^]*an update was lost[^]*<\/svg>\s*$/)
    process.env["SLUICE_SVG"] = join(folder, "all")
    try {
      thrown(() => check(lostUpdate))
      expect(readdirSync(join(folder, "all"))).toHaveLength(1)
    } finally {
      delete process.env["SLUICE_SVG"]
    }
  })

  test("keys are the same whatever reads them", () => {
    fc.assert(fc.property(schedule({ actors: 3 }), (decisions) => {
      const report = run(lostUpdate, decisions)
      if (report.failure === undefined) return
      const again = run(lostUpdate, report.failure.key)
      assert.deepEqual(again.failure?.schedule, report.failure.schedule)
    }))
  })
})

describe("with fast-check", () => {
  /** How many adders there are, and whether each is atomic. */
  const adders = (workload: ReadonlyArray<boolean>) =>
    scenario((t) =>
      Effect.gen(function*() {
        let n = 0
        for (const atomic of workload) {
          const add = atomic
            ? Effect.sync(() => n++)
            : Effect.flatMap(Effect.sync(() => n), (m) => Effect.sync(() => (n = m + 1)))
          yield* t.actor("adder", add, { cancel: false })
        }
        yield* t.settled
        yield* t.expect(n === workload.length, "an update was lost")
      })
    )

  test("workload and schedule shrink together", () => {
    const property = fc.property(
      fc.array(fc.boolean(), { maxLength: 6 }),
      schedule({ actors: 6, maxOps: 10 }),
      (workload, decisions) => void check(adders(workload), { schedule: decisions })
    )
    const { counterexample, failed } = fc.check(property, { numRuns: 3_000, seed: 1 })
    expect(failed).toBe(true)
    const [workload, decisions] = counterexample!
    // One that is not atomic, and one that comes in between.
    expect(workload).toHaveLength(2)
    expect(workload).toContain(false)
    expect(decisions.filter(({ kind }) => kind === "preempt")).toHaveLength(1)
  })

  test("cancellations", () => {
    const property = fc.property(cancellations({ actors: 1, maxOps: 8, max: 3 }), (interrupts) => {
      let ended = false
      const self = scenario((t) =>
        t.actor("a", Effect.andThen(Effect.all([Effect.void, Effect.yieldNow]), Effect.sync(() => (ended = true))))
      )
      assert.equal(run(self, withCancellations(interrupts)).failure, undefined)
      assert.ok(ended)
    })
    const { counterexample, failed } = fc.check(property, { seed: 1 })
    expect(failed).toBe(true)
    expect(counterexample![0]).toHaveLength(1)
  })

  test("cancellations with options that make no sense throw", () => {
    expect(() => cancellations({ actors: 0, maxOps: 1, max: 1 })).toThrow(
      "actors must be an integer of at least 1, got 0"
    )
    expect(() => schedule({ maxOps: 0.5 })).toThrow("maxOps must be an integer of at least 1, got 0.5")
  })
})

describe("a scenario that waits for what is outside", () => {
  const file = (t: Kit) =>
    Effect.gen(function*() {
      let n = 0
      const read = Effect.gen(function*() {
        const m = n
        yield* Effect.promise(() => readFile(import.meta.filename))
        n = m + 1
      })
      yield* t.actor("a", read, { cancel: false })
      yield* t.actor("b", read, { cancel: false })
      yield* t.settled
      yield* t.expect(n === 2, "an update was lost")
    })

  test("is run asynchronously, and its results are put in order", async () => {
    const report = await exploreAsync(scenario(file), { runs: 20, shrink: false })
    expect(report.failure).toMatchObject({ kind: "expectation", message: "an update was lost" })
    const again = await replayAsync(scenario(file), report.failure!.key)
    expect(again.failure?.message).toBe("an update was lost")
  })

  test("is no deadlock for the synchronous explore: it has escaped, and the message names exploreAsync", () => {
    const { failure } = explore(scenario(file))
    expect(failure?.kind).toBe("escaped")
    expect(failure?.message).toContain("exploreAsync")
  })

  test("promises: any order of those that are ready together", async () => {
    const orders = new Set<string>()
    const self = scenario((t) =>
      Effect.gen(function*() {
        let order = ""
        for (const name of ["a", "b", "c"]) {
          const actor = Effect.andThen(Effect.promise(() => Promise.resolve()), Effect.sync(() => (order += name)))
          yield* t.actor(name, actor, { cancel: false })
        }
        yield* t.settled
        orders.add(order)
      })
    )
    await checkAsync(self, { runs: 60 })
    expect(orders.size).toBe(6)
  })

  test("work in another thread is waited for, and a fiber of an earlier run takes no part in a later one", async () => {
    let run = 0
    const late: Array<string> = []
    const self = scenario((t) =>
      Effect.gen(function*() {
        const mine = ++run
        const hash = Effect.promise(() => promisify(pbkdf2)("a", "b", 20_000, 32, "sha256"))
        yield* t.actor("a", hash, { cancel: false })
        const slow = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 20)))
        yield* t.actor("b", Effect.andThen(slow, Effect.sync(() => mine === run || late.push(`${mine} in ${run}`))))
        yield* t.settled
      })
    )
    await checkAsync(self, { runs: 20 })
    expect(late).toEqual([])
  })
})

test("a cause that an actor ends with is the actor's own", () => {
  // Interrupts are made without a fiber id, as by something outside of the program.
  const self = scenario((t) =>
    Effect.gen(function*() {
      const fiber = yield* t.actor("a", Effect.yieldNow)
      yield* t.settled
      const exit = yield* Fiber.await(fiber)
      if (Exit.isFailure(exit)) assert.ok(Cause.hasInterruptsOnly(exit.cause))
    })
  )
  check(self)
})
