/** `gradient()` against a model of its rules, over any samples: after each call both have the same limit. */
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { test } from "vitest"
import { Gradient, type Sample } from "../../src/internal/adaptiveLimit/estimators.js"
import { Latencies } from "../../src/internal/adaptiveLimit/Latencies.js"
import { randomOf } from "../bench/adaptiveLimit/simulation.js"
import { times } from "../support/property.js"

type Options = ConstructorParameters<typeof Gradient>[0]

/** The rules one after the other, as `docs/adaptive-limit.md` has them; with figures where the docs have words. */
class Model {
  private estimate: number
  private lowered = 0
  private overloaded = 0
  private before: number
  private full = new Latencies()
  private calm = new Latencies()
  private calmTurns = 0
  private baseline = new Latencies()
  private measuredAt: number
  private served = 10
  private hasQueued = false
  private turnsLeft = 0
  private probe: { back: number; readonly until: number } | undefined = undefined

  constructor(private readonly options: Options) {
    this.estimate = this.measuredAt = this.before = options.initial
  }

  get limit(): number {
    return Math.floor(this.estimate)
  }

  ended({ begun, call, inFlight, latency, outcome }: Sample): void {
    const { few, limit, low, probe, turn } = this
    // A4.
    const isNew = call > this.lowered
    if (outcome === "overload") return isNew ? this.overload(begun) : undefined
    const isFull = inFlight >= Math.min(this.before, limit) && inFlight >= limit / 2
    const fills = isFull && call > this.overloaded && probe === undefined
    if (fills) this.full = this.full.add(latency)
    if (inFlight <= low) this.calm = this.calm.add(latency)
    if (this.calm.count > 0) this.calmTurns += 1 / turn
    if (this.calm.count >= few && this.calmTurns >= 3) this.measure()
    const { count } = this.full
    const variance = Math.max(this.full.variance, this.baseline.variance)
    const isOver = count >= turn && (variance / count <= 0.01 || count >= 100 * turn)
    if (fills && isNew && isOver) this.round(begun)
    if (probe === undefined || !isNew || begun < probe.until || inFlight < limit / 2) return
    this.probe = undefined
    this.estimate = probe.back
    this.turnsLeft = this.options.window
  }

  /** A turn is as many calls as the limit. */
  private get turn(): number {
    return Math.max(10, this.limit)
  }

  /** Half of what the server serves: of the limit without the queue, and no more than it seems to serve. */
  get low(): number {
    const { max, min, queue, tolerance } = this.options
    const usual = this.probe === undefined ? this.estimate : this.probe.back
    const half = Math.floor(Math.min((usual - queue) / tolerance / 2, this.served + 1))
    return Math.min(max, Math.max(min, half, 1))
  }

  /** As many as `low`, ten at least, but two for each of them at most. */
  private get few(): number {
    return Math.min(Math.max(10, this.low), 2 * this.low)
  }

  private within(estimate: number): number {
    return Math.max(this.options.min, Math.min(this.options.max, estimate))
  }

  private overload(begun: number): void {
    const share = 1 - this.options.smoothing / 2
    const lower = (limit: number) => this.within(Math.min(limit - 1, Math.floor(limit * share)))
    this.estimate = lower(this.limit)
    if (this.probe !== undefined) this.probe.back = lower(Math.floor(this.probe.back))
    this.lowered = this.overloaded = begun
    this.full = new Latencies()
    this.hasQueued = true
  }

