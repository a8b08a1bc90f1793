/** The picture of a pool, from the events that its callers and its `run` see. The pool's own counts are not used. */

/** A job of the page. */
export interface Job {
  readonly id: number
  /** How long it takes a worker. */
  readonly millis: number
  readonly fails: boolean
}

/** How a job can end. The first six are columns of the pool's ledger. The pool does not count the others. */
export const outcomes = [
  "succeeded",
  "failed",
  "dropped",
  "expired",
  "returned",
  "interrupted",
  "rejected",
  "closed"
] as const

export type Outcome = typeof outcomes[number]

/** `at` is in milliseconds of the pool's clock. */
export type Event =
  & { readonly at: number }
  & (
    /** A caller comes with a job. */
    | { readonly kind: "arrived"; readonly job: Job }
    /** `submit` has returned a handle. */
    | { readonly kind: "accepted"; readonly job: number }
    /** `run` was called. The caller may still be about to receive the handle. */
    | { readonly kind: "started"; readonly job: number; readonly worker: number }
    /** The handle has settled, or the pool has refused the job. */
    | { readonly kind: "ended"; readonly job: number; readonly outcome: Outcome }
    /** A worker has acquired its resource. */
    | { readonly kind: "opened"; readonly worker: number }
    /** A worker has released its resource. */
    | { readonly kind: "closed"; readonly worker: number }
  )

/** One job in the picture. */
export interface Dot {
  readonly job: Job
  readonly arrived: number
  readonly place: "waiting" | "queued" | "running" | Outcome
  /** When it began. `undefined` before. */
  readonly started: number | undefined
  /** Its worker's number. 0 before it has one. */
  readonly worker: number
  /** The how manieth of its outcome, from 0. */
  readonly rank: number
}

export interface Worker {
  readonly id: number
  readonly dot: Dot | undefined
}

export interface Picture {
  readonly at: number
  /** Callers that wait for room, in their order. */
  readonly waiting: ReadonlyArray<Dot>
  /** Jobs that wait for a worker, in their order. */
  readonly queued: ReadonlyArray<Dot>
  readonly workers: ReadonlyArray<Worker>
  /** How many jobs have ended so. */
  readonly ended: Readonly<Record<Outcome, number>>
  /** The latest jobs of each outcome, at most `recent`. */
  readonly latest: ReadonlyArray<Dot>
}

/** The length of the trail of each outcome. */
export const recent = 10

export class Model {
  /** In the order of arrival, which is that of the line for room and of the queue. */
  private readonly dots = new Map<number, Dot>()
  private readonly workers = new Set<number>()
  private readonly ended: Record<Outcome, number> = {
    succeeded: 0,
    failed: 0,
    dropped: 0,
    expired: 0,
    returned: 0,
    interrupted: 0,
    rejected: 0,
    closed: 0
  }
  private latest: ReadonlyArray<Dot> = []

  add(event: Event): void {
    switch (event.kind) {
      case "arrived": {
        const { at, job } = event
        return this.put({ job, arrived: at, place: "waiting", started: undefined, worker: 0, rank: 0 })
      }
      case "accepted": {
        const dot = this.find(event.job)
        // A worker may have taken the job before its caller goes on.
        return dot.place === "waiting" ? this.put({ ...dot, place: "queued" }) : undefined
      }
      case "started":
        return this.put({ ...this.find(event.job), place: "running", started: event.at, worker: event.worker })
      case "ended": {
        const dot = { ...this.find(event.job), place: event.outcome, rank: this.ended[event.outcome]++ }
        this.dots.delete(event.job)
        const isShown = (one: Dot) => one.place !== dot.place || one.rank > dot.rank - recent
        this.latest = [...this.latest.filter(isShown), dot]
        return
      }
      case "opened":
        return void this.workers.add(event.worker)
      case "closed":
        return void this.workers.delete(event.worker)
    }
  }

  /** The picture when all fibers are suspended. */
  picture(at: number): Picture {
    const dots = [...this.dots.values()]
    const busy = new Map(dots.filter(({ place }) => place === "running").map((dot) => [dot.worker, dot]))
    return {
      at,
      waiting: dots.filter(({ place }) => place === "waiting"),
      queued: dots.filter(({ place }) => place === "queued"),
      workers: [...this.workers].sort((one, other) => one - other).map((id) => ({ id, dot: busy.get(id) })),
      ended: { ...this.ended },
      latest: this.latest
    }
  }

  private find(job: number): Dot {
    const dot = this.dots.get(job)
    if (dot === undefined) throw new Error(`job ${job} is not in the picture`)
    return dot
  }

  private put(dot: Dot): void {
    this.dots.set(dot.job.id, dot)
  }
}

/** The numbers that a picture and `WorkerPool.stats` both have, by the names of `stats`. */
export const shared = [
  "waiting",
  "queued",
  "running",
  "idle",
  "succeeded",
  "failed",
  "dropped",
  "expired",
  "returned",
  "interrupted",
  "submitted"
] as const

export type Counts = Readonly<Record<typeof shared[number], number>>

/** The counts of a picture, each from the dots or the number that a reader sees. */
export const countsOf = ({ ended, queued, waiting, workers }: Picture): Counts => {
  const { dropped, expired, failed, interrupted, returned, succeeded } = ended
  const running = workers.filter(({ dot }) => dot !== undefined).length
  const over = succeeded + failed + dropped + expired + returned + interrupted
  return {
    waiting: waiting.length,
    queued: queued.length,
    running,
    idle: workers.length - running,
    succeeded,
    failed,
    dropped,
    expired,
    returned,
    interrupted,
    submitted: queued.length + running + over
  }
}

/** The names whose numbers differ. */
export const differences = (counts: Counts, stats: Counts): ReadonlyArray<typeof shared[number]> =>
  shared.filter((name) => counts[name] !== stats[name])
