/**
 * Where the exits of durable jobs are recorded, so that their callers can await them. The first exit of a job stays
 * (D7).
 * A database or a broker is a `Results` service of your own: two functions, and a third one that waits.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { memoryResults } from "../internal/durable/jobs/memoryResults.js"
import { Results } from "../internal/durable/jobs/results.js"

export { Results } from "../internal/durable/jobs/results.js"

/**
 * Keeps the exits in the memory of this process, for as long as the layer lives: for tests, and with
 * `DurableStore.layerMemory`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory: Layer.Layer<Results> = /* @__PURE__ */ Layer.effect(Results, memoryResults)

/**
 * Keeps no exit. Jobs run all the same, and cost a question less each. `DurableJob.await` suspends without end, and a
 * job whose process died between its end and its acknowledgement is begun again.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerNone: Layer.Layer<Results> = /* @__PURE__ */ Layer.succeed(Results)({
  record: () => Effect.void,
  get: () => Effect.succeed(undefined),
  pause: () => Effect.never
})
