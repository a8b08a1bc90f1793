import { backOff, type Bounds, type Estimator, isLight, type Sample, within } from "./Estimator.js"
import { Latencies } from "./Latencies.js"

export interface GradientOptions extends Bounds {
  readonly smoothing: number
  readonly tolerance: number
  readonly queue: number
  readonly window: number
}

/** A turn is one limit's worth of calls, and at least so many: a mean of fewer is an outlier's. */
const least = 10
/** A latency is known when the standard error of its mean is this part of it. */
const precision = 0.1
/** A round ends after so many turns, known or not. */
const longest = 100
/**
 * Calls that begin together have all ended after so many turns, but for very long ones. Sooner the short ones prevail.
 */
const ripe = 3
/** The limit errs upwards by so many standard errors of the baseline. */
const doubt = 1.5
/** A latency that exceeds the baseline by less shows no queue. */
const unseen = 0.01
/** By what part of the limit the estimate exceeds it while no queue shows: at first, and once there has been one. */
const stride = { starting: 0.5, steady: 0.25 }
/** The baseline is measured anew when the limit has fallen to this part since: it may be the baseline that is wrong. */
const fallen = 0.8
/** Turns until the baseline is measured anew, when a measurement showed that calls had queued in the one before. */
const soon = 3

interface GradientState {
  readonly estimate: number
  /** Calls up to this one had begun when the limit was last lowered. */
  readonly lowered: number
  /** Calls up to this one had begun when an overload last lowered the limit. */
  readonly overloaded: number
  /** The limit of the round before. */
  readonly previous: number
  /** Of the round: calls that filled the limit. */
  readonly busy: Latencies
  /** Of calls that met few others, since the baseline was last renewed. */
  readonly calm: Latencies
  /** Turns since the first of `calm`. */
  readonly age: number
  /** How long a call takes that does not queue. */
  readonly baseline: Latencies
  /** The estimate when the baseline was last measured. */
  readonly measured: number
  /** So many calls the server seems to serve at a time, or more. */
  readonly served: number
  /** No queue has shown yet. */
  readonly isStarting: boolean
  readonly phase:
    /** So many turns until the baseline is measured anew. */
    | { readonly tag: "steady"; readonly left: number }
    /** The limit is low until so many calls have begun, and then goes back to what it was. */
    | { readonly tag: "probing"; readonly resume: number; readonly until: number }
}

/**
 * The limit shrinks as calls that fill it take longer than `tolerance` times the baseline, and grows by `queue` while
 * they do not: both by the `smoothing`th part in a round.
 *
 * The baseline is that of calls that met few others. Where there are none, the limit is lowered now and then for a
 * moment: a probe. Calls count by the load that they met as they began, never by when they end, or the short ones would
 * count first.
 */
export class Gradient implements Estimator {
  readonly limit: number

  constructor(
    private readonly options: GradientOptions,
    private readonly state: GradientState = {
      estimate: options.initial,
      lowered: 0,
      overloaded: 0,
      previous: options.initial,
      busy: new Latencies(),
      calm: new Latencies(),
      age: 0,
      baseline: new Latencies(),
      measured: options.initial,
      served: least,
      isStarting: true,
      phase: { tag: "steady", left: 0 }
    }
  ) {
    this.limit = Math.floor(state.estimate)
  }

  next(sample: Sample): Gradient {
    if (sample.outcome === "overload") return this.overload(sample)
    const { low, state, turn } = this
    const { phase } = state
    const { begun, inFlight, latency } = sample
    // A4.
    const isRecent = sample.call > state.lowered
    const isFull = this.isFull(sample)
    const calm = inFlight <= low ? state.calm.add(latency) : state.calm
    const age = calm.count === 0 ? 0 : state.age + 1 / turn
    const observed = this.with({ calm, age, busy: isFull ? state.busy.add(latency) : state.busy })
    const next = calm.count >= this.few && age >= ripe ? observed.renew() : observed
    if (isFull) return isRecent && next.isRound ? next.endRound(begun) : next
    // A2.
    const isOver = phase.tag === "probing" && isRecent && begun >= phase.until && !isLight(inFlight, this.limit)
    return isOver ? next.resume(phase.resume) : next
  }

  /**
   * The call took the last place, be it that of the round before: it was in flight as this round began. A round without
   * those calls would leave out the long ones, which are the last to end. An overload is a congestion of its own (A4).
   */
  private isFull({ call, inFlight }: Sample): boolean {
    const { limit, state: { overloaded, phase, previous } } = this
    if (call <= overloaded || phase.tag === "probing") return false
    // A2.
    return inFlight >= Math.min(previous, limit) && !isLight(inFlight, limit)
  }

