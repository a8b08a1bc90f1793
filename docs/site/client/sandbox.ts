/**
 * Runs a program apart from the page: in a worker, within a frame that has an origin of its own and may load nothing.
 * All that comes back is text and data, which the page has to check in shape before it shows them.
 */
import { withBase } from "vitepress"
import type { Job } from "../runtime/main.ts"

/** The address of the worker's script, which the build knows. */
declare const __RUNTIME__: string

/** Something that the worker has posted. Nothing in it is to be trusted: a program can post what it likes. */
export interface Message {
  readonly kind?: unknown
  readonly level?: unknown
  readonly text?: unknown
  readonly millis?: unknown
  readonly result?: unknown
}

export interface Listener {
  /** A line of output. */
  readonly print: (level: "log" | "warn" | "error", text: string) => void
  /** The result of an exploration, as it came. */
  readonly result?: (result: unknown) => void
  /** The last statement has run. Timers may still be set. */
  readonly evaluated?: () => void
  /** The end, by itself or by the limit of time. */
  readonly done: (millis: number) => void
}

/** A program is ended after so many milliseconds. */
export const limit = 15_000
/** A program that posts more messages or more text is ended. The worker's own console stops before that. */
const most = { messages: 5_000, characters: 2_000_000 }

const policy = "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob:; worker-src blob:"

/** The frame's own script: it makes the worker, and passes on what the worker posts. */
const script = `
  addEventListener("message", ({ data, source }) => {
    if (source !== parent) return
    const url = URL.createObjectURL(new Blob([data.runtime], { type: "text/javascript" }))
    const worker = new Worker(url)
    worker.onmessage = ({ data }) => parent.postMessage(data, "*")
    worker.onerror = (event) => parent.postMessage({ kind: "print", level: "error", text: String(event.message) }, "*")
    worker.postMessage(data.job)
  }, { once: true })
`

const page = `<!doctype html><meta http-equiv="Content-Security-Policy" content="${policy}"><script>${script}</script>`

let loaded: Promise<string> | undefined

const runtime = (): Promise<string> =>
  loaded ??= fetch(withBase(__RUNTIME__)).then((response) => {
    if (!response.ok) throw new Error(`${response.status}`)
    return response.text()
  }).catch((error: unknown) => {
    loaded = undefined
    throw error
  })

/** Starts a program. The result ends it, and may be called at any time. */
export const start = (job: Job, listener: Listener): () => void => {
  const began = performance.now()
  const frame = document.createElement("iframe")
  frame.setAttribute("sandbox", "allow-scripts")
  frame.title = "The program's sandbox"
  frame.hidden = true
  frame.srcdoc = page
  let timer: ReturnType<typeof setTimeout> | undefined
  let messages = 0
  let characters = 0
  const end = (): void => {
    clearTimeout(timer)
    removeEventListener("message", receive)
    frame.remove()
  }
  const finish = (millis: number): void => {
    end()
    listener.done(millis)
  }
  const receive = ({ data, source }: MessageEvent<unknown>): void => {
    if (source !== frame.contentWindow || typeof data !== "object" || data === null) return
    const { kind, level, millis, result, text } = data as Message
    if (typeof text === "string") characters += text.length
    if (++messages > most.messages || characters > most.characters) {
      listener.print("error", "ended: the program posts too much")
      finish(performance.now() - began)
    } else if (kind === "print" && typeof text === "string") {
      listener.print(level === "error" || level === "warn" ? level : "log", text)
    } else if (kind === "result") listener.result?.(result)
    else if (kind === "evaluated") listener.evaluated?.()
    else if (kind === "done") finish(typeof millis === "number" ? millis : performance.now() - began)
  }
  addEventListener("message", receive)
  const loading = new Promise<void>((resolve) => frame.addEventListener("load", () => resolve(), { once: true }))
  document.body.append(frame)
  Promise.all([runtime(), loading]).then(([text]) => {
    if (!frame.isConnected) return
    timer = setTimeout(() => {
      listener.print("error", `ended after ${limit / 1000} seconds`)
      finish(limit)
    }, limit)
    frame.contentWindow?.postMessage({ runtime: text, job }, "*")
  }, (error: unknown) => {
    listener.print("error", `the runtime cannot be loaded: ${String(error)}`)
    finish(performance.now() - began)
  })
  return end
}
