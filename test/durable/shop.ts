/** A process that places orders until it is killed. It says how each transaction has ended. */
import { Effect, Exit } from "effect"
import { SqlClient } from "effect/sql"
import { ownOrder, say } from "../support/processes.js"
import { type Database, place, storesOf } from "./databases.js"

export interface ShopOrder {
  readonly database: Database
  /** Begins the ids of its orders. */
  readonly name: string
  /**
   * `"waits inside"`: of a transaction, before it commits. `"waits after"`: after the commit. `"goes on"`: one
   * transaction after the other, of which every third fails.
   */
  readonly does: "waits inside" | "waits after" | "goes on"
}

/** The id of an order that is stored; or another word. */
export interface ShopSaid {
  readonly says: string
}

const tell = (says: string) => Effect.sync(() => say({ says } satisfies ShopSaid))

const { database, does, name } = ownOrder as ShopOrder

const program = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const within = does === "waits inside" ? Effect.andThen(tell("inside"), Effect.never) : Effect.yieldNow
  for (let i = 0;; i++) {
    const id = `${name}-${i}`
    const fails = does === "goes on" && i % 3 === 2 ? Effect.fail("no") : Effect.void
    const exit = yield* Effect.exit(sql.withTransaction(Effect.gen(function*() {
      yield* place(id)
      yield* within
      yield* fails
    })))
    yield* tell(Exit.isSuccess(exit) ? id : "rolled back")
    if (does === "waits after") yield* Effect.never
  }
})

await Effect.runPromise(Effect.provide(program, storesOf(database)))
