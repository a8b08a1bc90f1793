/** Node's side of a thread, without a thread. */
import { expect, test } from "vitest"
import { nodePlatform } from "../../src/internal/threads/node.js"
import type { NodeOptions } from "../../src/internal/threads/platform.js"
import { initKey, version } from "../../src/internal/threads/protocol.js"

type Listener = (value: unknown) => void

/** Emits events, as Node's threads do. */
class Emitter {
  private readonly listeners = new Map<string, Listener>()
  readonly on = (event: string, listener: Listener): void => void this.listeners.set(event, listener)
  emit(event: string, value: unknown): void {
    this.listeners.get(event)?.(value)
  }
}

const init = { version, module: "fake:threads", words: new Int32Array(1), isShared: false, concurrency: 1 }

/** A stream of a thread, which Node pipes to the process's own. */
class Readable extends Emitter {
  readonly done: Array<string> = []
  readonly unpipe = () => void this.done.push("unpipe")
  readonly setEncoding = (encoding: string) => void this.done.push(encoding)
  readonly resume = () => void this.done.push("resume")
}

const spawn = (node: NodeOptions = {}, captures = false, versions: object = { node: "20.0.0" }) => {
  const log: Array<unknown> = []
  const unread: Array<unknown> = []
  const port1 = Object.assign(new Emitter(), {
    postMessage: (message: unknown, transfer: unknown) => void log.push({ message, transfer }),
    close: () => void log.push("port closed"),
    unref: () => {}
  })
  const port2 = {}
  const workers: Array<Worker> = []
  class Worker extends Emitter {
    readonly stdout = new Readable()
    readonly stderr = new Readable()
    constructor(module: URL, readonly options: Readonly<Record<string, unknown>>) {
      super()
      log.push([module.href, options])
      workers.push(this)
    }
    readonly terminate = () => {
      log.push("terminated")
      // As Deno does.
      this.emit("exit", 1)
    }
    readonly ref = () => void log.push("ref")
    readonly unref = () => void log.push("unref")
  }
  class MessageChannel {
    readonly port1 = port1
    readonly port2 = port2
  }
  const receiveMessageOnPort = () => unread.length === 0 ? undefined : { message: unread.shift() }
  const builtins: Readonly<Record<string, unknown>> = {
    "node:worker_threads": { Worker, MessageChannel, receiveMessageOnPort },
    "node:os": { availableParallelism: () => 7 },
    "node:process": { versions }
  }
  const platform = nodePlatform((id) => builtins[id])
  const thread = platform.spawn({ module: new URL("fake:threads"), name: "pool/thread-1", init, node }, {
    message: (message) => void log.push({ heard: message }),
    ...captures ? { output: (text, stream) => void log.push({ [stream]: text }) } : {},
    ended: (end) => void log.push({ end })
  })
  const options = (log.shift() as ReadonlyArray<unknown>)[1]
  return { log, options, platform, port1, port2, thread, unread, worker: workers[0]! }
}

test("a thread of Node's has its name, its port and the options that it is given", () => {
  const { log, options, platform, port2, thread } = spawn({ argv: ["--x"] })
  expect(options).toEqual({
    argv: ["--x"],
    name: "pool/thread-1",
    workerData: { [initKey]: { ...init, port: port2 } },
    transferList: [port2]
  })
  expect([platform.parallelism, thread.endsItself]).toEqual([7, true])
  const list = [new ArrayBuffer(1)]
  thread.post("message", list)
  expect(log).toEqual([{ message: "message", transfer: list }])
})

test("a variable that is undefined is left out of a thread's environment, which may be shared as well", () => {
  const share = Symbol("SHARE_ENV")
  expect(spawn({ env: { SET: "yes", UNSET: undefined } }).options).toMatchObject({ env: { SET: "yes" } })
  expect(spawn({ env: { UNSET: undefined } }).options).toMatchObject({ env: {} })
  expect(spawn({ env: share }).options).toMatchObject({ env: share })
  expect(spawn({}).options).not.toHaveProperty("env")
})

test("a thread keeps the process alive as the pool says", () => {
  const { log, thread } = spawn()
  thread.unref?.()
  thread.ref?.()
  expect(log).toEqual(["unref", "ref"])
})

test("a thread's last messages come before its end, which comes after terminate has returned, and closes the port", async () => {
  const { log, port1, thread, unread } = spawn()
  port1.emit("message", "one")
  unread.push("two", "three")
  thread.terminate()
  expect(log.splice(0)).toEqual([{ heard: "one" }, "terminated"])
  await Promise.resolve()
  expect(log).toEqual([{ heard: "two" }, { heard: "three" }, "port closed", { end: { reason: "exited", exitCode: 1 } }])
})

const memory = Object.assign(new Error("heap"), { code: "ERR_WORKER_OUT_OF_MEMORY" })

test.each([
  [new Error("a bug"), "crashed"],
  [Object.assign(new Error("heap"), { code: "ERR_OTHER" }), "crashed"],
  ["no error", "crashed"],
  [memory, "outOfMemory"]
])("a thread that ends of %s says so, by its first error", async (error, reason) => {
  const { log, worker } = spawn()
  worker.emit("error", error)
  worker.emit("error", new Error("another"))
  worker.emit("exit", 1)
  await Promise.resolve()
  expect(log).toEqual(["port closed", { end: { reason, cause: error } }])
})

test("a message that cannot be read ends its thread, which has crashed of that", async () => {
  const { log, port1 } = spawn()
  const error = new Error("cannot be read")
  port1.emit("messageerror", error)
  await Promise.resolve()
  expect(log).toEqual(["terminated", "port closed", { end: { reason: "crashed", cause: error } }])
})

test("a thread's output is captured only if the pool asks for it, and ended comes after both streams have closed", async () => {
  expect(spawn().worker.stdout.done).toEqual([])
  const { log, worker } = spawn({}, true)
  const { stderr, stdout } = worker
  for (const { done } of [stdout, stderr]) expect(done).toEqual(["unpipe", "utf8", "resume"])
  stdout.emit("data", "one")
  stdout.emit("close", undefined)
  worker.emit("exit", 7)
  await Promise.resolve()
  stderr.emit("data", "two")
  expect(log.splice(0)).toEqual([{ stdout: "one" }, { stderr: "two" }])
  stderr.emit("close", undefined)
  expect(log).toEqual(["port closed", { end: { reason: "exited", exitCode: 7 } }])
})

test.each([[{ node: "20.0.0" }, true], [{ node: "24.0.0", bun: "1.4.0" }, false], [{ deno: "2.9.0" }, false]])(
  "a platform whose versions are %o has capturesOutput %s",
  (versions, captures) => {
    expect(spawn({}, false, versions).platform.capturesOutput).toBe(captures)
  }
)
