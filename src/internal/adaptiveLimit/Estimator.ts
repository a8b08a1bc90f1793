/** An estimate of a limit, and the laws that every one keeps. They are those of `AdaptiveLimit`. */

/** One call that has ended. */
export interface Sample {
  /** Its place in the order in which calls began, from 1. */
  readonly call: number
  /** How many calls had begun when this one ended: calls up to this number began under the limits of before. */
  readonly begun: number
  /** How many were in flight as it began, with itself. */
  readonly inFlight: number
  /** In milliseconds. */
  readonly latency: number
  readonly outcome: "success" | "overload"
}

/** Immutable: `next` returns another, or itself when the sample changes nothing. */
export interface Estimator {
  readonly limit: number
  next(sample: Sample): Estimator
}

export interface Bounds {
  readonly initial: number
  readonly min: number
  readonly max: number
}

/** A1. */
export const within = ({ max, min }: Bounds, estimate: number): number => Math.max(min, Math.min(max, estimate))

/** A2: a call that met few others was fast because of that. It does not tell whether more could be served as fast. */
export const isLight = (inFlight: number, limit: number): boolean => inFlight * 2 < limit

/** A3. Lower by one at least, since a limit that a rounding saves is not lowered. */
export const backOff = (bounds: Bounds, limit: number, factor: number): number =>
  within(bounds, Math.min(limit - 1, Math.floor(limit * factor)))
