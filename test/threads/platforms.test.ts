/** Both platforms' sides of a thread, without a thread. */
import { afterEach, expect, test, vi } from "vitest"
import { connect } from "../../src/internal/threads/connect.js"
import { hello, type Init, initKey, version } from "../../src/internal/threads/protocol.js"
import { type Web, webPlatform } from "../../src/internal/threads/web.js"
import { Port } from "../support/port.js"

const init: Omit<Init, "port"> = {
  version,
  module: "fake:threads",
  words: new Int32Array(1),
  isShared: false,
  concurrency: 1
}

const spawnInBrowser = (navigator: Web["navigator"] = {}) => {
  const ports = { port1: new Port(), port2: new Port() }
  const log: Array<unknown> = []
  const tasks: Array<() => void> = []
  const workers: Array<Worker> = []
  class Worker {
    onmessage: ((event: { readonly data: unknown }) => void) | null = null
    onerror: ((event: { readonly message?: string; preventDefault(): void }) => void) | null = null
    constructor(module: URL, options: unknown) {
      log.push([module.href, options])
      workers.push(this)
    }
    postMessage(message: unknown, transfer: ReadonlyArray<unknown>): void {
      log.push([message, transfer])
    }
    terminate(): void {
      log.push("terminated")
    }
  }
  const web: Web = {
    Worker,
    navigator,
    MessageChannel: function() {
      return ports
    } as unknown as Web["MessageChannel"],
    queueMicrotask: (task) => void tasks.push(task)
  }
  const platform = webPlatform(web)
  const thread = platform.spawn({ module: new URL("fake:threads"), name: "pool/thread-1", init, node: {} }, {
    message: (message) => void log.push({ message }),
    ended: (end) => void log.push({ end })
  })
  return { ports, log, tasks, worker: workers[0]!, thread, platform }
}

test("a browser's thread is given its port once it listens, and once only", () => {
  const { log, platform, ports, worker } = spawnInBrowser()
  expect(platform.parallelism).toBe(1)
  expect(log.splice(0)).toEqual([["fake:threads", { type: "module", name: `${initKey} pool/thread-1` }]])
  const listen = worker.onmessage!
  listen({ data: "what its module says" })
  expect(log).toEqual([])
  listen({ data: hello })
  expect(log).toEqual([[{ [initKey]: { ...init, port: ports.port2 } }, [ports.port2]]])
  expect(worker.onmessage).toBe(null)
})

test("a browser's thread whose data cannot be cloned ends of that", () => {
  const { log, tasks, worker } = spawnInBrowser()
  const error = new Error("could not be cloned")
  worker.postMessage = () => {
    throw error
  }
  worker.onmessage!({ data: hello })
  expect(log.at(-1)).toBe("terminated")
  tasks[0]!()
  expect(log.at(-1)).toEqual({ end: { reason: "crashed", cause: error } })
})

test("a browser's thread says nothing more once it has ended, and ends once, not before terminate returns", () => {
  const { log, ports, tasks, thread } = spawnInBrowser()
  log.splice(0)
  ports.port1.hear("one")
  thread.terminate()
  ports.port1.hear("two")
  thread.terminate()
  expect(log).toEqual([{ message: "one" }, "terminated"])
  expect([ports.port1.isClosed, tasks.length, thread.endsItself]).toEqual([true, 1, undefined])
  tasks[0]!()
  expect(log.at(-1)).toEqual({ end: { reason: "crashed", cause: undefined } })
})

test("an error of a browser's thread is no error of the page, and ends it; so does what cannot be read", () => {
  for (const how of ["error", "nothing said", "message"] as const) {
    const { log, ports, tasks, worker } = spawnInBrowser()
    let prevented = 0
    const preventDefault = () => {
      prevented++
    }
    if (how === "message") ports.port1.onmessageerror!({ data: null })
    else worker.onerror!(how === "error" ? { message: "a bug", preventDefault } : { preventDefault })
    tasks[0]!()
    const said = { error: "a bug", "nothing said": "does not say why", message: "cannot be read here" }[how]
    expect(log.at(-1)).toMatchObject({
      end: { reason: "crashed", cause: { message: expect.stringContaining(said) as unknown } }
    })
    expect(prevented).toBe(how === "message" ? 0 : 1)
  }
})

