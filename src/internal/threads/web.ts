import type { Platform } from "./platform.js"
import { hello, initKey, type MessagePortLike } from "./protocol.js"

/** As much of a browser as is used here. */
interface WebWorker {
  onmessage: ((event: { readonly data: unknown }) => void) | null
  onerror: ((event: { readonly message?: string; preventDefault(): void }) => void) | null
  postMessage(message: unknown, transfer: ReadonlyArray<unknown>): void
  terminate(): void
}
interface Web {
  readonly Worker: new(module: URL, options: { readonly type: "module"; readonly name: string }) => WebWorker
  readonly MessageChannel: new() => { readonly port1: MessagePortLike; readonly port2: MessagePortLike }
  readonly navigator?: { readonly hardwareConcurrency?: number }
  readonly queueMicrotask: (task: () => void) => void
}

export const webPlatform = (web: Web): Platform => ({
  parallelism: web.navigator?.hardwareConcurrency ?? 1,
  spawn: ({ init, module, name }, events) => {
    const { port1, port2 } = new web.MessageChannel()
    const worker = new web.Worker(module, { type: "module", name: `${initKey} ${name}` })
    let isOver = false
    // A browser does not report that a thread has ended: after `terminate` nothing more comes from it.
    const end = (cause: unknown) => {
      if (isOver) return
      isOver = true
      worker.terminate()
      port1.onmessage = null
      port1.close()
      web.queueMicrotask(() => events.ended({ reason: "crashed", cause }))
    }
    port1.onmessage = ({ data }) => events.message(data)
    port1.onmessageerror = () => end(new Error("what it has said cannot be read here"))
    worker.onerror = (event) => {
      // The pool tells whom it concerns; to the page it is no error of its own.
      event.preventDefault()
      end(new Error(event.message ?? "the browser does not say why"))
    }
    // A message is lost if it comes before the module listens and the module awaits anything first: so the thread has
    // the first word.
    worker.onmessage = ({ data }) => {
      if (data !== hello) return
      worker.onmessage = null
      try {
        worker.postMessage({ [initKey]: { ...init, port: port2 } }, [port2])
      } catch (error) {
        // The data of the thread cannot be cloned.
        end(error)
      }
    }
    return {
      post: (message, transfer) => port1.postMessage(message, transfer),
      terminate: () => end(undefined)
    }
  }
})

export type { Web }
