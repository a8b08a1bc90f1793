/** Known histories, and small random ones of which every order is tried. */
import { Cause, Equal, Exit } from "effect"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import type { Call, History } from "../../src/testing/History.js"
import {
  type Cancelled,
  fails,
  linearizable,
  type Model,
  type NotLinearizable,
  returns,
  type Verdict
} from "../../src/testing/linearizable.js"
import { times } from "../support/seed.js"

// Models -------------------------------------------------------------------------------------------------------------

const register: Model<unknown> = {
  init: 0,
  step: (value, call) => call.name === "write" ? [call.argument] : returns(call, value) ? [value] : []
}

const counter: Model<number> = {
  init: 0,
  step: (count, call) => returns(call, count + 1) ? [count + 1] : []
}

/** `take` waits for an item, `poll` fails without one. */
const queue: Model<ReadonlyArray<unknown>> = {
  init: [],
  step: (items, call) => {
    if (call.name === "offer") return [[...items, call.argument]]
    if (items.length === 0) return call.name === "poll" && fails(call, (error) => error === "Empty") ? [items] : []
    return returns(call, items[0]) ? [items.slice(1)] : []
  }
}

/** `acquire` waits for a permit. */
const semaphore = (permits: number): Model<number> => ({
  init: permits,
  step: (free, call) => {
    if (call.name === "release") return [free + 1]
    if (call.name === "tryAcquire" && free === 0) return returns(call, false) ? [free] : []
    return free > 0 && returns(call, call.name === "tryAcquire" ? true : undefined) ? [free - 1] : []
  }
})

/** `draw` returns any of what is in it; `shake` may lose any one thing, or nothing, and does not say what. */
const bag: Model<ReadonlySet<unknown>> = {
  init: new Set(),
  step: (things, call) => {
    if (call.name === "put") return [new Set([...things, call.argument])]
    const without = (thing: unknown) => new Set([...things].filter((other) => other !== thing))
    if (call.name === "shake") return [things, ...[...things].map(without)]
    return [...things].filter((thing) => returns(call, thing)).map(without)
  }
}

// Histories ----------------------------------------------------------------------------------------------------------

/** `call("ann", [1, 4], "write", 1)`, and what it returned if that is not undefined. */
const call = (
  actor: string,
  [started, ended]: readonly [number, number],
  name: string,
  argument?: unknown,
  result?: unknown
): Call => ({ actor, name, argument, started, ended, exit: Exit.succeed(result) })

const cancelled = (call: Call): Call => ({ ...call, exit: Exit.interrupt(1) })

const pending = (call: Call): Call => ({ ...call, ended: Infinity, exit: undefined })

const orderOf = <S>(model: Model<S>, history: History): ReadonlyArray<number> | undefined => {
  const verdict = linearizable(model, history)
  return verdict._tag === "Linearizable" ? verdict.order.map((call) => history.indexOf(call)) : undefined
}

const failureOf = <S>(model: Model<S>, history: History): NotLinearizable<S> => {
  const verdict = linearizable(model, history)
  if (verdict._tag === "Linearizable") throw new Error("linearizable")
  expect(verdict.explanation.split("\n").length).toBeLessThanOrEqual(12)
  return verdict
}

