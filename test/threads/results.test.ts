/** The thread's side, without a thread: when results go, and what of a call is left once it has ended. */
import { Context, Effect, Layer } from "effect"
import { setImmediate } from "node:timers/promises"
import type { JobContext } from "sluice/threads/ThreadWorker"
import { afterEach, expect, test, vi } from "vitest"
import "../../src/internal/threads/effects.js"
import type { Handler } from "../../src/internal/threads/handlers.js"
import { Board, kinds, version } from "../../src/internal/threads/protocol.js"
import { Server } from "../../src/internal/threads/Server.js"
import { transfer } from "../../src/internal/threads/transfer.js"
import { Port } from "../support/port.js"

class Part extends Context.Service<Part, string>()("Part") {}

const serve = async (handlers: Readonly<Record<string, Handler>>, layer?: Layer.Layer<Part>, board?: Board) => {
  const port = new Port()
  const said: Array<unknown> = []
  port.heard = (message) => void said.push(message)
  const words = board === undefined ? new Int32Array(9) : Reflect.get(board, "words") as Int32Array
  const init = { version, module: "", port, words, isShared: board !== undefined, concurrency: 2 }
  await new Server(init).start(Promise.resolve({ handlers, layer: layer as Layer.Layer<unknown> | undefined }))
  while (!JSON.stringify(said).includes("ready")) await setImmediate()
  said.length = 0
  return { port, said }
}

/** Calls of these functions with these inputs, on one seat after the other. */
const calls = (...all: ReadonlyArray<readonly [name: string, input?: unknown]>): Array<unknown> =>
  all.flatMap(([name, input], seat) => [seat, 1, name, input])

afterEach(() => {
  vi.restoreAllMocks()
})

/** Functions that take so many milliseconds, on a clock that nothing else moves. */
const timed = async () => {
  let now = 0
  vi.spyOn(performance, "now").mockImplementation(() => now)
  const wait = (millis: number) => {
    now += millis
  }
  const begun: Array<number> = []
  const { port, said } = await serve({
    one: wait,
    two: wait,
    /** Notes how many messages have gone before it. */
    notes: (millis: number) => {
      begun.push(said.length)
      wait(millis)
    }
  })
  /** How many results there were in each message. */
  const sizes = () => said.splice(0).map((message) => (message as ReadonlyArray<unknown>).length / 4)
  return { begun, port, said, sizes, wait }
}

test("results of quick functions go together, as many as a quarter of a millisecond has", async () => {
  const { port, sizes, wait } = await timed()
  port.hear(calls(["one", 0], ["two", 0]))
  // The first time nothing is known of them.
  expect(sizes()).toEqual([1, 1])
  for (let round = 0; round < 2; round++) {
    wait(100)
    port.hear(calls(...Array.from({ length: 8 }, () => ["one", 0.1] as const)))
    expect(sizes()).toEqual([3, 3, 2])
  }
  // However many have been quick before them, a function is as quick as it is itself.
  port.hear(calls(["one", 0.2], ["two", 0.1], ["one", 0], ["two", 0]))
  expect(sizes()).toEqual([2, 2])
})

test("a result does not wait for a function that took its time when it ran last", async () => {
  const { begun, port, sizes } = await timed()
  for (const millis of [0, 5, 0, 0]) {
    port.hear(calls(["one", 0], ["notes", millis]))
    sizes()
  }
  expect(begun).toEqual([1, 0, 1, 0])
})

test("a result is as it was when its function returned, and shares nothing with the next one", async () => {
  const { port, said } = await serve({ count: () => (counter.n++, counter), bytes: () => (bytes[0]!++, bytes) })
  const counter = { n: 0 }
  const bytes = new Uint8Array(1)
  for (let round = 0; round < 3; round++) {
    said.length = 0
    counter.n = bytes[0] = 0
    port.hear(calls(["count"], ["count"], ["bytes"], ["bytes"]))
    const values = said.flat().filter((_, i) => i % 4 === 3)
    expect(values).toEqual([{ n: 1 }, { n: 2 }, new Uint8Array([1]), new Uint8Array([2])])
  }
})

test("a function has one signal, which tells of the cancel as long as its call runs", async () => {
  const contexts: Array<JobContext> = []
  const ends: Array<() => void> = []
  const { port, said } = await serve({
    waits: (_: unknown, context: JobContext) => {
      contexts.push(context)
      return new Promise<void>((resolve) => void ends.push(resolve))
    }
  })
  port.hear(calls(["waits"], ["waits"]))
  const [one, two] = contexts as [JobContext, JobContext]
  const { signal } = one
  expect([one.signal === signal, signal.aborted, one.isCancelled()]).toEqual([true, false, false])
  port.hear({ _tag: "cancel", seat: 0, turn: 1 })
  expect([signal.aborted, one.isCancelled(), two.isCancelled(), two.signal.aborted]).toEqual([true, true, false, false])
  // Another turn of the seat is another call.
  port.hear({ _tag: "cancel", seat: 1, turn: 2 })
  expect([two.isCancelled(), two.signal.aborted]).toEqual([false, false])
  const other = two.signal
  for (const end of ends) end()
  await setImmediate()
  expect(said.flat()).toEqual([...[0, 1, kinds.success, undefined], ...[1, 1, kinds.success, undefined]])
  // Too late: nothing hears of it.
  port.hear({ _tag: "cancel", seat: 1, turn: 1 })
  expect(other.aborted).toBe(false)
})

