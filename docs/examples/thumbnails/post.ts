import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { reasonOf } from "./text.js"

/** `again`: whether it is worth another try. */
export class NotAccepted extends Data.TaggedError("NotAccepted")<{ readonly reason: string; readonly again: boolean }> {
  override get message(): string {
    return this.reason
  }
}

/** Posts JSON once. Only a status of 2xx within the time counts as accepted. */
export const post = (to: URL, content: unknown, timeout: Duration.Input): Effect.Effect<void, NotAccepted> =>
  Effect.tryPromise({
    try: (signal) => send(to, JSON.stringify(content), signal),
    catch: (error) => new NotAccepted({ reason: networkReasonOf(error), again: true })
  }).pipe(
    Effect.timeoutOrElse({
      duration: timeout,
      orElse: () => Effect.fail(new NotAccepted({ reason: "no answer in time", again: true }))
    }),
    Effect.flatMap((status) => {
      if (status >= 200 && status < 300) return Effect.void
      // What a receiver does not want it will not want later. Its own troubles pass, and so does too much at once.
      const again = status >= 500 || status === 429 || status === 408
      return Effect.fail(new NotAccepted({ reason: `answered ${status}`, again }))
    })
  )

const send = async (to: URL, body: string, signal: AbortSignal): Promise<number> => {
  // A redirect could lead anywhere, and is not followed. Each on a connection of its own, so that none is left over.
  const headers = { "content-type": "application/json", connection: "close" }
  const response = await fetch(to, { method: "POST", headers, body, signal, redirect: "manual" })
  // Nobody reads what it says beside, which might be without end.
  await response.body?.cancel()
  return response.status
}

/** fetch says that it failed, and why in the cause. */
const networkReasonOf = (error: unknown): string =>
  reasonOf(error instanceof Error && error.cause instanceof Error ? error.cause : error)
