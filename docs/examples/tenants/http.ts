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
    const { headers, method = "", url = "/" } = request
    // Nobody wants a body here; but behind one that is not read, it would not be seen that the client hangs up.
    request.resume()
    return api({ method, path: url.replace(/\?.*/s, ""), headers })
  }).pipe(
    // A bug here is one request's, too, and none of the client's business.
    Effect.catchDefect((defect) =>
      Effect.as(Effect.logError("a request died", defect), refuse(500, "a bug of the service"))
    ),
    Effect.flatMap((answer) => give(response, answer))
  )

const give = (response: ServerResponse, { body, headers, status }: Answer): Effect.Effect<void> =>
  Effect.suspend(() => {
    response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) }).end(body)
    return once(response, "finish")
  })
