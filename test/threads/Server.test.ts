/** The thread's side, without a thread: what happens before Effect has been loaded. */
import { Context, Effect, Layer, Stream } from "effect"
import { setImmediate } from "node:timers/promises"
import type { JobContext } from "sluice/threads/ThreadWorker"
import { afterEach, expect, test, vi } from "vitest"
import { encodedHandlers } from "../../src/internal/threads/codec.js"
import type { Served } from "../../src/internal/threads/handlers.js"
import { Board, kinds, stride, version } from "../../src/internal/threads/protocol.js"
import { Server } from "../../src/internal/threads/Server.js"
import { transfer } from "../../src/internal/threads/transfer.js"
import { Port } from "../support/port.js"

/** The board has them for itself otherwise. */
const wordsOf = (board: Board | undefined): Int32Array =>
  board === undefined ? new Int32Array(4) : Reflect.get(board, "words") as Int32Array

const serve = async (
  handlers: Served["handlers"],
  loaded: Promise<unknown> = Promise.resolve(),
  layer?: Layer.Layer<Part, string>,
  board?: Board
) => {
  const port = new Port()
  const said: Array<unknown> = []
  let notify = () => {}
  port.heard = (message) => {
    said.push(message)
    notify()
  }
  const init = { version, module: "", port, words: wordsOf(board), isShared: board !== undefined, concurrency: 2 }
  const server = new Server(init)
  await server.start(loaded.then(() => ({ handlers, layer: layer as Layer.Layer<unknown, unknown> | undefined })))
  const [first] = said.splice(0)
  /** Once so many calls have ended: what was said of them, by their seats. */
  const results = async (calls: number): Promise<ReadonlyArray<ReadonlyArray<unknown>>> => {
    await new Promise<void>((resolve) => {
      notify = () => {
        if (said.flat().length >= calls * stride) resolve()
      }
      notify()
    })
    return Array.from({ length: calls }, (_, call) => said.flat().slice(call * stride, (call + 1) * stride))
      .sort(([one], [other]) => (one as number) - (other as number))
  }
  return { first, port, results, said, server }
}

const interrupted = [{ _tag: "Interrupt" }]

test("it serves once its module has been loaded, and says why if that fails", async () => {
  const { first } = await serve({ one: () => 1 })
  expect(first).toEqual({ _tag: "ready", version, jobs: ["one"], closes: false })
  const failed = await serve({ one: () => 1 }, Promise.reject(new Error("not today")))
  expect(failed.first).toMatchObject({
    _tag: "failed",
    reason: "module",
    cause: [{ _tag: "Die", part: { error: { message: "not today" } } }]
  })
})

test("a job that returns a stream dies, and the error says what to return", async () => {
  const many = () => Stream.make(1, 2)
  const { port, results } = await serve({ many, ...encodedHandlers({ encoded: {} }, { encoded: many }) })
  port.hear([0, 1, "many", undefined, 1, 1, "encoded", undefined])
  const died = (job: string) => [{
    _tag: "Die",
    part: {
      error: expect.objectContaining({
        message:
          `ThreadWorker.serve: the job "${job}" returned a Stream; a job has one result, such as Stream.runCollect`
      }) as unknown
    }
  }]
  expect(await results(2)).toEqual([[0, 1, kinds.failure, died("many")], [1, 1, kinds.failure, died("encoded")]])
})

