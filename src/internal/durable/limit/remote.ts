import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { LimitStoreError } from "./errors.js"
import type { Reply, Request } from "./model.js"
import type { Wakes } from "./Wakes.js"

/** The parts of a store on a server that Redis and PostgreSQL have in common. */

/** Fails unless the server replies within a sixth of the lease. */
export const call = (
  request: Request,
  operation: LimitStoreError["operation"],
  send: Effect.Effect<string, unknown>
): Effect.Effect<string, LimitStoreError> => {
  const failed = (cause: unknown) => new LimitStoreError({ limit: request.limit, operation, cause })
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

/** How long the fiber that receives wake-ups pauses after its connection was lost. Waiters poll meanwhile. */
const reconnection = 1_000

/**
 * Receives wake-ups for as long as the scope is open. When the connection is lost, wake-ups may be lost with it: so all
 * waiters are woken once the next one is there.
 */
export const keepListening = <M>(
  wakes: Wakes,
  subscribe: Effect.Effect<Queue.Dequeue<M, unknown>, unknown, Scope.Scope>,
  idOf: (message: M) => string
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function*() {
    const messages = yield* subscribe
    wakes.wakeAll()
    return yield* Effect.forever(Effect.map(Queue.take(messages), (message) => wakes.wake(idOf(message))))
  }).pipe(
    Effect.scoped,
    Effect.catchCause((cause) => Effect.logDebug("sluice: no wake-ups from the store of limits", cause)),
    Effect.andThen(Effect.sleep(reconnection)),
    Effect.forever,
    Effect.forkScoped,
    Effect.asVoid
  )
