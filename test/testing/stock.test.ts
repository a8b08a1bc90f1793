/** Which failures the stock runtime shows, and the programs that show them. */
import * as effect from "effect"
import { Deferred, Effect, Exit, Ref } from "effect"
import * as vm from "node:vm"
import { Kit, type Scenario, scenario } from "sluice/testing"
import type { Problem } from "sluice/testing/oracles"
import { onStock, standAlone } from "sluice/testing/stock"
import { describe, expect, test } from "vitest"

const expectation = (message: string): Problem => ({ kind: "expectation", message })
const deadlock: Problem = { kind: "deadlock", message: "b waits forever" }

/** Runs a program, with what its scenario takes from its surroundings, and gives the message of its error. */
const messageOf = async (program: string, surroundings: Readonly<Record<string, unknown>> = {}) => {
  const code = program.replace(/^import (\{.*\}) from "effect"$/m, "const $1 = effect")
  const names = Object.keys(surroundings)
  const run = vm.compileFunction(`return (async () => {\n${code}\n})()`, ["effect", ...names]) as (
    ...values: ReadonlyArray<unknown>
  ) => Promise<void>
  try {
    await run(effect, ...names.map((name) => surroundings[name]))
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const steps = (n: number, step: () => void): Effect.Effect<void> =>
  n === 0 ? Effect.void : Effect.andThen(Effect.yieldNow, Effect.suspend(() => (step(), steps(n - 1, step))))

/** Actors of so many steps; wrong if each was cut off after just so many of them. */
const cutOffAfter = (wanted: Readonly<Record<string, number>>, length = 100) =>
  scenario((t) =>
    Effect.gen(function*() {
      const taken: Record<string, number> = {}
      for (const name of Object.keys(wanted)) {
        taken[name] = 0
        yield* t.actor(name, steps(length, () => taken[name]!++))
      }
      yield* t.settled
      yield* t.expect(Object.keys(wanted).some((name) => taken[name] !== wanted[name]), "cut off")
    })
  )

const failing = (message: string) => scenario((t) => Effect.andThen(t.settled, t.expect(false, message)))

describe("a failure is shown", () => {
  test("without an interrupt, if it is the first one of the scenario as it is", () => {
    const twice = scenario((t) => Effect.andThen(t.expect(false, "first"), t.expect(() => false, "second")))
    expect(onStock(twice, expectation("first"), [])).toEqual([])
    expect(onStock(twice, expectation("second"), [])).toBeUndefined()
    expect(onStock(scenario((t) => t.expect(() => true, "no")), expectation("no"), [])).toBeUndefined()
    expect(onStock(scenario((t) => t.expect(() => false, "no")), expectation("no"), [])).toEqual([])
  })

  test("by the earliest interrupt that does it, within 24 turns, and its program shows it too", async () => {
    const shown = (after: number) => onStock(cutOffAfter({ a: after }), expectation("cut off"), ["a"])
    expect(shown(0)).toEqual([{ actor: "a", turns: 0 }])
    const latest = Array.from({ length: 30 }, (_, after) => after).filter((after) => shown(after) !== undefined)
    expect(latest).toEqual(Array.from({ length: latest.length }, (_, after) => after))
    for (const after of latest.slice(1)) {
      const interruptions = shown(after)!
      const turns = after + 23 - latest.at(-1)!
      expect(interruptions).toEqual([{ actor: "a", turns }])
      const program = standAlone(cutOffAfter({ a: after }), expectation("cut off"), interruptions)
      const other = standAlone(cutOffAfter({ a: after }), expectation("cut off"), [{ actor: "a", turns: turns + 1 }])
      const surroundings = { wanted: { a: after }, length: 100, steps }
      expect(await messageOf(program, surroundings)).toBe("cut off")
      expect(await messageOf(other, surroundings)).toBeUndefined()
    }
  })

  test.each([[2, 5], [5, 2], [3, 3]])("by two interrupts, of fibers after %i and %i steps", async (a, b) => {
    const wanted = { a, b }
    const interruptions = onStock(cutOffAfter(wanted), expectation("cut off"), ["a", "b"])
    expect(interruptions).toHaveLength(2)
    expect(interruptions![0]!.turns - interruptions![1]!.turns).toBe(a - b)
    const program = standAlone(cutOffAfter(wanted), expectation("cut off"), interruptions!)
    expect(await messageOf(program, { wanted, length: 100, steps })).toBe("cut off")
  })

  test("by an interrupt of the fiber that it names, and of no other", () => {
    expect(onStock(cutOffAfter({ a: 100, b: 2 }), expectation("cut off"), ["b"])).toHaveLength(1)
    expect(onStock(cutOffAfter({ a: 100, b: 2 }), expectation("cut off"), ["a"])).toBeUndefined()
  })

  test("of no kind but deadlocks and expectations, nor of more than two interrupts", () => {
    for (const kind of ["livelock", "leaked-fiber", "leaked-finalizer", "defect", "not-linearizable"] as const) {
      expect(onStock(failing("no"), { kind, message: "no" }, []), kind).toBeUndefined()
    }
    expect(onStock(failing("no"), expectation("no"), ["a", "b"])).toHaveLength(2)
    expect(onStock(failing("no"), expectation("no"), ["a", "b", "c"])).toBeUndefined()
  })

  test("not by another failure", () => {
    const main = scenario(() => Effect.fail("no"))
    expect(onStock(main, expectation("no"), [])).toBeUndefined()
    expect(onStock(main, expectation("main failed: no"), [])).toEqual([])
    expect(onStock(failing("no"), deadlock, [])).toBeUndefined()
    const thrown = scenario((t) =>
      Effect.gen(function*() {
        const fiber = yield* t.actor("a", Effect.yieldNow)
        fiber.addObserver(() => {
          throw new Error("observer")
        })
        yield* t.settled
      })
    )
    expect(onStock(thrown, expectation("observer"), [])).toBeUndefined()
  })
})

describe("a deadlock is shown", () => {
  const waits = (settles: boolean) =>
    scenario((t) =>
      Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        yield* t.actor("a", Effect.andThen(Effect.yieldNow, Deferred.succeed(gate, undefined)))
        yield* t.actor("b", Deferred.await(gate))
        if (settles) yield* t.settled
      })
    )

  test.each([true, false])("that an interrupt leaves behind, the scenario settling: %s", async (settles) => {
    expect(onStock(waits(settles), deadlock, [])).toBeUndefined()
    const interruptions = onStock(waits(settles), deadlock, ["a"])
    expect(interruptions).toEqual([{ actor: "a", turns: 0 }])
    expect(await messageOf(standAlone(waits(settles), deadlock, interruptions!), { settles })).toBe("b waits forever")
    expect(await messageOf(standAlone(waits(settles), deadlock, []), { settles })).toBeUndefined()
  })

  test("of the body itself", () => {
    expect(onStock(scenario(() => Effect.never), deadlock, [])).toEqual([])
  })

  test("of no actor that has yet to go on, though that takes long", async () => {
    const long = cutOffAfter({ a: 7 }, 190)
    expect(onStock(long, deadlock, [])).toBeUndefined()
    expect(await messageOf(standAlone(long, deadlock, []), { wanted: { a: 7 }, length: 190, steps })).toBeUndefined()
  })

  test("of no actor that sleeps", () => {
    const self = scenario((t) => Effect.andThen(t.actor("b", Effect.sleep(1000)), t.settled))
    expect(onStock(self, deadlock, [])).toBeUndefined()
  })
})

