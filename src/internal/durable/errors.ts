import * as Data from "effect/Data"
import { format } from "effect/Formatter"

/**
 * The store of jobs, results or limits failed, or did not respond in time. The operation may have taken effect.
 *
 * @category errors
 * @since 0.1.0
 */
export class StoreError extends Data.TaggedError("StoreError")<{
  /** The operation, as `"DurableJob.submit"` or `"Limit.acquire"`. */
  readonly operation: string
  /** The name of the job or of the limit. */
  readonly of: string
  /** The error of the Redis or SQL client, or a `TimeoutError`. */
  readonly cause: unknown
}> {
  /** The operation, the name and the cause, which may be anything. */
  override get message(): string {
    return `${this.operation} of "${this.of}" failed: ${format(this.cause)}`
  }
}

/** The error of an operation on a job or a limit of that name, for `Effect.mapError`. */
export const failing = (operation: string, of: string) => (cause: unknown): StoreError =>
  new StoreError({ operation, of, cause })
