import * as fc from "fast-check"
import { expect, test } from "vitest"
import { copyOf, uncopied } from "../../src/internal/threads/copy.js"
import { transfer } from "../../src/internal/threads/transfer.js"
import { times } from "../support/seed.js"

/** With further keys, also as many as there are holes. */
const anything = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.anything({ withNullPrototype: true, withSparseArray: true, withTypedArray: true, withMap: true })
  },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.sparseArray(fc.integer(), { maxNumElements: 4, maxLength: 6 }),
      fc.dictionary(fc.string().filter((key) => key !== "length"), fc.integer())
    )
      .map(([list, more]): unknown => Object.assign(list, more))
  }
)

test("a copy is what the platform's clone is, and shares nothing with what it is a copy of", () => {
  const objectsIn = (value: unknown): Array<object> =>
    typeof value !== "object" || value === null ? [] : [value, ...Object.values(value).flatMap(objectsIn)]
  let copied = 0
  fc.assert(
    fc.property(
      anything,
      (value) => {
        const copy = copyOf(value)
        if (copy === uncopied) return
        copied++
        expect(copy).toStrictEqual(structuredClone(value))
        if (Array.isArray(value)) expect(Object.keys(copy as object)).toEqual(Object.keys(value))
        const originals = new Set(objectsIn(value))
        expect(objectsIn(copy).some((object) => originals.has(object))).toBe(false)
      }
    ),
    { numRuns: times(2_000) }
  )
  expect(copied).toBeGreaterThan(times(300))
})

const twice = { n: 1 }
const circle: Record<string, unknown> = {}
circle["self"] = circle

test.each<[string, unknown]>([
  ["a function", () => 1],
  ["what moves something with it", transfer({ n: 1 }, [new ArrayBuffer(1)])],
  ["a symbol", Symbol("no")],
  ["bytes", new Uint8Array(1)],
  ["a map", new Map()],
  ["a date, within", { at: new Date(0) }],
  [
    "an instance of a class",
    new (class A {
      n = 1
    })()
  ],
  ["what is twice in it", [twice, twice]],
  ["a circle", circle],
  ["an array with a hole", Array(1)],
  ["an array with as many names as holes", Object.assign([1, 2], { length: 1 }, { length: 2, name: "x" })],
  ["an array with a name", Object.assign([1], { name: "x" })],
  ["what is large", Array.from({ length: 33 }, (_, i) => i)],
  ["what holds many that are small", Array.from({ length: 8 }, () => [[], [], [], {}])],
  [
    "a getter that throws",
    Object.defineProperty({}, "x", {
      enumerable: true,
      get: () => {
        throw new Error("no")
      }
    })
  ]
])("%s is for the platform", (_, value) => expect(copyOf(value)).toBe(uncopied))

test("a key is a key", () => {
  const value: unknown = JSON.parse(`{ "__proto__": { "n": 1 }, "a": [1, { "b": null }] }`)
  expect(Object.keys(copyOf(value) as object)).toEqual(["__proto__", "a"])
  expect(copyOf(value)).toStrictEqual(value)
})
