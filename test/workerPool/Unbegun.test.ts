/** The list of workers whose jobs have not begun, against a model: the jobs in order, and the workers in order. */
import type * as Scheduler from "effect/Scheduler"
import * as fc from "fast-check"
import { expect, test } from "vitest"
import { Unbegun } from "../../src/internal/workerPool/Unbegun.js"
import type { Worker } from "../../src/internal/workerPool/Worker.js"
import { times } from "../support/seed.js"

interface Turn {
  readonly worker: FakeWorker
  readonly run: () => void
}

/** The members of a job that the list uses. */
class FakeJob {
  worker: unknown = undefined
  isKept = false

  constructor(readonly id: number, readonly first: FakeWorker) {}

  keepContext(): void {
    this.isKept = true
  }
}

/** The members of a worker that the list uses. */
class FakeWorker {
  prev = undefined
  next = undefined
  job: FakeJob | undefined = undefined
  begins: Worker["begins"] = undefined
  turn: symbol | undefined = undefined

  constructor(private readonly world: World) {}

  take(job: FakeJob): void {
    this.job = job
    job.worker = this
  }

  go(): void {
    if (this.begins === "later") return
    this.turn = undefined
    this.world.unbegun.begin(real(this))
    this.world.begun.push(this.job!)
    this.job = undefined
  }
}

// The list uses no other members.
const real = (worker: FakeWorker): Worker => worker as unknown as Worker

class World {
  private requester: FakeWorker | undefined = undefined
  private readonly turns: Array<Turn> = []
  private readonly scheduler: Scheduler.Scheduler = {
    executionMode: "async",
    shouldYield: () => false,
    makeDispatcher: () => ({
      scheduleTask: (run) => void this.turns.push({ worker: this.requester!, run }),
      flush: () => {}
    })
  }
  readonly unbegun = new Unbegun(this.scheduler)
  readonly begun: Array<FakeJob> = []
  private readonly workers = Array.from({ length: 4 }, () => new FakeWorker(this))

  // The model.
  private given = 0
  private jobs: Array<FakeJob> = []
  private inLine: Array<FakeWorker> = []
  /** The turn of each worker that counts. */
  private readonly requested = new Map<FakeWorker, Turn>()

  private give(worker: FakeWorker): FakeJob {
    const job = new FakeJob(++this.given, worker)
    job.worker = worker
    worker.job = job
    return job
  }

  private postpone(worker: FakeWorker): void {
    const before = this.turns.length
    this.requester = worker
    this.unbegun.postpone(real(worker))
    expect(this.turns.length - before).toBe(this.requested.has(worker) ? 0 : 1)
    if (!this.requested.has(worker)) this.requested.set(worker, this.turns.at(-1)!)
  }

  private leave(worker: FakeWorker): void {
    this.inLine = this.inLine.filter((other) => other !== worker)
    this.unbegun.remove(real(worker))
    worker.job = undefined
  }

  /** The worker begins the oldest job. */
  private begins(worker: FakeWorker, task: () => void): void {
    const oldest = this.jobs.shift()!
    this.inLine = this.inLine.filter((other) => other !== worker)
    this.requested.delete(worker)
    const before = this.begun.length
    task()
    expect(this.begun.slice(before)).toEqual([oldest])
    if (worker !== oldest.first) expect(oldest.isKept).toBe(true)
  }

  run(kind: Kind, which: number): void {
    const free = this.workers.filter(({ job }) => job === undefined)
    const one = this.inLine[which % this.inLine.length]
    const other = free[which % free.length]
    if (kind === "turn") this.turn(which)
    else if (kind === "add" || kind === "addLater" || kind === "loseBegun") {
      if (other !== undefined) this.bring(kind, other)
    } else if (one !== undefined) this.change(kind, one)
    expect(this.unbegun.size).toBe(this.jobs.length)
    expect(this.inLine.map(({ job }) => job?.id)).toEqual(this.jobs.map(({ id }) => id))
    for (const worker of this.inLine) expect(worker.job?.worker).toBe(worker)
  }

  private bring(kind: "add" | "addLater" | "loseBegun", worker: FakeWorker): void {
    const job = this.give(worker)
    if (kind === "loseBegun") {
      // Older than all that have not begun.
      this.unbegun.handDown(real(worker))
      this.jobs.unshift(job)
      expect(worker.job).toBe(this.jobs.pop())
      worker.job = undefined
      return
    }
    if (kind === "add") this.unbegun.add(real(worker), "now")
    else this.postpone(worker)
    this.jobs.push(job)
    this.inLine.push(worker)
    expect(job.isKept).toBe(kind === "addLater")
  }

  private change(kind: "go" | "postpone" | "cancel" | "lose", worker: FakeWorker): void {
    if (kind === "go" && worker.begins === "now") this.begins(worker, () => worker.go())
    if (kind === "postpone") this.postpone(worker)
    if (kind === "cancel") {
      this.jobs = this.jobs.filter((job) => job !== worker.job)
      this.leave(worker)
    }
    if (kind === "lose") {
      this.unbegun.handDown(real(worker))
      expect(worker.job).toBe(this.jobs.pop())
      this.leave(worker)
    }
  }

  private turn(which: number): void {
    const [turn] = this.turns.splice(which % this.turns.length, 1)
    if (turn === undefined) return
    const { run, worker } = turn
    const counts = this.requested.get(worker) === turn
    if (counts) this.requested.delete(worker)
    if (counts && worker.begins === "later") return this.begins(worker, run)
    const before = this.begun.length
    run()
    expect(this.begun.length).toBe(before)
  }
}

const kinds = ["add", "addLater", "go", "postpone", "cancel", "lose", "loseBegun", "turn"] as const
type Kind = typeof kinds[number]

test("jobs begin in the order in which they were given, and each worker has one turn requested", () =>
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...kinds), fc.nat(11)), { maxLength: 40 }), (operations) => {
      const world = new World()
      for (const [kind, which] of operations) world.run(kind, which)
    }),
    { numRuns: times(1_000) }
  ))
