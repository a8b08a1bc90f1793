import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { IncomingMessage, ServerResponse } from "node:http"
import { once, type ServerFailed, type Serving, serving } from "../httpServer.js"
import { type Answer, refuse, type Request } from "./answer.js"

/** Serves on this machine, at any port by default, for as long as the scope lives. */
export const serve = (
  api: (request: Request) => Effect.Effect<Answer>,
  port = 0
): Effect.Effect<Serving, ServerFailed, Scope.Scope> =>
  serving((request, response) => answer(api, request, response), port)

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
    Effect.flatMap((answer) => give(request, response, answer))
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
