/**
 * BullMQ as the store of durable jobs, for programs that run it already. Needs the packages `bullmq` and `ioredis`.
 *
 * @since 0.1.0
 */
import type { ConnectionOptions } from "bullmq"
import type * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import { bullmqStore } from "../internal/durable/bullmq/store.js"
import { checkTime } from "../internal/durable/longest.js"
import type * as DurableStore from "./DurableStore.js"

/**
 * How BullMQ is used.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * BullMQ's connection: a client of ioredis with `maxRetriesPerRequest: null`, or its options. A client is shared, and
   * stays open. A process that serves jobs opens one more connection for each kind of job.
   */
  readonly connection: ConnectionOptions
  /** Stands before each key in Redis. Default: `"bull"`, as in BullMQ. */
  readonly prefix?: string | undefined
  /**
   * How long a claim lasts that is not renewed: above 0, up to 100 years. A job of a process that was killed is begun
   * elsewhere after this time and a quarter at most. Default: 30 seconds.
   */
  readonly lock?: Duration.Input | undefined
  /**
   * How long a process waits for BullMQ to tell it of a job, before it asks by itself: above 0, up to 100 years.
   * Default: 1 second.
   */
  readonly poll?: Duration.Input | undefined
}

/**
 * Keeps the jobs in BullMQ. A kind of job is a queue of its name, and a payload is the data of a job there, so BullMQ's
 * own producers, workers and dashboards see the same jobs. Attempts and delays of retries are those of
 * `DurableJob.make`.
 *
 * **Details**
 *
 * Each claim has a lock with a token. A job whose lock is lost is interrupted: its exit is not recorded, and
 * `DurablePool.stats` counts it as `lost`. Operations wait while Redis is away, as BullMQ's do. A drain and the end of
 * the layer wait for `lock` at most then. Bad options throw.
 *
 * `Admin` counts, lists, requeues and removes jobs by BullMQ's own operations.
 *
 * **Gotchas**
 *
 * `Admin.remove` is two operations of BullMQ's. A dead letter that somebody requeues in between is removed, too.
 *
 * **Example** (Letters in BullMQ)
 *
 * ```ts
 * // letters.ts
 * import { Effect, Schema } from "effect"
 * import { Redis } from "ioredis"
 * import { DurableJob } from "sluice/durable"
 * import * as BullMQ from "sluice/durable/bullmq"
 *
 * const Letter = DurableJob.make("letter", { payload: Schema.String, id: (name) => name })
 *
 * const store = BullMQ.layer({ connection: new Redis({ maxRetriesPerRequest: null }) })
 * export const submit = (name: string) => Effect.provide(DurableJob.submit(Letter, name), store)
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  { connection, lock = "30 seconds", poll = "1 second", prefix = "bull" }: Options
): Layer.Layer<DurableStore.Services> => {
  const lockMillis = checkTime("BullMQ.layer", "lock", lock)
  const pollMillis = checkTime("BullMQ.layer", "poll", poll)
  return Layer.provideMerge(
    // Each store has a factory of its own.
    Layer.fresh(PersistedQueue.layer),
    Layer.effectContext(bullmqStore({ connection, prefix, lockMillis, pollMillis }))
  )
}
