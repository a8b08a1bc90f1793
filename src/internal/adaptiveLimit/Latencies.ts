/** In milliseconds: zero has no logarithm. */
const shortest = 1e-3

/**
 * The geometric mean of some latencies, and how well that is known. Immutable.
 *
 * An arithmetic mean follows the few longest calls, so it takes thousands of calls to know it where service times vary
 * widely. For lognormal ones with a sigma of 1.5, the geometric mean is known four times as soon.
 */
export class Latencies {
  constructor(
    readonly count = 0,
    /** The mean of the logarithms. */
    readonly mean = 0,
    /** The sum of the squares of the logarithms' distances from their mean. */
    private readonly squares = 0
  ) {}

  /** The variance of the logarithms. */
  get variance(): number {
    return this.count < 2 ? 0 : this.squares / (this.count - 1)
  }

  /** The standard error of `mean` is at most `error`: a part of the geometric mean. */
  isKnownTo(error: number, variance = this.variance): boolean {
    return this.count > 0 && variance <= error ** 2 * this.count
  }

  add(latency: number): Latencies {
    const value = Math.log(Math.max(latency, shortest))
    const count = this.count + 1
    const mean = this.mean + (value - this.mean) / count
    return new Latencies(count, mean, this.squares + (value - this.mean) * (value - mean))
  }

  /**
   * These latencies and the fresh ones. The less these agree with the fresh ones, the less they count; if they are
   * longer because their calls had to queue, they do not count at all.
   */
  renewedBy(fresh: Latencies): Latencies {
    const surprise = this.surprise(fresh)
    if (this.count === 0 || surprise < queued) return fresh
    const share = 1 / (1 + (surprise / incredible) ** 2)
    const kept = this.count * share
    const count = kept + fresh.count
    const apart = fresh.mean - this.mean
    return new Latencies(
      count,
      this.mean + apart * fresh.count / count,
      this.squares * share + fresh.squares + apart ** 2 * kept * fresh.count / count
    )
  }

  /** How many standard errors `fresh` is longer than these are. Differences below a hundredth are none. */
  surprise(fresh: Latencies): number {
    const variance = Math.max(this.variance, fresh.variance)
    return (fresh.mean - this.mean) / Math.sqrt(variance * (1 / this.count + 1 / fresh.count) + 0.01 ** 2)
  }
}

/** So many standard errors away, new latencies make those of before count half. */
const incredible = 7
/** So many standard errors shorter, new latencies show that there was a queue before. */
const queued = -4
