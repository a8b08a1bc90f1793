import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { connect, type Socket } from "node:net"
import { acknowledgement, encode, type Message } from "./message.js"

/** The server hung up before it acknowledged the message. Whether it has the message nobody knows. */
export class Disconnected extends Data.TaggedError("Disconnected") {
  override get message(): string {
    return "the server hung up"
  }
}

/** There is no connection to be had, for instance for want of file descriptors. */
export class Unreachable extends Data.TaggedError("Unreachable")<{ readonly code: string }> {
  override get message(): string {
    return `the server could not be reached: ${this.code}`
  }
}

export interface Connection {
  /** Returns once the message is acknowledged. One message at a time. */
  readonly send: (message: Message) => Effect.Effect<void, Disconnected>
}

/** Opens a connection that lives as long as the scope. `onClose` runs when it is closed, by whomever. */
export const open = (
  port: number,
  onClose: Effect.Effect<void>
): Effect.Effect<Connection, Unreachable, Scope.Scope> =>
  Effect.gen(function*() {
    // The resource is the socket and not the open connection, so that an interrupt while it opens closes it too.
    const socket = yield* Effect.acquireRelease(Effect.sync(() => connect(port, "127.0.0.1")), close)
    const connection = converse(socket, onClose)
    yield* connected(socket)
    return connection
  })

const connected = (socket: Socket): Effect.Effect<void, Unreachable> =>
  Effect.callback((resume) => {
    socket.once("connect", () => resume(Effect.void))
    socket.once("error", (error: NodeJS.ErrnoException) =>
      resume(Effect.fail(new Unreachable({ code: error.code ?? error.message }))))
  })

const close = (socket: Socket): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (socket.closed) return resume(Effect.void)
    socket.once("close", () => resume(Effect.void)).destroy()
  })

const converse = (socket: Socket, onClose: Effect.Effect<void>): Connection => {
  let pending: { readonly answer: string; readonly end: (end: Effect.Effect<void, Disconnected>) => void } | undefined
  let read = ""
  const end = (how: Effect.Effect<void, Disconnected>) => {
    const ended = pending
    pending = undefined
    read = ""
    ended?.end(how)
  }
  // A "close" follows.
  socket.on("error", () => {})
  socket.setEncoding("utf8").on("data", (text: string) => {
    read += text
    if (!read.endsWith("\n")) return
    end(read === pending?.answer ? Effect.void : Effect.die(new Error(`unexpected answer ${JSON.stringify(read)}`)))
  })
  socket.once("close", () => {
    // In this order: the end of a message lets the worker take the next one, and not with this connection.
    Effect.runSync(onClose)
    end(Effect.fail(new Disconnected()))
  })
  return {
    send: (message) =>
      Effect.callback((resume) => {
        if (socket.destroyed) return resume(Effect.fail(new Disconnected()))
        pending = { answer: acknowledgement(message.user), end: resume }
        socket.write(encode(message))
      })
  }
}
