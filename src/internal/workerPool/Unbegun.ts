import type * as Scheduler from "effect/Scheduler"
import { inLaterTurn } from "../dispatcher.js"
import { List } from "../List.js"
import type { Worker } from "./Worker.js"

/** Two workers exchange their jobs, each of which may begin in another turn then. */
const swap = (one: Worker, other: Worker): void => {
  const { job } = one
  if (job === undefined || other.job === undefined) return
  job.keepContext()
  other.job.keepContext()
  one.take(other.job)
  other.take(job)
}

/**
 * Workers that have a job and have not begun it, in the order in which the jobs were given. Some begin in this turn, as
 * soon as the fibers that wait for an end have run; others in a later turn, which is requested as the worker becomes
 * free (P16). Jobs begin in the order of this list, whichever worker begins first: the workers exchange their jobs.
 */
export class Unbegun {
  private readonly workers = new List<Worker>()

  constructor(private readonly scheduler: Scheduler.Scheduler) {}

  get size(): number {
    return this.workers.size
  }

  /** The worker is to begin its job, in this turn or in a later one. */
  add(worker: Worker, begins: "now" | "later"): void {
    if (begins === "later") return this.postpone(worker)
    worker.begins = "now"
    this.workers.push(worker)
  }

  /** The worker begins its job in a later turn: in the one that has been requested since it became free, if any. */
  postpone(worker: Worker): void {
    if (worker.begins === undefined) this.workers.push(worker)
    worker.begins = "later"
    // The turn in which it begins is not its caller's.
    worker.job?.keepContext()
    if (worker.turn !== undefined) return
    const turn = worker.turn = Symbol("turn")
    inLaterTurn(this.scheduler, () => {
      // Another request has followed, or the worker has begun a job without.
      if (worker.turn !== turn) return
      worker.turn = undefined
      if (worker.begins !== "later") return
      worker.begins = "now"
      worker.go()
    })
  }

  /** Its job is not to begin on it, after all. */
  remove(worker: Worker): void {
    if (worker.begins === undefined) return
    worker.begins = undefined
    this.workers.remove(worker)
  }

  /** The worker begins a job: the oldest one. */
  begin(worker: Worker): void {
    worker.turn = undefined
    if (worker.begins === undefined) return
    for (let other = worker.prev; other !== undefined; other = other.prev) swap(worker, other)
    this.remove(worker)
  }

  /** The worker cannot begin its job. It gets the youngest one, and each worker behind it the one before its own. */
  handDown(worker: Worker): void {
    const first = worker.begins === undefined ? this.workers.head : worker.next
    for (let other = first; other !== undefined; other = other.next) swap(worker, other)
  }

  /** The turn that was requested for the worker counts no more: its resource is a new one. */
  forgetTurn(worker: Worker): void {
    worker.turn = undefined
  }
}