  private with(changes: Partial<GradientState>): Gradient {
    return new Gradient(this.options, { ...this.state, ...changes })
  }

  /**
   * So many in flight are few: half of what the server serves at a time, if the limit has settled at `tolerance` times
   * that and `queue`, and hardly more than it seems to serve. Should it be too many, the limit falls with the next
   * baseline, and so does this.
   */
  private get low(): number {
    const { options, state: { estimate, phase, served } } = this
    const usual = phase.tag === "steady" ? estimate : phase.resume
    const half = (usual - options.queue) / options.tolerance / 2
    return within(options, Math.max(1, Math.floor(Math.min(half, served + 1))))
  }

  /** So many calls measure the baseline. A probe with one or two in flight must not take longer than others. */
  private get few(): number {
    return Math.min(Math.max(least, this.low), this.low * 2)
  }

  private get turn(): number {
    return Math.max(least, this.limit)
  }

  private get isRound(): boolean {
    const { state: { busy }, turn, variance } = this
    return busy.count >= turn && (busy.isKnownTo(precision, variance) || busy.count >= turn * longest)
  }

  /**
   * Of a round and its baseline the larger one. Rounds that happen to lack long calls would end sooner, and prevail.
   */
  private get variance(): number {
    const { baseline, busy } = this.state
    return Math.max(baseline.variance, busy.variance)
  }

  /** A3 and A4. */
  private overload({ begun, call }: Sample): Gradient {
    const { limit, options, state } = this
    const { phase } = state
    if (call <= state.lowered) return this
    const factor = 1 - options.smoothing / 2
    return this.with({
      estimate: backOff(options, limit, factor),
      lowered: begun,
      overloaded: begun,
      busy: new Latencies(),
      isStarting: false,
      phase: phase.tag === "steady" ? phase : { ...phase, resume: backOff(options, Math.floor(phase.resume), factor) }
    })
  }

  private endRound(begun: number): Gradient {
    const { limit, options, state, turn, variance } = this
    const { baseline, busy, estimate } = state
    const isKnown = baseline.count > 0
    // By logarithms: how much longer calls take when the limit is full, and how much of that is too much.
    const longer = isKnown ? busy.mean - baseline.mean : Infinity
    const excess = isKnown ? longer - Math.log(options.tolerance) - doubt * Math.sqrt(variance / baseline.count) : 0
    const isStarting = state.isStarting && excess <= 0
    const step = isStarting && isKnown ? stride.starting : longer < unseen ? stride.steady : 0
    const change = excess <= 0 ? estimate * step : estimate * (Math.exp(-excess) - 1)
    const next = within(options, estimate + options.smoothing * (change + options.queue))
    const left = state.phase.tag === "steady" ? state.phase.left - busy.count / turn : 0
    const ended = this.with({
      estimate: next,
      previous: limit,
      lowered: Math.floor(next) < limit ? begun : state.lowered,
      busy: new Latencies(),
      served: isKnown ? limit * Math.exp(-Math.max(0, longer)) : state.served,
      isStarting,
      phase: { tag: "steady", left }
    })
    return left <= 0 || next < state.measured * fallen ? ended.probe(begun) : ended
  }

  /** Measures the baseline, unless there is no smaller load than this one. */
  private probe(begun: number): Gradient {
    const { limit, low, state: { estimate } } = this
    if (low >= limit) return this
    const phase = { tag: "probing", resume: estimate, until: begun + this.few } as const
    return this.with({ estimate: low, measured: estimate, phase })
  }

  private resume(estimate: number): Gradient {
    return this.with({ estimate, phase: { tag: "steady", left: this.options.window } })
  }

  private renew(): Gradient {
    const { options: { window }, state } = this
    const { calm, phase } = state
    const baseline = state.baseline.renewedBy(calm)
    // The first baseline may be that of a queue, too.
    const wasQueue = state.baseline.count === 0 || state.baseline.surprise(calm) < -2
    const left = wasQueue ? Math.min(soon, window) : baseline.isKnownTo(precision) ? window : window / 2
    return this.with({
      baseline,
      calm: new Latencies(),
      age: 0,
      ...phase.tag === "steady" ? { measured: state.estimate, phase: { tag: "steady", left } } : {}
    })
  }
}