test("a job's reports are sent at most every ten milliseconds, as they were, the latest before its result, and none later", async () => {
  vi.useFakeTimers({ toFake: ["performance", "setTimeout", "clearTimeout"] })
  try {
    const contexts: Array<JobContext<unknown>> = []
    const ends: Array<() => void> = []
    const { port, said } = await serve({
      counts: (_: undefined, { report }: JobContext<{ n: number }>) => {
        const progress = { n: 0 }
        for (; progress.n < 1_000; progress.n++) report(progress)
      },
      waits: (_: undefined, context: JobContext<unknown>) => {
        contexts.push(context)
        return new Promise<void>((resolve) => void ends.push(resolve))
      },
      silent: (_: undefined, context: JobContext<unknown>) => void contexts.push(context),
      function: (_: undefined, { report }: JobContext<() => void>) => report(() => {})
    })
    const progress = (seat: number, value: unknown) => ({ _tag: "progress", seat, turn: 1, value })
    port.hear([0, 1, "counts", undefined])
    expect(said.splice(0)).toEqual([progress(0, { n: 0 }), progress(0, { n: 999 }), [0, 1, kinds.success, undefined]])
    port.hear([1, 1, "waits", undefined])
    const [{ report }] = contexts as [JobContext<unknown>]
    for (const n of [1, 2, 3]) report(n)
    vi.advanceTimersByTime(9)
    expect(said.splice(0)).toEqual([progress(1, 1)])
    vi.advanceTimersByTime(1)
    expect(said.splice(0)).toEqual([progress(1, 3)])
    report(4)
    vi.advanceTimersByTime(10)
    report(5)
    expect(said.splice(0)).toEqual([progress(1, 4)])
    ends[0]!()
    await Promise.resolve()
    await Promise.resolve()
    expect(said.splice(0)).toEqual([progress(1, 5), [1, 1, kinds.success, undefined]])
    port.hear([2, 1, "silent", undefined])
    report(6)
    contexts[1]!.report(7)
    vi.advanceTimersByTime(1_000)
    expect([said.splice(0), vi.getTimerCount()]).toEqual([[[2, 1, kinds.success, undefined]], 0])
    port.hear([3, 1, "function", undefined])
    expect(said).toMatchObject([[3, 1, kinds.failure, [{ _tag: "Die" }]]])
  } finally {
    vi.useRealTimers()
  }
})

test("it keeps nothing of calls that are over, though there is always one that waits", async () => {
  const ends: Array<() => void> = []
  const { port, server } = await serve({ waits: () => new Promise<void>((resolve) => void ends.push(resolve)) })
  for (let turn = 1; turn <= 4; turn++) port.hear([turn % 4, turn, "waits", undefined])
  for (let turn = 5; turn <= 1_000; turn++) {
    ends.shift()?.()
    await Promise.resolve()
    port.hear([turn % 4, turn, "waits", undefined])
  }
  const queue = Reflect.get(server, "queue") as ReadonlyArray<unknown>
  expect(ends.length).toBeGreaterThan(0)
  expect(queue.length).toBeLessThan(20 * stride)
})

afterEach(() => {
  vi.doUnmock("../../src/internal/threads/effects.js")
  vi.resetModules()
})

test("an effect that is cancelled before Effect has been loaded never begins; the others do", async () => {
  const began: Array<string> = []
  const { port, results } = await serve({ effect: (who: string) => Effect.sync(() => (began.push(who), who)) })
  port.hear([0, 1, "effect", "first", 1, 1, "effect", "second", 2, 1, "effect", "third"])
  port.hear({ _tag: "cancel", seat: 0, turn: 1 })
  expect(await results(3)).toEqual([
    [0, 1, kinds.failure, interrupted],
    [1, 1, kinds.success, "second"],
    [2, 1, kinds.success, "third"]
  ])
  expect(began).toHaveLength(2)
})

test("a thenable that ends twice, or at once, has one end and makes no room for more", async () => {
  const began: Array<string> = []
  const ends: Array<() => void> = []
  const { port, results } = await serve({
    twice: () => ({
      then: (resolve: (value: number) => void) => {
        resolve(1)
        resolve(2)
      }
    }),
    waits: (who: string) => new Promise<void>((resolve) => void (began.push(who), ends.push(resolve)))
  })
  port.hear([0, 1, "twice", undefined])
  expect(await results(1)).toEqual([[0, 1, kinds.success, 1]])
  port.hear([1, 1, "waits", "a", 2, 1, "waits", "b", 3, 1, "waits", "c"])
  expect(began).toEqual(["a", "b"])
  for (const end of ends) end()
  await results(3)
  expect(began).toEqual(["a", "b", "c"])
})

