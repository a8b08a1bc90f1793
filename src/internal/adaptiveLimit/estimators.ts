/** What a limit is estimated from, and how: pure state machines. The laws are those of `AdaptiveLimit`. */

/** One call that has ended, and what it tells. */
export interface Sample {
  /** Its place in the order in which calls began, from 1. */
  readonly call: number
  /** How many calls had begun when this one ended: those up to here were begun under the limits of before. */
  readonly begun: number
  /** How many were in flight as it began, and as it ended, with itself. */
  readonly inFlight: number
  readonly leaving: number
  /** In milliseconds. */
  readonly latency: number
  readonly outcome: "success" | "overload"
}

/** Immutable: `next` answers another, or itself when the sample changes nothing. */
export interface Estimator {
  readonly limit: number
  next(sample: Sample): Estimator
}

export interface Bounds {
  readonly initial: number
  readonly min: number
  readonly max: number
}

export interface AimdOptions extends Bounds {
  readonly increase: number
  readonly backoff: number
  readonly timeout: number
}

export interface GradientOptions extends Bounds {
  readonly smoothing: number
  readonly tolerance: number
  readonly queue: number
  readonly window: number
}

/** A1. */
const within = ({ max, min }: Bounds, estimate: number): number => Math.max(min, Math.min(max, estimate))

/** A2: it says how fast calls are that are few. Whether more could be served as fast it does not say. */
const isLight = (inFlight: number, limit: number): boolean => inFlight * 2 < limit

/** A3. Lower by one at least, since a limit that a rounding saves is not lowered. */
const backOff = (bounds: Bounds, limit: number, factor: number): number =>
  within(bounds, Math.min(limit - 1, Math.floor(limit * factor)))

/** Additive increase, multiplicative decrease: the limit goes up by `increase` for each limit's worth of successes. */
export class Aimd implements Estimator {
  readonly limit: number

  constructor(
    private readonly options: AimdOptions,
    private readonly estimate = options.initial,
    /** The calls up to this one had begun when the limit was last lowered. */
    private readonly lowered = 0
  ) {
    this.limit = Math.floor(estimate)
  }

  next({ begun, call, inFlight, latency, outcome }: Sample): Aimd {
    const { limit, options } = this
    // A4: it tells of the load of before.
    if (call <= this.lowered) return this
    if (outcome === "overload" || latency > options.timeout) {
      return new Aimd(options, backOff(options, limit, options.backoff), begun)
    }
    if (isLight(inFlight, limit)) return this
    return new Aimd(options, within(options, this.estimate + options.increase / limit), this.lowered)
  }
}

class Tally {
  constructor(readonly count = 0, private readonly total = 0) {}

  get mean(): number {
    return this.total / this.count
  }

  add(latency: number): Tally {
    return new Tally(this.count + 1, this.total + latency)
  }
}

/** A mean of fewer is an outlier's. */
const least = 10

interface GradientState {
  readonly estimate: number
  /** How long a call takes that does not queue, as far as is known. */
  readonly baseline: number
  /** The calls up to this one had begun when the limit was last lowered for a congestion. */
  readonly lowered: number
  /** The calls up to this one began before the round did, and do not belong to it. */
  readonly opened: number
  /** Of the round: one limit's worth of calls, all begun under that limit. */
  readonly busy: Tally
  /** Of calls that met few others: they measure the baseline for nothing. */
  readonly calm: Tally
  readonly phase:
    /** So many rounds since the baseline was measured. */
    | { readonly tag: "steady"; readonly rounds: number }
    /** The limit is halved for a round to measure it, and goes back to what it was. */
    | { readonly tag: "probing"; readonly resume: number }
}

/**
 * The limit shrinks as calls take longer than `tolerance` times the baseline, and grows by `queue` while they do not:
 * both by the `smoothing`th part in a round.
 */
export class Gradient implements Estimator {
  readonly limit: number

  constructor(
    private readonly options: GradientOptions,
    private readonly state: GradientState = {
      estimate: options.initial,
      baseline: Infinity,
      lowered: 0,
      opened: 0,
      busy: new Tally(),
      calm: new Tally(),
      // The first round is measured against a baseline of its own making, so a probe follows it.
      phase: { tag: "steady", rounds: options.window - 1 }
    }
  ) {
    this.limit = Math.floor(state.estimate)
  }

  next(sample: Sample): Gradient {
    const { limit, options, state } = this
    const { phase } = state
    if (sample.outcome === "overload") return this.overload(sample)
    if (sample.call <= state.opened) return this
    const light = isLight(sample.inFlight, limit)
    if (light && phase.tag === "steady") return isLight(sample.leaving, limit) ? this.learn(sample) : this
    const busy = state.busy.add(sample.latency)
    // A2: in a probe light samples count as well, but none of them ends it.
    if (light || busy.count < Math.max(least, limit)) return new Gradient(options, { ...state, busy })
    return phase.tag === "steady"
      ? this.endRound(busy.mean, sample.begun, phase.rounds + 1)
      : this.endProbe(busy.mean, sample.begun, phase.resume)
  }

  private with(begun: number, changes: Partial<GradientState>): Gradient {
    return new Gradient(this.options, { ...this.state, opened: begun, busy: new Tally(), ...changes })
  }

  /** A3 and A4. An overload counts as the worst of gradients, but at once. */
  private overload({ begun, call }: Sample): Gradient {
    const { limit, options, state } = this
    const { phase } = state
    if (call <= state.lowered) return this
    const factor = 1 - options.smoothing / 2
    return this.with(begun, {
      estimate: backOff(options, limit, factor),
      lowered: begun,
      phase: phase.tag === "steady" ? phase : { ...phase, resume: backOff(options, Math.floor(phase.resume), factor) }
    })
  }

  private learn({ latency }: Sample): Gradient {
    const { options, state } = this
    const calm = state.calm.add(latency)
    if (calm.count < least) return new Gradient(options, { ...state, calm })
    const phase = { tag: "steady", rounds: 0 } as const
    return new Gradient(options, { ...state, baseline: calm.mean, calm: new Tally(), phase })
  }

  private endRound(mean: number, begun: number, rounds: number): Gradient {
    const { limit, options, state } = this
    const { queue, smoothing, tolerance, window } = options
    const baseline = Math.min(state.baseline, mean)
    const allowed = baseline * tolerance
    const gradient = mean <= allowed ? 1 : Math.max(0.5, allowed / mean)
    const wanted = state.estimate * gradient + queue
    const estimate = within(options, state.estimate * (1 - smoothing) + wanted * smoothing)
    const lowered = Math.floor(estimate) < limit ? begun : state.lowered
    const steady = this.with(begun, { estimate, baseline, lowered, phase: { tag: "steady", rounds } })
    return rounds < window ? steady : steady.probe(mean, begun)
  }

  private probe(mean: number, begun: number): Gradient {
    const { limit, options, state } = this
    const estimate = within(options, Math.floor(limit / 2))
    if (estimate < limit) return this.with(begun, { estimate, phase: { tag: "probing", resume: state.estimate } })
    // There is no smaller load than this one.
    return this.with(begun, { baseline: mean, phase: { tag: "steady", rounds: 0 } })
  }

  private endProbe(mean: number, begun: number, resume: number): Gradient {
    // What passed for the baseline was a queue, and there may be one yet: the limit stays, and is halved once more.
    if (mean * this.options.tolerance < this.state.baseline) {
      return this.with(begun, { baseline: mean }).probe(mean, begun)
    }
    return this.with(begun, { estimate: resume, baseline: mean, phase: { tag: "steady", rounds: 0 } })
  }
}
