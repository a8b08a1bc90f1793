import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Redis from "effect/persistence/Redis"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import { failing, type StoreError } from "./errors.js"
import { canListen, keepListening, outsideOf } from "./listening.js"
import { Wakes } from "./Wakes.js"

/**
 * Wakes the processes that share a store: those that wait for jobs, and those that wait for results.
 *
 * @category models
 * @since 0.1.0
 */
export interface Wake {
  /**
   * Wakes all listeners of a topic, in all processes. With PostgreSQL it belongs to the caller's transaction: listeners
   * are woken as that commits. Fails with `StoreError` if the server cannot be reached. `from` is passed to the
   * listeners, so that a sender knows its own message: a string without spaces.
   */
  readonly notify: (topic: string, from?: string) => Effect.Effect<void, StoreError>
  /**
   * Calls `wake` with the sender of each message of the topic, until the function that it returns is called. Messages
   * may be lost with a connection: all listeners are woken once there is a new one, from nobody.
   */
  readonly listen: (topic: string, wake: (from: string) => void) => () => void
}

/** No listener is ever woken. */
export const none: Wake = {
  notify: () => Effect.void,
  listen: () => () => {}
}

/**
 * The service by which the layers of `DurableStore` and `Results` wake other processes. No layer requires it: by
 * default it is `layerNone`.
 *
 * @category services
 * @since 0.1.0
 */
export const Wake: Context.Reference<Wake> = Context.Reference<Wake>("sluice/durable/Wake", {
  defaultValue: () => none
})

/** One channel for all topics, so that a process needs one connection for it. */
const overChannel = <M>(
  channel: string,
  publish: (message: string) => Effect.Effect<unknown, unknown>,
  subscribe: Parameters<typeof keepListening<M>>[0],
  textOf: (message: M) => string
): Effect.Effect<Wake, never, Scope.Scope> =>
  Effect.gen(function*() {
    const wakes = new Wakes()
    const received = (message: M): void => {
      const text = textOf(message)
      const space = text.indexOf(" ")
      wakes.wake(text.slice(space + 1), text.slice(0, space))
    }
    yield* keepListening(subscribe, received, () => wakes.wakeAll())
    return {
      notify: (topic, from = "") =>
        Effect.asVoid(Effect.mapError(publish(`${from} ${topic}`), failing("Wake.notify", channel))),
      listen: wakes.on
    }
  })

export const makePg = Effect.fnUntraced(function*(channel: string) {
  const sql = yield* SqlClient.SqlClient
  if (!canListen(sql)) {
    return yield* Effect.die(new TypeError("Wake.layerPg: the SQL client cannot listen, as that of @effect/sql-pg can"))
  }
  return yield* outsideOf(sql)(overChannel(
    channel,
    (message) => sql.unsafe("SELECT pg_notify($1, $2)", [channel, message]),
    sql.listen(channel),
    ({ payload }) => payload
  ))
})

export const makeRedis = Effect.fnUntraced(function*(channel: string) {
  const redis = yield* Redis.Redis
  return yield* overChannel(
    channel,
    (message) => redis.send("PUBLISH", channel, message),
    redis.subscribe(channel),
    ({ message }) => message
  )
})
