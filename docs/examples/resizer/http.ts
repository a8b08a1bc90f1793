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
  /** Suspends until every request that has come is answered. */
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
    const server = createServer((request, response) => {
      Effect.runFork(Group.go(requests, answer(api, request, response)))
    })
    server.requestTimeout = 60_000
    yield* Effect.acquireRelease(listen(server, port), () => close(server))
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    return { url, settled: Group.wait(requests) }
  })

const answer = (
  api: (request: Request) => Effect.Effect<Answer>,
  request: IncomingMessage,
  response: ServerResponse
): Effect.Effect<void> =>
  Effect.suspend(() => {
    // Whoever has read enough leaves the connection, on which the answer goes.
    const body: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false })
    return api({ method: request.method ?? "", url: new URL(request.url ?? "", "http://127.0.0.1"), body })
  }).pipe(
    // A bug here is one request's, too, and none of the client's business.
    Effect.catchDefect((defect) =>
      Effect.as(Effect.logError("a request died", defect), refuse(500, "a bug of the service"))
    ),
    Effect.flatMap((answer) => give(request, response, answer)),
    // Nobody waits for the answer any more.
    Effect.raceFirst(once(response, "close"))
  )

const give = (request: IncomingMessage, response: ServerResponse, answer: Answer): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { body, headers, status } = answer
    response.writeHead(status, { ...headers, "content-length": body.reduce((sum, { length }) => sum + length, 0) })
    for (const part of body) response.write(part)
    // What a client still sends is thrown away: were the connection closed on it, it might see nothing but that.
    const end = () => response.end()
    if (request.complete) end()
    else request.once("end", end).resume()
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
