/** The laws U1 to U3 of the autoscaler: over any samples, and over pools under load. */
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, expect, test } from "vitest"
import {
  type Decision,
  initial,
  next,
  type Options,
  type Sample,
  type Settings,
  settings
} from "../src/internal/workerPool/Autoscaler.js"
import { soak } from "./support/property.js"

const options: fc.Arbitrary<Options> = fc.record({
  min: fc.integer({ min: 1, max: 4 }),
  extra: fc.nat(12),
  growAbove: fc.constantFrom(0.5, 1, 3),
  shrinkBelow: fc.constantFrom(0.25, 0.5, 1),
  dwell: fc.oneof(
    fc.integer({ min: 1, max: 1_000 }),
    fc.record({ grow: fc.integer({ min: 1, max: 1_000 }), shrink: fc.integer({ min: 1, max: 1_000 }) })
  ),
  step: fc.integer({ min: 1, max: 3 })
}).map(({ extra, ...rest }) => ({ ...rest, max: rest.min + extra }))

const load = fc.record({
  wait: fc.nat(500),
  queued: fc.oneof(fc.constant(0), fc.nat(40)),
  waiting: fc.oneof(fc.constant(0), fc.constant(0), fc.nat(5)),
  busy: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1, noNaN: true }))
})

type Load = typeof load extends fc.Arbitrary<infer T> ? T : never

/** Drives the machine with a pool that does as it is told, and answers each sample with what came of it. */
const drive = (settings: Settings, loads: ReadonlyArray<Load>, begin = settings.min) => {
  let { state, size }: Decision = { state: initial, size: begin }
  let now = 0
  return loads.map(({ busy, queued, waiting, wait }) => {
    now += wait
    const running = Math.round(busy * size)
    const sample: Sample = { now, size, queued, waiting, running, idle: size - running }
    ;({ state, size } = next(settings, state, sample))
    return { sample, size }
  })
}

const isHigh = ({ growAbove }: Settings, { idle, queued, size, waiting }: Sample) =>
  queued + waiting - idle > growAbove * size
const isLow = ({ shrinkBelow }: Settings, { queued, running, size, waiting }: Sample) =>
  queued + waiting === 0 && running < shrinkBelow * size

const property = (check: (settings: Settings, steps: ReturnType<typeof drive>) => void) =>
  fc.assert(
    fc.property(options, fc.array(load, { minLength: 1, maxLength: 60 }), (options, loads) => {
      const resolved = settings(options)
      check(resolved, drive(resolved, loads))
    }),
    { numRuns: 10_000 * soak }
  )

describe("over any samples", () => {
  test("the size stays between min and max, and changes by a step at most (U1)", () => {
    property(({ max, min, step }, steps) => {
      for (const { sample, size } of steps) {
        assert.ok(Number.isInteger(size) && size >= min && size <= max)
        assert.ok(Math.abs(size - sample.size) <= step)
      }
    })
  })

  test("it grows above the one mark and shrinks below the other, and between them does nothing (U2)", () => {
    property((settings, steps) => {
      for (const { sample, size } of steps) {
        if (size > sample.size) assert.ok(isHigh(settings, sample))
        if (size < sample.size) assert.ok(isLow(settings, sample) && size >= sample.running)
      }
    })
  })

  test("it changes once in a dwell time at most, and shrinks after a whole one of low load (U3)", () => {
    property((settings, steps) => {
      let changed = -Infinity
      let low = Infinity
      for (const { sample, size } of steps) {
        low = isLow(settings, sample) ? Math.min(low, sample.now) : Infinity
        if (size === sample.size) continue
        const dwell = size > sample.size ? settings.dwell.grow : settings.dwell.shrink
        assert.ok(sample.now - changed >= dwell, "too soon after the last change")
        if (size < sample.size) assert.ok(sample.now - low >= dwell, "too soon after the load fell")
        changed = sample.now
      }
    })
  })

  test("it reaches max under a load that lasts, and min when idle", () => {
    fc.assert(fc.property(options, (options) => {
      const resolved = settings(options)
      const { dwell, max, min } = resolved
      const high = { wait: dwell.grow, queued: 100, waiting: 0, busy: 1 }
      const idle = { wait: dwell.shrink, queued: 0, waiting: 0, busy: 0 }
      const changes = Array.from({ length: max - min + 1 })
      assert.equal(drive(resolved, changes.map(() => high), min).at(-1)?.size, max)
      // The first sample of low load begins the time.
      assert.equal(drive(resolved, [idle, ...changes.map(() => idle)], max).at(-1)?.size, min)
    }))
  })
})

test("a size out of bounds is mended at once, and a clock set back stops nothing", () => {
  const resolved = settings({ min: 2, max: 4, dwell: 100 })
  const idle = { queued: 0, waiting: 0, running: 0 }
  const above = next(resolved, { tag: "steady", changed: 0 }, { now: 1, size: 9, idle: 9, ...idle })
  expect(above.size).toBe(4)
  expect(next(resolved, above.state, { now: 2, size: 1, idle: 1, ...idle }).size).toBe(2)

  let decision: Decision = { state: { tag: "steady", changed: 1_000_000 }, size: 4 }
  for (const now of [0, 100]) decision = next(resolved, decision.state, { now, size: 4, idle: 4, ...idle })
  expect(decision.size).toBe(3)
})

