import type { Waiting } from "./Lane.js"
import type { Order as LaneOrder } from "./Order.js"

/**
 * A line of waiting jobs in an order of your own, for one pool.
 *
 * **Details**
 *
 * The pool calls `add` when a job begins to wait, in the queue or because its caller waits for room, and `remove` when
 * the job waits no more, because it was assigned to a worker or cancelled. Each `add` has a number that no other `add`
 * of the pool has, and is followed by exactly one `remove` with the same number; a job that comes back, for another
 * attempt or because its resource was lost, is added again. `next` returns the number of the job that goes next, of
 * those that wait; the pool calls it only while there is one.
 *
 * The pool calls these functions within its own steps, one at a time. They must not run effects or call the pool. If
 * one throws, or `next` returns a number that does not wait, the pool logs an error and goes on first come, first
 * served.
 *
 * @category models
 * @since 0.1.0
 */
export interface OrderLine<in Job> {
  readonly add: (job: Job, number: number) => void
  readonly remove: (job: Job, number: number) => void
  readonly next: () => number
}

/**
 * An order of your own, as the option `queue.order` takes it. Made by `WorkerPool.order`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Order<in Job> {
  /** Makes the line of one pool. */
  readonly makeLine: () => OrderLine<Job>
}

/** The result of `WorkerPool.order`. Only a program with an order of its own loads the code for that. */
export interface BuiltOrder<in Job> extends Order<Job> {
  readonly build: <J extends Waiting<Job, J>>(onMistake: (error: unknown) => void) => LaneOrder<Job, J>
}
