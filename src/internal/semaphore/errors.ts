import * as Data from "effect/Data"

/**
 * A request for more permits than the semaphore has in all (law S4): it could never be granted.
 *
 * @category errors
 * @since 0.1.0
 */
export class CapacityExceeded extends Data.TaggedError("CapacityExceeded")<{
  readonly requested: number
  readonly capacity: number
}> {
  override get message(): string {
    return `${this.requested} permits requested of a semaphore whose capacity is ${this.capacity}`
  }
}
