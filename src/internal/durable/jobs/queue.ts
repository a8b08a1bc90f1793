import type * as Effect from "effect/Effect"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import type { DurableJob } from "./model.js"

/** The job's queue in the engine. */
export const queueOf = <Payload, A, E>(
  { attempts, name, payload, retry }: DurableJob<Payload, A, E>
): Effect.Effect<PersistedQueue.PersistedQueue<Payload>, never, PersistedQueue.PersistedQueueFactory> =>
  PersistedQueue.make({ name, schema: payload, maxAttempts: attempts, retrySchedule: retry })
