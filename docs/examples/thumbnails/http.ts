import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { IncomingMessage, ServerResponse } from "node:http"
import { type ServerFailed, serving } from "../httpServer.js"
import { type Answer, refuse, type Request } from "./answer.js"
import { reasonOf } from "./text.js"

/** Serves on a free port of this machine for as long as the scope lives, and answers the address. */
export const serve = (
  api: (request: Request) => Effect.Effect<Answer>
): Effect.Effect<URL, ServerFailed, Scope.Scope> =>
  Effect.map(serving((request, response) => answer(api, request, response)), ({ url }) => url)

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
    })
  )
