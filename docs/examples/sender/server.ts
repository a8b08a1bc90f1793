import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type AddressInfo, createServer, type Socket } from "node:net"

/** What the server has seen: how often each user's message arrived, and how many connections there were. */
export interface Received {
  readonly port: number
  readonly times: ReadonlyMap<string, number>
  readonly connections: () => number
}

export class ServerFailed extends Data.TaggedError("ServerFailed")<{ readonly cause: unknown }> {}

/**
 * A server for messages on loopback, one a line. It answers each with "ok" and the user; or, with the probability
 * `drop`, hangs up: before it has taken the message or after, so that a sender cannot know which.
 */
export const serve = (drop: number, seed: number): Effect.Effect<Received, ServerFailed, Scope.Scope> => {
  const random = seeded(seed)
  const times = new Map<string, number>()
  const sockets = new Set<Socket>()
  let connections = 0
  const receive = (socket: Socket, user: string): void => {
    const fate = random()
    if (fate < drop / 2) return void socket.destroy()
    times.set(user, (times.get(user) ?? 0) + 1)
    if (fate < drop) return void socket.destroy()
    socket.write(`ok ${user}\n`)
  }
  const server = createServer((socket) => {
    connections++
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket))
    // The other side may hang up as well; then it connects again.
    socket.on("error", () => {})
    let rest = ""
    socket.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n")
      rest = lines.pop() ?? ""
      for (const line of lines) if (!socket.destroyed) receive(socket, line)
    })
  })
  return Effect.acquireRelease(
    Effect.callback<Received, ServerFailed>((resume) => {
      server.once("error", (cause) => resume(Effect.fail(new ServerFailed({ cause }))))
      server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () =>
        resume(Effect.succeed({
          port: (server.address() as AddressInfo).port,
          times,
          connections: () => connections
        })))
    }),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        for (const socket of sockets) socket.destroy()
      })
  )
}

/** The same numbers each time, so that two runs can be compared. */
const seeded = (seed: number) => () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return seed / 2 ** 32
}
