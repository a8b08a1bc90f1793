import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Group } from "sluice"
import { type Answer, refuse, type Request } from "./answer.js"
import { reasonOf } from "./text.js"

export class ServerFailed extends Data.TaggedError("ServerFailed")<{ readonly reason: string }> {
  override get message(): string {
    return `the server failed: ${this.reason}`
  }
}

/** Serves on a free port of this machine for as long as the scope lives, and answers the address. */
export const serve = (
  api: (request: Request) => Effect.Effect<Answer>
): Effect.Effect<URL, ServerFailed, Scope.Scope> =>
  Effect.gen(function*() {
    // One that is being answered when the scope closes is interrupted.
    const requests = yield* Group.make({ name: "requests" })
    const server = createServer((request, response) => {
      Effect.runFork(Group.go(requests, answer(api, request, response)))
    })
    // Nobody is listened to, or thrown away, for longer.
    server.requestTimeout = 60_000
    yield* Effect.acquireRelease(listen(server), () => close(server))
    return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  })

const answer = (
  api: (request: Request) => Effect.Effect<Answer>,
  request: IncomingMessage,
  response: ServerResponse
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { headers, method = "", url = "/" } = request
    // Whoever has read enough leaves the connection, on which the answer goes.
    const body: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false })
    return api({ method, url: new URL(url, `http://127.0.0.1:${request.socket.localPort}`), headers, body })
  }).pipe(
    // A bug here is one request's, too.
    Effect.catchDefect((defect) => Effect.succeed(refuse(500, reasonOf(defect)))),
    Effect.map(({ body, headers, status }) => {
      response.writeHead(status, { ...headers, "content-length": body.length }).write(body)
      // A client that still sends has its answer now, and the rest of its body is thrown away: were the connection closed
      // on it, it might see nothing but that.
      const end = () => response.end()
      if (request.complete) end()
      else request.once("end", end).resume()
    }),
    // Nobody waits for the answer any more.
    Effect.raceFirst(gone(response))
  )

const gone = (response: ServerResponse): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const onClose = () => resume(Effect.void)
    response.once("close", onClose)
    return Effect.sync(() => response.off("close", onClose))
  })

const listen = (server: Server): Effect.Effect<void, ServerFailed> =>
  Effect.callback((resume) => {
    server.once("error", ({ message }) => resume(Effect.fail(new ServerFailed({ reason: message }))))
    server.listen(0, "127.0.0.1", () => resume(Effect.void))
  })

const close = (server: Server): Effect.Effect<void> =>
  Effect.callback((resume) => {
    server.close(() => resume(Effect.void))
    server.closeAllConnections()
  })
