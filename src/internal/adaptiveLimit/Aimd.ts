import { backOff, type Bounds, type Estimator, isLight, type Sample, within } from "./Estimator.js"

export interface AimdOptions extends Bounds {
  readonly increase: number
  readonly backoff: number
  readonly timeout: number
}

/** Additive increase, multiplicative decrease: the limit goes up by `increase` for each limit's worth of successes. */
export class Aimd implements Estimator {
  readonly limit: number

  constructor(
    private readonly options: AimdOptions,
    private readonly estimate = options.initial,
    /** Calls up to this one had begun when the limit was last lowered. */
    private readonly lowered = 0
  ) {
    this.limit = Math.floor(estimate)
  }

  next({ begun, call, inFlight, latency, outcome }: Sample): Aimd {
    const { limit, options } = this
    // A4: this call met the load of before.
    if (call <= this.lowered) return this
    if (outcome === "overload" || latency > options.timeout) {
      return new Aimd(options, backOff(options, limit, options.backoff), begun)
    }
    if (isLight(inFlight, limit)) return this
    return new Aimd(options, within(options, this.estimate + options.increase / limit), this.lowered)
  }
}
