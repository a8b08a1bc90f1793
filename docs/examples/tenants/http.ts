import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Group } from "sluice"
import { type Answer, refuse, type Request } from "./answer.js"

export class ServerFailed extends Data.TaggedError("ServerFailed")<{ readonly reason: string }> {
  override get message(): string {
    return `the server failed: ${this.reason}`
  }
}

export interface Serving {
  readonly url: URL
  /** Suspends until every request that has come is answered, and the answer given to the system. */
  readonly settled: Effect.Effect<void>
}

/** Serves on this machine, at any port by default, for as long as the scope lives. */
export const serve = (
  api: (request: Request) => Effect.Effect<Answer>,
  port = 0
): Effect.Effect<Serving, ServerFailed, Scope.Scope> =>
  Effect.gen(function*() {
    // One that is being answered when the scope closes is interrupted.
    const requests = yield* Group.make({ name: "requests" })
    const fork = Effect.runForkWith(yield* Effect.context())
    const server = createServer((request, response) => {
      fork(Group.go(requests, answer(api, request, response)))
    })
    server.requestTimeout = 60_000
    yield* Effect.acquireRelease(listen(server, port), () => close(server))
    const { port: given } = server.address() as AddressInfo
    return { url: new URL(`http://127.0.0.1:${given}`), settled: Group.wait(requests) }
  })

const answer = (
  api: (request: Request) => Effect.Effect<Answer>,
  request: IncomingMessage,
  response: ServerResponse
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { headers, method = "", url = "/" } = request
    // Nobody wants a body here; but behind one that is not read, it would not be seen that the client hangs up.
    request.resume()
    return api({ method, path: url.replace(/\?.*/s, ""), headers })
  }).pipe(
    // A bug here is one request's, too, and none of the client's business.
    Effect.catchDefect((defect) =>
      Effect.as(Effect.logError("a request died", defect), refuse(500, "a bug of the service"))
    ),
    Effect.flatMap((answer) => give(response, answer)),
    // Nobody waits for the answer any more.
    Effect.raceFirst(once(response, "close"))
  )

const give = (response: ServerResponse, { body, headers, status }: Answer): Effect.Effect<void> =>
  Effect.suspend(() => {
    response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) }).end(body)
    return once(response, "finish")
  })

const once = (response: ServerResponse, event: "close" | "finish"): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const listener = () => resume(Effect.void)
    response.once(event, listener)
    return Effect.sync(() => response.off(event, listener))
  })

const listen = (server: Server, port: number): Effect.Effect<void, ServerFailed> =>
  Effect.callback((resume) => {
    server.once("error", ({ message }) => resume(Effect.fail(new ServerFailed({ reason: message }))))
    server.listen(port, "127.0.0.1", () => resume(Effect.void))
  })

const close = (server: Server): Effect.Effect<void> =>
  Effect.callback((resume) => {
    server.close(() => resume(Effect.void))
    server.closeAllConnections()
  })
