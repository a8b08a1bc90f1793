import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { connect, type Socket } from "node:net"

/** The connection has gone, or there was none to be had; whether the message arrived nobody knows. */
export class Disconnected extends Data.TaggedError("Disconnected")<{ readonly reason: string }> {}

export interface Connection {
  /** Sends a message, and returns once it is acknowledged. One at a time. */
  readonly send: (user: string) => Effect.Effect<void, Disconnected>
}

/** A connection that lives as long as the scope. `onClose` is run when the other side hangs up. */
export const open = (
  port: number,
  onClose: Effect.Effect<void>
): Effect.Effect<Connection, Disconnected, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<Socket, Disconnected>((resume) => {
        const socket = connect(port, "127.0.0.1")
        socket.once("error", (error) => resume(Effect.fail(new Disconnected({ reason: error.message }))))
        socket.once("connect", () => resume(Effect.succeed(socket)))
        return Effect.sync(() => socket.destroy())
      }),
      (socket) => Effect.sync(() => socket.removeAllListeners("close").destroy()),
      { interruptible: true }
    ),
    (socket) => {
      let answered: ((answer: Effect.Effect<void, Disconnected>) => void) | undefined = undefined
      socket.on("data", () => answered?.(Effect.void))
      socket.on("close", () => {
        answered?.(Effect.fail(new Disconnected({ reason: "the server hung up" })))
        Effect.runFork(onClose)
      })
      return {
        send: (user) =>
          Effect.callback((resume) => {
            if (socket.destroyed) return resume(Effect.fail(new Disconnected({ reason: "the server has hung up" })))
            answered = resume
            socket.write(`${user}\n`)
          })
      }
    }
  )
