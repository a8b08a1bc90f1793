/** How failures cross from a thread, as `wire.ts` has them travel: no thread is needed to see that. */
import { Cause, Data, Effect, Exit } from "effect"
import * as fc from "fast-check"
import { expect, test } from "vitest"
import { decodeCause, encodeCause } from "../../src/internal/threads/causes.js"
import { cloneable, decode, encode, type Reason } from "../../src/internal/threads/wire.js"

/** The way of an error from a thread, whose second attempt leaves out what cannot be cloned. */
const sent = (value: unknown): unknown => {
  const reasons: ReadonlyArray<Reason> = [{ _tag: "Fail", part: encode(value) }]
  let arrived: ReadonlyArray<Reason>
  try {
    arrived = structuredClone(reasons)
  } catch {
    arrived = structuredClone(cloneable(reasons))
  }
  const [reason] = arrived
  if (reason === undefined || reason._tag === "Interrupt") throw new Error("another reason")
  return decode(reason.part)
}

class RateLimited extends Data.TaggedError("RateLimited")<{ readonly retryAfter: number }> {}
class ApiError extends Data.TaggedError("ApiError")<{ readonly reason: unknown; readonly more?: unknown }> {}
class Tagged extends Data.TaggedClass("Tagged")<{ readonly of: unknown }> {}

const limited = { _tag: "RateLimited", name: "RateLimited", retryAfter: 30 }

test("an error keeps the tag and the fields of errors within it, wherever they are", () => {
  const inner = new RateLimited({ retryAfter: 30 })
  expect(sent(new ApiError({ reason: inner }))).toMatchObject({ _tag: "ApiError", reason: limited })
  expect(sent(new ApiError({ reason: { all: [1, inner] } }))).toMatchObject({ reason: { all: [1, limited] } })
  expect(sent(new ApiError({ reason: new Tagged({ of: inner }) }))).toMatchObject({
    reason: { _tag: "Tagged", of: limited }
  })
  expect(sent(new AggregateError([inner, 1], "many"))).toMatchObject({ name: "AggregateError", errors: [limited, 1] })
  expect(sent(new Error("outer", { cause: { by: inner } }))).toMatchObject({ message: "outer", cause: { by: limited } })
  expect(sent({ _tag: "Plain", error: inner })).toMatchObject({ _tag: "Plain", error: limited })
  expect(sent([inner])).toMatchObject([limited])
  const suppressed = Object.defineProperties(new Error("disposed"), {
    error: { value: inner },
    suppressed: { value: new Error("first") }
  })
  expect(sent(suppressed)).toMatchObject({ error: limited, suppressed: { message: "first" } })
  for (const error of [sent(new ApiError({ reason: inner })), sent(new AggregateError([inner]))]) {
    const { errors, reason } = error as { readonly reason?: unknown; readonly errors?: ReadonlyArray<unknown> }
    const arrived = reason ?? errors?.[0]
    expect(arrived).toBeInstanceOf(Error)
    expect((arrived as Error).stack).toBe(inner.stack)
  }
})

test("Effect's catchReason finds the reason of an error from a thread", () => {
  const failure = Effect.fail(
    sent(new ApiError({ reason: new RateLimited({ retryAfter: 30 }) })) as ApiError & {
      readonly reason: RateLimited
    }
  )
  const caught = Effect.catchReason(failure, "ApiError", "RateLimited", ({ retryAfter }) => Effect.succeed(retryAfter))
  expect(Effect.runSync(caught)).toBe(30)
})

test("an error that cannot be cloned loses only the parts that cannot", () => {
  const inner = Object.assign(new RateLimited({ retryAfter: 30 }), { callback: () => 1 })
  expect(sent(new ApiError({ reason: inner, more: { kept: 1, refused: Symbol("no") } }))).toMatchObject({
    _tag: "ApiError",
    reason: limited,
    more: { kept: 1 }
  })
  expect(sent(new AggregateError([() => 1, inner]))).toMatchObject({ errors: ["() => 1", limited] })
  expect(sent({ kept: [new Map([[1, 2]])], refused: new Map([[1, () => 1]]) })).toEqual({ kept: [new Map([[1, 2]])] })
  expect(sent(() => 1)).toBe("() => 1")
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  expect(sent(new ApiError({ reason: inner, more: proxy }))).toMatchObject({ _tag: "ApiError", reason: limited })
  expect(sent(proxy)).toBe("a value that cannot be read")
})

test("a tag on the prototype of a class is kept, of an error, of a value and within either", () => {
  class Odd extends Error {}
  class Plain {
    readonly n = 1
  }
  for (const { prototype } of [Odd, Plain]) Object.defineProperty(prototype, "_tag", { value: "Odd" })
  const values = [new Odd("odd"), new Plain(), { of: new Odd("odd") }, new ApiError({ reason: new Plain() })]
  const [error, plain, of, reason] = values.map((value) => sent(value))
  expect([error, plain]).toMatchObject([{ _tag: "Odd", message: "odd" }, { _tag: "Odd" }])
  expect([of, reason]).toMatchObject([{ of: { _tag: "Odd" } }, { reason: { _tag: "Odd" } }])
})

