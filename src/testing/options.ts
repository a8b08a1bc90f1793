/** The options of an exploration, checked before anything is run. */
import { randomStrategies, type RandomStrategy } from "./choosers/strategies.js"
import type { Realism } from "./Schedule.js"

export type Strategy =
  | RandomStrategy
  | { readonly exhaustive: { readonly preemptions: number; readonly cancels: number } }

export interface ExploreOptions {
  /**
   * - `portfolio` (the default): the other three, in several strengths, one schedule each in turn.
   * - `random`: any fiber goes next, before each operation; `sticky`: the same, but switching seldom.
   * - `pct`: priorities that change at a few places.
   * - `exhaustive`: every schedule with at most so many preemptions and interrupts.
   */
  readonly strategy?: Strategy | undefined
  /** How many schedules at most. Default: 1,000; 1,000,000 when exhaustive. */
  readonly runs?: number | undefined
  /** How many milliseconds at most. Default: no limit. */
  readonly millis?: number | undefined
  /** The same seed explores the same schedules. Default: 1, so that a test does not fail one day and pass the next. */
  readonly seed?: number | undefined
  /** How far from what the stock runtime does. Default: `contract`. */
  readonly realism?: Realism | undefined
  /** How many interrupts at most in one run; 0 to 8. Default: 2. `exhaustive` has its own bound. */
  readonly cancels?: number | undefined
  /** The steps after which a run is made fair; after as many again it is called a livelock. Default: 20,000. */
  readonly maxSteps?: number | undefined
  /** Whether a failure is reduced to a small one. Default: true. */
  readonly shrink?: boolean | undefined
  /** Called now and then with the progress of the exploration: for a progress bar. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

export interface Progress {
  readonly runs: number
  readonly distinct: number
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
      const range = max === Infinity ? `at least ${min}` : `${min} to ${max}`
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