describe("calls that returned", () => {
  test("nothing is in order", () => {
    expect(orderOf(register, [])).toEqual([])
  })

  test("calls one after another are in the order in which they were made, wherever they are in the history", () => {
    const read = call("a", [3, 4], "read", undefined, 1)
    expect(orderOf(register, [read, call("a", [1, 2], "write", 1)])).toEqual([1, 0])
  })

  test("a read that overlaps a write may come before it or after it, and no later read goes back", () => {
    const write = call("a", [1, 9], "write", 1)
    const read = (at: number, value: number) => call("b", [at, at + 1], "read", undefined, value)
    expect(orderOf(register, [write, read(2, 0), read(4, 1)])).toEqual([1, 0, 2])
    expect(failureOf(register, [write, read(2, 1), read(4, 0)]).stuck).toEqual([read(4, 0)])
  })

  test("after a write has returned nobody reads the old value", () => {
    const read = call("b", [3, 4], "read", undefined, 0)
    const failure = failureOf(register, [call("a", [1, 2], "write", 1), read])
    expect(failure).toMatchObject({ prefix: [{ name: "write" }], states: [1], stuck: [read], suspects: [] })
  })

  test("at the same moment is not before", () => {
    const read = call("b", [2, 3], "read", undefined, 0)
    expect(orderOf(register, [call("a", [1, 2], "write", 1), read])).toEqual([1, 0])
  })

  test("a call may take no time", () => {
    expect(orderOf(register, [call("a", [1, 1], "write", 1), call("a", [2, 2], "read", undefined, 1)])).toEqual([0, 1])
  })

  test("a counter gives no number twice", () => {
    const next = (actor: string, n: number) => call(actor, [1, 9], "next", undefined, n)
    expect(orderOf(counter, [next("a", 3), next("b", 1), next("c", 2)])).toEqual([1, 2, 0])
    expect(linearizable(counter, [next("a", 2), next("b", 1), next("c", 2)])._tag).toBe("NotLinearizable")
  })

  test("a queue keeps the order of offers that did not overlap, and either order of those that did", () => {
    const offers = (end: number) => [call("a", [1, end], "offer", "x"), call("b", [5, 6], "offer", "y")]
    const takes = [call("c", [10, 11], "take", undefined, "y"), call("c", [12, 13], "take", undefined, "x")]
    expect(orderOf(queue, [...offers(8), ...takes])).toEqual([1, 0, 2, 3])
    expect(failureOf(queue, [...offers(2), ...takes])).toMatchObject({ states: [["x", "y"]], stuck: [takes[0]] })
  })

  test("both states that an order may have led to are reported", () => {
    const offers = [call("a", [1, 3], "offer", "x"), call("b", [2, 4], "offer", "y")]
    const { explanation, states } = failureOf(queue, [...offers, call("c", [5, 6], "take", undefined, "z")])
    expect(states).toEqual([["x", "y"], ["y", "x"]])
    expect(explanation).toContain(`The state is then ["x","y"], or ["y","x"].`)
  })

  test("a call that waits comes after what it waits for, though it started earlier", () => {
    const acquire = (actor: string, at: readonly [number, number]) => call(actor, at, "acquire")
    const release = call("a", [5, 6], "release")
    const history = [acquire("b", [1, 8]), acquire("a", [2, 3]), release]
    expect(orderOf(semaphore(1), history)).toEqual([1, 2, 0])
    expect(failureOf(semaphore(1), [acquire("b", [1, 4]), acquire("a", [2, 3]), release]).stuck)
      .toEqual([acquire("b", [1, 4])])
  })

  test("a try that fails while there is a permit is not in order", () => {
    const history = [
      call("a", [1, 2], "acquire"),
      call("a", [3, 4], "release"),
      call("b", [5, 6], "tryAcquire", undefined, false)
    ]
    expect(orderOf(semaphore(1), history.with(2, call("b", [4, 6], "tryAcquire", undefined, false)))).toEqual([0, 2, 1])
    expect(failureOf(semaphore(1), history)).toMatchObject({ states: [1], stuck: [history[2]] })
  })

  test("failures and defects are results, and those that no model knows do not fit", () => {
    const poll = (exit: Call["exit"]) => ({ ...call("a", [1, 2], "poll"), exit })
    expect(orderOf(queue, [poll(Exit.fail("Empty"))])).toEqual([0])
    for (const exit of [Exit.fail("Full"), Exit.die("Empty"), Exit.void, Exit.failCause(Cause.empty)]) {
      expect(orderOf(queue, [poll(exit)])).toBeUndefined()
    }
  })

  test("a step may lead to several states, and a later call tells which", () => {
    const put = call("a", [1, 2], "put", "x")
    const shake = call("a", [3, 4], "shake")
    const draw = call("a", [5, 6], "draw", undefined, "x")
    expect(orderOf(bag, [put, shake, draw])).toEqual([0, 1, 2])
    expect(orderOf(bag, [put, shake, call("b", [5, 6], "put", "y"), { ...draw, started: 7, ended: 8 }])).toBeDefined()
    const { states } = failureOf(bag, [put, shake, call("a", [5, 6], "draw", undefined, "y")])
    expect(states).toEqual([new Set(["x"]), new Set()])
  })

  test("of any number of calls since one that is still open, each counts", () => {
    const waiting = pending(call("a", [1, 2], "write", 7))
    for (let n = 0; n < 70; n++) {
      const history = [
        waiting,
        ...Array.from({ length: n }, (_, i) => call("b", [10 * i, 10 * i + 1], "read", undefined, 0)),
        // They leave the same state, with or without the read.
        call("c", [1000, 1010], "read", undefined, 2),
        call("d", [1001, 1002], "write", 2)
      ]
      expect(linearizable(register, history)._tag).toBe("Linearizable")
    }
  })

  test("a call that ended before it started is refused", () => {
    expect(() => linearizable(register, [call("a", [2, 1], "write", 1)])).toThrow(
      "linearizable: history[0] must start before it ends: a: write(1) => undefined, from 2 to 1"
    )
    expect(() => linearizable(register, [call("a", [NaN, 1], "write", 1)])).toThrow(RangeError)
  })
})