test("a call that was taken back before its message came never begins, and those behind it do", async () => {
  const board = new Board(new Int32Array(3))
  const begun: Array<unknown> = []
  const { port, said } = await serve({ job: (input: number) => begun.push(input) }, undefined, board)
  for (const seat of [0, 1, 2]) board.offer(seat, 1)
  expect(board.withdraw(1, 1)).toBe(true)
  port.hear(calls(["job", 0], ["job", 1], ["job", 2]))
  expect([begun, said.flat().filter((_, i) => i % 4 === 0)]).toEqual([[0, 2], [0, 2]])
})

test("a name that every object has is no job", async () => {
  const { port, said } = await serve({ job: () => 1 })
  port.hear(calls(["toString"], ["job"]))
  expect(said.flat().filter((_, i) => i % 4 === 2)).toEqual([kinds.failure, kinds.success])
})

test("messages are numbered, those that cannot be read too", async () => {
  const { port, said } = await serve({ job: () => 1 })
  port.hear({ _tag: "ping" })
  port.onmessageerror!({ data: null })
  port.hear(calls(["job"]))
  port.onmessageerror!({ data: null })
  expect(said.filter((message) => JSON.stringify(message).includes("garbled"))).toEqual([
    { _tag: "garbled", message: 2 },
    { _tag: "garbled", message: 4 }
  ])
})

test("a function may return a service as it is, which is an effect", async () => {
  const { port, said } = await serve({ part: () => Part }, Layer.succeed(Part, "part"))
  port.hear(calls(["part"]))
  await setImmediate()
  expect(said.flat()).toEqual([0, 1, kinds.success, "part"])
})

test("a thread says once that it has closed, whatever it was doing", async () => {
  for (const layer of [undefined, Layer.succeed(Part, "part")]) {
    for (const name of ["never", "listens", "done"]) {
      const { port, said } = await serve({
        never: () => Effect.never,
        done: () => Effect.void,
        listens: (_: unknown, { signal }: JobContext) =>
          new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()))
      }, layer)
      port.hear(calls([name], [name]))
      for (let turns = 0; turns < 5; turns++) await setImmediate()
      said.length = 0
      port.hear({ _tag: "close" })
      while (!port.isClosed) await setImmediate()
      await setImmediate()
      expect([name, said.filter((message) => JSON.stringify(message).includes("closed"))]).toEqual([
        name,
        [{ _tag: "closed" }]
      ])
    }
  }
})

test("a result that is moved is so behind others that are not", async () => {
  vi.spyOn(performance, "now").mockReturnValue(0)
  const moved: Array<unknown> = []
  const buffers = [new ArrayBuffer(8), new ArrayBuffer(8)]
  const next = buffers.values()
  const move = () => {
    const bytes = next.next().value
    return transfer({ bytes }, [bytes])
  }
  const { port } = await serve({ one: () => 1, move })
  port.hear(calls(["one"], ["move"]))
  port.heard = (message, list) => void moved.push([(message as ReadonlyArray<unknown>).length, list])
  port.hear(calls(["one"], ["one"], ["move"]))
  expect(moved).toEqual([[12, [buffers[1]]]])
})

test("a layer that cannot be built and whose release dies says both", async () => {
  const port = new Port()
  const said: Array<unknown> = []
  port.heard = (message) => void said.push(message)
  const acquired = Layer.effect(Part, Effect.acquireRelease(Effect.succeed("part"), () => Effect.die("a bug")))
  const layer = Layer.merge(acquired, Layer.effectDiscard(Effect.andThen(Effect.yieldNow, Effect.fail("not today"))))
  const init = { version, module: "", port, words: new Int32Array(1), isShared: false, concurrency: 1 }
  await new Server(init).start(Promise.resolve({ handlers: {}, layer: layer as Layer.Layer<unknown, unknown> }))
  while (said.length < 2) await setImmediate()
  // Effect makes defects of both.
  const cause = ["not today", "a bug"].map((value) => ({ _tag: "Die", part: { value } }))
  expect(said).toEqual([{ _tag: "building" }, { _tag: "failed", reason: "layer", cause }])
})

test("jobs are listed as the module has them", async () => {
  const port = new Port()
  const said: Array<unknown> = []
  port.heard = (message) => void said.push(message)
  const init = { version, module: "", port, words: new Int32Array(1), isShared: false, concurrency: 1 }
  const handlers = { second: () => 2, first: () => 1 }
  await new Server(init).start(Promise.resolve({ handlers, layer: undefined }))
  expect(said).toEqual([{ _tag: "ready", version, jobs: ["second", "first"], closes: false }])
})
