import type * as Duration from "effect/Duration"
import { checkMillis, checkNumber, invalid, isCount, isPositive } from "../args.js"
import type { Bounds } from "./Estimator.js"
import type { BoundsOptions } from "./model.js"

/** Checks the options of one function, each in turn; the first that is wrong throws. */
export class Checks {
  constructor(private readonly where: string) {}

  /** The argument, or its default; it meets the requirement. */
  number(
    argument: string,
    value: number | undefined,
    byDefault: number,
    requirement: string,
    isValid: (n: number) => boolean
  ): number {
    return value === undefined ? byDefault : checkNumber(this.where, argument, value, requirement, isValid)
  }

  bounds({ initial, max, min }: BoundsOptions): Bounds {
    const least = this.number("min", min, 1, "an integer >= 1", isCount)
    const most = this.number("max", max, Math.max(200, least), "an integer >= 1", isCount)
    if (most < least) throw invalid(this.where, "max", `at least min, which is ${least}`, most)
    const first = Math.max(least, Math.min(most, 20))
    const requirement = `an integer from min to max, ${least} to ${most}`
    const isWithin = (n: number) => isCount(n) && n >= least && n <= most
    return { min: least, max: most, initial: this.number("initial", initial, first, requirement, isWithin) }
  }

  millis(argument: string, value: Duration.Input | undefined): number {
    // No one means zero.
    return value === undefined ? Infinity : checkMillis(this.where, argument, value, "a duration > 0", isPositive)
  }
}
