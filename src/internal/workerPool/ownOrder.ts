import type { Waiting } from "./Lane.js"
import type { Order as LaneOrder } from "./Order.js"

/**
 * A line of waiting jobs in an order of your own, for one pool.
 *
 * **Details**
 *
 * The pool calls these functions within its own steps, one at a time. They must not run effects or call the pool. If
 * one throws, or `next` returns a number that does not wait, the pool logs an error and serves first come, first served
 * from then on.
 *
 * @category models
 * @since 0.1.0
 */
export interface OrderLine<in Job> {
  /**
   * A job begins to wait: in the queue, or because its caller waits for room. No other call of `add` in this pool has
   * the same `number`. A job that comes back, for another attempt or because its resource was lost, is added again.
   */
  readonly add: (job: Job, number: number) => void
  /**
   * The job of this `number` no longer waits: it was assigned to a worker, or cancelled. Comes exactly once for each
   * `add`.
   */
  readonly remove: (job: Job, number: number) => void
  /** Returns the number of the job that goes next, one of those that wait. Called only while a job waits. */
  readonly next: () => number
}

/**
 * An order of your own, for the option `queue.order`. The result of `WorkerPool.order`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Order<in Job> {
  /** Makes the line of one pool. Each pool that has this order calls it once. */
  readonly makeLine: () => OrderLine<Job>
}

/** The result of `WorkerPool.order`. Only a program with an order of its own loads the code for that. */
export interface BuiltOrder<in Job> extends Order<Job> {
  readonly build: <J extends Waiting<Job, J>>(onMistake: (error: unknown) => void) => LaneOrder<Job, J>
}
