import type * as Layer from "effect/Layer"
import type * as Stream from "effect/Stream"

/**
 * The second argument of a function, after its input.
 *
 * @category models
 * @since 0.1.0
 */
export interface JobContext<in Progress = never> {
  /** Returns whether this call was cancelled. */
  readonly isCancelled: {
    /**
     * Returns whether this call was cancelled. It changes immediately, also in the middle of a loop: call it there, it
     * takes some ten nanoseconds. A function that is cancelled may return any value. In a browser without shared memory
     * it changes when the `signal` does.
     */
    (): boolean
  }
  /**
   * The same as an `AbortSignal`, for functions that take one. The thread aborts it when it reads its messages: not
   * while it computes.
   */
  readonly signal: AbortSignal
  /**
   * Reports the progress of this call to a caller of `runWithProgress`; does nothing for any other caller, and after
   * the call's end.
   */
  readonly report: {
    /**
     * Reports the progress of this call to a caller of `runWithProgress`; does nothing for any other caller, and after
     * the call's end. Returns immediately. Reports are sent at most every 10 milliseconds, and the last one before the
     * call ends: each replaces an earlier one that was not sent yet. Throws if `progress` cannot be cloned.
     */
    (progress: Progress): void
  }
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