/** A pool whose jobs take a second each, sampled ten times a second, under a load in jobs per second. */
const simulate = (settings: Settings, seconds: number, rate: (second: number) => number) => {
  let { state, size }: Decision = { state: initial, size: settings.min }
  let queued = 0
  let owed = 0
  let running: Array<number> = []
  const changes: Array<{ readonly at: number; readonly by: number }> = []
  let largest = size
  for (let now = 0; now < seconds * 1_000; now += 100) {
    running = running.filter((end) => end > now)
    owed += rate(now / 1_000) / 10
    queued += Math.floor(owed)
    owed -= Math.floor(owed)
    while (queued > 0 && running.length < size) {
      queued--
      running.push(now + 1_000)
    }
    const before = size
    const idle = Math.max(0, size - running.length)
    const sample = { now, size, queued, waiting: 0, running: running.length, idle }
    ;({ state, size } = next(settings, state, sample))
    largest = Math.max(largest, size)
    if (size !== before) changes.push({ at: now, by: size - before })
  }
  return { size, largest, queued, changes }
}

describe("a pool under load", () => {
  const resolved = settings({ min: 2, max: 20, dwell: { grow: "1 second", shrink: "10 seconds" } })

  test("reaches max under a load that lasts, and min when it is over", () => {
    const { largest, size } = simulate(resolved, 400, (second) => second < 60 ? 30 : 0)
    expect({ largest, size }).toEqual({ largest: 20, size: 2 })
  })

  test("finds the size for a steady load, and then leaves it alone", () => {
    const { changes, queued, size } = simulate(resolved, 600, () => 10)
    expect(size).toBeGreaterThanOrEqual(10)
    expect(size).toBeLessThanOrEqual(20)
    expect(queued).toBe(0)
    expect(changes.filter(({ at }) => at > 60_000)).toEqual([])
  })

  test("does not change at all under a square wave that is faster than it shrinks", () => {
    const wave = (second: number) => second % 10 < 5 ? 15 : 0
    const { changes, size } = simulate(resolved, 1_000, wave)
    expect(size).toBeGreaterThanOrEqual(8)
    expect(changes.filter(({ at }) => at > 200_000)).toEqual([])
  })

  test("under any square wave it shrinks once in a dwell time at most, and grows as often as it has shrunk", () => {
    const wave = fc.record({
      period: fc.integer({ min: 2, max: 120 }),
      share: fc.double({ min: 0.1, max: 0.9, noNaN: true }),
      high: fc.integer({ min: 1, max: 30 }),
      low: fc.nat(5)
    })
    fc.assert(
      fc.property(wave, ({ high, low, period, share }) => {
        const seconds = 10 * period
        const { changes } = simulate(resolved, seconds, (second) => second % period < period * share ? high : low)
        for (const [i, { at, by }] of changes.entries()) {
          const rested = at - (changes[i - 1]?.at ?? -Infinity)
          assert.ok(rested >= (by > 0 ? 1_000 : 10_000), `changed after ${rested} ms`)
        }
        const shrinks = changes.filter(({ by }) => by < 0).length
        assert.ok(shrinks <= seconds / 10)
        // From min to max it is 18 steps.
        assert.ok(changes.length <= 2 * shrinks + 18)
      }),
      { numRuns: 300 * soak }
    )
  })
})

describe("options that make no sense are refused", () => {
  const cases: ReadonlyArray<readonly [Partial<Options>, string]> = [
    [{ min: 0 }, "min must be an integer >= 1, got 0"],
    [{ min: NaN }, "min must be an integer >= 1, got NaN"],
    [{ max: 2.5 }, "max must be an integer >= 1, got 2.5"],
    [{ max: -1 }, "max must be an integer >= 1, got -1"],
    [{ min: 4, max: 3 }, "max must be at least min, which is 4, got 3"],
    [{ growAbove: 0 }, "growAbove must be a number > 0, got 0"],
    [{ growAbove: Infinity }, "growAbove must be a number > 0, got Infinity"],
    [{ shrinkBelow: 0 }, "shrinkBelow must be a number > 0 and <= 1, got 0"],
    [{ shrinkBelow: 1.5 }, "shrinkBelow must be a number > 0 and <= 1, got 1.5"],
    [{ dwell: 0 }, "dwell must be a duration > 0, got 0"],
    [{ dwell: NaN }, "dwell must be a duration > 0, got NaN"],
    [{ dwell: { grow: "1 second", shrink: -1 } }, "dwell.shrink must be a duration > 0, got -1"],
    [{ step: 0 }, "step must be an integer >= 1, got 0"]
  ]
  test.each(cases)("%o", (wrong, message) => {
    expect(() => settings({ min: 1, max: 9, ...wrong })).toThrow(new RangeError(`WorkerPool.autoscale: ${message}`))
  })
})
