/** The estimators alone, against models of them and over made-up rounds. */
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, expect, test } from "vitest"
import { Aimd, type Estimator, Gradient, type Sample } from "../../src/internal/adaptiveLimit/estimators.js"
import { Latencies } from "../../src/internal/adaptiveLimit/Latencies.js"
import { times } from "../support/property.js"

const seed = 1_604_022
const runs = times(2_000)

describe("aimd", () => {
  const sample = fc.record({
    age: fc.nat(12),
    load: fc.constantFrom(0, 0.25, 0.49, 0.5, 0.51, 1),
    latency: fc.constantFrom(0, 49, 50, 51),
    outcome: fc.constantFrom("success" as const, "success" as const, "success" as const, "overload" as const)
  })
  const options = fc.record({
    initial: fc.integer({ min: 2, max: 12 }),
    min: fc.constantFrom(1, 2),
    max: fc.constantFrom(12, 14),
    increase: fc.constantFrom(0.3, 1, 4),
    backoff: fc.constantFrom(0.3, 0.5, 0.95),
    timeout: fc.constantFrom(50, Infinity)
  })

  test("is at every moment where its laws put it", () => {
    fc.assert(
      fc.property(options, fc.array(sample, { maxLength: 60 }), (options, samples) => {
        let estimator = new Aimd(options)
        let [estimate, fell] = [options.initial, 0]
        for (const [i, { age, latency, load, outcome }] of samples.entries()) {
          const limit = Math.floor(estimate)
          const inFlight = Math.max(1, Math.round(load * limit))
          const call = Math.max(1, i + 1 - age)
          const next = estimator.next({ call, begun: i + 1, inFlight, latency, outcome })
          if (call > fell) {
            if (outcome === "overload" || latency > options.timeout) {
              estimate = Math.max(options.min, Math.min(limit - 1, Math.floor(limit * options.backoff)))
              fell = i + 1
            } else if (2 * inFlight >= limit) {
              estimate = Math.min(options.max, estimate + options.increase / limit)
            } else assert.equal(next, estimator)
          } else assert.equal(next, estimator)
          estimator = next
          assert.equal(estimator.limit, Math.floor(estimate))
        }
      }),
      { numRuns: runs, seed }
    )
  })
})

const latencies = fc.array(fc.double({ min: 0.01, max: 1e4, noNaN: true }), { minLength: 2, maxLength: 40 })
const tally = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum.add(value), new Latencies())
const average = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0) / values.length
const close = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-6 * Math.max(1, Math.abs(b)), `${a} is not ${b}`)

describe("latencies", () => {
  test("have the mean and the variance of their logarithms", () => {
    fc.assert(
      fc.property(latencies, (values) => {
        const logarithms = values.map(Math.log)
        const mean = average(logarithms)
        const variance = logarithms.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1)
        const seen = tally(values)
        assert.equal(seen.count, values.length)
        close(seen.mean, mean)
        close(seen.variance, variance)
        const error = Math.sqrt(variance / values.length)
        if (error < 1e-3) return
        assert.equal(seen.isKnownTo(error * 1.001), true)
        assert.equal(seen.isKnownTo(error * 0.999), false)
      }),
      { numRuns: runs, seed }
    )
  })

  test("none is known of nothing, one is, and zero is short", () => {
    expect(new Latencies().isKnownTo(1)).toBe(false)
    expect([tally([5]).isKnownTo(0), tally([5]).variance]).toEqual([true, 0])
    expect(tally([0]).mean).toBe(Math.log(1e-3))
  })

  test("that agree are put together as if they had been seen at once", () => {
    fc.assert(
      fc.property(latencies, fc.nat(), (values, at) => {
        const split = 1 + at % (values.length - 1)
        // Each twice, and in turns: so both halves have the same mean.
        const [one, other] = [tally(values), tally([...values.slice(split), ...values.slice(0, split)])]
        const both = one.renewedBy(other)
        close(both.count, 2 * values.length)
        close(both.mean, one.mean)
        close(both.variance * (both.count - 1), 2 * one.variance * (values.length - 1))
      }),
      { numRuns: runs, seed }
    )
  })

  test("that differ are put together by how much the older ones still count, whichever are longer", () => {
    const some = fc.array(fc.double({ min: 9, max: 12, noNaN: true }), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(some, some, fc.constantFrom(0.5, 0.9, 1, 1.1, 2), (before, after, factor) => {
        const [older, newer] = [tally(before), tally(after.map((value) => value * factor))]
        const error = Math.sqrt(Math.max(older.variance, newer.variance) * (1 / older.count + 1 / newer.count) + 1e-4)
        const apart = newer.mean - older.mean
        const surprise = apart / error
        close(older.surprise(newer), surprise)
        const both = older.renewedBy(newer)
        if (surprise < -4) return assert.equal(both, newer)
        const kept = older.count / (1 + surprise ** 2 / 49)
        close(both.count, kept + newer.count)
        close(both.mean, (kept * older.mean + newer.count * newer.mean) / both.count)
        const squares = (one: Latencies) => one.variance * (one.count - 1)
        const between = kept * newer.count / both.count * apart ** 2
        if (both.count < 2) return assert.equal(both.variance, 0)
        close(squares(both), kept / older.count * squares(older) + squares(newer) + between)
      }),
      { numRuns: runs, seed }
    )
  })

  test("that are longer beyond chance leave little of the older ones, and shorter ones nothing", () => {
    const [ten, twenty] = [tally(Array.from({ length: 50 }, () => 10)), tally(Array.from({ length: 10 }, () => 20))]
    expect(new Latencies().renewedBy(ten)).toBe(ten)
    expect(twenty.renewedBy(ten)).toBe(ten)
    expect(Math.exp(ten.renewedBy(twenty).mean)).toBeGreaterThan(19)
    // Not beyond chance: four in a hundred are four errors, and the error of equal ones is a hundredth.
    expect(ten.renewedBy(tally([10 * Math.exp(-0.039)])).count).toBeGreaterThan(30)
    expect(ten.renewedBy(tally([10 * Math.exp(-0.041)])).count).toBe(1)
  })
})

