import * as Cause from "effect/Cause"
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

/**
 * A cause as text. An error of the user's may be anything: a text of it may throw, or have the character 0, which no
 * text of PostgreSQL has.
 */
export const textOf = (cause: Cause.Cause<unknown>): string => {
  try {
    return Cause.pretty(cause).replaceAll("\0", "\uFFFD")
  } catch {
    return "Error: an error that has no text"
  }
}

/**
 * A failure with the same text, for an engine that stores the text. An engine (4.1) that could not make or store it
 * would renew the claim for as long as the process lives. Interrupts alone stay: they give the claim back.
 */
export const storable = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> => {
  if (Cause.hasInterruptsOnly(cause)) return cause
  const text = textOf(cause)
  // Without a stack, so that `Cause.pretty` returns the text again.
  const [, name = "Error", message = text] = /^([^\n:]+): ([^]*)$/.exec(text) ?? []
  return Cause.fail({ name, message })
}
