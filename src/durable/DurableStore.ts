/**
 * The stores of durable jobs. The stores for databases and Redis are Effect's own: `PersistedQueue.layerStoreSql` and
 * `PersistedQueue.layerStoreRedis`, with `PersistedQueue.layer`.
 *
 * @since 0.1.0
 */
import * as Layer from "effect/Layer"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import { memoryStore } from "../internal/durable/jobs/memoryStore.js"

/**
 * Keeps the jobs in the memory of this process: nothing to install, for tests, and for a program that begins with one
 * process and may outgrow it. The jobs end with the process. It loses none on an interrupt, which the memory store of
 * Effect 4.1 does.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory: Layer.Layer<PersistedQueue.PersistedQueueStore | PersistedQueue.PersistedQueueFactory> =
  /* @__PURE__ */ Layer.provideMerge(
    PersistedQueue.layer,
    Layer.effect(PersistedQueue.PersistedQueueStore, memoryStore)
  )
