/** Random jobs: when they arrive, how long they take, and which of them fail. */
import type { Settings } from "./settings.js"

/** Mulberry32: a small generator of numbers from 0 to 1 whose sequence a seed determines. */
const random = (seed: number): () => number => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Each property has a sequence of its own, so that a change of one setting leaves the others' numbers as they are. */
export class Load {
  private readonly gaps: () => number
  private readonly times: () => number
  private readonly faults: () => number

  constructor(seed: number) {
    this.gaps = random(seed)
    this.times = random(seed + 1_000)
    this.faults = random(seed + 2_000)
  }

  /**
   * Milliseconds to the next arrival. Single jobs arrive at random, independently of each other. Bursts arrive in even
   * steps. Infinity if nothing arrives.
   */
  gap({ arrivals, burst }: Settings): number {
    const mean = 1_000 * burst / arrivals
    return burst > 1 || mean === Infinity ? mean : -Math.log(1 - this.gaps()) * mean
  }

  /** Whole milliseconds that a job takes, at least one: lognormal, with the mean and spread of the settings. */
  duration({ duration, spread }: Settings): number {
    const variance = Math.log(1 + (spread / 100) ** 2)
    const normal = Math.sqrt(-2 * Math.log(1 - this.times())) * Math.cos(2 * Math.PI * this.times())
    return Math.max(1, Math.round(duration * Math.exp(Math.sqrt(variance) * normal - variance / 2)))
  }

  fails({ failures }: Settings): boolean {
    return this.faults() < failures / 100
  }
}
