import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { longest } from "../longest.js"
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
  queueOf({ ...job, payload: Schema.Unknown, retry: job.retry && storable(job.name, job.retry) })

/**
 * The same schedule, with no delay that is longer than stores take. A schedule that dies ends: the engine keeps its
 * last delay. Otherwise the engine (4.1) could not settle the claim of a job that has failed.
 */
const storable = (name: string, retry: Schedule.Schedule<unknown, number>): Schedule.Schedule<unknown, number> =>
  Schedule.fromStep(
    Effect.map(
      Schedule.toStep(retry),
      (step) => (now: number, attempt: number) =>
        Effect.suspend(() => step(now, attempt)).pipe(
          Effect.map(([output, delay]): [unknown, Duration.Duration] => [output, Duration.min(delay, longestDelay)]),
          Effect.catchDefect((defect) =>
            Effect.andThen(Effect.logWarning(`DurableJob: the option retry of ${name} has died`, defect), Cause.done())
          )
        )
    )
  )

const longestDelay = Duration.millis(longest)
