/**
 * The thread's side of a `ThreadPool`: a module declares the functions that it serves.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { CodecsByName } from "../internal/threads/codec.js"
import { connect } from "../internal/threads/connect.js"
import type { Handler, Served } from "../internal/threads/handlers.js"
import type { Init } from "../internal/threads/protocol.js"
import { Server } from "../internal/threads/Server.js"
import { transfer as mark } from "../internal/threads/transfer.js"

export type { JobContext } from "../internal/threads/handlers.js"

declare const handlers: unique symbol
declare const data: unique symbol

/**
 * The functions that a module serves, as a type: `ThreadPool.make<typeof jobs>`. `Data`: the data that each of its
 * threads is to start with.
 *
 * @category models
 * @since 0.1.0
 */
export interface Jobs<out Handlers, in Data = unknown> {
  readonly [handlers]: Handlers
  readonly [data]: (data: Data) => void
}

/**
 * The services that the functions need, if they return effects that need any.
 *
 * @category models
 * @since 0.1.0
 */
export type Services<Handlers> = {
  [K in keyof Handlers]: Handlers[K] extends (...args: never) => infer Result
    // Of `any`, as JSON.parse returns it, nothing is known: so nothing is asked for.
    ? 0 extends 1 & Result ? never : Result extends Effect.Effect<unknown, unknown, infer R> ? R : never
    : never
}[keyof Handlers]

/**
 * No function may return a stream: the type of each that does is the text of the error.
 *
 * @category models
 * @since 0.1.0
 */
export type NoStreams<Handlers> = {
  readonly [K in keyof Handlers]: Handlers[K] extends (...args: never) => infer Result
    // A result of type `any` may be anything.
    ? 0 extends 1 & Result ? unknown
    : [Extract<Result, Stream.Stream<unknown, unknown, unknown>>] extends [never] ? unknown
    : "a job has one result, and no Stream: return an effect such as Stream.runCollect(stream)"
    : unknown
}

/**
 * The schemas of the functions, by their names: they encode inputs, results and errors on the way to the other thread,
 * and decode them there.
 *
 * **Details**
 *
 * A function without schemas may be left out: its values are sent as they are. Both sides need the same schemas, so put
 * them into a module of their own. The encoded value is cloned, so it must be a value that can be cloned:
 * `Schema.toCodecJson` makes such a schema of any other. An input or a success whose schema is made by
 * `effect/workers/Transferable` is moved and not cloned: then it is unusable on the side that has sent it.
 *
 * @category models
 * @since 0.1.0
 */
export type Schemas<Handlers> = {
  readonly [K in keyof Handlers]?: Handlers[K] extends (...args: infer Args) => infer Result ? {
      /** Encodes the input of the function. Default: the input is sent as it is. */
      readonly input?: Schema.Codec<Args[0], unknown> | undefined
      /** Encodes the value that the function returns. Default: the value is sent as it is. */
      readonly success?:
        | Schema.Codec<Result extends Effect.Effect<infer A, unknown, unknown> ? A : Awaited<Result>, unknown>
        | undefined
      /** Encodes the error that the function's effect fails with. Default: it is sent as it is, without its class. */
      readonly error?:
        | Schema.Codec<Result extends Effect.Effect<unknown, infer E, unknown> ? E : never, unknown>
        | undefined
    }
    : never
}

/**
 * Serves these functions to the pool that has started this thread.
 *
 * **Details**
 *
 * A function takes one input, or none, and returns a value, a promise or an effect. An error that an effect fails with
 * is the call's typed failure; a value that a function throws, or a promise is rejected with, is a defect. Every value
 * that goes from one thread to the other is cloned, as by `structuredClone`: an instance of a class arrives as a plain
 * object. Errors that a call fails with or dies of, and errors within them, keep their tag, fields, cause and stack,
 * but not their class: `catchTag` and `catchReason` find them, `instanceof` does not.
 *
 * A function that returns a stream does not compile, and its calls die: a job has one result.
 *
 * If a call is cancelled and its function has returned an effect, the effect is interrupted. Any other function may
 * look at its context. If the call has not ended within the pool's `grace`, the thread is terminated, and replaced.
 *
 * With `schemas` values are encoded and decoded on their way: an instance of a class arrives as an instance of that
 * class, and so does an error. With a `layer` the effects may need the services that it provides. The layer is built
 * before the first call. Its finalizers run when the pool no longer needs the thread, as long as `closeTimeout` allows.
 * They do not run if the thread is terminated because a call would not stop.
 *
 * A thread loads Effect when a function returns the first effect, or for the layer or the schemas, unless the module
 * imports Effect itself.
 *
 * Returns immediately. Outside of a thread of a pool it does nothing, so that a test may import the module. Call it
 * once, while the module is loaded: a second call throws. The first call of the pool comes when all of the module has
 * been evaluated.
 *
 * **Example** (A module of jobs)
 *
 * ```ts
 * // numbers.ts
 * import * as Effect from "effect/Effect"
 * import * as ThreadWorker from "sluice/threads/ThreadWorker"
 *
 * class Negative {
 *   readonly _tag = "Negative"
 * }
 *
 * export const jobs = ThreadWorker.serve({
 *   sum: (numbers: ReadonlyArray<number>) => numbers.reduce((a, b) => a + b, 0),
 *   root: (n: number) => n < 0 ? Effect.fail(new Negative()) : Effect.succeed(Math.sqrt(n))
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const serve = <const Handlers extends Readonly<Record<string, Handler>>, E = never>(
  handlers: Handlers & NoStreams<Handlers>,
  ...[options = {}]: ServeOptions<Handlers, Layer.Layer<Services<Handlers>, E>>
): Jobs<Handlers> => {
  // The layer provides what the handlers need: so says the type.
  connect((init) => void start(init, () => handlers, options as Options))
  // There is nothing to it but its type.
  return {} as Jobs<Handlers>
}

/**
 * Serves the functions that `make` returns for the data that the pool starts the thread with.
 *
 * **Details**
 *
 * The same as `serve`, for a pool that is made with `data`. `make` and a function of the layer are called once, when
 * the module has been evaluated, with the thread's own copy of the data. If one of them throws, the thread could not be
 * started.
 *
 * Returns immediately. Outside of a thread of a pool it does nothing. A second call, of either function, throws.
 *
 * **Example** (A seed for each thread)
 *
 * ```ts
 * // dice.ts
 * import * as ThreadWorker from "sluice/threads/ThreadWorker"
 *
 * export const jobs = ThreadWorker.serveWith(({ seed }: { readonly seed: number }) => {
 *   let state = seed
 *   return { next: () => state = (state * 1_103_515_245 + 12_345) % 2 ** 31 }
 * })
 * ```
 *
 * @see {@link serve} for a module that needs no data
 * @category constructors
 * @since 0.1.0
 */
