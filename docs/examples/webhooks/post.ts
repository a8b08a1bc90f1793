import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Agent, request } from "node:http"

export class NotDelivered extends Data.TaggedError("NotDelivered")<{ readonly reason: string }> {
  override get message(): string {
    return this.reason
  }
}

/** A connection of the sender's own, kept alive between two events. */
export const connection: Effect.Effect<Agent, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => new Agent({ keepAlive: true, maxSockets: 1 })),
  (agent) => Effect.sync(() => agent.destroy())
)

/** Posts an event once. Only a status of 2xx counts. An interrupt closes the connection; the next post opens another. */
export const post = (agent: Agent, url: string, event: number): Effect.Effect<void, NotDelivered> =>
  Effect.callback((resume) => {
    const fail = (reason: string) => resume(Effect.fail(new NotDelivered({ reason })))
    const broken = ({ code, message }: NodeJS.ErrnoException) => fail(code ?? message)
    const body = JSON.stringify({ event, text: "An invoice has been paid." })
    const headers = { "content-type": "application/json", "content-length": body.length, "x-event": event }
    const sent = request(url, { method: "POST", agent, headers }, (response) => {
      const { statusCode = 0 } = response
      response.on("error", broken)
      // Not before the end: until then the connection is not free.
      response.resume().once("end", () => {
        if (statusCode >= 200 && statusCode < 300) resume(Effect.void)
        else fail(`answered ${statusCode}`)
      })
    })
    sent.on("error", broken).end(body)
    return Effect.sync(() => {
      sent.destroy()
    })
  })
