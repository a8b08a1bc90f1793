/** How schemas encode what crosses, without a thread. */
import { Cause, Data, Effect, Exit, Schema, SchemaGetter } from "effect"
import * as Transferable from "effect/workers/Transferable"
import { expect, test } from "vitest"
import { type CodecsByName, encodedCall, encodedHandlers } from "../../src/internal/threads/codec.js"
import { NotCloneable } from "../../src/internal/threads/errors.js"
import { transfer, transfersOf } from "../../src/internal/threads/transfer.js"

class Point extends Schema.Class<Point>("Point")({ x: Schema.Number }) {}
class Nowhere extends Schema.TaggedError<Nowhere>()("Nowhere", { x: Schema.Number }) {}
class Other extends Data.TaggedError("Other")<{ readonly n: number }> {}

const schemas: CodecsByName = {
  job: { input: Point, success: Point, error: Nowhere },
  listed: { input: Schema.Struct({ n: Schema.Number }), success: Schema.Struct({ n: Schema.Number }) }
}

const context = { isCancelled: () => false, signal: new AbortController().signal, report: () => {} }

/** A call that goes through both sides, and a clone between them. */
const through = (handler: (input: never) => unknown, name: string, input: unknown) => {
  const handlers = encodedHandlers(schemas, { [name]: handler })
  return Effect.runSyncExit(encodedCall(schemas, { name, input }, (call) => {
    const result = handlers[name]!(structuredClone(call.input) as never, context)
    const effect = Effect.isEffect(result) ? result as Effect.Effect<unknown, unknown> : Effect.succeed(result)
    return Effect.mapError(
      Effect.map(effect, (value) => structuredClone(value)),
      (error) => error instanceof Error ? error : structuredClone(error)
    )
  }))
}

test("an input, a result and an error with a schema are instances of their classes on the other side", () => {
  const seen: Array<unknown> = []
  const double = ({ x }: Point) => (seen.push(x), x === 0 ? Effect.fail(new Nowhere({ x })) : new Point({ x: 2 * x }))
  expect(through((point: Point) => (expect(point).toBeInstanceOf(Point), double(point)), "job", new Point({ x: 3 })))
    .toEqual(
      Exit.succeed(new Point({ x: 6 }))
    )
  const failed = through(double, "job", new Point({ x: 0 }))
  expect(Exit.isFailure(failed) && Cause.squash(failed.cause)).toBeInstanceOf(Nowhere)
  expect(seen).toEqual([3, 0])
})

test("a value that a schema refuses is NotCloneable, of the input or of the result", () => {
  const refused = (exit: Exit.Exit<unknown, unknown>) => Exit.isFailure(exit) && Cause.squash(exit.cause)
  let calls = 0
  expect(refused(through(() => (calls++, 1), "job", "no point"))).toMatchObject({ what: "input", job: "job" })
  expect(calls).toBe(0)
  expect(refused(through(() => "no point", "job", new Point({ x: 1 })))).toMatchObject({ what: "result", job: "job" })
  expect(refused(through(() => Effect.fail("no error"), "job", new Point({ x: 1 })))).toMatchObject({ what: "result" })
  expect(refused(through(() => 1, "job", "no point"))).toBeInstanceOf(NotCloneable)
})

test("a value whose schema is Transferable is moved, once, with what else of it is marked, there and back", () => {
  const image = Schema.Struct({ a: Transferable.Uint8Array, b: Transferable.Uint8Array, c: Schema.Uint8Array })
  const schemas = { paint: { input: image, success: image } }
  const make = () => {
    const [bytes, other] = [new Uint8Array(8), new Uint8Array(4)]
    // Two views of one buffer; and a third one is marked, as well as one of the two.
    const value = { a: bytes, b: bytes.subarray(4), c: other }
    return { value: transfer(value, [other.buffer, bytes.buffer]), buffers: [other.buffer, bytes.buffer] }
  }
  const [input, result] = [make(), make()]
  const paint = encodedHandlers(schemas, { paint: () => result.value })["paint"]!
  const sent: Array<unknown> = []
  const call = encodedCall(schemas, { name: "paint", input: input.value }, ({ input }) => {
    sent.push(transfersOf(input))
    return Effect.tap(
      paint(input as never, context) as Effect.Effect<unknown>,
      (encoded) => Effect.sync(() => sent.push(transfersOf(encoded)))
    )
  })
  Effect.runSync(call)
  expect(sent).toEqual([input.buffers, result.buffers])
  const plain = encodedCall(
    { plain: { input: Schema.Uint8Array } },
    { name: "plain", input: new Uint8Array(1) },
    (call) => Effect.succeed(transfersOf(call.input))
  )
  expect(Effect.runSync(plain)).toEqual([])
})

