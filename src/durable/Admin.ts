/**
 * Looks at the jobs of a store, and at its dead letters. Each layer of `DurableStore` provides it. For a store of
 * `PersistedQueue`'s own, and for a program that serves no jobs, there are layers here.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import type * as Redis from "effect/persistence/Redis"
import type * as SqlClient from "effect/sql/SqlClient"
import { checkNumber } from "../internal/args.js"
import type { StoreError } from "../internal/durable/errors.js"
import { Admin, type Counts, type Page } from "../internal/durable/jobs/admin.js"
import type { DurableJob } from "../internal/durable/jobs/model.js"
import { redisAdmin } from "../internal/durable/jobs/redisAdmin.js"
import { isSuccess, Results } from "../internal/durable/jobs/results.js"
import { sqlAdmin } from "../internal/durable/jobs/sqlAdmin.js"

export { Admin } from "../internal/durable/jobs/admin.js"
export type { Counts, DeadLetter, Page } from "../internal/durable/jobs/admin.js"

/** A job of any kind. */
type AnyJob = Pick<DurableJob<unknown, unknown, unknown>, "name">

/**
 * Counts the jobs of a kind by their state, in one snapshot of the store (D9).
 *
 * **Details**
 *
 * A database counts rows: with many completed jobs this takes long. Fails with `StoreError`. Suspends for the store
 * only.
 *
 * **Example** (How many jobs wait)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Admin, DurableJob, DurableStore } from "sluice/durable"
 *
 * const Letter = DurableJob.make("letter", { payload: Schema.String })
 *
 * const program = Effect.gen(function*() {
 *   yield* DurableJob.submit(Letter, "ada")
 *   yield* DurableJob.submit(Letter, "bob", { delay: "1 hour" })
 *   const { delayed, ready, stored } = yield* Admin.counts(Letter)
 *   console.log({ stored, ready, delayed }) // => { stored: 2, ready: 1, delayed: 1 }
 * })
 *
 * await Effect.runPromise(Effect.provide(program, DurableStore.layerMemory))
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const counts = (self: AnyJob): Effect.Effect<Counts, StoreError, Admin> =>
  Admin.use((admin) => admin.counts(self.name))

/**
 * Which dead letters a page has.
 *
 * @category models
 * @since 0.1.0
 */
export interface PageOptions {
  /** How many at most: an integer from 1 to 1,000. Default: 100. */
  readonly limit?: number | undefined
  /** The `next` of the page before. Default: the oldest are first. */
  readonly after?: string | undefined
}

/**
 * Returns the dead letters of a kind of job, the oldest first, in pages (D10).
 *
 * **Details**
 *
 * The order is that of the failures, in SQL that of the submissions. A dead letter that is requeued or removed between
 * two pages moves no other one to another page. A job that dies meanwhile may be in none of the pages. Fails with
 * `StoreError`. A wrong `limit` is a defect. Redis reads all dead letters for each page.
 *
 * @category getters
 * @since 0.1.0
 */
export const deadLetters = (
  self: AnyJob,
  { after, limit = 100 }: PageOptions = {}
): Effect.Effect<Page, StoreError, Admin> =>
  Effect.suspend(() => {
    checkNumber("Admin.deadLetters", "limit", limit, "an integer from 1 to 1000", (n) =>
      Number.isInteger(n) && n >= 1 && n <= 1_000)
    return Admin.use((admin) =>
      admin.deadLetters(self.name, limit, after)
    )
  })

