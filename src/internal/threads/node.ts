import type { NodeOptions, OutputStream, Platform, ThreadEnd } from "./platform.js"
import { initKey, type MessagePortLike } from "./protocol.js"

/**
 * As much of `node:worker_threads`, `node:os` and `node:process` as is used here: the types of the language have none
 * of it.
 */
interface Port extends MessagePortLike {
  readonly on: (event: "message" | "messageerror", listener: (value: unknown) => void) => void
  readonly unref: () => void
}
interface Readable {
  readonly unpipe: () => void
  readonly resume: () => void
  readonly setEncoding: (encoding: "utf8") => void
  readonly on: (event: "data" | "close", listener: (text: string) => void) => void
}
interface NodeWorker extends Readonly<Record<OutputStream, Readable>> {
  readonly on: (event: "error" | "exit", listener: (value: unknown) => void) => void
  readonly terminate: () => Promise<number>
  readonly ref: () => void
  readonly unref: () => void
}
interface Threads {
  readonly Worker: new(module: URL, options: object) => NodeWorker
  readonly MessageChannel: new() => { readonly port1: Port; readonly port2: Port }
  readonly receiveMessageOnPort: (port: Port) => { readonly message: unknown } | undefined
}
interface Os {
  readonly availableParallelism: () => number
}
interface Process {
  readonly versions: { readonly bun?: string; readonly deno?: string }
}

declare const queueMicrotask: (task: () => void) => void

/** Node would set a variable that is undefined to the text "undefined". */
const settable = (node: NodeOptions): NodeOptions =>
  typeof node.env === "object"
    ? { ...node, env: Object.fromEntries(Object.entries(node.env).filter(([, value]) => value !== undefined)) }
    : node

const streams: ReadonlyArray<OutputStream> = ["stdout", "stderr"]

type Builtin = (id: string) => unknown

const endOf = (error: unknown): ThreadEnd => {
  const isMemory = error instanceof Error && "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY"
  return { reason: isMemory ? "outOfMemory" : "crashed", cause: error }
}

export const nodePlatform = (builtin: Builtin): Platform => {
  const { MessageChannel, Worker, receiveMessageOnPort } = builtin("node:worker_threads") as Threads
  const os = builtin("node:os") as Os
  const { versions } = builtin("node:process") as Process
  const isNode = versions.bun === undefined && versions.deno === undefined
  return {
    parallelism: os.availableParallelism(),
    // Bun and Deno write a thread's output to the process's own.
    capturesOutput: isNode,
    // Theirs may measure another heap than the thread's own.
    measuresHeap: isNode,
    spawn: ({ init, module, name, node }, events) => {
      const { port1, port2 } = new MessageChannel()
      const { output } = events
      const captured = output === undefined ? [] : streams
      const worker = new Worker(module, {
        ...settable(node),
        name,
        workerData: { [initKey]: { ...init, port: port2 } },
        transferList: [port2]
      })
      let end: ThreadEnd | undefined = undefined
      port1.on("message", events.message)
      port1.on("messageerror", (error) => {
        end ??= endOf(error)
        void worker.terminate()
      })
      // The thread alone keeps the process alive, or does not.
      port1.unref()
      worker.on("error", (error) => {
        end ??= endOf(error)
      })
      let exitCode: number | undefined = undefined
      // Its exit, and the end of each captured stream.
      let open = 1 + captured.length
      const closed = () => {
        if (--open > 0) return
        // Messages that the thread has sent and this side has not read yet.
        for (let last = receiveMessageOnPort(port1); last !== undefined; last = receiveMessageOnPort(port1)) {
          events.message(last.message)
        }
        port1.close()
        events.ended(end ?? { reason: "exited", exitCode })
      }
      for (const stream of captured) {
        const readable = worker[stream]
        // Node pipes it to the process's own. With Node's option against that, the stream keeps the process alive (T6).
        readable.unpipe()
        readable.setEncoding("utf8")
        readable.on("data", (text) => output?.(text, stream))
        readable.on("close", closed)
        readable.resume()
      }
      worker.on("exit", (code) => {
        exitCode = code as number
        // Deno tells it before `terminate` returns.
        queueMicrotask(closed)
      })
      return {
        post: (message, transfer) => port1.postMessage(message, transfer),
        terminate: () => void worker.terminate(),
        ref: () => worker.ref(),
        unref: () => worker.unref(),
        endsItself: true
      }
    }
  }
}
