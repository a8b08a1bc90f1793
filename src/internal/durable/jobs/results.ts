import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { StoreError } from "../errors.js"
import type { DurableJob } from "./model.js"

/**
 * The store of the jobs' exits. The exits are JSON, encoded by the schemas of the job.
 *
 * @category services
 * @since 0.1.0
 */
export class Results extends Context.Service<Results, {
  /** Records the exit of a job, unless one is recorded already. Returns when it is stored. */
  readonly record: (job: string, id: string, exit: string) => Effect.Effect<void, StoreError>
  /** The exit that is recorded. Undefined while there is none. */
  readonly get: (job: string, id: string) => Effect.Effect<string | undefined, StoreError>
  /**
   * Suspends until it may be worth to ask again: until the exit of the job is recorded in this process, where the store
   * notices that, or for some time.
   */
  readonly pause: (job: string, id: string, asked: number) => Effect.Effect<void>
}>()("sluice/durable/Results") {}

const codecOf = <Payload, A, E>({ error, success }: DurableJob<Payload, A, E>) =>
  Schema.fromJsonString(Schema.toCodecJson(Schema.Exit(success, error, Schema.Defect())))

/**
 * The exit as JSON. A typed error that is not the job's own, such as `JobTimeout`, and a value that the schema does not
 * fit, are recorded as defects.
 */
export const encodeExit = <Payload, A, E>(
  job: DurableJob<Payload, A, E>,
  exit: Exit.Exit<A, unknown>
): Effect.Effect<string> => {
  const encode = Schema.encodeUnknownEffect(codecOf(job))
  return Effect.catch(
    encode(exit),
    (error) => Effect.orDie(encode(Exit.die(Exit.isFailure(exit) ? Cause.squash(exit.cause) : error)))
  )
}

/** A stored exit that does not decode is a defect: another version of the job has recorded it. */
export const decodeExit = <Payload, A, E>(
  job: DurableJob<Payload, A, E>,
  text: string
): Effect.Effect<Exit.Exit<A, E>> => Effect.orDie(Schema.decodeUnknownEffect(codecOf(job))(text))