describe("calls without a result", () => {
  const write = call("a", [2, 5], "write", 1)
  const read = (at: number, value: number) => call("b", [at, at + 1], "read", undefined, value)

  test("a cancelled call may have had its effect", () => {
    expect(orderOf(register, [cancelled(write), read(6, 1)])).toEqual([0, 1])
  })

  test("a cancelled call may have had none", () => {
    expect(orderOf(register, [cancelled(write), read(6, 0)])).toEqual([1])
  })

  test("a cancelled call has no effect after its end, nor before its start", () => {
    expect(orderOf(register, [cancelled(write), read(6, 0), read(8, 1)])).toBeUndefined()
    expect(orderOf(register, [cancelled(write), read(5, 0), read(8, 1)])).toEqual([1, 0, 2])
    expect(orderOf(register, [cancelled(write), read(0, 1)])).toBeUndefined()
    expect(orderOf(register, [cancelled(write), read(1, 1)])).toEqual([0, 1])
  })

  test("a cancelled call has no effect after its end, where a call that started before it comes late", () => {
    const early = call("c", [1, 12], "read", undefined, 0)
    expect(orderOf(register, [early, cancelled(write), read(6, 0), read(14, 0)])).toEqual([2, 0, 3])
    expect(orderOf(register, [early, cancelled(write), read(6, 0), read(14, 1)])).toBeUndefined()
  })

  test("a cancelled call is in the order only if it is needed there", () => {
    const other = call("c", [2, 6], "write", 2)
    expect(orderOf(register, [cancelled(write), other, read(7, 2)])).toEqual([1, 2])
    expect(orderOf(register, [cancelled(read(1, 0)), pending(read(2, 0)), other, read(7, 2)])).toEqual([2, 3])
  })

  test("a cancelled call has its effect once", () => {
    const offer = cancelled(call("a", [1, 9], "offer", "x"))
    const take = (at: number) => call("b", [at, at + 1], "take", undefined, "x")
    expect(orderOf(queue, [offer, take(2)])).toEqual([0, 1])
    expect(orderOf(queue, [offer, take(2), take(4)])).toBeUndefined()
  })

  test("a cancelled call has no effect, if the model says so", () => {
    const model = { ...register, cancelled: "no-effect" } as const
    expect(orderOf(model, [cancelled(write), read(6, 0)])).toEqual([1])
    expect(orderOf(model, [cancelled(write), read(6, 1)])).toBeUndefined()
  })

  test("the cancelled call that had an effect, though the model says it has none, is named", () => {
    const model = { ...semaphore(2), cancelled: "no-effect" } as const
    const acquire = (actor: string) => cancelled(call(actor, [1, 2], "acquire"))
    const failure = failureOf(model, [
      cancelled(call("ann", [1, 2], "tryAcquire", "nothing")),
      acquire("bob"),
      call("ann", [3, 4], "acquire"),
      call("ann", [5, 6], "tryAcquire", undefined, false),
      cancelled(call("ann", [7, 8], "release"))
    ])
    expect(failure.suspects.map(({ name }) => name)).toHaveLength(1)
    expect(failure.explanation).toContain("There is an order if these had an effect, which they must not: ")
    // With or without them, nothing explains this one.
    expect(failureOf(model, [acquire("bob"), call("ann", [3, 4], "acquire", undefined, "?")]).suspects).toEqual([])
  })

  test("the model may decide for each cancelled call", () => {
    const model: Model<unknown> = { ...register, cancelled: ({ actor }) => actor === "a" ? "maybe" : "no-effect" }
    expect(orderOf(model, [cancelled(write), read(6, 1)])).toEqual([0, 1])
    expect(orderOf(model, [cancelled({ ...write, actor: "c" }), read(6, 1)])).toBeUndefined()
  })

  test("only an interruption alone is a cancellation: one with a failure or a defect is a result", () => {
    const model = { ...register, cancelled: "no-effect" } as const
    const interruptedAnd = (cause: Cause.Cause<unknown>): Call => ({
      ...write,
      exit: Exit.failCause(Cause.combine(Cause.interrupt(1), cause))
    })
    expect(orderOf(model, [interruptedAnd(Cause.interrupt(2)), read(6, 0)])).toEqual([1])
    expect(orderOf(model, [interruptedAnd(Cause.fail("no")), read(6, 1)])).toEqual([0, 1])
    expect(orderOf(model, [interruptedAnd(Cause.die("no")), read(6, 1)])).toEqual([0, 1])
  })

  test("a call that never returned may take effect at any time after its start, or never", () => {
    for (const model of [register, { ...register, cancelled: "no-effect" } as const]) {
      expect(orderOf(model, [pending(write), read(9, 0), read(90, 0)])).toEqual([1, 2])
      expect(orderOf(model, [pending(write), read(9, 0), read(90, 1)])).toEqual([1, 0, 2])
      expect(orderOf(model, [pending(write), read(0, 1)])).toBeUndefined()
    }
  })

  test("a call without an exit has not ended, whatever it says", () => {
    expect(orderOf(register, [{ ...write, exit: undefined }, read(9, 0), read(90, 1)])).toEqual([1, 0, 2])
  })

  test("a call that never returns does no harm", () => {
    const acquire = call("a", [1, 2], "acquire")
    expect(orderOf(semaphore(1), [acquire, pending(call("b", [3, 9], "acquire"))])).toEqual([0])
  })

  test("a failure tells that they were considered", () => {
    const { explanation } = failureOf(register, [pending(write), read(9, 2)])
    expect(explanation.split("\n").at(-1)).toBe(
      "It makes no difference whether these had an effect: a: write(1) never returned, from 2"
    )
  })
})

