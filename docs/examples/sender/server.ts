import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type AddressInfo, createServer, type Socket } from "node:net"
import { acknowledgement, userOf } from "./message.js"

export interface Options {
  /** With which probability it hangs up on a message. */
  readonly drop: number
  readonly delay: number
  readonly seed: number
}

export interface Server {
  readonly port: number
  /** How often it has got each user's message. */
  readonly received: ReadonlyMap<number, number>
}

export class ServerFailed extends Data.TaggedError("ServerFailed")<{ readonly reason: string }> {
  override get message(): string {
    return `the server failed: ${this.reason}`
  }
}

/** Starts a server on a free port of this machine, which lives as long as the scope. */
export const serve = (options: Options): Effect.Effect<Server, ServerFailed, Scope.Scope> =>
  Effect.suspend(() => {
    const received = new Map<number, number>()
    const sockets = new Set<Socket>()
    const receive = receiver(options, received)
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.once("close", () => sockets.delete(socket))
      // The sender may hang up as well. A "close" follows.
      socket.on("error", () => {})
      let rest = ""
      socket.setEncoding("utf8").on("data", (text: string) => {
        const lines = (rest + text).split("\n")
        rest = lines.pop()!
        for (const line of lines) receive(socket, userOf(line))
      })
    })
    const listen = Effect.callback<Server, ServerFailed>((resume) => {
      server.once("error", ({ message }) => resume(Effect.fail(new ServerFailed({ reason: message }))))
      // Many at once are the naive version's way. The system cuts what is too much for it.
      server.listen({ port: 0, host: "127.0.0.1", backlog: 65_535 }, () =>
        resume(Effect.succeed({ port: (server.address() as AddressInfo).port, received })))
    })
    const close = Effect.callback<void>((resume) => {
      server.close(() =>
        resume(Effect.void)
      )
      for (const socket of sockets) socket.destroy()
    })
    return Effect.acquireRelease(listen, () => close)
  })

/** Takes a message and acknowledges it; or hangs up, before it has taken it or after: the sender cannot know which. */
const receiver = ({ delay, drop, seed }: Options, received: Map<number, number>) => {
  const random = mulberry32(seed)
  return (socket: Socket, user: number): void => {
    // It has hung up on an earlier line of the same chunk.
    if (socket.destroyed) return
    const fate = random()
    if (fate < drop / 2) return void socket.destroy()
    received.set(user, (received.get(user) ?? 0) + 1)
    if (fate < drop) return void socket.destroy()
    if (delay === 0) return void socket.write(acknowledgement(user))
    const timer = setTimeout(() => socket.write(acknowledgement(user)), delay)
    socket.once("close", () => clearTimeout(timer))
  }
}

/** The same numbers for the same seed, from 0 to less than 1. */
const mulberry32 = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1)
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}
