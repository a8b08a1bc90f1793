import type { AnyJob } from "./Job.js"
import type { Worker } from "./Worker.js"

/**
 * The reason why a job's own fiber waits: for the end of another job; for "room", which comes when some worker takes
 * the next job, or a job leaves the queue; for a "worker" that becomes free; or for the "end" of all jobs that do not
 * wait for the end themselves.
 */
export type Wait = AnyJob | "room" | "worker" | "end"

/** The pool at the moment when one of its jobs is about to wait. */
export interface Situation {
  /** How many workers there may come to be. */
  readonly reach: number
  readonly queued: number
  readonly retrying: number
  /** Jobs that wait too long leave the queue by themselves; and if there is one, make room for others. */
  readonly expires: boolean
  readonly hasQueue: boolean
}

/**
 * The jobs that are suspended in an operation of their own pool, by worker, and what each of them waits for (P9).
 *
 * A wait deadlocks if nothing could end it. Nearly always the answer is cheap: another worker is left, or the awaited
 * job does not wait itself. Otherwise all waits are looked at, in O(waits) times the length of their longest chain.
 */
export class Waits {
  private readonly byWorker = new Map<Worker, Wait>()

  constructor(private readonly situation: () => Situation) {}

  get size(): number {
    return this.byWorker.size
  }

  has(worker: Worker): boolean {
    return this.byWorker.has(worker)
  }

  /** The worker's job begins to wait. Returns what ends the wait. */
  begin(worker: Worker, wait: Wait): () => void {
    this.byWorker.set(worker, wait)
    return () => {
      this.byWorker.delete(worker)
    }
  }

  /**
   * Whether the wait that the job of `inside` is about to begin has no end. "circle": the job it waits for waits for
   * that job. "exhausted": some worker would have to become free, and the jobs of all of them wait like this one.
   * `ends` are waits that the operation itself is going to end.
   */
  verdict(inside: Worker, wait: Wait, ends: (wait: Wait) => boolean): "circle" | "exhausted" | undefined {
    const situation = this.situation()
    if (this.goesOn(situation, inside, wait)) return undefined
    const stuck = new Map<Worker, Wait>([[inside, wait]])
    for (const [worker, wait] of this.byWorker) {
      // A job whose interrupt is on its way is about to go on. A job that has got its interrupt, and waits, is not.
      if (worker.job?.interrupts === 0 && !ends(wait)) stuck.set(worker, wait)
    }
    if (isEndless(situation, new Map(stuck), inside, true)) return "circle"
    return isEndless(situation, stuck, inside, false) ? "exhausted" : undefined
  }

  private goesOn({ queued, reach, retrying }: Situation, inside: Worker, wait: Wait): boolean {
    if (wait === "end") return this.size === 0 && queued + retrying === 0
    const target = typeof wait === "string" ? undefined : wait.worker
    return target === undefined ? this.size + 1 < reach : target !== inside && !this.has(target)
  }
}

/**
 * Begins with all jobs that wait, and takes away those that may go on, until none is left that may: then the rest wait
 * for nothing but each other. Whether another worker is free as well is `hasFree`, or is judged by who is left.
 */
const isEndless = (
  { expires, hasQueue, queued, reach }: Situation,
  stuck: Map<Worker, Wait>,
  inside: Worker,
  hasFree: boolean
): boolean => {
  for (let before = Infinity; stuck.size < before;) {
    before = stuck.size
    // A worker that leaves after its job serves nobody any more.
    const isServed = hasFree || [...stuck.keys()].filter(({ wanted }) => wanted).length < reach
    const allEnd = (queued === 0 || isServed || expires) && [...stuck.values()].every((wait) => wait === "end")
    for (const [worker, wait] of stuck) {
      const goesOn = wait === "end"
        ? allEnd
        : wait === "worker"
        ? isServed
        : wait === "room" || wait.phase === "blocked"
        ? isServed || (expires && hasQueue)
        : wait.worker === undefined
        // A job between two attempts goes on by itself, at least until the next one.
        ? isServed || expires || wait.phase === "retrying"
        : !stuck.has(wait.worker)
      if (goesOn) stuck.delete(worker)
    }
  }
  return stuck.has(inside)
}
