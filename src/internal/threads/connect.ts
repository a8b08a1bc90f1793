import { hello, type Init, initKey } from "./protocol.js"

/** As much of the two platforms as a thread needs, which the types of the language do not have. */
interface NodeThreads {
  readonly isMainThread: boolean
  readonly workerData: unknown
}
type Listen = (type: "message", listener: (event: { readonly data: unknown }) => void) => void
interface WebThread {
  readonly name: string
  readonly addEventListener: Listen
  readonly removeEventListener: Listen
  readonly postMessage: (message: unknown) => void
}
interface Globals {
  readonly process?: { readonly getBuiltinModule?: (id: string) => unknown }
  /** Something in this thread serves. */
  [initKey]?: true
  /** Only in a worker of a browser's. */
  readonly WorkerGlobalScope?: unknown
}

const hasInit = (data: unknown): data is { readonly [initKey]: Init } =>
  typeof data === "object" && data !== null && initKey in data

/** A thread has one port, and the pool knows the functions of one call. There may be several copies of this file. */
const connectOnce = (globals: Globals): void => {
  if (globals[initKey] === true) {
    throw new Error("ThreadWorker.serve: it has been called before in this thread; a module serves once")
  }
  globals[initKey] = true
}

/** Calls `begin` when a pool has sent its `Init`. Returns false where there is no pool: this is no thread. */
export const connect = (begin: (init: Init) => void): boolean => {
  const globals = globalThis as unknown as Globals
  const threads = globals.process?.getBuiltinModule?.("node:worker_threads") as NodeThreads | undefined
  if (threads !== undefined) {
    if (threads.isMainThread || !hasInit(threads.workerData)) return false
    connectOnce(globals)
    begin(threads.workerData[initKey])
    return true
  }
  if (globals.WorkerGlobalScope === undefined) return false
  const web = globalThis as unknown as WebThread
  // A worker of somebody else's.
  if (!web.name.startsWith(initKey)) return false
  connectOnce(globals)
  const listener = ({ data }: { readonly data: unknown }) => {
    if (!hasInit(data)) return
    web.removeEventListener("message", listener)
    begin(data[initKey])
  }
  web.addEventListener("message", listener)
  web.postMessage(hello)
  return true
}