describe("a result", () => {
  const read = (exit: Call["exit"]): Call => ({ ...call("a", [1, 2], "read"), exit })
  const unknown = [read(undefined), read(Exit.interrupt()), read(Exit.failCause(Cause.interrupt(7)))]

  test("is compared by what it contains", () => {
    expect(returns(read(Exit.succeed([1, { two: 2 }])), [1, { two: 2 }])).toBe(true)
    expect(returns(read(Exit.succeed([1, { two: 2 }])), [1, { two: 3 }])).toBe(false)
    expect(returns(read(Exit.fail(1)), 1)).toBe(false)
  })

  test("is a typed failure only if it failed with one that fits", () => {
    expect(fails(read(Exit.fail("no")))).toBe(true)
    expect(fails(read(Exit.fail("no")), (error) => error === "no")).toBe(true)
    expect(fails(read(Exit.fail("no")), (error) => error === "yes")).toBe(false)
    for (const exit of [Exit.die("no"), Exit.void, Exit.failCause(Cause.empty)]) expect(fails(read(exit))).toBe(false)
  })

  test("may be any, of a call that was cancelled or never returned", () => {
    for (const call of unknown) {
      expect(returns(call, 1)).toBe(true)
      expect(fails(call, () => false)).toBe(true)
    }
  })

  test("is described without the interruption that it has in addition", () => {
    const told = (cause: Cause.Cause<unknown>) =>
      failureOf(register, [read(Exit.failCause(cause)), call("b", [1, 2], "read", undefined, 7)])
        .explanation.split("\n").find((line) => line.startsWith("  a: "))
    expect(told(Cause.empty)).toBe("  a: read() failed, from 1 to 2")
    expect(told(Cause.combine(Cause.interrupt(1), Cause.die("bug")))).toBe(`  a: read() died with "bug", from 1 to 2`)
    expect(told(Cause.combine(Cause.interrupt(1), Cause.fail("no")))).toBe(`  a: read() failed with "no", from 1 to 2`)
  })
})

