/** The laws U1 to U3 of the autoscaler: over any samples, and over pools under load. */
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, expect, test } from "vitest"
import {
  type Decision,
  initial,
  next,
  type Options,
  type Settings,
  settings
} from "../../src/internal/workerPool/Autoscaler.js"
import { times } from "../support/property.js"

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

const seldom = (n: number) => fc.oneof(fc.constant(0), fc.constant(0), fc.nat(n))

const busy = fc.oneof(fc.constant(0), fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true }))

const any = fc.record({
  wait: fc.nat(500),
  ready: fc.oneof(fc.constant(0), fc.nat(40)),
  callers: seldom(5),
  overflows: seldom(2),
  stuck: seldom(16),
  busy
})

// A pool shrinks after several of these, one after the other.
const calm = any.map((load) => ({ ...load, ready: 0, callers: 0, overflows: 0 }))
const load = fc.oneof({ weight: 3, arbitrary: calm }, { weight: 1, arbitrary: any })

type Load = typeof load extends fc.Arbitrary<infer T> ? T : never

/** Drives the machine with a pool that does as it is told, and answers each sample with what came of it. */
const drive = (settings: Settings, loads: ReadonlyArray<Load>, begin = settings.min) => {
  let { state, size }: Decision = { state: initial, size: begin }
  let now = 0
  let overflows = 0
  return loads.map(({ busy, overflows: more, wait, ...load }, index) => {
    now += wait
    overflows += more
    const running = Math.round(busy * size)
    const sample: Parameters<typeof next>[2] = { now, size, running, idle: size - running, overflows, ...load }
    const full = load.callers > 0 || (more > 0 && index > 0)
    ;({ state, size } = next(settings, state, sample))
    return { sample, size, full }
  })
}

type Step = ReturnType<typeof drive>[number]

/** U2, as the docs have it. */
const isHigh = ({ growAbove }: Settings, { full, sample: { idle, ready, size, stuck } }: Step) =>
  ready - idle > growAbove * size || (idle === 0 && (full || (ready > 0 && stuck >= size)))
const isLow = ({ shrinkBelow }: Settings, { full, sample: { ready, running, size } }: Step) =>
  ready === 0 && !full && running < shrinkBelow * size

const property = (check: (settings: Settings, steps: ReturnType<typeof drive>) => void) =>
  fc.assert(
    fc.property(options, fc.array(load, { minLength: 1, maxLength: 60 }), (options, loads) => {
      const resolved = settings(options)
      check(resolved, drive(resolved, loads))
    }),
    { numRuns: times(10_000) }
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
      for (const step of steps) {
        const { sample, size } = step
        if (size > sample.size) assert.ok(isHigh(settings, step))
        if (size < sample.size) assert.ok(isLow(settings, step) && size >= sample.running)
      }
    })
  })

  test("it changes once in a dwell time at most, and shrinks after a whole one of low load (U3)", () => {
    property((settings, steps) => {
      let changed = -Infinity
      let low = Infinity
      for (const step of steps) {
        const { sample, size } = step
        low = isLow(settings, step) ? Math.min(low, sample.now) : Infinity
        if (size === sample.size) continue
        const dwell = size > sample.size ? settings.dwell.grow : settings.dwell.shrink
        assert.ok(sample.now - changed >= dwell, "too soon after the last change")
        if (size < sample.size) assert.ok(sample.now - low >= dwell, "too soon after the load fell")
        changed = sample.now
      }
    })
  })

  test("it changes as soon as the marks and the dwell times let it, by a whole step (U2, U3)", () => {
    property((settings, steps) => {
      const { dwell, max, min, step: by } = settings
      let changed = -Infinity
      let low = Infinity
      for (const step of steps) {
        const { sample: { now, running, size: before }, size } = step
        low = isLow(settings, step) ? Math.min(low, now) : Infinity
        const may = (dwell: number) => now - changed >= dwell
        const expected = isHigh(settings, step) && may(dwell.grow)
          ? Math.min(max, before + by)
          : now - low >= dwell.shrink && may(dwell.shrink)
          ? Math.min(before, Math.max(min, running, before - by))
          : before
        assert.equal(size, expected)
        if (size !== before) changed = now
      }
    })
  })

  test("it reaches max under a load that lasts, and min when idle", () => {
    fc.assert(fc.property(options, (options) => {
      const resolved = settings(options)
      const { dwell, max, min } = resolved
      const calm = { ready: 0, callers: 0, overflows: 0, stuck: 0 }
      const high = { ...calm, wait: dwell.grow, ready: 100, busy: 1 }
      const idle = { ...calm, wait: dwell.shrink, busy: 0 }
      const changes = Array.from({ length: max - min + 1 })
      const reached = (load: Load) => drive(resolved, [load, ...changes.map(() => load)], min).at(-1)?.size
      assert.equal(reached(high), max)
      // One caller that waits is reason enough, and so is one job that finds no room, or all workers' jobs that wait.
      assert.equal(reached({ ...high, ready: 0, callers: 1 }), max)
      assert.equal(reached({ ...high, ready: 0, overflows: 1 }), max)
      assert.equal(reached({ ...high, ready: 1, stuck: 99 }), max)
      // The first sample of low load begins the time.
      assert.equal(drive(resolved, [idle, ...changes.map(() => idle)], max).at(-1)?.size, min)
    }))
  })
})

const still = { ready: 0, callers: 0, overflows: 0, stuck: 0 }

test("a size out of bounds is mended at once", () => {
  const resolved = settings({ min: 2, max: 4, dwell: 100 })
  const state = { tag: "steady", changed: 0, overflows: 0 } as const
  const above = next(resolved, state, { now: 1, size: 9, idle: 9, running: 0, ...still })
  expect(above.size).toBe(4)
  expect(next(resolved, above.state, { now: 2, size: 1, idle: 1, running: 0, ...still }).size).toBe(2)
})

test("jobs that found the queue full before the first sample are no reason to grow", () => {
  const resolved = settings({ min: 1, max: 4, dwell: 100 })
  const busy = { size: 1, running: 1, idle: 0, ...still, overflows: 7 }
  const first = next(resolved, initial, { ...busy, now: 0 })
  expect(first.size).toBe(1)
  const second = next(resolved, first.state, { ...busy, now: 10 })
  expect(second.size).toBe(1)
  expect(next(resolved, second.state, { ...busy, now: 20, overflows: 8 }).size).toBe(2)
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
    const sample = { now, size, running: running.length, idle, ready: queued, callers: 0, overflows: 0, stuck: 0 }
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
      { numRuns: times(300) }
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
