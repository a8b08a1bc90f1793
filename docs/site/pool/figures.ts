/** Figures of the last seconds, from the same events as the picture. */
import type { Event } from "./model.js"

/** The width of one slice of the time, in milliseconds. */
const width = 100
/** The figures are about so many slices: 10 s. */
const window = 100
/** The chart shows so many slices: 30 s. */
const kept = 300

/** Sums over one slice of the time. */
interface Slice {
  /** Milliseconds of busy workers, of workers, and of jobs between their arrival and their end. */
  busy: number
  workers: number
  inside: number
  arrived: number
  /** Jobs that a worker has ended. */
  served: number
  /** Jobs that have left, and the sum of their times inside. */
  left: number
  stayed: number
  /** How long the jobs that began have waited, for room and for a worker. */
  readonly waits: Array<number>
  /** At the end of the slice: jobs that wait for room or for a worker. */
  line: number
}

export interface Figures {
  /** The length of the time that the figures are about. */
  readonly seconds: number
  /** Jobs per second. */
  readonly arrivals: number
  readonly throughput: number
  /** Milliseconds from a job's arrival to its begin, for room and for a worker. `undefined` if no job began. */
  readonly wait: { readonly p50: number; readonly p95: number } | undefined
  /** The busy share of the workers' time. */
  readonly utilization: number
  /** Little's law: `inside` is close to `leaving` times `time` where the load is steady. */
  readonly little: { readonly inside: number; readonly leaving: number; readonly time: number }
  /** The line for room and for a worker at the end of each slice, the latest last. */
  readonly lines: ReadonlyArray<number>
}

const newSlice = (): Slice => ({
  busy: 0,
  workers: 0,
  inside: 0,
  arrived: 0,
  served: 0,
  left: 0,
  stayed: 0,
  waits: [],
  line: 0
})

/** The value that the share `part` of the sorted values does not exceed. */
const percentile = (sorted: ReadonlyArray<number>, part: number): number =>
  sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? 0

export class Meter {
  private slices: Array<Slice> = [newSlice()]
  /** The end of the time that the slices are about. */
  private now = 0
  private busy = 0
  private workers = 0
  private readonly inside = new Map<number, { readonly arrived: number; isRunning: boolean }>()

  add(event: Event): void {
    this.pass(event.at)
    const slice = this.last()
    switch (event.kind) {
      case "arrived":
        slice.arrived++
        this.inside.set(event.job.id, { arrived: event.at, isRunning: false })
        break
      case "accepted":
        break
      case "started": {
        const job = this.inside.get(event.job)
        if (job === undefined) break
        job.isRunning = true
        slice.waits.push(event.at - job.arrived)
        this.busy++
        break
      }
      case "ended": {
        const job = this.inside.get(event.job)
        if (job === undefined) break
        this.inside.delete(event.job)
        if (job.isRunning) this.busy--
        if (event.outcome === "succeeded" || event.outcome === "failed") slice.served++
        if (event.outcome === "rejected" || event.outcome === "closed") break
        slice.left++
        slice.stayed += event.at - job.arrived
        break
      }
      case "opened":
        this.workers++
        break
      case "closed":
        this.workers--
        break
    }
    slice.line = this.inside.size - this.busy
  }

  /** The figures at a time that is not before the latest event. */
  read(at: number): Figures {
    this.pass(at)
    // With the last one, which is not over.
    const slices = this.slices.slice(-window - 1)
    const sum = (of: (slice: Slice) => number) => slices.reduce((all, slice) => all + of(slice), 0)
    const seconds = ((slices.length - 1) * width + this.now % width) / 1_000
    const perSecond = (n: number) => seconds > 0 ? n / seconds : 0
    const waits = slices.flatMap((slice) => slice.waits).sort((one, other) => one - other)
    const left = sum((slice) => slice.left)
    const workers = sum((slice) => slice.workers)
    return {
      seconds,
      arrivals: perSecond(sum((slice) => slice.arrived)),
      throughput: perSecond(sum((slice) => slice.served)),
      wait: waits.length === 0 ? undefined : { p50: percentile(waits, 0.5), p95: percentile(waits, 0.95) },
      utilization: workers > 0 ? sum((slice) => slice.busy) / workers : 0,
      little: {
        inside: perSecond(sum((slice) => slice.inside) / 1_000),
        leaving: perSecond(left),
        time: left > 0 ? sum((slice) => slice.stayed) / left / 1_000 : 0
      },
      lines: this.slices.map(({ line }) => line)
    }
  }

  private last(): Slice {
    return this.slices[this.slices.length - 1]!
  }

  /** Adds the time up to `at`, slice by slice. */
  private pass(at: number): void {
    while (this.now < at) {
      const edge = (Math.floor(this.now / width) + 1) * width
      const until = Math.min(edge, at)
      const slice = this.last()
      slice.busy += (until - this.now) * this.busy
      slice.workers += (until - this.now) * this.workers
      slice.inside += (until - this.now) * this.inside.size
      this.now = until
      if (until === edge) {
        this.slices.push({ ...newSlice(), line: slice.line })
        if (this.slices.length > kept) this.slices.shift()
      }
    }
  }
}
