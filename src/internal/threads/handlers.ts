import type * as Layer from "effect/Layer"
import type * as Stream from "effect/Stream"

/**
 * The second argument of a function, after its input.
 *
 * **Details**
 *
 * - `isCancelled`: whether somebody has cancelled this call. It changes at once, also in the midst of a loop; a
 *   function that is asked to stop may return whatever it likes. A call of it takes some ten nanoseconds. In a browser,
 *   where no memory is shared, it changes when the `signal` does.
 * - `signal`: the same as an `AbortSignal`, for functions that take one. The thread aborts it when it reads its
 *   messages: not while it computes.
 * - `report`: tells the caller how far this call is, if it was made by `runWithProgress`. Returns at once. A report is
 *   sent at most every 10 milliseconds, and the last one before the call ends: each one replaces an earlier one that
 *   has not been sent. After the call's end it does nothing. It throws if `progress` cannot be cloned.
 *
 * @category models
 * @since 0.1.0
 */
export interface JobContext<in Progress = never> {
  readonly isCancelled: () => boolean
  readonly signal: AbortSignal
  readonly report: (progress: Progress) => void
}

/** A function that a module serves. */
export type Handler = (input: never, context: JobContext<unknown>) => unknown

/** The parts of a module's call of `serve`, for the data of its thread. */
export interface Served {
  readonly handlers: Readonly<Record<string, Handler>>
  readonly layer: Layer.Layer<unknown, unknown> | undefined
}

// `Stream.isStream` would load Effect, of which most threads have no need.
const streamKey: Stream.TypeId = "~effect/Stream"

/** Returns the result of a job. Throws if it is a stream, which would fail later as a value that cannot be cloned. */
export const noStream = <A>(job: string, value: A): A => {
  if (typeof value !== "object" || value === null || !(streamKey in value)) return value
  throw new TypeError(
    `ThreadWorker.serve: the job ${
      JSON.stringify(job)
    } returned a Stream; a job has one result, such as Stream.runCollect`
  )
}

export const isThenable = (u: unknown): u is PromiseLike<unknown> =>
  typeof u === "object" && u !== null && "then" in u && typeof u.then === "function"
