/** A process that runs orders from a file of SQLite until SIGTERM. It says each claim. */
import { Effect } from "effect"
import { PersistedQueue } from "effect/persistence"
import { WorkerPool } from "sluice"
import { DurablePool } from "sluice/durable"
import { ownOrder, say } from "../support/processes.js"
import { type Database, Order, storesOf } from "./databases.js"

export interface Claimed {
  readonly id: string
  readonly attempts: number
}

const program = Effect.gen(function*() {
  const store = yield* PersistedQueue.PersistedQueueStore
  const factory = yield* PersistedQueue.makeFactory.pipe(
    Effect.provideService(PersistedQueue.PersistedQueueStore, {
      ...store,
      take: (options) =>
        Effect.tap(
          store.take(options),
          ({ attempts, id }) => Effect.sync(() => say({ attempts, id } satisfies Claimed))
        )
    })
  )
  const pool = yield* WorkerPool.make({
    size: 4,
    run: (name: string) => Effect.as(Effect.sleep("50 millis"), `done ${name}`)
  })
  const serving = yield* DurablePool.serve(Order, pool, { grace: 300 }).pipe(
    Effect.provideService(PersistedQueue.PersistedQueueFactory, factory)
  )
  yield* Effect.callback<void>((resume) => void process.once("SIGTERM", () => resume(Effect.void)))
  yield* DurablePool.drain(serving, { deadline: 0 })
})

await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(storesOf(ownOrder as Database))))
