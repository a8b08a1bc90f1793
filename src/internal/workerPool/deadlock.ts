import type { AnyJob } from "./Pool.js"
import type { Worker } from "./Worker.js"

/**
 * What a job, in its own fiber, waits for: the end of another job; "room", which comes when some worker takes the next
 * job; or "end", that of all jobs but those that wait for it, too.
 */
export type Wait = AnyJob | "room" | "end"

/** What the pool knows when one of its jobs is about to wait. */
export interface Question {
  readonly workers: Iterable<Worker>
  /** How many of them are to stay. */
  readonly size: number
  readonly queued: number
  /** Jobs that wait too long leave the queue by themselves; and if there is one, make room for others. */
  readonly expires: boolean
  readonly hasQueue: boolean
  readonly inside: Worker
  readonly wait: Wait
  /** Waits that the operation in question is going to end. */
  readonly ends: (wait: Wait) => boolean
}

/**
 * P9: whether a wait has no end. "circle": what the job waits for waits for the job itself. "exhausted": some worker
 * would have to become free, and the jobs of all of them wait like this one.
 */
export const verdict = (question: Question): "circle" | "exhausted" | undefined =>
  isEndless(question, true) ? "circle" : isEndless(question, false) ? "exhausted" : undefined

/**
 * Begins with all jobs that wait, and takes away those that may go on, until none is left that may: then the rest wait
 * for nothing but each other. Whether another worker is free as well is `hasFree`, or is judged by who is left.
 *
 * O(waiting jobs), times the length of the longest chain of them.
 */
const isEndless = (
  { ends, expires, hasQueue, inside, queued, size, wait, workers }: Question,
  hasFree: boolean
): boolean => {
  const stuck = new Map<Worker, Wait>([[inside, wait]])
  for (const worker of workers) {
    // One whose interrupt is on its way is about to go on. One that has got it, and waits, cannot be interrupted there.
    const waits = worker.job?.interrupts === 0 ? worker.waitsFor : undefined
    if (waits !== undefined && !ends(waits)) stuck.set(worker, waits)
  }
  for (let before = Infinity; stuck.size < before;) {
    before = stuck.size
    // One that leaves after its job serves nobody any more.
    const isServed = hasFree || [...stuck.keys()].filter(({ wanted }) => wanted).length < size
    const allEnd = (queued === 0 || isServed || expires) && [...stuck.values()].every((wait) => wait === "end")
    for (const [worker, wait] of stuck) {
      const goesOn = wait === "end"
        ? allEnd
        : wait === "room" || wait.phase === "blocked"
        ? isServed || (expires && hasQueue)
        : wait.worker === undefined
        // What is between two attempts goes on by itself, at least until the next one.
        ? isServed || expires || wait.phase === "retrying"
        : !stuck.has(wait.worker)
      if (goesOn) stuck.delete(worker)
    }
  }
  return stuck.has(inside)
}