describe("the explanation", () => {
  test("shows up to 60 characters of a name", () => {
    const shown = (length: number) =>
      failureOf(register, [call("a".repeat(length), [1, 2], "read", undefined, 7)]).explanation.split("\n").at(-1)
    expect(shown(60)).toBe(`  ${"a".repeat(60)}: read() => 7, from 1 to 2`)
    expect(shown(61)).toBe(`  ${"a".repeat(59)}…: read() => 7, from 1 to 2`)
  })

  test("tells how far the order goes, the state then, and what cannot come next", () => {
    const { explanation } = failureOf(queue, [
      call("ann", [1, 2], "offer", { id: 1 }),
      call("ann", [3, 4], "offer", { id: 2 }),
      call("bob", [5, 8], "take", undefined, { id: 2 }),
      { ...call("cy", [6, 9], "poll"), exit: Exit.fail("Empty") },
      { ...call("dee", [7, 8], "poll"), exit: Exit.die(new Error("boom\nbang")) },
      call("ann", [10, 11], "offer", { id: 3 })
    ])
    expect(explanation).toBe([
      "Not linearizable: at most 2 of 6 returned calls can be put in order:",
      "  1. ann: offer({\"id\":1}) => undefined, from 1 to 2",
      "  2. ann: offer({\"id\":2}) => undefined, from 3 to 4",
      "The state is then [{\"id\":1},{\"id\":2}].",
      "One of these has to come next, and none can:",
      "  bob: take() => {\"id\":2}, from 5 to 8",
      "  cy: poll() failed with \"Empty\", from 6 to 9",
      "  dee: poll() died with Error: boom bang, from 7 to 8"
    ].join("\n"))
  })

  test("has something to say if no call can be the first", () => {
    expect(failureOf(register, [call("a", [1, 2], "read", undefined, 7)]).explanation).toBe([
      "Not linearizable: at most 0 of 1 returned calls can be put in order.",
      "The state is then 0.",
      "This has to come next, and cannot:",
      "  a: read() => 7, from 1 to 2"
    ].join("\n"))
  })

  test("stays short however long the history, the values and the names are", () => {
    const long = "long ".repeat(100)
    const { explanation } = failureOf({ ...queue, cancelled: ({ actor }) => actor === "x" ? "no-effect" : "maybe" }, [
      ...Array.from({ length: 50 }, (_, i) => call(long, [2 * i, 2 * i + 1], "offer", i === 49 ? long : i)),
      ...Array.from({ length: 5 }, (_, i) => call("b", [200, 300 + i], "take", undefined, `wrong ${i % 3}`)),
      ...Array.from({ length: 3 }, (_, i) => pending(call("c", [200, 300 + i], "take"))),
      ...Array.from({ length: 3 }, (_, i) => cancelled(call("x", [i, i], "offer", `wrong ${i}`)))
    ])
    const lines = explanation.split("\n")
    expect(lines.length).toBeLessThanOrEqual(12)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(400)
    expect(explanation).toContain("  (47 before these)\n  48. long")
    expect(explanation).toContain("\n  3 more\n")
  })
})

describe("the identity of states", () => {
  const pairs = Array.from({ length: 24 }, (_, i) => call(`actor ${i % 2}`, [i >> 1, (i >> 1) + 0.5], "put", i))
  const countSteps = <S>(model: Model<S>, history: History): number => {
    let steps = 0
    const step: Model<S>["step"] = (state, call) => (steps++, model.step(state, call))
    linearizable({ ...model, step }, history)
    return steps
  }
  const impossible = [...pairs, call("c", [100, 101], "draw", undefined, "?")]

  test("is what the states contain, unless there is a key", () => {
    expect(countSteps(bag, impossible)).toBeLessThan(100)
    // As if the order in which things were put in the bag mattered: of the 12 pairs, either may be first.
    const inOrder = { ...bag, key: (things: ReadonlySet<unknown>) => [...things].join() }
    expect(countSteps(inOrder, impossible)).toBeGreaterThan(2 ** 12)
  })

  test("may be a key, where states are instances that do not show what they contain", () => {
    class Box {
      readonly #value: number
      constructor(value: number) {
        this.#value = value
      }
      get value() {
        return this.#value
      }
    }
    const model: Model<Box> = {
      init: new Box(0),
      step: (box, call) =>
        call.name === "add" ? [new Box(box.value + Number(call.argument))] : returns(call, box.value) ? [box] : [],
      key: (box) => String(box.value)
    }
    const read = call("b", [1, 9], "read", undefined, 2)
    const history = [call("a", [1, 9], "add", 1), call("b", [1, 9], "add", 2), read]
    expect(orderOf(model, history)).toEqual([1, 2, 0])
    expect(orderOf(model, history.with(2, { ...read, exit: Exit.succeed(4) }))).toBeUndefined()
  })
})

// All orders ---------------------------------------------------------------------------------------------------------

const isUnknown = ({ exit }: Call): boolean =>
  exit === undefined || (Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))

const precedes = (a: Call, b: Call): boolean => a.exit !== undefined && a.ended < b.started

