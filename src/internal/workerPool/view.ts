import type { List } from "../List.js"
import type { Detail, Hold, JobView, Line, Node, Taking, View, Wait, WorkerView } from "../view.js"
import type { PoolJob } from "./Job.js"
import type { Lifecycle } from "./Lifecycle.js"
import type { Deadlines, Reservations, Retries } from "./parts.js"
import type { Queue } from "./Queue.js"
import type { Roster } from "./Roster.js"
import { type Call, isCall, type Observer, ResultReader, type Suspended } from "./Suspended.js"
import type { Worker } from "./Worker.js"

/** The rooms of a pool, for who reads them. */
export interface Books<in out Job, in out A, in out E> {
  readonly self: object
  readonly name: string | undefined
  readonly reach: number
  readonly stats: () => object
  readonly roster: Roster
  readonly queue: Queue<Job, A, E>
  readonly deadlines: Deadlines<Job, A, E> | undefined
  readonly retries: Retries<Job, A, E> | undefined
  readonly lifecycle: Lifecycle
  readonly idlers: List<Observer<void>>
  readonly starter: Pick<Suspended<never>, "fiber"> | undefined
  readonly reservations: Reservations | undefined
  readonly calls: Iterable<Call>
}

/** The pool as `sluice/inspect` sees it: the reader of all rooms. Changes nothing. */
export const viewOf = <Job, A, E>(books: Books<Job, A, E>, detail: Detail): View | undefined =>
  detail !== "all" && isAtRest(books) ? undefined : new Reader(books).view

const isAtRest = <Job, A, E>(
  { calls, idlers, lifecycle, queue, reservations, retries, roster, starter }: Books<Job, A, E>
): boolean =>
  queue.size + queue.blocked + (retries?.size ?? 0) + idlers.size + lifecycle.waiting === 0 &&
  (reservations === undefined || reservations.count + reservations.wanted === 0) &&
  starter === undefined &&
  roster.workers.every(({ state }) => state === "idle") && [...calls].length === 0

interface Observing<in out Job, in out A, in out E> {
  readonly by: Node
  readonly job: PoolJob<Job, A, E>
  readonly observer: object
}

class Reader<in out Job, in out A, in out E> {
  private readonly running: ReadonlyArray<readonly [worker: Worker, job: PoolJob<Job, A, E>]>
  private readonly queued: ReadonlyArray<PoolJob<Job, A, E>>
  private readonly blocked: ReadonlyArray<PoolJob<Job, A, E>>
  private readonly retrying: ReadonlyArray<PoolJob<Job, A, E>>
  /** The fibers that wait for one job each. */
  private readonly observing: Array<Observing<Job, A, E>> = []
  /** The calls that wait for several. */
  private readonly calls: Set<Call>
  private readonly workers: Line
  private readonly keys = new Map<unknown, Line>()

  constructor(private readonly books: Books<Job, A, E>) {
    const { queue, reach, reservations, retries, roster, self } = books
    // A worker only ever has this pool's jobs.
    this.running = roster.workers.flatMap((worker) => {
      const job = worker.job as PoolJob<Job, A, E> | undefined
      return job === undefined ? [] : [[worker, job] as const]
    })
    const lanes = [...queue.order.lanes]
    this.queued = lanes.flatMap(({ queued, unbounded }) => [...queued, ...unbounded])
    this.blocked = lanes.flatMap(({ blocked }) => [...blocked])
    this.retrying = [...retries?.jobs ?? []]
    this.calls = new Set(books.calls)
    for (const job of this.jobs) {
      for (const observer of job.observers) {
        const { by } = observer
        if (isCall(by)) this.calls.add(by)
        else if (by !== undefined) this.observing.push({ by, job, observer })
      }
    }
    this.workers = {
      of: "workers",
      capacity: reach,
      // A worker that leaves after its job serves nobody any more.
      holds: roster.workers.filter(({ state, wanted }) => wanted && state !== "idle").map((worker): Hold => ({
        node: nodeOf(worker),
        weight: 1,
        until: "exit",
        key: worker.job ?? worker
      })).concat(reservations?.holds ?? []),
      self
    }
    for (const { key, limit } of lanes) {
      if (limit === Infinity) continue
      const jobs = this.running.filter(([, { lane }]) => lane?.key === key)
      const holds = jobs.map(([worker, job]): Hold => ({ node: nodeOf(worker), weight: 1, until: "exit", key: job }))
      this.keys.set(key, { of: "jobs of the key", key, capacity: limit, holds, self })
    }
  }

