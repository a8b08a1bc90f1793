/** A connection to an inspector: commands with their results, and events. */
import { ConnectionLost } from "./errors.js"
import { connect, type WebSocket } from "./WebSocket.js"

interface Message {
  readonly id?: number
  readonly result?: unknown
  readonly error?: { readonly message: string }
  readonly method?: string
  readonly params?: unknown
}

/** As much of the protocol as is used here. */
interface Commands {
  readonly "Runtime.evaluate": {
    readonly params: { readonly expression: string; readonly returnByValue: boolean; readonly silent: true }
    readonly result: Evaluated
  }
  readonly "NodeWorker.enable": { readonly params: { readonly waitForDebuggerOnStart: false }; readonly result: object }
  readonly "NodeWorker.disable": { readonly params: object; readonly result: object }
  readonly "NodeWorker.sendMessageToWorker": {
    readonly params: { readonly sessionId: string; readonly message: string }
    readonly result: object
  }
}

interface Events {
  readonly "NodeWorker.attachedToWorker": {
    readonly sessionId: string
    readonly workerInfo: { readonly title: string; readonly url: string }
  }
  readonly "NodeWorker.detachedFromWorker": { readonly sessionId: string }
  readonly "NodeWorker.receivedMessageFromWorker": { readonly sessionId: string; readonly message: string }
}

interface Evaluated {
  readonly result: { readonly value?: unknown; readonly description?: string }
  readonly exceptionDetails?: { readonly text: string; readonly exception?: { readonly description?: string } }
}

interface Pending {
  // The caller of `send` knows the type of its command's result.
  readonly resolve: (result: never) => void
  readonly reject: (error: Error) => void
}

/** Sends and receives messages, by whatever way they go. */
export class Session {
  private readonly pending = new Map<number, Pending>()
  private readonly listeners = new Map<string, (params: never) => void>()
  private readonly ends: Array<() => void> = []
  private last = 0
  private isClosed = false

  constructor(private readonly write: (text: string) => void) {}

  send<Method extends keyof Commands>(
    method: Method,
    params: Commands[Method]["params"]
  ): Promise<Commands[Method]["result"]> {
    return new Promise((resolve, reject) => {
      if (this.isClosed) return reject(new ConnectionLost())
      const id = ++this.last
      this.pending.set(id, { resolve, reject })
      this.write(JSON.stringify({ id, method, params }))
    })
  }

  on<Event extends keyof Events>(event: Event, listener: (params: Events[Event]) => void): void {
    this.listeners.set(event, listener)
  }

  /** The value of an expression, which is one of JSON. */
  async evaluate(expression: string): Promise<unknown> {
    const { exceptionDetails, result } = await this.send("Runtime.evaluate", {
      expression,
      returnByValue: true,
      silent: true
    })
    if (exceptionDetails === undefined) return result.value
    throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
  }

  readonly received = (text: string): void => {
    // The inspector's words.
    const { error, id, method, params, result } = JSON.parse(text) as Message
    if (id === undefined) return this.listeners.get(method ?? "")?.(params as never)
    const pending = this.pending.get(id)
    this.pending.delete(id)
    if (error === undefined) pending?.resolve(result as never)
    else pending?.reject(new Error(error.message))
  }

  readonly closed = (): void => {
    this.isClosed = true
    for (const { reject } of this.pending.values()) reject(new ConnectionLost())
    this.pending.clear()
    for (const end of this.ends.splice(0)) end()
  }

  /** Resolves when the connection has ended. */
  get end(): Promise<void> {
    return this.isClosed ? Promise.resolve() : new Promise((resolve) => this.ends.push(resolve))
  }
}

export interface Connection {
  readonly session: Session
  readonly close: () => void
}

export const connectTo = async (url: string): Promise<Connection> => {
  let socket: WebSocket | undefined = undefined
  const session = new Session((text) => socket?.send(text))
  socket = await connect(url, { message: session.received, closed: session.closed })
  return { session, close: socket.close }
}
