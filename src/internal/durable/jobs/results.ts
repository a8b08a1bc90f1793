import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { isTagged } from "effect/Predicate"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { type StoreError, textOf } from "../errors.js"
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
   * Forgets the exit of a job, if it is the one that is recorded now. An exit that was recorded meanwhile stays.
   */
  readonly forget: (job: string, id: string, exit: string) => Effect.Effect<void, StoreError>
  /**
   * Listens for the exit of a job until the scope closes. Returns an effect to be run after each `get` that found none:
   * it suspends until it may be worth to ask again.
   */
  readonly listen: (job: string, id: string) => Effect.Effect<Effect.Effect<void>, never, Scope.Scope>
}>()("sluice/durable/Results") {}

interface Codec {
  readonly encode: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<string, Schema.SchemaError>
  readonly decode: (text: string) => Effect.Effect<Exit.Exit<unknown, unknown>, Schema.SchemaError>
}

/** Making one takes longer than a job does. */
const codecs = new WeakMap<object, Codec>()

const codecOf = <Payload, A, E>(job: DurableJob<Payload, A, E>): Codec => {
  let codec = codecs.get(job)
  if (codec === undefined) {
    const schema = Schema.fromJsonString(Schema.toCodecJson(Schema.Exit(job.success, job.error, Schema.Defect())))
    codec = { encode: Schema.encodeUnknownEffect(schema), decode: Schema.decodeUnknownEffect(schema) }
    codecs.set(job, codec)
  }
  return codec
}

/**
 * The exit as JSON, and whether that is a value. A typed error that is not the job's own, such as `JobTimeout`, and a
 * value that the schema does not fit, are recorded as defects. Of a defect that cannot be encoded the text is recorded.
 */
export const encodeExit = <Payload, A, E>(
  job: DurableJob<Payload, A, E>,
  exit: Exit.Exit<A, unknown>
): Effect.Effect<{ readonly text: string; readonly isValue: boolean }> => {
  const { encode } = codecOf(job)
  const isValue = Exit.isSuccess(exit)
  const encoding = Effect.map(encode(exit), (text) => ({ text, isValue }))
  // Encoders may throw, as getters of an error or a value do.
  return Effect.catchCause(encoding, (unfit) => {
    const cause = isValue ? unfit : exit.cause
    const defect = Effect.catchCause(
      Effect.suspend(() => encode(Exit.die(Cause.squash(cause)))),
      () => Effect.orDie(encode(Exit.die(new Error(textOf(cause)))))
    )
    return Effect.map(defect, (text) => ({ text, isValue: false }))
  })
}

/** Whether a stored exit is a success. */
export const isSuccess = (text: string): boolean => isTagged(JSON.parse(text), "Success")

/** A stored exit that does not decode is a defect: another version of the job has recorded it. */
export const decodeExit = <Payload, A, E>(
  job: DurableJob<Payload, A, E>,
  text: string
): Effect.Effect<Exit.Exit<A, E>> =>
  // Decoded by the schemas of the job.
  Effect.orDie(codecOf(job).decode(text)) as Effect.Effect<Exit.Exit<A, E>>