test("calls whose effects cannot be run, since Effect does not load, die of that, and others go on", async () => {
  vi.doMock("../../src/internal/threads/effects.js", () => {
    throw new Error("no such file")
  })
  const { port, results } = await serve({ effect: () => Effect.void, plain: () => 1 })
  port.hear([0, 1, "effect", undefined, 1, 1, "effect", undefined, 2, 1, "plain", undefined])
  const died = [{ _tag: "Die", part: { error: expect.objectContaining({ name: "Error" }) as unknown } }]
  expect(await results(3)).toEqual([
    [0, 1, kinds.failure, died],
    [1, 1, kinds.failure, died],
    [2, 1, kinds.success, 1]
  ])
})

test("an input is kept no longer than its call takes to begin", async () => {
  const { port, server } = await serve({ job: () => 1 })
  const input = {}
  port.hear([0, 1, "job", input])
  expect(Reflect.get(server, "queue")).not.toContain(input)
})

test("the server responds to a ping, and closes with the last call that runs", async () => {
  let end = () => {}
  let began = 0
  const waits = () => new Promise<void>((resolve) => (began++, end = resolve))
  const { port, said } = await serve({ waits, never: () => Effect.never })
  port.hear({ _tag: "ping" })
  expect(said.splice(0)).toEqual([{ _tag: "pong" }])
  port.hear([0, 1, "never", undefined, 1, 1, "waits", undefined, 2, 1, "waits", undefined])
  await vi.dynamicImportSettled()
  port.hear({ _tag: "close" })
  port.hear({ _tag: "close" })
  expect([said, port.isClosed]).toEqual([[[0, 1, kinds.failure, interrupted]], false])
  end()
  await setImmediate()
  expect([said.slice(1), port.isClosed]).toEqual([[[1, 1, kinds.success, undefined], { _tag: "closed" }], true])
  expect(began).toBe(1)
})

test("a result does not wait for a function that has not been quick before", async () => {
  const before: Array<number> = []
  const { port, said } = await serve({ quick: () => 1, other: () => before.push(said.length) })
  port.hear([0, 1, "quick", undefined, 1, 1, "other", undefined, 2, 1, "other", undefined])
  expect(before).toEqual([1, 1])
  expect(said.flat()).toHaveLength(3 * stride)
})

test("a message that cannot be read is reported by its number", async () => {
  const { port, said } = await serve({ job: () => 1 })
  port.onmessageerror?.({ data: null })
  port.hear({ _tag: "ping" })
  port.onmessageerror?.({ data: null })
  expect(said).toEqual([{ _tag: "garbled", message: 1 }, { _tag: "pong" }, { _tag: "garbled", message: 3 }])
})

test("a signal that is asked for after the call was cancelled is aborted", async () => {
  const board = new Board(new Int32Array(4))
  for (const seat of [0, 1]) board.offer(seat, 1)
  const { port, said } = await serve(
    {
      job: (_: unknown, context: JobContext) => {
        // As the pool does, where memory is shared.
        board.ask(0, 1)
        return [context.isCancelled(), context.signal.aborted]
      },
      other: (_: unknown, { signal }: JobContext) => signal.aborted
    },
    undefined,
    undefined,
    board
  )
  port.hear([0, 1, "job", undefined, 1, 1, "other", undefined])
  expect(said.flat().filter((_, i) => i % stride === 3)).toEqual([[true, true], false])
})

test("a result that moves what has been moved before fails, alone", async () => {
  const bytes = new ArrayBuffer(8)
  structuredClone(bytes, { transfer: [bytes] })
  const { port, said } = await serve({ one: () => 1, moved: () => transfer({}, [bytes]) })
  port.hear([0, 1, "one", undefined, 1, 1, "moved", undefined, 2, 1, "one", undefined])
  expect(said.flat()).toEqual([
    ...[0, 1, kinds.success, 1],
    ...[1, 1, kinds.uncloneable, "what it transfers has been transferred before"],
    ...[2, 1, kinds.success, 1]
  ])
})

