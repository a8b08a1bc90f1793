/** The parts of the kit that a page in a browser provides, and what the kit does there without them. */
import { Effect } from "effect"
import * as fc from "fast-check"
import { explore, exploreAsync, replay, scenario, schedule, type SourceLocator } from "sluice/testing"
import { afterEach, expect, test, vi } from "vitest"

const locator = Symbol.for("sluice/testing/locator")
const fastCheck = Symbol.for("sluice/testing/fast-check")
const globals = globalThis as unknown as Record<symbol, unknown>

afterEach(() => {
  Reflect.deleteProperty(globals, locator)
  Reflect.deleteProperty(globals, fastCheck)
  vi.unstubAllGlobals()
})

/** As a compiler would write it: the lines of functions. */
const places = new WeakMap<object, number>()

const increments = scenario((t) =>
  Effect.gen(function*() {
    let n = 0
    const add = Effect.flatMap(Effect.sync(() => n), (m) => Effect.sync(() => (n = m + 1)))
    const marked = () => add
    places.set(marked, 7)
    yield* t.actor("a", Effect.suspend(marked), { cancel: false })
    yield* t.actor("b", Effect.suspend(marked), { cancel: false })
    yield* t.settled
    yield* t.expect(n === 2, "an update was lost")
  })
)

const ofPage: SourceLocator = {
  locate: (subject) => {
    const line = places.get(subject)
    return line === undefined ? undefined : { file: "page.ts", line, column: 1, text: "const marked = () => add" }
  }
}

test("a trace has the places of the page's locator, and no others", () => {
  globals[locator] = ofPage
  const { trace } = explore(increments)
  const sources = trace!.events.flatMap(({ source }) => source === undefined ? [] : [source])
  expect(sources.length).toBeGreaterThan(0)
  expect(new Set(sources.map(({ file, line }) => `${file}:${line}`))).toEqual(new Set(["page.ts:7"]))
})

test.each([null, {}, { locate: 1 }])("a locator that is %o is refused, by name", (value) => {
  globals[locator] = value
  expect(() => explore(increments)).toThrow(/Symbol\.for\("sluice\/testing\/locator"\)\] must have a function locate/)
})

test("a report has the trace of its failure, of a replayed run, and none of an exploration without a failure", () => {
  const found = explore(increments)
  expect(found.trace).toBe(found.failure!.trace)
  const again = replay(increments, "s1:")
  expect(again.failure).toBeUndefined()
  expect(again.trace!.fibers.map(({ name }) => name)).toEqual(["main", "a", "b", "close"])
  expect(explore(scenario(() => Effect.void), { runs: 2 }).trace).toBeUndefined()
})

test("without Node, `schedule` says how to provide fast-check, and takes it from there", () => {
  vi.stubGlobal("process", undefined)
  // Not in an earlier test of this file: a loaded fast-check is kept.
  expect(() => schedule()).toThrow(
    "Elsewhere provide it: globalThis[Symbol.for(\"sluice/testing/fast-check\")] = await import(\"fast-check\")"
  )
  globals[fastCheck] = fc
  expect(fc.sample(schedule(), { numRuns: 3, seed: 1 })).toHaveLength(3)
})

test("without setImmediate, turns of the event loop are messages, and results from outside are found", async () => {
  const logins = scenario((t) =>
    Effect.gen(function*() {
      let token: string | undefined
      let count = 0
      const login = Effect.gen(function*() {
        if (token !== undefined) return token
        token = yield* Effect.promise(() => Promise.resolve(`token ${++count}`))
        return token
      })
      yield* t.actor("a", login)
      yield* t.actor("b", login)
      yield* t.settled
      yield* t.expect(count <= 1, `${count} logins`)
    })
  )
  const { MessageChannel: Channel } = globalThis
  let channels = 0
  vi.stubGlobal("setImmediate", undefined)
  vi.stubGlobal(
    "MessageChannel",
    class extends Channel {
      constructor() {
        super()
        channels++
      }
    }
  )
  const { failure } = await exploreAsync(logins, { runs: 50 })
  expect(failure?.message).toBe("2 logins")
  expect(channels).toBeGreaterThan(0)
})