test("time is virtual: a scenario that sleeps is shown at once", () => {
  const self = scenario((t) => Effect.andThen(Effect.sleep("100 days"), t.expect(false, "late")))
  expect(onStock(self, expectation("late"), [])).toEqual([])
})

describe("the kit of the stock runtime", () => {
  /** A scenario that finds something wrong, here as in its program. */
  const wrong: ReadonlyArray<readonly [name: string, self: Scenario]> = [
    [
      "choose gives the first value",
      scenario((t) => Effect.flatMap(t.choose(["x", "y"]), (chosen) => t.expect(chosen !== "x", "wrong")))
    ],
    [
      "op gives what its effect gives",
      scenario((t) => Effect.flatMap(t.op("read", 1, Effect.succeed(7)), (n) => t.expect(n !== 7, "wrong")))
    ],
    [
      "always and linearizable hold",
      scenario((t) =>
        Effect.gen(function*() {
          yield* t.always(() => false, "always")
          yield* t.linearizable({ init: 0, step: () => [] })
          yield* t.expect(false, "wrong")
        })
      )
    ],
    [
      "the number of the turn is that of the event loop",
      scenario((t) =>
        Effect.gen(function*() {
          const seen: Array<number> = []
          const look = Effect.sync(() => void seen.push(t.turn))
          for (const name of ["a", "b"]) {
            yield* t.actor(name, Effect.andThen(look, Effect.andThen(Effect.yieldNow, look)))
          }
          yield* t.settled
          const [a, b, laterA, laterB] = seen
          yield* t.expect(!(a === b && laterA === laterB && laterA === Number(a) + 1), "wrong")
        })
      )
    ],
    [
      "actors that are alike run the same effect",
      scenario((t) =>
        Effect.gen(function*() {
          let count = 0
          const fibers = yield* t.actors("a", 3, Effect.sync(() => ++count))
          yield* t.settled
          yield* t.expect(!(fibers.length === 3 && count === 3), "wrong")
        })
      )
    ],
    [
      "its parts may be taken out of it",
      scenario(({ actor, always, choose, expect, linearizable, op, settled }) =>
        Effect.gen(function*() {
          const ref = yield* Ref.make(0)
          yield* always(() => true, "always")
          const one = yield* choose([1, 2])
          yield* actor("constructor", op("set", one, Ref.set(ref, one)))
          yield* settled
          yield* linearizable({ init: 0, step: () => [0] })
          yield* expect((yield* Ref.get(ref)) !== 1, "wrong")
        })
      )
    ],
    ["a scenario may use nothing of effect's", scenario(({ expect }) => expect(false, "wrong"))]
  ]

  test.each(wrong)("%s", async (_, self) => {
    expect(onStock(self, expectation("wrong"), [])).toEqual([])
    expect(await messageOf(standAlone(self, expectation("wrong"), []))).toBe("wrong")
  })

  test("is a service too", () => {
    const self = scenario(() => Effect.flatMap(Kit, (t) => t.expect(false, "wrong")))
    expect(onStock(self, expectation("wrong"), [])).toEqual([])
  })

  test("has no history, so that no failure that depends on it is shown", () => {
    const self = scenario((t) =>
      Effect.gen(function*() {
        yield* t.op("read", undefined, Effect.void)
        const history = yield* t.history
        yield* t.expect(history.length === 1 && Exit.isSuccess(history[0]!.exit!), "not recorded")
      })
    )
    expect(onStock(self, expectation("not recorded"), [])).toBeUndefined()
  })
})