/** Every state after the calls in just this order. */
const fold = (model: Model<unknown>, order: ReadonlyArray<Call>): ReadonlyArray<unknown> =>
  order.reduce<ReadonlyArray<unknown>>((states, call) => states.flatMap((state) => model.step(state, call)), [
    model.init
  ])

/** Whether the calls may come in this order, before those of the history that are not among them. */
const isPrefix = (model: Model<unknown>, history: History, order: ReadonlyArray<Call>): boolean =>
  order.every((call, i) => !order.slice(i + 1).some((later) => precedes(later, call))) &&
  !history.some((left) => !isUnknown(left) && !order.includes(left) && order.some((call) => precedes(left, call))) &&
  fold(model, order).length > 0

function* sequences(calls: History): Generator<ReadonlyArray<Call>> {
  yield []
  for (const call of calls) {
    for (const rest of sequences(calls.filter((other) => other !== call))) yield [call, ...rest]
  }
}

const returned = (calls: History): number => calls.filter((call) => !isUnknown(call)).length

const sameMembers = (a: ReadonlyArray<unknown>, b: ReadonlyArray<unknown>): boolean =>
  a.every((x) => b.some((y) => Equal.equals(x, y))) && b.every((x) => a.some((y) => Equal.equals(x, y)))

interface Subject {
  readonly model: Model<unknown>
  /** What may be called, and how it may return. */
  readonly calls: ReadonlyArray<readonly [string, unknown, ReadonlyArray<Exit.Exit<unknown, unknown>>]>
}

const exits = (...values: ReadonlyArray<unknown>) => values.map((value) => Exit.succeed(value))

const subjects: ReadonlyArray<Subject> = [
  {
    model: register,
    calls: [["write", 1, [Exit.void]], ["write", 2, [Exit.void]], ["read", undefined, exits(0, 1, 2)]]
  },
  // A model takes only its own states, and the checks below give it no others.
  { model: counter as Model<unknown>, calls: [["next", undefined, exits(1, 2, 3, 4)]] },
  {
    model: queue as Model<unknown>,
    calls: [
      ["offer", 1, [Exit.void]],
      ["offer", 2, [Exit.void]],
      ["take", undefined, exits(1, 2)],
      ["poll", undefined, [...exits(1, 2), Exit.fail("Empty")]]
    ]
  },
  {
    model: semaphore(1) as Model<unknown>,
    calls: [["acquire", undefined, [Exit.void]], ["release", undefined, [Exit.void]], [
      "tryAcquire",
      undefined,
      exits(true, false)
    ]]
  },
  {
    model: bag as Model<unknown>,
    calls: [["put", 1, [Exit.void]], ["put", 2, [Exit.void]], ["shake", undefined, [Exit.void]], [
      "draw",
      undefined,
      exits(1, 2)
    ]]
  }
]

interface Plan {
  readonly which: number
  /** When it takes effect, and how much earlier and later it starts and ends. */
  readonly at: number
  readonly before: number
  readonly after: number
  readonly fate: "returns" | "lies" | "cancelled" | "cancelled too late" | "never returns"
  readonly result: number
}

const plan: fc.Arbitrary<Plan> = fc.record({
  which: fc.nat(99),
  at: fc.nat(12),
  before: fc.nat(3),
  after: fc.nat(3),
  fate: fc.constantFrom(
    ...["returns", "returns", "returns", "returns", "returns"] as const,
    ...["lies", "lies", "lies", "cancelled", "cancelled too late", "never returns"] as const
  ),
  result: fc.nat(99)
})

/** The calls take effect in the order of `at` and return what the model says, except for those that lie. */
const historyOf = ({ calls, model }: Subject, plans: ReadonlyArray<Plan>): History => {
  let states: ReadonlyArray<unknown> = [model.init]
  const history: Array<Call> = []
  for (const { after, at, before, fate, result, which } of [...plans].sort((a, b) => a.at - b.at)) {
    const [name, argument, results] = calls[which % calls.length]!
    const base = { actor: `actor ${history.length}`, name, argument, started: at - before }
    const returning = results.map((_, i): Call => ({
      ...base,
      ended: at + after,
      exit: results[(i + result) % results.length]
    }))
    const isPossible = (call: Call) => states.some((state) => model.step(state, call).length > 0)
    if (fate === "lies") {
      history.push(returning.find((call) => !isPossible(call)) ?? returning[0]!)
      continue
    }
    const possible = returning.find(isPossible)
    if (possible && fate !== "cancelled") states = states.flatMap((state) => model.step(state, possible))
    history.push(
      fate === "never returns" || !possible
        ? pending(returning[0]!)
        : fate === "returns"
        ? possible
        : cancelled(returning[0]!)
    )
  }
  return history
}

