import * as Data from "effect/Data"

/**
 * A request for more permits than the limit has in all (law F4): it could never be granted.
 *
 * @category errors
 * @since 0.1.0
 */
export class LimitExceeded extends Data.TaggedError("LimitExceeded")<{
  /** The name of the limit. */
  readonly limit: string
  /** How many permits the request asked for. */
  readonly requested: number
  /** How many permits the limit had in all when the request was refused. */
  readonly permits: number
}> {
  /** One line with the name and both numbers. */
  override get message(): string {
    return `${this.requested} permits requested of limit "${this.limit}", which has ${this.permits}`
  }
}

/**
 * The lease of an effect could not be renewed in time, or was over in the store (law F7). The effect was interrupted,
 * or had ended when the loss was noticed.
 *
 * @category errors
 * @since 0.1.0
 */
export class LeaseLost extends Data.TaggedError("LeaseLost")<{
  /** The name of the limit. */
  readonly limit: string
  /** The token of the lease that was lost. */
  readonly token: number
}> {
  /** One line with the name and the token. */
  override get message(): string {
    return `lease ${this.token} of limit "${this.limit}" was lost: its permits may have been granted again`
  }
}
