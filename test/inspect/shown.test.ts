/** The program's own values in a dump: none of its code runs, and no text is long. */
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Group, Semaphore, WorkerPool } from "sluice"
import { Inspect } from "sluice/inspect"
import { describe, expect, test } from "vitest"
import { cut, keyText } from "../../src/internal/inspect/shown.js"
import { fork, settle, tags, twice, watched } from "../support/inspect.js"

class Tenant {
  readonly #secret = 1

  constructor(readonly id: number, readonly name: string) {}

  get secret(): number {
    return this.#secret
  }
}

const texts: ReadonlyArray<readonly [key: unknown, text: string]> = [
  ["ada", "ada"],
  ["", ""],
  [5, "5"],
  [NaN, "NaN"],
  [10n, "10"],
  [true, "true"],
  [null, "null"],
  [Symbol("ada"), "Symbol(ada)"],
  [Math.max, "function max"],
  [{}, "{}"],
  [Object.create(null), "{}"],
  [{ id: 5, region: "eu" }, "{ id: 5, region: \"eu\" }"],
  [{ tenant: { id: 5 }, tags: ["a"] }, "{ tenant: {…}, tags: […] }"],
  [{ a: 1, b: 2, c: 3, d: 4, e: 5, f: 6 }, "{ a: 1, b: 2, c: 3, d: 4, e: 5, … }"],
  [["eu", 5, undefined], "[\"eu\", 5, undefined]"],
  [[1, 2, 3, 4, 5, 6], "[1, 2, 3, 4, 5, …]"],
  [new Tenant(5, "ada"), "Tenant { id: 5, name: \"ada\" }"],
  [new Uint8Array(1_000_000), "Uint8Array {}"],
  [new Map([[1, 2]]), "Map {}"]
]

test.each(texts.map(([key, text]) => [text, key] as const))("the text of a key is %s", (text, key) => {
  expect(keyText(key)).toBe(text)
})

test("a long text is cut between two characters", () => {
  expect(cut("x".repeat(100))).toBe("x".repeat(100))
  expect(cut("x".repeat(101))).toBe(`${"x".repeat(99)}…`)
  expect(cut(`${"x".repeat(98)}😀😀`)).toBe(`${"x".repeat(98)}…`)
})

describe("a look runs no code of a key (I1)", () => {
  let runs = 0
  const run = (): never => {
    runs++
    throw new Error("a look has run this")
  }
  // Whatever is asked of it.
  const traps = new Proxy({}, { get: () => run })
  const keys: ReadonlyArray<readonly [string, object]> = [
    ["methods", { toJSON: run, toString: run, valueOf: run, [Symbol.toPrimitive]: run, [Symbol.iterator]: run }],
    [
      "getters",
      Object.defineProperties({}, {
        id: { get: run, enumerable: true },
        constructor: { get: run },
        [Symbol.toStringTag]: { get: run }
      })
    ],
    ["a class with such members", Object.create(Object.defineProperty({}, "constructor", { get: run })) as object],
    ["a function with a name of its own", Object.defineProperty(() => {}, "name", { get: run })],
    ["traps of a proxy", new Proxy({}, traps)],
    ["traps of a prototype", Object.create(new Proxy({}, traps)) as object]
  ]

  test.each(keys)("of %s", (_, key) =>
    watched((reports) =>
      Effect.gen(function*() {
        runs = 0
        const keyed = yield* Semaphore.makeKeyed<object>({ permits: 1 })
        const pool = yield* WorkerPool.make({
          size: 1,
          queue: { key: () => key, perKey: { concurrency: 1 } },
          run: () => Effect.never
        })
        const fiber = yield* fork(twice(Semaphore.forKey(keyed, key)))
        yield* WorkerPool.submit(pool, 1)
        const second = yield* WorkerPool.submit(pool, 2)
        yield* TestClock.adjust("1 second")
        expect(tags(reports)).toEqual(["Deadlock"])
        const dump = yield* Inspect.dump
        const texts = [Inspect.toText(dump), yield* Inspect.explain(fiber), yield* Inspect.explain(second)]
        expect(texts.join()).toContain("(key ")
        expect(JSON.stringify(dump)).not.toBe("")
        expect(runs).toBe(0)
      })
    ))
})

