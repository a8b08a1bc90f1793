import type * as Effect from "effect/Effect"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Schema from "effect/Schema"
import type { DurableJob } from "./model.js"

/** The job's queue in the engine, for those who submit. */
export const queueOf = <Payload, A, E>(
  { attempts, name, payload, retry }: Pick<DurableJob<Payload, A, E>, "attempts" | "name" | "payload" | "retry">
): Effect.Effect<PersistedQueue.PersistedQueue<Payload>, never, PersistedQueue.PersistedQueueFactory> =>
  PersistedQueue.make({ name, schema: payload, maxAttempts: attempts, retrySchedule: retry })

/**
 * The same for those who take jobs, with the payloads as they are stored. The engine (4.1) drops a job whose payload
 * does not decode among the dead letters, and tells nobody: its callers would wait without end.
 */
export const takingOf = <Payload, A, E>(
  job: DurableJob<Payload, A, E>
): Effect.Effect<PersistedQueue.PersistedQueue<unknown>, never, PersistedQueue.PersistedQueueFactory> =>
  queueOf({ ...job, payload: Schema.Unknown })