  get view(): View {
    const { books: { deadlines, lifecycle, name, queue, roster, self, stats } } = this
    const isBounded = deadlines?.limits.run === true || lifecycle.hasTimer
    return {
      version: 1,
      kind: "pool",
      name,
      self,
      stats: stats(),
      lines: [this.workers, ...this.keys.values()],
      waits: [...this.jobWaits, ...this.callerWaits, ...this.poolWaits],
      takes: this.takes,
      jobs: this.jobs.map((job) => jobView(job, this.keys.get(job.lane?.key))),
      workers: roster.workers.map(workerView),
      bounded: isBounded ? this.running.map(([worker]) => nodeOf(worker)) : [],
      replaceable: queue.slides ? this.queued : []
    }
  }

  private get jobs(): ReadonlyArray<PoolJob<Job, A, E>> {
    return this.running.map(([, job]) => job).concat(this.queued, this.blocked, this.retrying)
  }

  /** The jobs that are no fibers yet, and those that are. */
  private get jobWaits(): ReadonlyArray<Wait> {
    const { books: { deadlines, lifecycle, queue, retries } } = this
    const expires = deadlines?.limits.wait === true ? "the deadline of its wait" : undefined
    const ends = endOf(lifecycle) ?? expires
    const waitsForWorker = (job: PoolJob<Job, A, E>, ends: string | undefined): Wait => {
      const key = this.keys.get(job.lane?.key)
      const rooms: Wait["rooms"] = key === undefined ? [[this.workers, 1]] : [[this.workers, 1], [key, 1]]
      return { node: job, who: "job", for: "a worker", rooms, ends, key: job }
    }
    return [
      ...this.running.flatMap(([worker, job]) => worker.fiber === undefined ? [] : [follows(job, worker.fiber)]),
      ...this.queued.map((job) => waitsForWorker(job, ends)),
      // Jobs whose wait is over make room, where there is any.
      ...this.blocked.map((job) => waitsForWorker(job, queue.capacity > 0 ? ends : undefined)),
      ...this.retrying.flatMap((job) => {
        const fiber = retries?.fiberOf(job)
        return fiber === undefined ? [] : [follows(job, fiber)]
      })
    ]
  }

  /** The fibers that wait for jobs. */
  private get callerWaits(): ReadonlyArray<Wait> {
    const waits = this.observing.map(({ by, job, observer }): Wait => ({
      node: by,
      who: "fiber",
      for: titleOf(job),
      all: [job],
      key: observer
    }))
    return [...waits, ...this.submitterWaits, ...[...this.calls].flatMap((call) => call.waits)]
  }

  private get takes(): ReadonlyArray<Taking> {
    const own = this.observing.filter(({ observer }) => !(observer instanceof ResultReader))
    return [...own.map(({ by, job }) => ({ by, nodes: [job] })), ...[...this.calls].map((call) => call.takes)]
  }

