import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { StoreError } from "../errors.js"

/**
 * How many jobs of a kind the store has, by their state, in one snapshot (D9).
 *
 * @category models
 * @since 0.1.0
 */
export interface Counts {
  /** All jobs that the store keeps: the sum of the counts below. */
  readonly stored: number
  /** Jobs that are due, and that no process has claimed. */
  readonly ready: number
  /** Jobs that become due later: after their delay, or for another attempt. */
  readonly delayed: number
  /** Jobs that a process has claimed. The process may have died: until the claim is over, its job counts here. */
  readonly claimed: number
  /**
   * Jobs that have ended well, and that the engine has not forgotten yet. In Redis it keeps only jobs with an id of
   * your own.
   */
  readonly completed: number
  /** Dead letters: jobs that have used up their attempts, or whose payload does not decode (D10). */
  readonly failed: number
}

/**
 * A job that has used up its attempts, or whose payload does not decode.
 *
 * @category models
 * @since 0.1.0
 */
export interface DeadLetter {
  /** The id of the job. */
  readonly id: string
  /** The payload as it is stored: the JSON that the schema has encoded. */
  readonly payload: unknown
  /** How often the job was begun. */
  readonly attempts: number
  /** How its last attempt failed, as text. */
  readonly failure: string
  /** When it was given up: milliseconds since 1970. */
  readonly failedAt: number
}

/**
 * Some dead letters, the oldest first.
 *
 * @category models
 * @since 0.1.0
 */
export interface Page {
  /** The dead letters of this page. */
  readonly letters: ReadonlyArray<DeadLetter>
  /** Pass it as `after` for the next page. Undefined: this page is the last one. */
  readonly next: string | undefined
}

/**
 * The administration of a store. Each operation is one atomic step of the store's.
 *
 * @category services
 * @since 0.1.0
 */
export class Admin extends Context.Service<Admin, {
  /** Counts the jobs of a queue, in one snapshot. */
  readonly counts: (queue: string) => Effect.Effect<Counts, StoreError>
  /** Returns at most `limit` dead letters of a queue: the oldest of those after `after`. */
  readonly deadLetters: (queue: string, limit: number, after: string | undefined) => Effect.Effect<Page, StoreError>
  /** Returns whether the queue has a dead letter with this id. */
  readonly isDead: (queue: string, id: string) => Effect.Effect<boolean, StoreError>
  /** Has a dead letter begun again, with all its attempts. Returns false if there is none with this id. */
  readonly requeue: (queue: string, id: string) => Effect.Effect<boolean, StoreError>
  /** Removes a dead letter and its id. Returns false if there is none with this id. */
  readonly remove: (queue: string, id: string) => Effect.Effect<boolean, StoreError>
}>()("sluice/durable/Admin") {}

/** The page that the first `limit` of so many letters make. */
export const pageOf = <T>(
  found: ReadonlyArray<T>,
  limit: number,
  letterOf: (one: T) => DeadLetter,
  cursorOf: (one: T) => string
): Page => {
  const shown = found.slice(0, limit)
  const last = shown.at(-1)
  return { letters: shown.map(letterOf), next: found.length > limit && last !== undefined ? cursorOf(last) : undefined }
}
