import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Group } from "sluice"

export class ServerFailed extends Data.TaggedError("ServerFailed")<{ readonly reason: string }> {
  override get message(): string {
    return `the server failed: ${this.reason}`
  }
}

export interface Serving {
  readonly url: URL
  /** Suspends until every request that has come is answered. */
  readonly settled: Effect.Effect<void>
}

/** Serves on this machine, at any port by default, for as long as the scope lives. */
export const serving = (
  answer: (request: IncomingMessage, response: ServerResponse) => Effect.Effect<void>,
  port = 0
): Effect.Effect<Serving, ServerFailed, Scope.Scope> =>
  Effect.gen(function*() {
    // One that is being answered when the scope closes is interrupted.
    const requests = yield* Group.make({ name: "requests" })
    const fork = Effect.runForkWith(yield* Effect.context())
    const server = createServer((request, response) => {
      // If the connection has gone, nobody waits for the answer any more.
      fork(Group.go(requests, Effect.raceFirst(answer(request, response), once(response, "close"))))
    })
    // Nobody is listened to, or thrown away, for longer.
    server.requestTimeout = 60_000
    return { url: yield* listening(server, port), settled: Group.wait(requests) }
  })

/** Listens on this machine, at any port by default, for as long as the scope lives. No connection outlives it. */
export const listening = (server: Server, port = 0): Effect.Effect<URL, ServerFailed, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback((resume) => {
      server.once("error", ({ message }) => resume(Effect.fail(new ServerFailed({ reason: message }))))
      server.listen(port, "127.0.0.1", () => {
        resume(Effect.succeed(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)))
      })
    }),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        // Clients keep theirs for the next time.
        server.closeAllConnections()
      })
  )

export const once = (response: ServerResponse, event: "close" | "finish"): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const listener = () => resume(Effect.void)
    response.once(event, listener)
    return Effect.sync(() => response.off(event, listener))
  })
