import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { TransactionConnection } from "effect/sql/SqlClient"

/** The keys of transactions, one for each client of a database, begin with this. */
const prefix = TransactionConnection(0).key.slice(0, -1)

/**
 * Runs an effect outside of the transactions that it is in. The engine's first taker in a process lends its context to
 * the fiber that asks the database, and a claim is settled in the context of its taker (4.1). Inside a transaction, the
 * process would see jobs that are not committed (D1), and could not ask any more after its end.
 *
 * It removes the transactions of all clients, since the store's own client may be hidden behind its layer.
 */
export const outsideOfTransactions = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.updateContext(effect, (context: Context.Context<R>) => {
    const services = [...context.mapUnsafe]
    return services.some(isTransaction)
      ? Context.makeUnsafe(new Map(services.filter((service) => !isTransaction(service))))
      : context
  })

const isTransaction = ([key]: readonly [string, unknown]): boolean => key.startsWith(prefix)