/** Compares the verdict on the history with what all sequences of its calls tell. */
const judge = (subject: Model<unknown>, history: History): Verdict => {
  const verdict = linearizable(subject, history)
  const excluded = subject.cancelled === "no-effect" ? history.filter((call) => call.exit && isUnknown(call)) : []
  const calls = history.filter((call) => !excluded.includes(call))
  const prefixes = [...sequences(calls)].filter((order) => isPrefix(subject, calls, order))
  const most = Math.max(...prefixes.map(returned))
  expect(verdict._tag).toBe(most === returned(calls) ? "Linearizable" : "NotLinearizable")
  const order = verdict._tag === "Linearizable" ? verdict.order : verdict.prefix
  expect(new Set(order).size).toBe(order.length)
  expect(order.every((call) => calls.includes(call))).toBe(true)
  expect(isPrefix(subject, calls, order)).toBe(true)
  expect(returned(order)).toBe(most)
  if (verdict._tag === "Linearizable") return verdict

  const { explanation, states, stuck, suspects } = verdict
  expect(explanation.split("\n").length).toBeLessThanOrEqual(12)
  expect(fold(subject, order).some((state) => states.some((other) => Equal.equals(state, other)))).toBe(true)
  expect(stuck.length).toBeGreaterThan(0)
  for (const call of stuck) expect(states.flatMap((state) => subject.step(state, call))).toEqual([])
  // A call is stuck if only the state forbids it.
  const permissive: Model<unknown> = { init: 0, step: () => [0] }
  const next = calls.filter((call) =>
    !isUnknown(call) && !order.includes(call) && isPrefix(permissive, calls, [...order, call])
  )
  expect(sameMembers(stuck, next)).toBe(true)
  if (!calls.some(isUnknown)) {
    const same = prefixes.filter((other) => sameMembers(other, order))
    expect(sameMembers(states, same.flatMap((other) => fold(subject, other)))).toBe(true)
  }
  expect(suspects.every((call) => excluded.includes(call))).toBe(true)
  if (excluded.length > 0) {
    const explained = linearizable({ ...subject, cancelled: "maybe" }, history)._tag === "Linearizable"
    expect(suspects.length > 0).toBe(explained)
    const cleared = history.filter((call) => !excluded.includes(call) || suspects.includes(call))
    if (explained) expect(linearizable({ ...subject, cancelled: "maybe" }, cleared)._tag).toBe("Linearizable")
  }
  return verdict
}

describe("random histories", () => {
  const policy = fc.constantFrom<Cancelled>("maybe", "no-effect")

  test.each(subjects.map((subject) => [subject.calls.map(([name]) => name).join(), subject] as const))(
    "%s: the verdict is that of trying all orders",
    (_, subject) => {
      const verdicts = { Linearizable: 0, NotLinearizable: 0 }
      fc.assert(
        fc.property(fc.array(plan, { minLength: 3, maxLength: 5 }), policy, (plans, cancelled) => {
          const model = { ...subject.model, cancelled }
          verdicts[judge(model, historyOf(subject, plans))._tag]++
        }),
        { numRuns: times(1000) }
      )
      expect(Math.min(verdicts.Linearizable, verdicts.NotLinearizable)).toBeGreaterThan(times(100))
    }
  )

  test("the order of the history, the names of the actors and the unit of time do not matter", () => {
    const any = fc.array(plan, { maxLength: 8 }).chain((plans) =>
      fc.record({
        subject: fc.constantFrom(...subjects),
        plans: fc.constant(plans),
        order: fc.shuffledSubarray([...plans.keys()], { minLength: plans.length })
      })
    )
    fc.assert(fc.property(any, ({ order, plans, subject }) => {
      const history = historyOf(subject, plans)
      const other = order.map((i) => history[i]!).map((call): Call => ({
        ...call,
        actor: "x",
        started: call.started * 10 - 7,
        ended: call.ended * 10 - 7
      }))
      expect(linearizable(subject.model, other)._tag).toBe(linearizable(subject.model, history)._tag)
    }))
  })
})

// Long ones ----------------------------------------------------------------------------------------------------------