/**
 * Has a dead letter begun again, with all its attempts, and forgets the failure that was recorded for it (D10). Returns
 * whether it did.
 *
 * **Details**
 *
 * Returns false if there is no dead letter with this id, and if a success is recorded for it: such a job has done its
 * work. Fails with `StoreError`. Then the failure may be forgotten and the job not begun: call it again.
 *
 * **Example** (Requeue all dead letters)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { WorkerPool } from "sluice"
 * import { Admin, DurableJob, DurablePool, DurableStore, Results } from "sluice/durable"
 *
 * const Letter = DurableJob.make("letter", {
 *   payload: Schema.String,
 *   error: Schema.String,
 *   attempts: 1,
 *   id: (to) => to
 * })
 * let isDown = true
 *
 * const program = Effect.gen(function*() {
 *   const run = (to: string) => isDown ? Effect.fail("the server is down") : Effect.sync(() => console.log(`to ${to}`))
 *   yield* DurablePool.serve(Letter, yield* WorkerPool.make({ size: 1, run }))
 *   yield* Effect.exit(DurableJob.execute(Letter, "ada"))
 *   yield* Effect.yieldNow
 *   isDown = false
 *   for (let after: string | undefined = undefined;;) {
 *     const page: Admin.Page = yield* Admin.deadLetters(Letter, { after })
 *     for (const { id } of page.letters) yield* Admin.requeue(Letter, id)
 *     if (page.next === undefined) break
 *     after = page.next
 *   }
 *   yield* DurableJob.await(Letter, "ada")
 *   // => to ada
 * })
 *
 * const layer = Layer.merge(DurableStore.layerMemory, Results.layerMemory)
 * await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(layer)))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const requeue: {
  /** Returns a function that has the dead letter with this id begun again. Returns whether it did. */
  (id: string): (self: AnyJob) => Effect.Effect<boolean, StoreError, Admin | Results>
  /**
   * Has a dead letter begun again, with all its attempts, and forgets its recorded failure. Returns whether it did:
   * false if there is none with this id, or a success is recorded for it. Fails with `StoreError`.
   */
  (self: AnyJob, id: string): Effect.Effect<boolean, StoreError, Admin | Results>
} = /* @__PURE__ */ dual(
  2,
  ({ name }: AnyJob, id: string): Effect.Effect<boolean, StoreError, Admin | Results> =>
    Effect.gen(function*() {
      const admin = yield* Admin
      const results = yield* Results
      const recorded = yield* results.get(name, id)
      if (recorded !== undefined && isSuccess(recorded) || !(yield* admin.isDead(name, id))) return false
      // Before, or it would take the place of the exit to come. And no other exit: that of a job requeued meanwhile.
      if (recorded !== undefined) yield* results.forget(name, id, recorded)
      return yield* admin.requeue(name, id)
    })
)

/**
 * Removes a dead letter with its id and its recorded exit (D10). Returns false if there is none with this id. A later
 * submission with the id is a new job.
 *
 * **Details**
 *
 * Callers that await the job suspend without end. Fails with `StoreError`.
 *
 * @category combinators
 * @since 0.1.0
 */
export const remove: {
  /** Returns a function that removes the dead letter with this id. Returns whether there was one. */
  (id: string): (self: AnyJob) => Effect.Effect<boolean, StoreError, Admin | Results>
  /** Removes a dead letter, its id and its recorded exit. Returns whether there was one. Fails with `StoreError`. */
  (self: AnyJob, id: string): Effect.Effect<boolean, StoreError, Admin | Results>
} = /* @__PURE__ */ dual(
  2,
  ({ name }: AnyJob, id: string): Effect.Effect<boolean, StoreError, Admin | Results> =>
    Effect.gen(function*() {
      const admin = yield* Admin
      const results = yield* Results
      const recorded = yield* results.get(name, id)
      const removed = yield* admin.remove(name, id)
      if (removed && recorded !== undefined) yield* results.forget(name, id, recorded)
      return removed
    })
)

/**
 * The administration of a store of `PersistedQueue.layerStoreSql`, in PostgreSQL, MySQL or SQLite. Tested with
 * PostgreSQL and SQLite. It does not make the table.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerSql = (options?: {
  /** The name of the table. Default: `"effect_queue"`. */
  readonly tableName?: string | undefined
}): Layer.Layer<Admin, never, SqlClient.SqlClient> =>
  Layer.effect(Admin, sqlAdmin(options?.tableName ?? "effect_queue"))

/**
 * The administration of a store of `PersistedQueue.layerStoreRedis`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerRedis = (options?: {
  /** Stands before each key. Default: `"effectq:"`. */
  readonly prefix?: string | undefined
}): Layer.Layer<Admin, never, Redis.Redis> => Layer.effect(Admin, redisAdmin(options?.prefix ?? "effectq:"))
