/** How errors look when they have arrived, and how much of a deep one does. */
import { Data } from "effect"
import { expect, test } from "vitest"
import { ThreadFailed, ThreadLost, ThreadNotClosed } from "../../src/internal/threads/errors.js"
import { addAll, isGone, transfer, transfersOf } from "../../src/internal/threads/transfer.js"
import { cloneable, decode, encode, messageOf, type Part, type Reason } from "../../src/internal/threads/wire.js"

const arrive = (part: Part): unknown => decode(structuredClone(part))

/** The value that arrives once everything that cannot be cloned has been left out. */
const reduced = (value: unknown): unknown => {
  const [reason] = cloneable([{ _tag: "Fail", part: encode(value) }]) as [Reason & { readonly _tag: "Fail" }]
  return arrive(reason.part)
}

const fieldsOf = (error: unknown): ReadonlyArray<string> => Object.keys(error as Error)

class Limited extends Data.TaggedError("Limited")<{ readonly after: number }> {}

test("an error arrives with its fields as properties like any other, and hides what errors hide", () => {
  const error = Object.assign(new Limited({ after: 30 }), { name: "Named", message: "m", stack: "s", cause: "c" })
  const arrived = arrive(encode(error)) as typeof error
  expect(fieldsOf(arrived).toSorted()).toEqual(["_tag", "after"])
  const { _tag, after, cause, message, name, stack } = arrived
  expect({ _tag, after, cause, message, name, stack }).toEqual({
    _tag: "Limited",
    after: 30,
    cause: "c",
    message: "m",
    name: "Named",
    stack: "s"
  })
  for (
    const [key, isListed] of [["after", true], ["_tag", true], ["name", false], ["stack", false], ["cause", false]]
  ) {
    expect(Object.getOwnPropertyDescriptor(arrived, key as string)).toMatchObject({
      enumerable: isListed,
      writable: true,
      configurable: true
    })
  }
})

test("an error without a name or a stack has the name of an error, and no stack", () => {
  const arrived = arrive(encode(Object.assign(new TypeError("m"), { name: undefined, stack: undefined }))) as Error
  expect([arrived.name, arrived.stack, "cause" in arrived]).toEqual(["Error", undefined, false])
})

test("a message that cannot be read is empty, or says that it cannot be", () => {
  const throws = Object.defineProperty(new Error(), "message", {
    get: () => {
      throw new Error("no")
    }
  })
  const messages = [throws, Object.assign(new Error(), { message: Object.create(null) as string }), "text", 5]
  expect(messages.map(messageOf)).toEqual(["", "a value that cannot be read", "text", "5"])
})

test("a field that may not be asked anything is left out, as is one that cannot be cloned", () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  const arrived = reduced({ kept: 1, proxy, code: () => 1, symbol: Symbol("no"), map: new Map([[1, () => 1]]) })
  expect(arrived).toEqual({ kept: 1 })
  expect(fieldsOf(arrived)).toEqual(["kept"])
})

test("a circle stays one where parts of it cannot be cloned", () => {
  interface Circle extends Error {
    readonly list: Array<unknown>
    self?: unknown
  }
  const error: Circle = Object.assign(new Error("outer"), { code: () => 1, list: [] })
  error.self = error
  error.list.push(error, () => 1, error.list)
  const arrived = reduced({ error, again: error }) as { readonly error: typeof error; readonly again: unknown }
  expect(arrived.again).toBe(arrived.error)
  expect(arrived.error.self).toBe(arrived.error)
  expect([arrived.error.list[0], arrived.error.list[1]]).toEqual([arrived.error, "() => 1"])
  expect(arrived.error.list[2]).toBe(arrived.error.list)
  expect(fieldsOf(arrived.error).toSorted()).toEqual(["list", "self"])
})

test("a hundred errors within each other arrive, with what can be cloned of each", () => {
  let chain: unknown = "end"
  for (let n = 0; n < 100; n++) chain = Object.assign(new Limited({ after: n }), { code: () => n, inner: chain })
  let arrived = reduced(chain)
  for (let n = 99; n >= 0; n--) {
    expect([arrived instanceof Error, (arrived as Limited).after]).toEqual([true, n])
    arrived = (arrived as { readonly inner: unknown }).inner
  }
  expect(arrived).toBe("end")
})

