import * as Duration from "effect/Duration"
import { checkMillis, checkNumber, invalid, isPositive } from "../args.js"

/**
 * The load of the jobs, and the goals for the pool. For a wrong value `sizing` throws a `RangeError`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Workload {
  /** How many jobs come in a second, on average: a finite number > 0. Required. */
  readonly arrivals: number
  /** How long a worker is busy with one job, on average: the mean, not the median. A finite duration > 0. Required. */
  readonly duration: Duration.Input
  /** The part of the time that a worker may be busy: a number > 0 and < 1. Default: 0.7. */
  readonly utilization?: number | undefined
  /** The part of the jobs that `wait.percentile` is about: a number > 0 and < 1. Default: 0.99. */
  readonly percentile?: number | undefined
  /**
   * How long a job may wait for a worker before it is of no use: a finite duration > 0. With it there are as many
   * workers as that percentile of the jobs needs to wait no longer, and the capacity is what they can serve in that
   * time. Default: none; only `utilization` counts then.
   */
  readonly patience?: Duration.Input | undefined
}

/**
 * How large a pool should be, and what to expect of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sizing {
  /** How many workers, for the option `size`: an integer from 1 to 1,000,000. */
  readonly workers: number
  /**
   * How many jobs may wait, for the option `queue.capacity`: an integer >= 0. Twice the workers without a `patience`.
   */
  readonly capacity: number
  /** How many jobs are in progress on average, by Little's law: `arrivals` times `duration` in seconds. */
  readonly load: number
  /** The part of the time that a worker is busy, > 0 and < 1. */
  readonly utilization: number
  /** The part of the jobs that find every worker busy, > 0 and < 1. */
  readonly waiting: number
  /** How long a job waits for a worker. */
  readonly wait: {
    /** The average over all jobs, including jobs that do not wait. */
    readonly mean: Duration.Duration
    /** The longest wait of the given `percentile` of the jobs. 0 if that part does not wait at all. */
    readonly percentile: Duration.Duration
  }
}

const maxWorkers = 1_000_000

/** Ignores the last digits of floating point, where 7 / 0.7 is 10.000000000000002. */
const ceil = (x: number): number => Math.ceil(x * (1 - 1e-12))
const floor = (x: number): number => Math.floor(x * (1 + 1e-12))

/**
 * Erlang's B: the part of the jobs that find all of `workers` busy where nobody waits, from that of one worker less. No
 * factorial and no power, which overflow from 171 workers on: each step stays between 0 and 1.
 */
const oneMore = (blocked: number, workers: number, load: number): number => load * blocked / (workers + load * blocked)

/** Erlang's C, where they wait, from B. Only for `load < workers`. */
const waitingPart = (blocked: number, workers: number, load: number): number =>
  workers * blocked / (workers - load * (1 - blocked))

const where = "WorkerPool.sizing"
const isFinitePositive = (n: number): boolean => isPositive(n) && Number.isFinite(n)

const millisOf = (argument: string, value: Duration.Input): number =>
  checkMillis(where, argument, value, "a finite duration above zero", isFinitePositive)

const part = (argument: string, value: number): number =>
  checkNumber(where, argument, value, "a number above 0 and below 1", (n) => n > 0 && n < 1)

export const sizing = (workload: Workload): Sizing => {
  const { duration, patience } = workload
  const arrivals = checkNumber(where, "arrivals", workload.arrivals, "a finite number above 0", isPositive)
  const millis = millisOf("duration", duration)
  const utilization = part("utilization", workload.utilization ?? 0.7)
  const percentile = part("percentile", workload.percentile ?? 0.99)
  const patient = patience === undefined ? Infinity : millisOf("patience", patience)

  const load = arrivals * millis / 1_000
  // Never as many as are busy, whatever was rounded off: their queue would have no end.
  const least = Math.max(ceil(load / utilization), Math.floor(load) + 1)
  const tooMany = () => {
    throw invalid(where, "arrivals x duration", `work for at most ${maxWorkers} workers`, load)
  }
  if (!(least <= maxWorkers)) tooMany()

  let workers = 0
  let blocked = 1
  const hire = () => {
    workers++
    blocked = oneMore(blocked, workers, load)
  }
  while (workers < least) hire()
  /** How long `share` of the jobs wait at most: the wait of those that do is exponential. */
  const wait = (share: number): number =>
    Math.max(0, Math.log(waitingPart(blocked, workers, load) / (1 - share)) * millis / (workers - load))
  while (wait(percentile) > patient) {
    if (workers === maxWorkers) tooMany()
    hire()
  }

  const waiting = waitingPart(blocked, workers, load)
  return {
    workers,
    capacity: patient === Infinity ? 2 * workers : Math.min(floor(patient * workers / millis), Number.MAX_SAFE_INTEGER),
    load,
    utilization: load / workers,
    waiting,
    wait: {
      mean: Duration.millis(waiting * millis / (workers - load)),
      percentile: Duration.millis(wait(percentile))
    }
  }
}