test("another error and a job without schemas go as they are", () => {
  const run = (error: unknown) =>
    Effect.runSync(
      Effect.flip(encodedCall(schemas, { name: "job", input: new Point({ x: 1 }) }, () => Effect.fail(error)))
    )
  const other = new Other({ n: 1 })
  expect(run(other)).toBe(other)
  expect(run(Object.assign(new Error("m"), { _tag: "NotCloneable", job: "job", what: "result", reason: "r" })))
    .toBeInstanceOf(NotCloneable)
  expect(through((n: number) => n + 1, "plain", 1)).toEqual(Exit.succeed(2))
  const handler = () => 1
  expect(encodedHandlers(schemas, { plain: handler })["plain"]).toBe(handler)
})

test("an object to be moved with a value is moved with the encoded value", () => {
  const list = [new ArrayBuffer(8)]
  const value = transfer({ n: 1 }, list)
  const call = encodedCall(
    schemas,
    { name: "listed", input: value },
    (call) => Effect.succeed({ n: transfersOf(call.input).length })
  )
  expect(Effect.runSync(call)).toEqual({ n: 1 })
  const result = encodedHandlers(schemas, { listed: () => value })["listed"]!({ n: 1 } as never, context)
  expect(transfersOf(Effect.runSync(result as Effect.Effect<unknown>))).toEqual(list)
})

test("each side decodes what the other has encoded, and says what of a call it refuses", () => {
  const text: CodecsByName = {
    job: { input: Schema.NumberFromString, success: Schema.NumberFromString, error: Schema.NumberFromString }
  }
  const sent: Array<unknown> = []
  const job = encodedHandlers(text, { job: (n: number) => n < 0 ? Effect.fail(n) : n + 1 })["job"]!
  const call = (input: unknown) =>
    encodedCall(text, { name: "job", input }, (call) => {
      sent.push(call.input)
      return Effect.onExit(job(call.input as never, context) as Effect.Effect<unknown, unknown>, (exit) =>
        Effect.sync(() => {
          sent.push(Exit.isSuccess(exit) ? exit.value : Object.values(Cause.squash(exit.cause) as object))
        }))
    })
  expect(Effect.runSync(call(1))).toBe(2)
  expect(Effect.runSync(Effect.flip(call(-1)))).toBe(-1)
  expect(sent).toEqual(["1", "2", "-1", ["-1"]])
  // The two sides may have other schemas.
  const input = Effect.flip(job(1 as never, context) as Effect.Effect<unknown, unknown>)
  expect(Effect.runSync(input)).toMatchObject({ _tag: "NotCloneable", what: "input", job: "job" })
  const refused = (outcome: Effect.Effect<unknown, unknown>) =>
    Effect.runSync(Effect.flip(encodedCall(text, { name: "job", input: 1 }, () => outcome)))
  expect(refused(Effect.succeed(5))).toMatchObject({ _tag: "NotCloneable", what: "result", job: "job" })
})

test("an error of the program's that looks like NotCloneable is none", () => {
  const error = Object.assign(new Error("m"), { _tag: "Other", job: "job", what: "result", reason: "r" })
  expect(Effect.runSync(Effect.flip(encodedCall({}, { name: "job", input: 1 }, () => Effect.fail(error))))).toBe(error)
})

test("nothing is moved with what an input is encoded to if that is no object", () => {
  for (const encoded of [null, "text"]) {
    const input = Schema.Unknown.pipe(Schema.decodeTo(Schema.Unknown, {
      decode: SchemaGetter.transform(() => ({})),
      encode: SchemaGetter.transform(() => encoded)
    }))
    const value = transfer({}, [new ArrayBuffer(1)])
    const call = encodedCall({ job: { input } }, { name: "job", input: value }, ({ input }) => Effect.succeed(input))
    expect(Effect.runSync(call)).toBe(encoded)
  }
})
