import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Transferable from "effect/workers/Transferable"
import { NotCloneable } from "./errors.js"
import { type Handler, isThenable, noStream } from "./handlers.js"
import type { Call } from "./Thread.js"
import { transfer, transfersOf } from "./transfer.js"

/** A schema whose encoded values can be cloned. */
type Codec = Schema.Codec<unknown, unknown>

/** The schemas of one job. A value without a schema is sent as it is. */
export interface Codecs {
  /** Encodes the input in the pool, and decodes it in the thread. */
  readonly input?: Codec | undefined
  /** Encodes the result in the thread, and decodes it in the pool. */
  readonly success?: Codec | undefined
  /** Encodes the error in the thread, and decodes it in the pool. */
  readonly error?: Codec | undefined
}

/** The schemas of the jobs, by the names of their functions. */
export type CodecsByName = Readonly<Record<string, Codecs | undefined>>

const refuse = (job: string, what: "input" | "result") => ({ message }: Schema.SchemaError) =>
  new NotCloneable({ job, what, reason: message })

const encode = (codec: Codec | undefined, job: string, what: "input" | "result", value: unknown) =>
  codec === undefined
    ? Effect.succeed(value)
    : Effect.suspend(() => {
      const collector = Transferable.makeCollectorUnsafe()
      return Schema.encodeUnknownEffect(codec)(value).pipe(
        Effect.provideService(Transferable.Collector, collector),
        // The types of the language do not have what may be transferred.
        Effect.map((encoded) => moved(encoded, transfersOf(value).concat(collector.readUnsafe() as Array<unknown>))),
        Effect.mapError(refuse(job, what))
      )
    })

const decode = (codec: Codec | undefined, job: string, what: "input" | "result", value: unknown) =>
  codec === undefined
    ? Effect.succeed(value)
    : Effect.mapError(Schema.decodeUnknownEffect(codec)(value), refuse(job, what))

/**
 * Moves, with the encoded value, the objects that were to be moved with the value itself, and those that its schema
 * collects. An object that both name is moved once: the platform refuses a list with duplicates.
 */
const moved = (encoded: unknown, list: ReadonlyArray<unknown>): unknown =>
  list.length === 0 || typeof encoded !== "object" || encoded === null
    ? encoded
    : transfer(encoded, [...new Set(list)])

const envelope = "~sluice/threads/error"

const isEncoded = (u: unknown): u is { readonly [envelope]: unknown } =>
  typeof u === "object" && u !== null && envelope in u

// Of the thread's, where it is an instance of this very class.
const isNotCloneable = (u: unknown): u is NotCloneable =>
  u instanceof Error && "_tag" in u && u._tag === "NotCloneable" && "job" in u && "what" in u && "reason" in u

/** The pool's side of a call. */
export const encodedCall = (
  schemas: CodecsByName,
  call: Call,
  run: (call: Call) => Effect.Effect<unknown, unknown>
): Effect.Effect<unknown, unknown> => {
  const { name } = call
  const { error, input, success } = schemas[name] ?? {}
  return encode(input, name, "input", call.input).pipe(
    Effect.flatMap((input) => run({ ...call, input })),
    Effect.matchEffect({
      onSuccess: (value) => decode(success, name, "result", value),
      onFailure: (failure) =>
        isEncoded(failure)
          ? Effect.flatMap(decode(error, name, "result", failure[envelope]), Effect.fail)
          : Effect.fail(isNotCloneable(failure) ? new NotCloneable(failure) : failure)
    })
  )
}

/** The thread's side: handlers that take and return what is encoded. */
export const encodedHandlers = (
  schemas: CodecsByName,
  handlers: Readonly<Record<string, Handler>>
): Readonly<Record<string, Handler>> =>
  Object.fromEntries(
    Object.entries(handlers).map(([name, handler]) => {
      const codecs = schemas[name]
      return [name, codecs === undefined ? handler : encodedHandler(name, codecs, handler)]
    })
  )

const encodedHandler =
  (name: string, { error, input, success }: Codecs, handler: Handler): Handler => (encoded: unknown, context) =>
    decode(input, name, "input", encoded).pipe(
      Effect.flatMap((input) => {
        const run = Effect.suspend(() => effectOf(name, handler(input as never, context)))
        return error === undefined ?
          run :
          Effect.catch(
            run,
            (failure) =>
              Effect.flatMap(encode(error, name, "result", failure), (value) => Effect.fail({ [envelope]: value }))
          )
      }),
      Effect.flatMap((value) => encode(success, name, "result", value))
    )

const effectOf = (job: string, result: unknown): Effect.Effect<unknown, unknown> =>
  Effect.isEffect(result)
    ? result as Effect.Effect<unknown, unknown>
    : isThenable(result)
    // A promise cannot be interrupted: its call has ended when it has, or when its thread does.
    ? Effect.uninterruptible(Effect.promise(() => result))
    : Effect.succeed(noStream(job, result))
