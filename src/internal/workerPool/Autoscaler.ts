/**
 * How many workers a pool should have, by the jobs that wait for one: two marks with room between them, and a time that
 * must pass between changes. A pure state machine: its driver takes a sample now and then, and resizes the pool.
 *
 * - **U1.** The size is never below `min` and never above `max`.
 * - **U2.** It grows only for jobs that one more worker could take, those aside that an idle worker could: while more
 *   than `growAbove` of them wait for each worker; and while no worker is idle and the queue is full, so that callers
 *   wait for room, or since the last sample a job found none, or callers wait for a place; and while each worker's job
 *   waits for the pool itself. It shrinks only while nothing of this is so, no job waits that a worker could take, and
 *   less than the share `shrinkBelow` of the workers is busy; and never below the workers that are. Between the marks
 *   nothing changes.
 * - **U3.** It grows no sooner than `dwell.grow` after the last change, and shrinks no sooner than `dwell.shrink` after
 *   it, nor before every sample for as long has been below the mark. A clock that is set back or forward does not
 *   matter.
 *
 * So a pool cannot thrash: there is at most one change in a dwell time, and a load that comes and goes faster than
 * `dwell.shrink` finds, once the pool has grown, a pool that no longer changes. Only a size out of bounds, which
 * somebody else has set, changes at once.
 */
import type * as Duration from "effect/Duration"
import { checkMillis, checkNumber, invalid, isCount, isPositive } from "../args.js"
import type { Sample } from "./parts.js"

/**
 * The bounds and the marks of `WorkerPool.autoscale`. A wrong value is a defect.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The smallest number of workers, an integer >= 1. Required. A smaller pool grows to it immediately. */
  readonly min: number
  /** The largest number of workers, an integer >= `min`. Required. A larger pool shrinks to it immediately. */
  readonly max: number
  /** The number of waiting jobs for each worker above which the pool grows: a number > 0. Default: 1. */
  readonly growAbove?: number | undefined
  /** The share of busy workers below which the pool shrinks: a number > 0 and <= 1. Default: 0.5. */
  readonly shrinkBelow?: number | undefined
  /**
   * The least time from the last change until the next: one duration > 0 for both directions, or one for each. Default:
   * 1 second to grow, and 10 seconds to shrink.
   */
  readonly dwell?:
    | Duration.Input
    | {
      /** The least time from the last change until the pool grows, a duration > 0. */
      readonly grow: Duration.Input
      /** The least time of low load, and since the last change, until the pool shrinks, a duration > 0. */
      readonly shrink: Duration.Input
    }
    | undefined
  /** By how many workers the pool grows or shrinks at a time: an integer >= 1. Default: 1. */
  readonly step?: number | undefined
}

/** The options, checked, with times in milliseconds. */
export interface Settings {
  readonly min: number
  readonly max: number
  readonly growAbove: number
  readonly shrinkBelow: number
  readonly dwell: { readonly grow: number; readonly shrink: number }
  readonly step: number
}

interface Known {
  /** When the size last did. */
  readonly changed: number
  /** Of the last sample. */
  readonly overflows: number
}

export type State =
  | Known & { readonly tag: "steady" }
  /** Every sample since then was below the lower mark. */
  | Known & { readonly tag: "low"; readonly since: number }

export interface Decision {
  readonly state: State
  /** The size that the pool should have: that of the sample, or another. */
  readonly size: number
}

/** The first sample may change the size at once, to grow; but not for what has been before. */
export const initial: State = { tag: "steady", changed: -Infinity, overflows: Infinity }

const where = "WorkerPool.autoscale"

const count = (argument: string, value: number): number =>
  checkNumber(where, argument, value, "an integer >= 1", isCount)

// A pool that may change at any time thrashes.
const millis = (argument: string, value: Duration.Input): number =>
  checkMillis(where, argument, value, "a duration > 0", isPositive)

/** Checks the options. One that makes no sense throws. */
export const settings = (options: Options): Settings => {
  const { dwell = { grow: "1 second", shrink: "10 seconds" }, growAbove = 1, shrinkBelow = 0.5, step = 1 } = options
  const min = count("min", options.min)
  const max = count("max", options.max)
  if (max < min) throw invalid(where, "max", `at least min, which is ${min}`, max)
  return {
    min,
    max,
    growAbove: checkNumber(where, "growAbove", growAbove, "a number > 0", isPositive),
    shrinkBelow: checkNumber(where, "shrinkBelow", shrinkBelow, "a number > 0 and <= 1", (n) => n > 0 && n <= 1),
    dwell: typeof dwell === "object" && "grow" in dwell && "shrink" in dwell
      ? { grow: millis("dwell.grow", dwell.grow), shrink: millis("dwell.shrink", dwell.shrink) }
      : { grow: millis("dwell", dwell), shrink: millis("dwell", dwell) },
    step: count("step", step)
  }
}

/** A pool that is paused keeps its size, and what it waits for then says nothing about the load. */
export const pause = ({ changed }: State, { overflows }: Sample): State => ({ tag: "steady", changed, overflows })

export const next = (settings: Settings, state: State, sample: Sample): Decision => {
  const { dwell, growAbove, max, min, shrinkBelow, step } = settings
  const { callers, idle, now, overflows, ready, running, size, stuck } = sample
  const { changed } = state
  const isCrowded = callers > 0 || overflows > state.overflows
  const isLow = ready === 0 && !isCrowded && running < shrinkBelow * size
  const isHigh = ready - idle > growAbove * size || (idle === 0 && (isCrowded || (ready > 0 && stuck >= size)))
  const since = state.tag === "low" ? state.since : now
  const known = { changed, overflows }
  const current: State = isLow ? { tag: "low", ...known, since } : { tag: "steady", ...known }
  const changeTo = (size: number): Decision => ({ state: { ...current, changed: now }, size })

  // U1.
  if (size < min || size > max) return changeTo(Math.max(min, Math.min(max, size)))
  const rested = now - changed
  if (isHigh && size < max && rested >= dwell.grow) return changeTo(Math.min(max, size + step))
  const smaller = Math.max(min, running, size - step)
  if (isLow && smaller < size && rested >= dwell.shrink && now - since >= dwell.shrink) return changeTo(smaller)
  return { state: current, size }
}