describe("a program", () => {
  /** Never run: its source is all that matters. */
  const written = (source: string, message = "no"): ReadonlyArray<string> =>
    standAlone(
      scenario(vm.runInThisContext(`(${source})`) as Parameters<typeof scenario>[0]),
      expectation(message),
      []
    ).split("\n")

  test("imports Effect, and of its other modules those that it uses", () => {
    const imports = (source: string) => written(source)[2]
    expect(imports("(t) => t.settled")).toBe(`import { Effect } from "effect"`)
    expect(imports("(t) => Ref.make(0)")).toBe(`import { Effect, Ref } from "effect"`)
    expect(imports("(t) => Preference.Reference(Ref, TxRefs.x)")).toBe(`import { Effect } from "effect"`)
  })

  test("has the names that a test runner's compiler has replaced", () => {
    const source = "(t) => __vi_import_0__.Effect.map((0, __vi_import_12__.make)(1), (0,__vite_ssr_import_3__.f))"
    expect(written(source)).toContain("const body = (t) => Effect.map(make(1), f)")
  })

  test.each(["\n", "\r", "\u2028", "\u2029"])("has a message's first line as a comment, up to %j", async (end) => {
    const problem = expectation(`first${end}second`)
    expect(written("(t) => t.settled", problem.message)[0]).toBe("// expectation: first")
    expect(await messageOf(standAlone(failing("no"), problem, []), { message: "no" })).toBe("no")
  })

  test("has of the kit what it uses", () => {
    const count = (source: string, part: string) => written(source).filter((line) => line.includes(part)).length
    const parts = ["actors: ", "get turn", "always: ", "op: ", "linearizable: ", "choose: "]
    expect(parts.map((part) => count("(t) => t.settled", part))).toEqual([0, 0, 0, 0, 0, 0])
    const all = "(t) => [t.actors, t.turn, t.always, t.op, t.linearizable, t.choose]"
    expect(parts.map((part) => count(all, part))).toEqual([1, 1, 1, 1, 1, 1])
  })
})
