import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Group } from "sluice"
import { type Answer, json, type Request } from "./api.js"
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
    yield* Effect.acquireRelease(listen(server), () => close(server))
    return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  })

const answer = (
  api: (request: Request) => Effect.Effect<Answer>,
  request: IncomingMessage,
  response: ServerResponse
): Effect.Effect<void> =>
  Effect.suspend(() => {
    // What a request brings beside its address is not looked at.
    request.resume()
    return api({ method: request.method ?? "", url: new URL(request.url ?? "/", "http://127.0.0.1") })
  }).pipe(
    // A bug here is one request's, too.
    Effect.catchDefect((defect) => Effect.succeed(json(500, { error: reasonOf(defect) }))),
    Effect.map(({ body, headers, status }) => {
      response.writeHead(status, { ...headers, "content-length": body.length }).end(body)
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