test("an array with holes and as many further keys arrives as it is", () => {
  const list = Object.assign([1, 2], { length: 1 }, { length: 2, name: "x" })
  expect(sent({ list })).toStrictEqual(structuredClone({ list }))
  expect(Object.keys((sent({ list }) as { readonly list: object }).list)).toEqual(["0", "name"])
})

test("circles and shared parts stay such", () => {
  const error = new ApiError({ reason: undefined }) as unknown as Record<string, unknown>
  Object.assign(error, { self: error, list: [error], twice: [limited, limited] })
  Object.defineProperty(error, "cause", { value: error })
  const arrived = sent(error) as Record<string, ReadonlyArray<unknown>>
  expect(arrived["self"]).toBe(arrived)
  expect(arrived["cause"]).toBe(arrived)
  expect(arrived["list"]![0]).toBe(arrived)
  expect(arrived["twice"]![0]).toBe(arrived["twice"]![1])
})

test("a chain of any length arrives with its beginning", () => {
  let [causes, fields]: [unknown, unknown] = ["end", "end"]
  for (let depth = 0; depth < 5_000; depth++) {
    causes = Object.assign(new Error(`${depth}`, { cause: causes }), { f: () => 1 })
    fields = Object.assign(new Error(`${depth}`), { inner: fields })
  }
  expect(sent(causes)).toMatchObject({ message: "4999", cause: { message: "4998", cause: { message: "4997" } } })
  expect(sent(fields)).toMatchObject({ message: "4999", inner: { message: "4998" } })
})

test("a key is a key, of an error and within it", () => {
  const field: unknown = JSON.parse(`{ "__proto__": { "n": 1 } }`)
  const error = Object.assign(new Error("odd"), { field })
  Object.defineProperty(error, "__proto__", { value: 1, enumerable: true })
  const arrived = sent(error) as typeof error
  expect(arrived).toBeInstanceOf(Error)
  expect(Object.keys(arrived)).toEqual(["field", "__proto__"])
  expect(Object.keys(arrived.field as object)).toEqual(["__proto__"])
  expect(({} as { readonly n?: number }).n).toBe(undefined)
})

test("a failure without errors and tags arrives as the platform's clone of it", () => {
  fc.assert(
    fc.property(
      fc.anything({ withSparseArray: true, withMap: true, withSet: true, withTypedArray: true, withBigInt: true }),
      (value) => {
        expect(sent(value)).toStrictEqual(structuredClone(value))
      }
    ),
    { numRuns: 1_000 }
  )
})

/** A value of errors, arrays, objects and classes, what is to arrive, and whether all of it can be cloned. */
interface Sample {
  readonly value: unknown
  readonly arrives: unknown
}

const sample = fc.letrec<{ sample: Sample }>((tie) => ({
  sample: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.oneof(fc.integer(), fc.string()).map((value): Sample => ({ value, arrives: value })),
    fc.constant<Sample>({ value: () => 1, arrives: undefined }),
    fc.tuple(fc.constantFrom("ApiError", "Tagged", "plain", "aggregate", "cause", "map"), tie("sample")).map(
      ([kind, { arrives, value }]): Sample => {
        const isLost = typeof value === "function"
        const field = (key: string) => isLost ? {} : { [key]: arrives }
        if (kind === "ApiError") {
          return { value: new ApiError({ reason: value }), arrives: { _tag: kind, ...field("reason") } }
        }
        if (kind === "Tagged") return { value: new Tagged({ of: value }), arrives: { _tag: kind, ...field("of") } }
        if (kind === "plain") return { value: { field: value, kept: 1 }, arrives: { kept: 1, ...field("field") } }
        if (kind === "aggregate") {
          return { value: new AggregateError([0, value]), arrives: { errors: [0, isLost ? "() => 1" : arrives] } }
        }
        if (kind === "cause") {
          return {
            value: new RangeError("m", { cause: value }),
            arrives: { message: "m", cause: isLost ? "() => 1" : arrives }
          }
        }
        return { value: { map: new Map([[1, 1]]), value }, arrives: { map: new Map([[1, 1]]), ...field("value") } }
      }
    )
  )
})).sample

test("each tag and field of a failure arrives, whatever it holds, but what cannot be cloned", () => {
  fc.assert(
    fc.property(sample, ({ arrives, value }) => {
      if (typeof value === "function") return
      const arrived = sent(value)
      if (typeof arrives === "object") expect(arrived).toMatchObject(arrives!)
      else expect(arrived).toEqual(arrives)
    }),
    { numRuns: 1_000 }
  )
})

test("a cause keeps its reasons, in order", () => {
  const reasons = [Cause.makeFailReason("no"), Cause.makeDieReason(new RangeError("bug")), Cause.makeInterruptReason()]
  const arrived = decodeCause(structuredClone(encodeCause(Cause.fromReasons(reasons))))
  expect(arrived.reasons.map(({ _tag }) => _tag)).toEqual(["Fail", "Die", "Interrupt"])
  expect(Exit.failCause(arrived).toString()).toContain("bug")
})