test("a browser's threads are as many as it has processors, and what is sent to them is moved as it is to be", () => {
  const { log, ports, thread } = spawnInBrowser()
  const bytes = new ArrayBuffer(1)
  log.splice(0)
  ports.port1.heard = (message, transfer) => void log.push([message, transfer])
  thread.post("message", [bytes])
  expect(log).toEqual([["message", [bytes]]])
  expect(spawnInBrowser({ hardwareConcurrency: 7 }).platform.parallelism).toBe(7)
})

afterEach(() => {
  vi.unstubAllGlobals()
})

const once = (
  globals: Readonly<Record<string, unknown>>
): { readonly begun: Array<unknown>; readonly isThread: boolean } => {
  const begun: Array<unknown> = []
  for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value)
  try {
    return { begun, isThread: connect((init) => void begun.push(init)) }
  } finally {
    vi.unstubAllGlobals()
    Reflect.deleteProperty(globalThis, initKey)
  }
}

const node = (threads: unknown) => ({ process: { getBuiltinModule: () => threads } })

test("a module serves in a thread of a pool, and nowhere else", () => {
  const port = new Port()
  const workerData = { [initKey]: { ...init, port } }
  expect(once(node({ isMainThread: false, workerData }))).toEqual({ begun: [{ ...init, port }], isThread: true })
  expect(once(node({ isMainThread: true, workerData }))).toEqual({ begun: [], isThread: false })
  for (const workerData of [undefined, null, 1, {}]) {
    expect(once(node({ isMainThread: false, workerData })).isThread).toBe(false)
  }
  // A page, whose bundler may have a process of its own.
  expect(once({ process: {} }).isThread).toBe(false)
  expect(once({ process: undefined }).isThread).toBe(false)
  // Another worker of the page's.
  expect(once({ process: undefined, WorkerGlobalScope: 1, name: "mine" }).isThread).toBe(false)
})

test("a browser's thread says that it listens, and begins once", () => {
  const listeners = new Set<(event: { readonly data: unknown }) => void>()
  const said: Array<unknown> = []
  const { begun, isThread } = once({
    process: undefined,
    WorkerGlobalScope: 1,
    name: `${initKey} pool/thread-1`,
    addEventListener: (_: string, listener: () => void) => listeners.add(listener),
    removeEventListener: (_: string, listener: () => void) => listeners.delete(listener),
    postMessage: (message: unknown) => void said.push(message)
  })
  expect([isThread, said, begun]).toEqual([true, [hello], []])
  vi.stubGlobal("removeEventListener", (_: string, listener: () => void) => listeners.delete(listener))
  for (const data of [null, "what the page says", {}, { [initKey]: init }, { [initKey]: init }]) {
    for (const listener of [...listeners]) listener({ data })
  }
  expect(begun).toEqual([init])
})

const servesOnce = () => {
  try {
    expect(connect(() => {})).toBe(true)
    expect(() => connect(() => {})).toThrow("a module serves once")
  } finally {
    vi.unstubAllGlobals()
    Reflect.deleteProperty(globalThis, initKey)
  }
}

test("a module that serves twice in a thread is refused", () => {
  const threads = { isMainThread: false, workerData: { [initKey]: init } }
  vi.stubGlobal("process", node(threads).process)
  servesOnce()
})

test("a module that serves twice in a browser's thread is refused", () => {
  const globals = {
    process: undefined,
    WorkerGlobalScope: 1,
    name: `${initKey} pool/thread-1`,
    addEventListener: () => {},
    postMessage: () => {}
  }
  for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value)
  servesOnce()
})
