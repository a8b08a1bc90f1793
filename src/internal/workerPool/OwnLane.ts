import { Arrivals, Lane, type Line, type Waiting } from "./Lane.js"
import { OneLane } from "./Order.js"
import type { BuiltOrder, OrderLine } from "./ownOrder.js"

/**
 * The user's line, and which job each of its numbers is. "failed": it has made a mistake, and is not asked any more.
 */
class Chooser<Job, J extends Waiting<Job, J>> {
  private readonly jobs = new Map<number, J>()
  private readonly numbers = new Map<J, number>()
  private last = 0
  private state: "asked" | "failed" = "asked"
  /** A job that has left one list, and may enter another in the same step: then the user's line hears of neither. */
  private leaving: J | undefined = undefined

  constructor(private readonly line: OrderLine<Job>, private readonly onMistake: (error: unknown) => void) {}

  add(job: J): void {
    if (this.leaving === job) {
      this.leaving = undefined
      return
    }
    this.settle()
    const number = ++this.last
    this.jobs.set(number, job)
    this.numbers.set(job, number)
    this.ask(() => this.line.add(job.input, number))
  }

  remove(job: J): void {
    this.settle()
    this.leaving = job
  }

  /** A step of the queue is over. */
  settle(): void {
    const job = this.leaving
    const number = job && this.numbers.get(job)
    this.leaving = undefined
    if (job === undefined || number === undefined) return
    this.numbers.delete(job)
    this.jobs.delete(number)
    this.ask(() => this.line.remove(job.input, number))
  }

  /** The job that the user's line says is next; undefined where it cannot be asked. */
  get next(): J | undefined {
    this.settle()
    if (this.jobs.size === 0) return undefined
    return this.ask(() => {
      const number = this.line.next()
      const job = this.jobs.get(number)
      if (job === undefined) throw new RangeError(`WorkerPool.order: next returned ${number}, which does not wait`)
      return job
    })
  }

  private ask<X>(question: () => X): X | undefined {
    if (this.state === "failed") return undefined
    try {
      return question()
    } catch (error) {
      this.state = "failed"
      this.onMistake(error)
      return undefined
    }
  }
}

/** A list whose jobs the chooser knows as well. */
class KnownLine<Job, J extends Waiting<Job, J>> extends Arrivals<J> implements Line<J> {
  constructor(private readonly chooser: Chooser<Job, J>) {
    super()
  }

  override push(job: J): void {
    super.push(job)
    this.chooser.add(job)
  }

  override unshift(job: J): void {
    super.unshift(job)
    this.chooser.add(job)
  }

  override remove(job: J): J {
    this.chooser.remove(job)
    return super.remove(job)
  }
}

/** A lane whose next job is the user's choice, and, where there is none, the one that has waited longest. */
class OwnLane<Job, J extends Waiting<Job, J>> extends Lane<Job, J> {
  constructor(private readonly chooser: Chooser<Job, J>) {
    super(undefined, 1, Infinity, () => new KnownLine<Job, J>(chooser))
  }

  override get head(): J | undefined {
    return this.chooser.next ?? super.head
  }
}

/** One lane in an order of the user's own. */
class OwnOrder<Job, J extends Waiting<Job, J>> extends OneLane<Job, J> {
  override readonly spent: () => void
  override readonly changed: () => void

  constructor(chooser: Chooser<Job, J>) {
    super(undefined, new OwnLane<Job, J>(chooser))
    this.spent = this.changed = () => chooser.settle()
  }
}

export const ownOrder = <Job>(makeLine: () => OrderLine<Job>): BuiltOrder<Job> => ({
  makeLine,
  build: <J extends Waiting<Job, J>>(onMistake: (error: unknown) => void) =>
    new OwnOrder<Job, J>(new Chooser<Job, J>(makeLine(), onMistake))
})