  private round(begun: number): void {
    const { baseline, estimate, full, limit, options, turn } = this
    this.full = new Latencies()
    this.before = limit
    this.turnsLeft -= full.count / turn
    let change = 0
    if (baseline.count > 0) {
      const longer = full.mean - baseline.mean
      const error = Math.sqrt(Math.max(baseline.variance, full.variance) / baseline.count)
      const excess = longer - Math.log(options.tolerance) - 1.5 * error
      if (excess > 0) {
        this.hasQueued = true
        change = estimate * (Math.exp(-excess) - 1)
      } else change = estimate * (this.hasQueued ? longer < 0.01 ? 0.25 : 0 : 0.5)
      this.served = limit * Math.exp(-Math.max(0, longer))
    }
    this.estimate = this.within(estimate + options.smoothing * (change + options.queue))
    if (this.limit < limit) this.lowered = begun
    if (this.turnsLeft > 0 && this.estimate >= 0.8 * this.measuredAt) return
    const { few, low } = this
    if (low >= this.limit) return
    this.measuredAt = this.estimate
    this.probe = { back: this.estimate, until: begun + few }
    this.estimate = low
  }

  /** The baseline is measured anew. */
  private measure(): void {
    const { baseline, calm, options: { window } } = this
    this.baseline = baseline.renewedBy(calm)
    this.calm = new Latencies()
    this.calmTurns = 0
    if (this.probe !== undefined) return
    this.measuredAt = this.estimate
    const wasQueue = baseline.count === 0 || baseline.surprise(calm) < -2
    if (wasQueue) this.turnsLeft = Math.min(3, window)
    else this.turnsLeft = this.baseline.isKnownTo(0.1) ? window : window / 2
  }
}

const options: fc.Arbitrary<Options> = fc.record({
  min: fc.constantFrom(1, 1, 3, 12),
  first: fc.nat(40),
  more: fc.constantFrom(0, 5, 60),
  smoothing: fc.constantFrom(0.1, 0.2, 0.5, 1),
  tolerance: fc.constantFrom(1, 1, 1.3, 1.9),
  queue: fc.constantFrom(0.5, 4, 12),
  window: fc.constantFrom(1, 2, 5, 8, 100)
}).map(({ first, min, more, ...rest }) => ({ min, initial: min + first, max: min + first + more, ...rest }))

/** A stretch of calls that meet much the same. */
const stretch = fc.record({
  calls: fc.oneof({ weight: 6, arbitrary: fc.integer({ min: 1, max: 150 }) }, fc.constant(1_100)),
  /** The share of the limit that is in flight, or whether that is just few enough to measure the baseline. */
  load: fc.constantFrom(1, 1, 1, 1, 0.95, 0.9, 0.89, 0.6, 0.5, 0.45, 0.3, 0.1, "few", "few", "not few"),
  latency: fc.constantFrom(8, 9.5, 10, 10, 10, 10.05, 10.2, 11, 12, 15, 20, 30, 40),
  /** From the shortest latency to the longest, in logarithms. */
  spread: fc.constantFrom(0, 0, 0.02, 0.3, 1, 2.5, 16),
  age: fc.constantFrom(0, 0, 0, 1, 5, 30),
  overloads: fc.constantFrom(0, 0, 0, 0, 0.01, 0.2)
})

const inFlightAt = (load: number | string, { limit, low }: Model): number =>
  typeof load === "number" ? Math.max(1, Math.round(load * limit)) : load === "few" ? low : low + 1

test("gradient has the limit of its rules after each call", () => {
  fc.assert(
    fc.property(
      options,
      fc.array(stretch, { minLength: 1, maxLength: 60, size: "max" }),
      fc.nat(),
      (options, stretches, seed) => {
        const random = randomOf(seed)
        const model = new Model(options)
        let estimator = new Gradient(options)
        let begun = 0
        for (const { age, calls, latency, load, overloads, spread } of stretches) {
          for (let i = 0; i < calls; i++) {
            begun++
            const sample = {
              call: Math.max(1, begun - Math.floor(age * random())),
              begun,
              inFlight: inFlightAt(load, model),
              latency: latency * Math.exp(spread * (random() - 0.5)),
              outcome: random() < overloads ? "overload" as const : "success" as const
            }
            estimator = estimator.next(sample)
            model.ended(sample)
            assert.equal(estimator.limit, model.limit, `call ${begun}`)
          }
        }
      }
    ),
    { numRuns: times(150) }
  )
})