/** All strings in a value, at any depth. */
const stringsOf = (value: unknown): ReadonlyArray<string> => {
  if (typeof value === "string") return [value]
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(stringsOf) : []
}

test("names, keys and spans of any length are cut in dumps and texts", () =>
  watched((reports) =>
    Effect.gen(function*() {
      const name = "n".repeat(100_000)
      const keyed = yield* Semaphore.makeKeyed<string>({ permits: 1, name })
      const group = yield* Group.make({ limit: 1, name })
      const pool = yield* WorkerPool.make({
        name,
        size: 1,
        queue: { key: () => name, perKey: { concurrency: 1 } },
        run: () => Effect.never
      })
      const fiber = yield* fork(Effect.withSpan(twice(Semaphore.forKey(keyed, name)), name))
      yield* Group.go(group, Effect.never)
      yield* fork(Group.go(group, Effect.void))
      yield* fork(WorkerPool.run(pool, 1))
      const caller = yield* fork(WorkerPool.run(pool, 2))
      yield* settle
      yield* TestClock.adjust("1 minute")
      const dump = yield* Inspect.dump
      expect(dump.resources.length).toBe(4)
      const sizes = stringsOf(dump).map((text) => text.length)
      expect(Math.max(...sizes)).toBeLessThanOrEqual(200)
      const texts = [
        ...Inspect.toText(dump).split("\n"),
        yield* Inspect.explain(fiber),
        yield* Inspect.explain(caller),
        ...reports.flatMap(({ text }) => text.split("\n"))
      ]
      expect(reports.length).toBeGreaterThan(1)
      expect(Math.max(...texts.map((text) => text.length))).toBeLessThan(1_500)
    })
  ))

describe("a name of several lines, or one that controls a terminal", () => {
  const name = "db\n\u001B[31mdeadlock-1 (certain)\r\u009B2J\u2028\u202E\uD800\u007F"
  const shown = "db\\n\\u001b[31mdeadlock-1 (certain)\\u000d\\u009b2J\\u2028\\u202e\\ud800\\u007f"

  test("is one line in each text", () =>
    watched((reports) =>
      Effect.gen(function*() {
        const keyed = yield* Semaphore.makeKeyed<string>({ permits: 1, name })
        const fiber = yield* fork(Effect.withSpan(twice(Semaphore.forKey(keyed, name)), name))
        const pool = yield* WorkerPool.make({ name, size: 1, run: () => Effect.never })
        const caller = yield* fork(WorkerPool.run(pool, 1))
        yield* TestClock.adjust("1 minute")
        const text = Inspect.toText(yield* Inspect.dump)
        const texts = [
          text,
          yield* Inspect.explain(fiber),
          yield* Inspect.explain(caller),
          yield* Inspect.explain(pool),
          ...reports.map(({ text }) => text)
        ]
        expect(reports.length).toBe(1)
        for (const one of texts) {
          expect(one).toContain(shown)
          expect(one.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cs}\p{Bidi_Control}\u2028]/u)
        }
        expect(text.split("\n").filter((line) => line.includes("deadlock-1 (certain): "))).toHaveLength(1)
        expect(yield* Inspect.explain(`${name}!`)).toBe(`No fiber, job or resource is called "${shown}!".`)
        expect(yield* Inspect.explain(name)).toContain(`2 are called "${shown}": `)
      })
    ))

  test("is as it is in a dump", () =>
    watched(() =>
      Effect.gen(function*() {
        yield* Semaphore.make(1, { name })
        expect((yield* Inspect.dump).resources.map(({ name }) => name)).toEqual([name])
      })
    ))

  test("is one line of the reasons of an interrupt, and a long one is cut", () =>
    watched(() =>
      Effect.gen(function*() {
        const group = yield* Group.make<Error>({ name: name + "n".repeat(1_000) })
        const sibling = yield* Group.fork(group, Effect.never)
        yield* Group.go(group, Effect.fail(new Error(`\u001B[31m${"x".repeat(10_000)}`)))
        const exit = yield* Fiber.await(sibling)
        const why = exit._tag === "Failure" ? Inspect.whyInterrupted(exit.cause) ?? "" : ""
        expect(why).toContain(`Group ${shown}`)
        expect(why).toContain("failed with Error: \\u001b[31mx")
        expect(why.length).toBeLessThan(500)
      })
    ))
})
