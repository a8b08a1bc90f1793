import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { failing, type StoreError } from "../errors.js"
import type { Act, Reply, Request } from "./model.js"

/** The parts of a store on a server that Redis and PostgreSQL have in common. */

/** Fails unless the server replies within a sixth of the lease. */
export const call = (
  request: Request,
  act: Act,
  send: Effect.Effect<string, unknown>
): Effect.Effect<string, StoreError> => {
  const failed = failing(`Limit.${act}`, request.limit)
  const millis = request.lease / 6
  return Effect.timeoutOrElse(Effect.catchCause(send, (cause) => Effect.fail(failed(Cause.squash(cause)))), {
    duration: millis,
    orElse: () => Effect.fail(failed(new Cause.TimeoutError(`no reply within ${millis} ms`)))
  })
}

/** A reply of the scripts: `granted TOKEN`, `waiting AHEAD NEXT`, `exceeded PERMITS`. */
export const parseReply = (text: string): Reply => {
  const [tag, first, second] = text.split(" ")
  if (tag === "granted") return { _tag: "Granted", token: Number(first) }
  if (tag === "waiting") return { _tag: "Waiting", ahead: Number(first), next: Number(second) }
  return { _tag: "Exceeded", permits: Number(first) }
}

/** Ids of this process begin with the name of its channel: the server finds the channel of a wake-up by the id. */
export const makeIds = (): { readonly channel: string; readonly nextId: () => string } => {
  const channel = globalThis.crypto.randomUUID().replaceAll("-", "")
  let ids = 0
  return { channel, nextId: () => `${channel}:${++ids}` }
}