test.each<[string, (inner: unknown) => unknown, (outer: unknown) => unknown]>([
  ["arrays", (inner) => [inner], (outer) => (outer as ReadonlyArray<unknown>)[0]],
  ["objects", (inner) => ({ inner }), (outer) => (outer as { readonly inner: unknown }).inner]
])("%s that are nested without end are for the platform from some depth on", (_, nest, inside) => {
  const bottom = {}
  let value: unknown = bottom
  for (let depth = 0; depth < 1_000; depth++) value = nest(value)
  let encoded = (encode(value) as { readonly value: unknown }).value
  let copies = 0
  for (let original = value; original !== encoded; copies++) [original, encoded] = [inside(original), inside(encoded)]
  expect(copies).toBeGreaterThan(100)
  expect(copies).toBeLessThan(500)
})

test("an empty buffer is not one that has gone, and one that has is found among many", () => {
  const empty = new ArrayBuffer(0)
  const gone = new ArrayBuffer(8)
  structuredClone(gone, { transfer: [gone] })
  expect([[], [empty], [empty, new ArrayBuffer(1), 5], [empty, gone], [gone]].map(isGone)).toEqual([
    false,
    false,
    false,
    true,
    true
  ])
  const value = transfer({}, [empty])
  expect([value, {}, null, undefined, 5].map(transfersOf)).toEqual([[empty], [], [], [], []])
  const all = [1]
  addAll(all, [2, 3])
  expect(all).toEqual([1, 2, 3])
})

test("each error of a thread says what has become of it", () => {
  const thread = "pool/thread-1"
  const cause = new Error("a bug")
  const lost = (more: Omit<ConstructorParameters<typeof ThreadLost>[0], "thread" | "job">) =>
    new ThreadLost({ thread, job: "call", ...more }).message
  expect([
    lost({ reason: "exited", exitCode: 3 }),
    lost({ reason: "exited" }),
    lost({ reason: "crashed", cause }),
    lost({ reason: "crashed", cause: "no error" }),
    lost({ reason: "outOfMemory" }),
    lost({ reason: "terminated" }),
    lost({ reason: "stuck" })
  ]).toEqual([
    "exited with code 3, while it ran",
    "exited with code unknown, while it ran",
    "crashed: a bug, while it ran",
    "crashed, while it ran",
    "ran out of memory, while it ran",
    "was terminated because another of its jobs ignored cancellation, while it ran",
    "was terminated because it stopped responding, before it ran"
  ].map((what) => `ThreadPool: ${thread} ${what} the job "call"`))
  const notClosed = (more: Omit<ConstructorParameters<typeof ThreadNotClosed>[0], "thread">) =>
    new ThreadNotClosed({ thread, ...more }).message
  expect([
    notClosed({ reason: "timeout" }),
    notClosed({ reason: "silent" }),
    notClosed({ reason: "exited", exitCode: 3 }),
    notClosed({ reason: "exited" }),
    notClosed({ reason: "crashed", cause }),
    notClosed({ reason: "crashed" }),
    notClosed({ reason: "outOfMemory" })
  ]).toEqual([
    "took longer than closeTimeout",
    "did not respond",
    "exited with code 3",
    "exited with code unknown",
    "crashed: a bug",
    "crashed",
    "ran out of memory"
  ].map((what) => `ThreadPool: ${thread} ${what} before its layer was released`))
  const failed = (module: string, more: Omit<ConstructorParameters<typeof ThreadFailed>[0], "module">) =>
    new ThreadFailed({ module, ...more }).message
  expect([
    failed("m", { reason: "module", cause }),
    failed("m", { reason: "module", cause: "no error" }),
    failed("m", { reason: "module", exitCode: 0 }),
    failed("m", { reason: "module", exitCode: 1 }),
    failed("m", { reason: "layer", cause, exitCode: 1 }),
    failed("m".repeat(200), { reason: "version" }),
    failed("m".repeat(201), { reason: "version" })
  ]).toEqual([
    "m could not be loaded: a bug",
    "m could not be loaded",
    "m could not be loaded: it exited with code 0 before it served; does it call ThreadWorker.serve?",
    "m could not be loaded: it exited with code 1 before it served",
    "m could not build the layer of its jobs: a bug",
    `${"m".repeat(200)} was built with another version of sluice`,
    `${"m".repeat(200)}… was built with another version of sluice`
  ].map((what) => `ThreadPool: ${what}`))
})