describe("gradient, round by round", () => {
  const options = { initial: 40, min: 1, max: 100, smoothing: 1, tolerance: 1, queue: 4, window: 100 }
  let call = 0
  const next = (estimator: Estimator, sample: Partial<Sample>): Estimator => {
    call++
    const { limit } = estimator
    return estimator.next({
      call,
      begun: call,
      inFlight: limit,
      latency: 10,
      outcome: "success",
      ...sample
    })
  }
  const times = (n: number, estimator: Estimator, sample: Partial<Sample> = {}): Estimator => {
    for (let i = 0; i < n; i++) estimator = next(estimator, sample)
    return estimator
  }
  /** Knows that a call takes 10 ms with few others: the limit is 44, with no probe for some time. */
  const knowing = (changes: Partial<typeof options> = {}): Estimator => {
    const probing = times(40, new Gradient({ ...options, ...changes }))
    const over = times(11, probing)
    return times(40 * 2, over, { inFlight: 30 })
  }

  test("the first is as many calls as the limit, then the limit is low until a few have begun", () => {
    call = 0
    const early = times(39, new Gradient(options))
    expect(early.limit).toBe(40)
    const probing = next(early, {})
    expect(probing.limit).toBe(11)
    const nearly = times(10, probing)
    expect(nearly.limit).toBe(11)
    expect(next(nearly, { inFlight: 5 }).limit).toBe(11)
    expect(next(nearly, { inFlight: 6 }).limit).toBe(44)
  })

  test("an overload during a probe also lowers the limit to which that returns (A3)", () => {
    call = 0
    const probing = times(40, new Gradient(options))
    const overloaded = next(probing, { outcome: "overload" })
    expect(overloaded.limit).toBe(5)
    expect(times(20, overloaded).limit).toBe(22)
  })

  test("a call that began before an overload neither lowers the limit nor ends a probe (A4)", () => {
    call = 0
    const probing = times(40, new Gradient(options))
    const overloaded = next(probing, { outcome: "overload" })
    const late = overloaded.next({ call: 41, begun: 100, inFlight: 11, latency: 10, outcome: "success" })
    expect(late.limit).toBe(5)
    const refused = overloaded.next({
      call: 41,
      begun: 100,
      inFlight: 11,
      latency: 10,
      outcome: "overload"
    })
    expect(refused).toBe(overloaded)
  })

  test("grows by half and by queue until calls take longer, and by a quarter afterwards", () => {
    call = 0
    const known = knowing({ smoothing: 0.5 })
    expect(known.limit).toBe(42)
    const growing = times(42, known)
    // A quarter more, and 2.
    expect(growing.limit).toBe(54)
    const full = times(54, growing, { latency: 12 })
    // Half of a sixth less, and 2: 51.96.
    expect(full.limit).toBe(51)
    // An eighth more, and 2; and the first baseline is measured again, by half of what is more than queue.
    const again = times(51, full)
    expect(again.limit).toBe(28)
    expect(times(28, again).limit).toBe(60)
  })

  test("only calls that take the last place, of this limit or of the one before, make a round", () => {
    call = 0
    const known = knowing()
    expect(times(200, known, { inFlight: 39 }).limit).toBe(44)
    expect(times(43, known, { inFlight: 40 }).limit).toBe(44)
    const grown = times(44, known, { inFlight: 40 })
    expect(grown.limit).toBe(70)
    expect(times(200, grown, { inFlight: 43 }).limit).toBe(70)
    expect(times(70, grown, { inFlight: 44 }).limit).toBeGreaterThan(70)
  })

  test("a call that took the last place of a limit less than half as high makes no round (A2)", () => {
    call = 0
    const grown = times(4, times(10, new Gradient({ ...options, initial: 4, queue: 8 })), { inFlight: 2 })
    expect(grown.limit).toBe(12)
    expect(times(200, grown, { inFlight: 5 }).limit).toBe(12)
    expect(times(200, grown, { inFlight: 6 }).limit).toBeGreaterThan(12)
  })

  test("a call that had begun when a round lowered the limit counts in the next round, and does not end it", () => {
    call = 0
    const lowered = times(44, knowing(), { latency: 12 })
    expect(lowered.limit).toBe(40)
    const late = { begun: call + 1, call, inFlight: 44, latency: 15, outcome: "success" } as const
    let counted = lowered
    for (let i = 0; i < 40; i++) counted = counted.next(late)
    expect(counted.limit).toBe(40)
    expect(next(counted, {}).limit).toBeLessThan(40)
    expect(times(40, lowered).limit).toBeGreaterThan(40)
  })

  test("a call that had begun when an overload lowered the limit does not count in the next round (A4)", () => {
    call = 0
    const lowered = next(knowing(), { outcome: "overload" })
    expect(lowered.limit).toBe(22)
    const late = { begun: call + 1, call, inFlight: 44, latency: 15, outcome: "success" } as const
    let estimator = lowered
    for (let i = 0; i < 40; i++) estimator = estimator.next(late)
    expect(times(21, estimator).limit).toBe(22)
    expect(times(22, estimator).limit).toBe(times(22, lowered).limit)
  })

  test("a call that had begun when a round lowered the limit does not lower it again (A4)", () => {
    call = 0
    const lowered = times(44, knowing(), { latency: 12 })
    expect(lowered.limit).toBe(40)
    const late = { begun: call + 1, inFlight: 44, latency: 12, outcome: "overload" } as const
    expect(lowered.next({ ...late, call })).toBe(lowered)
    expect(lowered.next({ ...late, call: call + 1 }).limit).toBe(20)
    // Nor does it end the next round.
    let estimator = lowered
    for (let i = 0; i < 60; i++) estimator = estimator.next({ ...late, call, outcome: "success" })
    expect(estimator.limit).toBe(40)
  })

  test("lasts until the latency is known to a tenth, or for a hundred turns", () => {
    call = 0
    let varied = knowing()
    let calls = 0
    for (; varied.limit === 44; calls++) varied = next(varied, { latency: calls % 2 === 0 ? 2 : 50 })
    // A standard deviation of 1.6 is known to a tenth after 260 calls.
    expect(calls).toBeGreaterThan(240)
    expect(calls).toBeLessThan(280)
    let wild = knowing()
    for (calls = 0; wild.limit === 44 && calls < 10_000; calls++) {
      wild = next(wild, { latency: calls % 2 === 0 ? 1e-3 : 1e15 })
    }
    expect(calls).toBe(4_400)
  })

  test("a round whose calls are alike lasts as long as others, if those of the baseline vary", () => {
    call = 0
    let known = times(40, new Gradient(options))
    for (let i = 0; i < 100; i++) known = next(known, { inFlight: 10, latency: i % 2 === 0 ? 2 : 50 })
    expect(known.limit).toBe(44)
    let calls = 0
    for (; known.limit === 44; calls++) known = next(known, {})
    expect(calls).toBeGreaterThan(240)
    expect(calls).toBeLessThan(280)
  })

  test("a probe measures again after window turns, and sooner when the limit has fallen by a fifth", () => {
    call = 0
    const full = { ...options, smoothing: 0.5, queue: 1 }
    const turnsUntilProbe = (estimator: Estimator, latency: number): number => {
      for (let turns = 1; turns < 300; turns++) {
        const { limit } = estimator
        estimator = times(Math.max(10, limit), estimator, { latency })
        if (estimator.limit * 1.9 < limit) return turns
      }
      return Infinity
    }
    const known = knowing({ ...full, max: 44 })
    expect(turnsUntilProbe(known, 10)).toBeLessThan(5)
    expect(turnsUntilProbe(known, 15)).toBeLessThan(4)
  })
})
