import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { hasProperty } from "effect/Predicate"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import type * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"

/** Wake-ups by a server, for jobs and for limits. */

/** A client of `@effect/sql-pg`, and any other that has the same function. */
interface Listening {
  readonly listen: (
    channel: string
  ) => Effect.Effect<Queue.Dequeue<{ readonly payload: string }, SqlError>, SqlError, Scope.Scope>
}

// No service of Effect's has this function: the check is of its name alone.
export const canListen = (client: SqlClient.SqlClient): client is SqlClient.SqlClient & Listening =>
  hasProperty(client, "listen") && typeof client.listen === "function"

/** Runs an effect in a transaction of its own, never in the caller's. */
export const outsideOf = (sql: SqlClient.SqlClient) => <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.updateContext(
    effect,
    (context: Context.Context<R>) => Context.omit(sql.transactionService)(context) as Context.Context<R>
  )

/** How long the fiber that receives wake-ups pauses after its connection was lost. Waiters poll meanwhile. */
const reconnection = 1_000

/**
 * Receives messages for as long as the scope is open. When the connection is lost, messages may be lost with it: so
 * `connected` is called with each new one.
 *
 * The scope of a subscription closes in parallel: the client of PostgreSQL then gives the connection up. One finalizer
 * after the other would wait for the reply to `UNLISTEN`, without end where the server is silent.
 */
export const keepListening = <M>(
  subscribe: Effect.Effect<Queue.Dequeue<M, unknown>, unknown, Scope.Scope>,
  received: (message: M) => void,
  connected: () => void
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireUseRelease(
    Scope.make("parallel"),
    (scope) =>
      Effect.gen(function*() {
        const messages = yield* Scope.provide(subscribe, scope)
        connected()
        return yield* Effect.forever(Effect.map(Queue.take(messages), received))
      }),
    Scope.close
  ).pipe(
    Effect.catchCause((cause) => Effect.logDebug("sluice/durable: no wake-ups from the server", cause)),
    Effect.andThen(Effect.sleep(reconnection)),
    Effect.forever,
    Effect.forkScoped,
    Effect.asVoid
  )
