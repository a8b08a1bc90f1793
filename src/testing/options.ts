/** The options of an exploration, checked before anything is run. */
import { randomStrategies, type RandomStrategy } from "./choosers/strategies.js"
import type { Realism } from "./Schedule.js"

/**
 * How an exploration chooses its schedules: a random strategy by its name, or `exhaustive`. `ExploreOptions.strategy`
 * explains each.
 *
 * @since 0.1.0
 */
export type Strategy =
  | RandomStrategy
  | {
    /** Every schedule within these bounds is run, as far as `runs` and `millis` allow. */
    readonly exhaustive: {
      /** How many preemptions a schedule has at most, >= 0. */
      readonly preemptions: number
      /** How many interrupts a schedule has at most, >= 0. */
      readonly cancels: number
    }
  }

/**
 * The options of an exploration. Every option may be left out. A wrong value makes the exploration throw an `Error`.
 *
 * @since 0.1.0
 */
export interface ExploreOptions {
  /**
   * How the schedules are chosen. Default: `portfolio`.
   *
   * - `portfolio`: the other three, in several strengths, one schedule each in turn.
   * - `random`: any fiber goes next, before each operation; `sticky`: the same, but switching seldom.
   * - `pct`: priorities that change at a few places.
   * - `exhaustive`: every schedule with at most so many preemptions and interrupts.
   */
  readonly strategy?: Strategy | undefined
  /** How many schedules are run at most, >= 1. Default: 1,000; 1,000,000 when exhaustive. */
  readonly runs?: number | undefined
  /**
   * How many milliseconds the exploration takes at most, >= 1; the run that has begun still ends. Default: no limit.
   */
  readonly millis?: number | undefined
  /**
   * The seed of the random choices: the same seed explores the same schedules. Default: 1, so that a test does not fail
   * one day and pass the next.
   */
  readonly seed?: number | undefined
  /** How far a schedule may deviate from the stock runtime. Default: `contract`. */
  readonly realism?: Realism | undefined
  /** How many interrupts a run has at most, from 0 to 8. Default: 2. `exhaustive` has its own bound. */
  readonly cancels?: number | undefined
  /**
   * The number of steps after which a run is made fair, >= 100. After as many steps again the run is a livelock.
   * Default: 20,000.
   */
  readonly maxSteps?: number | undefined
  /** Whether a failure is reduced to a small one. Default: true. */
  readonly shrink?: boolean | undefined
  /** Is called from time to time with the progress of the exploration: for a progress bar. Default: none. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/**
 * How far an exploration is.
 *
 * @since 0.1.0
 */
export interface Progress {
  /** How many schedules were run so far. */
  readonly runs: number
  /** How many of them differ in which fiber ran when. Counted up to 8,388,608. */
  readonly distinct: number
  /** How many milliseconds the exploration has taken so far. */
  readonly millis: number
}

/** The options, checked and complete. */
export interface Settings {
  readonly strategy: Strategy
  readonly runs: number
  readonly millis: number
  readonly seed: number
  readonly realism: Realism
  readonly cancels: number
  readonly maxSteps: number
  readonly shrink: boolean
  readonly onProgress: ((progress: Progress) => void) | undefined
}

export const levels: ReadonlyArray<Realism> = ["suspension", "nested", "contract", "scheduler", "any"]

export const settingsOf = (options: ExploreOptions): Settings => {
  const strategy = options.strategy ?? "portfolio"
  const number = (name: string, value: number | undefined, byDefault: number, min: number, max = Infinity) => {
    if (value === undefined) return byDefault
    if (typeof value !== "number" || !(value >= min && value <= max)) {
      const range = min === -Infinity ? "a number" : max === Infinity ? `at least ${min}` : `${min} to ${max}`
      throw new Error(`sluice/testing: ${name} must be ${range}, got ${String(value)}`)
    }
    return value
  }
  const oneOf = (name: string, value: string, among: ReadonlyArray<string>) => {
    if (!among.includes(value)) {
      throw new Error(`sluice/testing: ${name} must be one of ${among.join(", ")}, got ${JSON.stringify(value)}`)
    }
  }
  if (typeof strategy === "string") oneOf("strategy", strategy, randomStrategies)
  else {
    number("exhaustive.preemptions", strategy.exhaustive.preemptions, 0, 0)
    number("exhaustive.cancels", strategy.exhaustive.cancels, 0, 0)
  }
  const realism = options.realism ?? "contract"
  oneOf("realism", realism, levels)
  return {
    strategy,
    realism,
    runs: number("runs", options.runs, typeof strategy === "string" ? 1_000 : 1_000_000, 1),
    millis: number("millis", options.millis, Infinity, 1),
    seed: number("seed", options.seed, 1, -Infinity),
    cancels: number("cancels", options.cancels, 2, 0, 8),
    maxSteps: number("maxSteps", options.maxSteps, 20_000, 100),
    shrink: options.shrink ?? true,
    onProgress: options.onProgress
  }
}
