import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { get, type IncomingHttpHeaders } from "node:http"
import { json } from "node:stream/consumers"

export class Unanswered extends Data.TaggedError("Unanswered")<{ readonly reason: string }> {
  override get message(): string {
    return `no answer: ${this.reason}`
  }
}

export interface Response {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly content: unknown
}

/** Asks the service, with this API key. An interrupt hangs up. */
export const ask = (service: URL, path: string, key?: string): Effect.Effect<Response, Unanswered> =>
  Effect.callback((resume) => {
    // Each on a connection of its own, so that none is left over.
    const options = { path, agent: false, headers: key === undefined ? {} : { "x-api-key": key } }
    const fail = (error: unknown) => resume(Effect.fail(new Unanswered({ reason: String(error) })))
    const request = get(service, options, (response) => {
      const { headers, statusCode: status = 0 } = response
      json(response).then((content) => resume(Effect.succeed({ status, headers, content })), fail)
    }).on("error", fail)
    return Effect.sync(() => request.destroy())
  })
