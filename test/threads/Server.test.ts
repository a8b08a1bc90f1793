/** The thread's side, without a thread: what happens before Effect has been loaded. */
import { Effect } from "effect"
import { afterEach, expect, test, vi } from "vitest"
import { kinds, stride, version } from "../../src/internal/threads/protocol.js"
import { Server } from "../../src/internal/threads/Server.js"
import { Port } from "../support/port.js"

const serve = async (
  handlers: ConstructorParameters<typeof Server>[1],
  loaded: Promise<unknown> = Promise.resolve()
) => {
  const port = new Port()
  const said: Array<unknown> = []
  let notify = () => {}
  port.heard = (message) => {
    said.push(message)
    notify()
  }
  const init = { version, module: "", port, words: new Int32Array(4), isShared: false, concurrency: 2 }
  const server = new Server(init, handlers, undefined)
  await server.start(loaded)
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
  return { first, port, results, server }
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

test("what is like a promise and ends twice, or at once, has one end and makes no room for more", async () => {
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
