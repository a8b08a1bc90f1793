import type * as Scheduler from "effect/Scheduler"
import { inLaterTurn } from "../dispatcher.js"
import { List } from "../List.js"
import type { AnyJob } from "./Pool.js"
import type { Worker } from "./Worker.js"

/** The worker has the job, in the books. */
export const give = (worker: Worker, job: AnyJob): void => {
  worker.job = job
  job.worker = worker
}

/**
 * Workers that have been given a job and begin it in a later turn of the event loop (P16), which is requested as the
 * worker becomes free. They stand in the order in which their jobs were given, and the jobs begin in that order, whichever
 * worker's turn comes first: workers hand their jobs to each other.
 */
export class Delayed {
  private readonly workers = new List<Worker>()

  constructor(private readonly scheduler: Scheduler.Scheduler) {}

  get size(): number {
    return this.workers.size
  }

  /** The worker has a job. If its turn has been requested already, since it became free, it begins then. */
  add(worker: Worker): void {
    worker.isDelayed = true
    this.workers.push(worker)
    // The turn in which it begins is not its caller's.
    worker.job?.keepContext()
    if (worker.turn !== undefined) return
    const turn = worker.turn = Symbol("turn")
    inLaterTurn(this.scheduler, () => {
      // Another request has followed, or the worker has begun a job without.
      if (worker.turn !== turn) return
      worker.turn = undefined
      if (!worker.isDelayed) return
      this.handOldestTo(worker)
      this.remove(worker)
      worker.go()
    })
  }

  /** Its job is not to begin on it, after all. */
  remove(worker: Worker): void {
    worker.isDelayed = false
    this.workers.remove(worker)
  }

  /**
   * The worker cannot begin its job. Each job that is as old or younger moves to the next worker in line, so that the order
   * of the jobs stays, and this worker has the youngest one.
   */
  handDown(worker: Worker): void {
    let { job } = worker
    for (let other = worker.isDelayed ? worker.next : this.workers.head; other !== undefined; other = other.next) {
      const next = other.job
      if (job === undefined) return
      job.keepContext()
      give(other, job)
      job = next
    }
    if (job !== undefined) give(worker, job)
  }

  /** Takes the oldest job, and with it the worker that had it, which has none then. */
  takeOldest(): { readonly worker: Worker; readonly job: AnyJob } | undefined {
    const worker = this.workers.head
    const job = worker?.job
    if (worker === undefined || job === undefined) return undefined
    this.remove(worker)
    worker.job = undefined
    return { worker, job }
  }

  /** The others keep the order of their jobs. */
  private handOldestTo(last: Worker): void {
    const oldest = this.workers.head?.job
    for (let worker = this.workers.head; worker !== undefined && worker !== last; worker = worker.next) {
      if (worker.next?.job !== undefined) give(worker, worker.next.job)
    }
    if (oldest !== undefined) give(last, oldest)
  }
}