/** What a queue really does when each call overlaps `width - 1` others, and returns after another delay each. */
const longHistory = (length: number, width: number): History => {
  const items: Array<unknown> = []
  return Array.from({ length }, (_, i): Call => {
    const actor = `actor ${i % width}`
    const [started, ended] = width === 1 ? [10 * i, 10 * i + 1] : [10 * i - (i * 7) % 5, 10 * (i + width - 1) + i % 3]
    if (i % 4 < 2) {
      items.push(i)
      return call(actor, [started, ended], "offer", i)
    }
    if (items.length > 0) return call(actor, [started, ended], "take", undefined, items.shift())
    return { ...call(actor, [started, ended], "poll"), exit: Exit.fail("Empty") }
  })
}

describe("long histories", () => {
  const measured = <S>(model: Model<S>, history: History) => {
    let steps = 0
    const step: Model<S>["step"] = (state, call) => (steps++, model.step(state, call))
    const start = performance.now()
    const verdict = linearizable({ ...model, step }, history)
    // Work is counted in steps, which no other process disturbs; of the time only that it is not hopeless.
    expect(performance.now() - start).toBeLessThan(5000)
    return { verdict, steps }
  }

  /** The last take takes what was never offered. */
  const broken = (history: History): History => {
    const last = history.findLastIndex(({ name }) => name === "take")
    return history.with(last, { ...history[last]!, exit: Exit.succeed("nothing") })
  }

  test.each([[300, 1], [300, 3], [300, 6], [3000, 3]])("%i calls, %i at a time", (length, width) => {
    const history = longHistory(length, width)
    const { steps, verdict } = measured(queue, history)
    expect(verdict).toMatchObject({ _tag: "Linearizable", order: { length } })
    expect(steps).toBeLessThan(4 * width * length)
  })

  test.each([[300, 1, 301], [300, 3, 20_000], [3000, 3, 200_000]])(
    "%i calls, %i at a time, and one of the last is wrong",
    (length, width, most) => {
      const { steps, verdict } = measured(queue, broken(longHistory(length, width)))
      expect(verdict._tag).toBe("NotLinearizable")
      expect(steps).toBeLessThan(most)
    }
  )

  test("300 calls, 3 at a time, and some that never returned or were cancelled", () => {
    const taken: Model<number> = semaphore(2)
    const history = Array.from({ length: 300 }, (_, i): Call => {
      const at = [10 * i, 10 * i + 25] as const
      return call(`actor ${i % 3}`, at, i % 2 === 0 ? "acquire" : "release")
    })
    const odd = [
      ...Array.from({ length: 5 }, (_, i) => pending(call("waits", [i, 0], "acquire"))),
      ...Array.from({ length: 10 }, (_, i) => cancelled(call("gives up", [300 * i, 300 * i + 20], "acquire")))
    ]
    const { steps, verdict } = measured(taken, [...odd, ...history])
    expect(verdict._tag).toBe("Linearizable")
    expect(steps).toBeLessThan(100_000)
    const impossible = call("z", [4000, 4001], "tryAcquire", undefined, "?")
    expect(measured(taken, [...odd, ...history, impossible]).verdict._tag).toBe("NotLinearizable")
  })
})

describe("the search is no larger", () => {
  const exit = Exit.void
  const at = (name: string, argument: unknown, started: number): Call => (
    { actor: "a", name, argument, started, ended: started + 1, exit }
  )
  /** How many steps it takes to find that nothing explains the last read. */
  const stepsOf = (history: History): number => {
    let steps = 0
    const step: typeof register.step = (value, call) => (steps++, register.step(value, call))
    const read = { ...at("read", undefined, 1000), exit: Exit.succeed(-1) }
    expect(linearizable({ ...register, step }, [...history, read])._tag).toBe("NotLinearizable")
    return steps
  }

  // Each cancelled write is followed by one that hides it.
  const rounds = 60
  const hidden = Array.from({ length: rounds }, (_, i) => [
    { ...at("write", i + 1, 4 * i + 2), exit: Exit.interrupt() },
    at("write", 0, 4 * i + 4)
  ]).flat()

  test("for what was left out and is too late, which counts as placed", () => {
    expect(stepsOf(hidden)).toBeLessThan(5 * rounds)
  })

  test("for that, where an earlier call may come at any time", () => {
    expect(stepsOf([pending(at("read", undefined, 0)), ...hidden.slice(0, 24)])).toBeLessThan(20 * 12)
  })

  test("for calls that may be left out and would change nothing", () => {
    expect(stepsOf(Array.from({ length: 12 }, () => pending(at("read", undefined, 1))))).toBeLessThan(30)
  })
})
