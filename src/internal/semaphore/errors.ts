import * as Data from "effect/Data"

/**
 * A request for more permits than the semaphore has in all (law S4): it could never be granted.
 *
 * @category errors
 * @since 0.1.0
 */
export class CapacityExceeded extends Data.TaggedError("CapacityExceeded")<{
  /** How many permits the request asked for. In `withAll`, the sum of its requests of this semaphore. */
  readonly requested: number
  /** How many permits the semaphore had in all when the request was refused. */
  readonly capacity: number
}> {
  /** One line with both numbers. */
  override get message(): string {
    return `${this.requested} permits requested of a semaphore whose capacity is ${this.capacity}`
  }
}