  /**
   * The fibers that wait for room in the queue. One goes on when its job begins, or when a job leaves the queue before
   * its own begins: that of a caller that leaves. While any job of the queue may leave, none of them counts as stuck.
   */
  private get submitterWaits(): ReadonlyArray<Wait> {
    const { blocked, books: { queue }, queued } = this
    const waits = blocked.flatMap((job): ReadonlyArray<Wait> => {
      const { submitter } = job
      if (submitter?.by === undefined) return []
      const any = queued.length === 0 ? [job] : [job, queue]
      return [{ node: submitter.by, who: "fiber", for: "room in the queue", any, key: submitter }]
    })
    if (waits.length === 0 || queued.length === 0) return waits
    return [...waits, { node: queue, who: "event", for: "room in the queue", any: queued, key: queue }]
  }

  /** The fibers that wait for the pool as a whole. */
  private get poolWaits(): ReadonlyArray<Wait> {
    const { books: { idlers, lifecycle, reservations, roster, starter }, jobs } = this
    const waits: Array<Wait> = [...reservations?.waits(this.workers, endOf(lifecycle)) ?? []]
    if (starter !== undefined) {
      const acquiring = roster.workers.filter(({ state }) => state === "acquiring").map(nodeOf)
      waits.push({ node: starter.fiber, who: "fiber", for: "resources for the workers", all: acquiring, key: starter })
    }
    if (idlers.size > 0) waits.push({ node: idlers, who: "event", for: "all jobs", all: jobs, key: idlers })
    for (const idler of idlers) {
      if (idler.by !== undefined) {
        waits.push({ node: idler.by, who: "fiber", for: "the last job", all: [idlers], key: idler })
      }
    }
    if (lifecycle.waiting === 0) return waits
    const ends = lifecycle.hasTimer ? "the deadline of the shutdown" : undefined
    // Only an acquisition that cannot be interrupted keeps a pool from its end.
    const homes = roster.workers.filter(({ job, state }) =>
      job === undefined && (state === "releasing" || (lifecycle.isEnding && state === "acquiring"))
    )
    const all = [...jobs, ...homes.map(nodeOf)]
    const parts = new Set<object>()
    for (const part of lifecycle.parts) {
      parts.add(nodeOf(part))
      if (part.job !== undefined) parts.add(part.job)
    }
    const others = all.filter((node) => !parts.has(node))
    const { events } = lifecycle
    waits.push({ node: events.outside, who: "event", for: "all jobs", all, key: events.outside })
    waits.push({ node: events.inside, who: "event", for: "all other jobs", all: others, key: events.inside })
    for (const ender of lifecycle.enders) {
      const event = ender.part === undefined ? events.outside : events.inside
      waits.push({ node: ender.fiber, who: "fiber", for: "the end", all: [event], ends, key: ender })
    }
    return waits
  }
}

/** The fiber on which it depends that the worker becomes free; its job, where that has no fiber yet. */
const nodeOf = (worker: Worker): Node => worker.fiber ?? worker.job ?? worker.ownFiber ?? worker

/** When all waits for a worker end, that a pause keeps waiting. */
const endOf = ({ isPaused }: Lifecycle): string | undefined => isPaused ? "the end of the pause" : undefined

const follows = <Job, A, E>(job: PoolJob<Job, A, E>, fiber: Node): Wait => ({
  node: job,
  who: "job",
  for: "its fiber",
  all: [fiber],
  key: job
})

const titleOf = <Job, A, E>({ id, owner, phase }: PoolJob<Job, A, E>): string => {
  const pool = owner.name === undefined ? "" : ` of pool ${owner.name}`
  // A job that waits for room has no number.
  return phase === "blocked" ? `a job${pool} that waits for room` : `job ${id}${pool}`
}

const jobView = <Job, A, E>(job: PoolJob<Job, A, E>, line: Line | undefined): JobView => {
  const { attempt, id, phase, worker } = job
  return { node: job, id, state: phase, attempt, worker: worker?.id, fiber: worker?.fiber, line }
}

const workerView = (worker: Worker): WorkerView => {
  const { fiber, id, job, ownFiber, state, wanted } = worker
  return { id, state, stays: wanted, job: job?.id, fiber: job === undefined ? ownFiber : fiber }
}
