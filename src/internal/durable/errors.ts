import * as Data from "effect/Data"

/**
 * A store could not be asked: the network, the database or the broker failed. The operation may have taken effect.
 *
 * @category errors
 * @since 0.1.0
 */
export class StoreError extends Data.TaggedError("StoreError")<{
  /** The operation, as `"DurableJob.submit"`. */
  readonly operation: string
  /** The error of the store. */
  readonly cause: unknown
}> {
  /** One line that names the operation. The store's error is its `cause`. */
  override get message(): string {
    return `${this.operation}: the store failed`
  }
}

/** The error of an operation, for \`Effect.mapError\`. */
export const failing = (operation: string) => (cause: unknown): StoreError => new StoreError({ operation, cause })