export const serveWith = <Data, const Handlers extends Readonly<Record<string, Handler>>, E = never>(
  make: (data: Data) => Handlers & NoStreams<Handlers>,
  ...[options = {}]: ServeOptions<
    Handlers,
    Layer.Layer<Services<Handlers>, E> | ((data: Data) => Layer.Layer<Services<Handlers>, E>)
  >
): Jobs<Handlers, Data> => {
  // The type of the pool's `make` asks for data of this type.
  connect((init) => void start(init, make as (data: unknown) => Served["handlers"], options as Options))
  return {} as Jobs<Handlers, Data>
}

/**
 * The options of `serve` and `serveWith`: a layer where the functions need services, and the schemas.
 *
 * @category models
 * @since 0.1.0
 */
export type ServeOptions<Handlers, ServicesLayer> = [Services<Handlers>] extends [never] ? [
    options?: {
      /** The schemas of the functions, the same as the pool has. Default: values are sent as they are. */
      readonly schemas?: Schemas<Handlers>
    }
  ]
  : [
    options: {
      /**
       * Provides the services of the functions' effects; for `serveWith` also a function of the data that returns the
       * layer. Required. If it cannot be built, the thread has not started: `ThreadFailed` with `"layer"`.
       */
      readonly layer: ServicesLayer
      /** The schemas of the functions, the same as the pool has. Default: values are sent as they are. */
      readonly schemas?: Schemas<Handlers>
    }
  ]

interface Options {
  readonly layer?: Layer.Layer<unknown, unknown> | ((data: never) => Layer.Layer<unknown, unknown>)
  readonly schemas?: CodecsByName
}

const start = async (init: Init, make: (data: unknown) => Served["handlers"], options: Options): Promise<void> => {
  const server = new Server(init)
  const { layer, schemas } = options
  // The module that is being evaluated: it is not so again, and there is to wait for its end.
  const loaded: Promise<unknown> = import(/* @vite-ignore */ /* webpackIgnore: true */ init.module)
  await server.start(loaded.then(async () => {
    const handlers = make(init.data)
    // A layer is no function.
    const layerOf = typeof layer === "function" ? layer as (data: unknown) => Served["layer"] : () => layer
    return { handlers: schemas === undefined ? handlers : await encoded(schemas, handlers), layer: layerOf(init.data) }
  }))
}

/** The codec is a large module, and most jobs have no schemas. */
const encoded = async (schemas: CodecsByName, handlers: Served["handlers"]): Promise<Served["handlers"]> => {
  const { encodedHandlers } = await import("../internal/threads/codec.js")
  return encodedHandlers(schemas, handlers)
}

/**
 * Marks objects within a value that are moved to the other thread rather than copied, such as an `ArrayBuffer` or a
 * `MessagePort`.
 *
 * **Details**
 *
 * Returns the value itself, which is the input of a call or the result of a function. Once the value is sent, the
 * objects of `list` are unusable on this side: their memory belongs to the other thread, whatever its size. Shared
 * memory need not be moved.
 *
 * **Gotchas**
 *
 * An object that was moved cannot be sent again: a call whose input was moved cannot be tried again, by a retry or on
 * another thread.
 *
 * **Example** (An image, without a copy)
 *
 * ```ts
 * import { ThreadWorker } from "sluice/threads"
 *
 * const pixels = new Uint8Array(64 * 1024 * 1024)
 * const input = ThreadWorker.transfer({ pixels, width: 4096 }, [pixels.buffer])
 * console.log(input.width, input.pixels.length) // => 4096 67108864
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const transfer: <A extends object>(value: A, list: ReadonlyArray<unknown>) => A = mark
