/** Limits to compare with, written from their descriptions. */
import type { Algorithm } from "../../../src/AdaptiveLimit.js"
import type { Estimator, Sample } from "../../../src/internal/adaptiveLimit/estimators.js"
import type { Contender } from "./simulation.js"

/** One of ours. */
export class Ours implements Contender {
  private estimator: Estimator

  constructor(algorithm: Algorithm) {
    // The public interface hides it.
    this.estimator = (algorithm as Algorithm & { readonly start: () => Estimator }).start()
  }

  get limit(): number {
    return this.estimator.limit
  }

  ended(sample: Sample): void {
    this.estimator = this.estimator.next(sample)
  }
}

/** A limit that stays as it is. */
export class Fixed implements Contender {
  constructor(readonly limit: number) {}

  ended(): void {
    // It learns nothing.
  }
}

const bounds = { initial: 20, min: 1, max: 200 }

/**
 * The Gradient2 of Netflix's concurrency-limits. The limit times `tolerance` times a long average over the present
 * latency, between a half and 1, and 4 more; of that a fifth, at each window.
 */
export class Gradient2 {
  limit = bounds.initial
  private estimate = bounds.initial
  private long = 0
  private count = 0

  update(latency: number, inFlight: number): void {
    // The first ten are averaged, then each counts by two in 601.
    this.count++
    this.long += (latency - this.long) * (this.count <= 10 ? 1 / this.count : 2 / 601)
    // After an overload the long average is to come down faster.
    if (this.long / latency > 2) this.long *= 0.95
    if (inFlight < this.estimate / 2) return
    const gradient = Math.max(0.5, Math.min(1, 1.5 * this.long / latency))
    const wanted = this.estimate * gradient + 4
    this.estimate = Math.max(bounds.min, Math.min(bounds.max, this.estimate * 0.8 + wanted * 0.2))
    this.limit = Math.floor(this.estimate)
  }
}

/** Gradient2 behind Netflix's window: it learns once a second, the mean latency and the most in flight. */
export class WindowedGradient2 implements Contender {
  private readonly inner = new Gradient2()
  private until = 0
  private count = 0
  private total = 0
  private inFlight = 0

  get limit(): number {
    return this.inner.limit
  }

  ended({ inFlight, latency }: Sample, now: number): void {
    this.count++
    this.total += latency
    this.inFlight = Math.max(this.inFlight, inFlight)
    if (now < this.until || this.count < 10) return
    this.until = now + 1_000
    this.inner.update(this.total / this.count, this.inFlight)
    this.count = this.total = this.inFlight = 0
  }
}

/** Netflix's AIMD: one more for each call while half the limit is in flight, and 0.9 times at each that is late. */
export class NetflixAimd implements Contender {
  limit = bounds.initial

  constructor(private readonly timeout: number) {}

  ended({ inFlight, latency }: Sample): void {
    const { limit } = this
    const next = latency > this.timeout ? Math.floor(limit * 0.9) : inFlight * 2 >= limit ? limit + 1 : limit
    this.limit = Math.max(bounds.min, Math.min(bounds.max, next))
  }
}
