import type * as Scheduler from "effect/Scheduler"
import { inLaterTurn } from "../dispatcher.js"
import { List } from "../List.js"
import type { AnyJob } from "./Pool.js"
import type { Worker } from "./Worker.js"

/** The worker takes over the job, which may begin in another turn on it. */
const give = (worker: Worker, job: AnyJob): void => {
  job.keepContext()
  worker.job = job
  job.worker = worker
}

/**
 * Workers that have a job and have not begun it, in the order in which the jobs were given. Some begin in this turn, as soon
 * as the fibers that wait for an end have run; others in a later turn, which is requested as the worker becomes free
 * (P16). Jobs begin in the order of this list, whichever worker is the first to begin one: the workers hand their jobs to
 * each other.
 */
export class Unbegun {
  private readonly workers = new List<Worker>()

  constructor(private readonly scheduler: Scheduler.Scheduler) {}

  get size(): number {
    return this.workers.size
  }

  /** The worker is about to begin its job, in this turn. */
  add(worker: Worker): void {
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
    if (worker.begins === undefined) return
    if (worker !== this.workers.head) this.handOldestTo(worker)
    this.remove(worker)
  }

  /** Each worker before it takes over the job of the next one, so that the order of the jobs stays. */
  private handOldestTo(worker: Worker): void {
    const oldest = this.workers.head?.job
    for (let other = this.workers.head; other !== undefined && other !== worker; other = other.next) {
      if (other.next?.job !== undefined) give(other, other.next.job)
    }
    if (oldest !== undefined) give(worker, oldest)
  }

  /**
   * The worker cannot begin its job. Each job that is as old or younger moves to the next worker in line, so that the order
   * of the jobs stays, and this worker has the youngest one.
   */
  handDown(worker: Worker): void {
    let { job } = worker
    for (let other = worker.begins === undefined ? this.workers.head : worker.next; other; other = other.next) {
      const next = other.job
      if (job === undefined) return
      give(other, job)
      job = next
    }
    if (job !== undefined && job !== worker.job) give(worker, job)
  }
}
