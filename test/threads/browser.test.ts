/** Pools in a real browser, whose pages share memory with their threads, or do not. */
import { beforeAll, describe, expect, test } from "vitest"
import { chromium, script, visit } from "../support/browser.js"

if (chromium === undefined) {
  console.log(
    "not run: there is no chromium, chromium-browser or google-chrome on PATH, and CHROMIUM does not name one"
  )
}

const anything: unknown = expect.anything()
const where: unknown = expect.stringContaining("/jobs.js")

describe.skipIf(chromium === undefined).each([
  ["that is isolated, with shared memory", true],
  ["that is not, without", false]
])("in a page %s", (_, isShared) => {
  let seen: Readonly<Record<string, unknown>> = {}

  beforeAll(async () => {
    const [page, jobs, late] = [script("page"), script("jobs"), script("late")]
    const failing = { "/throws.js": "throw new Error('not today')", "/silent.js": "" }
    const scripts = { "/page.js": page, "/jobs.js": jobs, "/late.js": late, ...failing }
    seen = await visit({ scripts, isIsolated: isShared }, 100_000) as typeof seen
    expect(seen).toMatchObject({ isShared })
  })

  test("a call returns what the function does, its promise or its effect", () =>
    // What is undefined is null in JSON.
    expect(seen["values"]).toEqual([2, 3, 4, null, [2, 3, 4]]))

  test("a typed failure is caught by its tag, and has its fields and stack", () =>
    expect(seen["failure"]).toEqual({
      caught: "bob",
      isError: true,
      stack: where,
      error: { name: "Refused", message: "", _tag: "Refused", who: "ada", times: 3 }
    }))

  test("a defect has its message and its stack, and the thread goes on", () =>
    expect(seen["defects"]).toEqual({
      defects: ["a bug", "thrown", "rejected"].map((message) => ({ name: "RangeError", message, stack: where })),
      isSameThread: true
    }))

  test("a transferred object is moved, there and back, and cannot go again", () =>
    expect(seen["moved"]).toMatchObject({
      here: 0,
      back: [7, 7],
      again: { _tag: "NotCloneable", what: "input", reason: "what it transfers has been transferred before" }
    }))

  test("an input or a result that cannot be cloned fails alone among those sent with it", () =>
    expect(seen["uncloneable"]).toMatchObject([
      2,
      { _tag: "NotCloneable", what: "input", job: "add" },
      { _tag: "NotCloneable", what: "result", job: "getFunction" },
      3
    ]))

  test("an interrupted effect runs its finalizers, a promise is notified by its signal, and the thread goes on", () =>
    expect(seen["interrupted"]).toEqual({ held: { begun: 1, ended: 1 }, isSameThread: true }))

  test("a loop that asks whether it is cancelled stops, or costs the thread where no memory is shared", () =>
    expect(seen["polled"]).toEqual({ isSameThread: isShared }))

  test("a loop that does not stop costs the thread, and another one takes its place", () =>
    expect(seen["busy"]).toEqual({ isSameThread: false }))

  test("calls that a terminated thread had not begun go on in their order, or are lost where no memory is shared", () => {
    const lost = Array.from({ length: 7 }, () => ({ _tag: "ThreadLost", reason: "terminated", job: "count" }))
    expect(seen["prefetched"]).toMatchObject(isShared ? [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] : [...lost, 0, 1, 2])
  })

  test("a call behind one that waits is taken back at once", () =>
    expect(seen["takenBack"]).toEqual({ isFirstRunning: true, count: 0, isSameThread: true }))

  test("an error outside of a job costs the thread, says so to its call, and is none of the page's", () =>
    expect(seen["crashed"]).toMatchObject([
      { _tag: "ThreadLost", reason: "crashed", cause: expect.stringContaining("outside of a job") as unknown },
      2,
      { uncaught: 0 }
    ]))

  test("a module may await something before it serves, and what its jobs need is built and released", () =>
    expect(seen["late"]).toEqual({ called: 3, said: ["built", "released"] }))

  test("a worker of somebody else's may load the module", () => expect(seen["outside"]).toEqual([]))

  test("make fails when the module throws, is not there, or serves nothing", () =>
    expect(seen["modules"]).toMatchObject({
      throws: { _tag: "ThreadFailed", reason: "module", cause: expect.stringContaining("not today") as unknown },
      missing: { _tag: "ThreadFailed", reason: "module", cause: anything },
      silent: { _tag: "ThreadFailed", reason: "silent" }
    }))

  test("no thread is left when the scope has closed, whatever it was doing", () => {
    expect(seen["endless"]).toMatchObject({ left: 0 })
    expect(seen["threads"]).toEqual({ started: anything, left: 0 })
    expect(seen["uncaught"]).toBe(0)
  })
})
