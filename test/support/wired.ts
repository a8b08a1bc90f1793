/** Threads that are servers in this one: the test says when a message arrives, and when a thread has ended. */
import type { ThreadPool } from "sluice/threads"
import type { Handler } from "../../src/internal/threads/handlers.js"
import type { MessagePortLike } from "../../src/internal/threads/protocol.js"
import { Server } from "../../src/internal/threads/Server.js"

type Handlers = Readonly<Record<string, Handler>>
type Message = ReadonlyArray<unknown> | { readonly _tag: string }

const clone = (message: unknown, transfer: ReadonlyArray<unknown>): Message =>
  structuredClone(message, { transfer: [...transfer] as Array<ArrayBuffer> }) as Message

export class WiredThread implements ThreadPool.PlatformThread {
  readonly endsItself = true
  private readonly toThread: Array<Message> = []
  private readonly toPool: Array<Message> = []
  private readonly port: MessagePortLike
  /** How it is about to end. */
  private end: ThreadPool.ThreadEnd | undefined = undefined
  hasEnded = false

  constructor(
    { init }: ThreadPool.ThreadOptions,
    private readonly events: ThreadPool.ThreadEvents,
    handlersOf: (thread: WiredThread) => Handlers
  ) {
    this.port = {
      onmessage: null,
      onmessageerror: null,
      postMessage: (message, transfer = []) => {
        const cloned = clone(message, transfer)
        if (!this.isOver) this.toPool.push(cloned)
      },
      close: () => this.endSoon({ reason: "exited", exitCode: 0 })
    }
    // A clone of them is as good as none where they are not shared.
    const words = init.isShared ? init.words : init.words.slice()
    const served = Promise.resolve({ handlers: handlersOf(this), layer: undefined })
    void new Server({ ...init, words, port: this.port }).start(served)
  }

  readonly post = (message: unknown, transfer: ReadonlyArray<unknown>): void => {
    if (this.hasEnded) throw new Error("it has ended")
    this.toThread.push(clone(message, transfer))
  }

  readonly terminate = (): void => this.endSoon({ reason: "exited", exitCode: 1 })

  /** It does nothing more, and has yet to end. */
  get isOver(): boolean {
    return this.end !== undefined
  }

  endSoon(end: ThreadPool.ThreadEnd): void {
    if (this.end !== undefined) return
    this.end = end
    // Nothing of it goes on by itself, and nobody hears that it closes.
    this.port.onmessage?.({ data: { _tag: "close" } })
  }

  /** The next message arrives in the thread, if there is one; or arrives and cannot be read. */
  hear(isGarbled = false): boolean {
    const message = this.isOver ? undefined : this.toThread.shift()
    if (message === undefined) return false
    if (isGarbled && Array.isArray(message)) this.port.onmessageerror?.({ data: null })
    else this.port.onmessage?.({ data: message })
    return true
  }

  /** The next message arrives in the pool; after the last one, the end. */
  say(): boolean {
    const message = this.toPool.shift()
    if (message !== undefined) this.events.message(message)
    else if (this.end === undefined || this.hasEnded) return false
    else {
      this.hasEnded = true
      this.events.ended(this.end)
    }
    return true
  }
}

export class WiredThreads implements ThreadPool.Platform {
  readonly parallelism = 1
  readonly all: Array<WiredThread> = []

  constructor(private readonly handlersOf: (thread: WiredThread) => Handlers) {}

  readonly spawn = (options: ThreadPool.ThreadOptions, events: ThreadPool.ThreadEvents): WiredThread => {
    const thread = new WiredThread(options, events, this.handlersOf)
    this.all.push(thread)
    return thread
  }

  get alive(): number {
    return this.all.filter(({ hasEnded }) => !hasEnded).length
  }

  /** Ends them all, for a test that has failed. */
  abandon(): void {
    for (const thread of this.all) {
      thread.endSoon({ reason: "crashed" })
      while (thread.say());
    }
  }

  /** Delivers everything that is on its way. */
  deliver(): void {
    for (let isDone = false; !isDone;) {
      isDone = true
      for (const thread of this.all) while (thread.hear() || thread.say()) isDone = false
    }
  }
}