class Part extends Context.Service<Part, string>()("Part") {}

/** A layer whose release is told of, and may die. */
const part = (log: Array<string>, release: Effect.Effect<void> = Effect.void) =>
  Layer.effect(
    Part,
    Effect.acquireRelease(
      Effect.sync(() => (log.push("built"), "part")),
      () => Effect.andThen(Effect.yieldNow, Effect.andThen(Effect.sync(() => void log.push("released")), release))
    )
  )

const heard = async (said: ReadonlyArray<unknown>, tag: string): Promise<void> => {
  while (!JSON.stringify(said).includes(`"_tag":"${tag}"`)) await setImmediate()
}

test("its layer is built before the first call, and released before it has closed, with its defects", async () => {
  for (const release of [Effect.void, Effect.die("a bug"), Effect.die(() => "no clone")]) {
    const log: Array<string> = []
    const { first, port, results, said } = await serve(
      { part: () => Effect.service(Part) },
      undefined,
      part(log, release)
    )
    expect(first).toEqual({ _tag: "building" })
    await heard(said, "ready")
    expect(said.splice(0)).toEqual([{ _tag: "ready", version, jobs: ["part"], closes: true }])
    port.hear([0, 1, "part", undefined])
    expect(await results(1)).toEqual([[0, 1, kinds.success, "part"]])
    said.splice(0)
    port.hear({ _tag: "close" })
    port.hear({ _tag: "close" })
    expect([log, said]).toEqual([["built"], [{ _tag: "closing" }]])
    await heard(said, "closed")
    expect(log).toEqual(["built", "released"])
    const failure = release === Effect.void
      ? {}
      : { failure: [{ _tag: "Die", part: { value: expect.any(String) as unknown } }] }
    expect([said[1], port.isClosed]).toEqual([{ _tag: "closed", ...failure }, true])
  }
})

test("a layer that cannot be built is released as far as it was, before it is said why", async () => {
  const log: Array<string> = []
  const fails = Layer.effect(Part, Effect.andThen(Effect.service(Part), Effect.fail("not today")))
  const { port, said } = await serve({ part: () => 1 }, undefined, Layer.provide(fails, part(log)))
  await heard(said, "failed")
  expect(log).toEqual(["built", "released"])
  expect(said).toEqual([{
    _tag: "failed",
    reason: "layer",
    cause: [{ _tag: "Fail", part: { value: "not today" } }]
  }])
  port.hear({ _tag: "close" })
  await heard(said, "closed")
  expect(log).toEqual(["built", "released"])
})

test("a layer that is being built when it is to close is given up, and released as far as it was", async () => {
  const log: Array<string> = []
  const givenUp = Effect.sync(() => void log.push("given up"))
  const never = Effect.onInterrupt(Effect.never as Effect.Effect<string>, () => givenUp)
  const waits = Layer.effect(Part, Effect.andThen(Effect.service(Part), never))
  const { port } = await serve({ part: () => 1 }, undefined, Layer.provide(waits, part(log)))
  while (log.length === 0) await setImmediate()
  port.heard = (message) => void log.push((message as { readonly _tag: string })._tag)
  port.hear({ _tag: "close" })
  while (!log.includes("closed")) await setImmediate()
  expect(log).toEqual(["built", "closing", "given up", "released", "closed"])
})

test("a layer that has not begun to be built when it is to close never is", async () => {
  const log: Array<string> = []
  const port = new Port()
  const said: Array<unknown> = []
  port.heard = (message) => void said.push(message)
  const init = { version, module: "", port, words: new Int32Array(1), isShared: false, concurrency: 1 }
  const served = { handlers: {}, layer: part(log) as Layer.Layer<unknown> }
  const starting = new Server(init).start(Promise.resolve(served))
  await Promise.resolve()
  port.hear({ _tag: "close" })
  await starting
  await setImmediate()
  expect([said, log]).toEqual([[{ _tag: "building" }, { _tag: "closing" }, { _tag: "closed" }], []])
})
