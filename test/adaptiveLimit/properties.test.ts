/** The laws A1 to A4 over any samples, and A5 and A6 over schedules and cancellations. */
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, test } from "vitest"
import { Aimd, type Bounds, type Estimator, Gradient } from "../../src/internal/adaptiveLimit/estimators.js"
import { exhausted } from "../scenarios/adaptiveLimit.js"
import { lawsOf, times } from "../support/property.js"

const bounds: fc.Arbitrary<Bounds> = fc.tuple(
  fc.integer({ min: 1, max: 12 }),
  fc.integer({ min: 0, max: 40 }),
  fc.nat(40)
).map(([min, first, more]) => ({ min, initial: min + first, max: min + first + more }))

interface Subject {
  readonly estimator: Estimator
  readonly bounds: Bounds
  readonly backoff: number
}

const aimd: fc.Arbitrary<Subject> = fc.record({
  bounds,
  increase: fc.constantFrom(0.3, 1, 4),
  backoff: fc.constantFrom(0.1, 0.5, 0.9, 0.999),
  timeout: fc.constantFrom(50, Infinity)
}).map(({ bounds, ...options }) => ({
  estimator: new Aimd({ ...bounds, ...options }),
  bounds,
  backoff: options.backoff
}))

const gradient: fc.Arbitrary<Subject> = fc.record({
  bounds,
  smoothing: fc.constantFrom(0.1, 0.2, 1),
  tolerance: fc.constantFrom(1, 1.5, 1.9),
  queue: fc.constantFrom(0.5, 4, 20),
  window: fc.constantFrom(1, 3, 100)
}).map(({ bounds, ...options }) => ({
  estimator: new Gradient({ ...bounds, ...options }),
  bounds,
  backoff: 1 - options.smoothing / 2
}))

/** A stretch of like calls; loads are shares of the limit. */
const stretch = fc.record({
  calls: fc.integer({ min: 1, max: 40 }),
  age: fc.nat(30),
  load: fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1.5, noNaN: true })),
  latency: fc.oneof(fc.constant(0), fc.constant(10), fc.double({ min: 0, max: 200, noNaN: true })),
  outcome: fc.oneof(
    { weight: 4, arbitrary: fc.constant("success" as const) },
    { weight: 1, arbitrary: fc.constant("overload" as const) }
  )
})

interface Step {
  readonly before: number
  readonly after: number
  readonly call: number
  readonly begun: number
  readonly inFlight: number
  readonly overload: boolean
}

const property = (check: (subject: Subject, steps: ReadonlyArray<Step>) => void) =>
  test.each([["aimd", aimd], ["gradient", gradient]] as const)("%s", (_, subject) => {
    fc.assert(
      fc.property(subject, fc.array(stretch, { minLength: 1, maxLength: 12 }), (subject, stretches) => {
        let { estimator } = subject
        let begun = 0
        const steps: Array<Step> = []
        for (const { age, calls, latency, load, outcome } of stretches) {
          for (let i = 0; i < calls; i++) {
            begun++
            const before = estimator.limit
            const call = Math.max(1, begun - age)
            const inFlight = Math.max(1, Math.round(load * before))
            estimator = estimator.next({
              call,
              begun,
              inFlight,
              latency,
              outcome
            })
            steps.push({ before, after: estimator.limit, call, begun, inFlight, overload: outcome === "overload" })
          }
        }
        check(subject, steps)
      }),
      { numRuns: times(10_000) }
    )
  })

const lowest = ({ backoff, bounds }: Subject, limit: number) =>
  Math.max(bounds.min, Math.min(limit - 1, Math.floor(limit * backoff)))

describe("the limit stays within its bounds (A1)", () => {
  property(({ bounds: { max, min } }, steps) => {
    for (const { after } of steps) assert.ok(Number.isInteger(after) && after >= min && after <= max)
  })
})

describe("a call that began with less than half the limit in flight does not raise it (A2)", () => {
  property((_, steps) => {
    for (const { after, before, inFlight } of steps) if (inFlight * 2 < before) assert.ok(after <= before)
  })
})

describe("an overload lowers it at once, by one at least and by backoff at most (A3)", () => {
  property((subject, steps) => {
    let fell = 0
    for (const { after, before, begun, call, overload } of steps) {
      if (overload && call > fell) assert.equal(after, lowest(subject, before))
      if (overload && after !== before) assert.equal(after, lowest(subject, before))
      // At min a congestion lowers nothing, and those that had begun are of it all the same.
      if (after < before || after === subject.bounds.min) fell = begun
    }
  })
})

describe("calls that had begun when an overload lowered it change it no more (A4)", () => {
  property((_, steps) => {
    let lowered = 0
    for (const { after, before, begun, call, overload } of steps) {
      if (call <= lowered) assert.equal(after, before)
      if (overload && after < before) lowered = begun
    }
  })
})

// With more the listeners' and the third call's schedules are too many.
const one = ["withPermit, lowered", "a listener that yields", "a listener that dies"]

lawsOf(exhausted, {
  bounds: (name) => ({ preemptions: one.includes(name) ? 1 : 2, cancels: 1 }),
  runs: 1_000
})
