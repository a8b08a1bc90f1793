/** What `gradient()` makes of servers that are simulated, by the simulation of the benchmark. */
import { Clock, Effect, Semaphore } from "effect"
import { TestClock } from "effect/testing"
import { AdaptiveLimit } from "sluice"
import { describe, expect, test } from "vitest"
import { Fixed, Ours, WindowedGradient2 } from "../bench/adaptiveLimit/contenders.js"
import { type Phase, randomOf, services, simulate, type Trace } from "../bench/adaptiveLimit/simulation.js"
import { simulate as onTestClock } from "../support/server.js"

const mean = 10
const kinds = services(mean)
const names = Object.keys(kinds)

const open = (kind: string, share: number, seed: number, network = 0): Trace => ({
  name: kind,
  service: kinds[kind]!,
  mean,
  network,
  capacities: [24],
  millis: 20_000,
  load: { tag: "open", share },
  seed
})

const closed = (kind: string, capacities: ReadonlyArray<number>, seed: number, network = 0): Trace => ({
  ...open(kind, 1, seed, network),
  capacities,
  load: { tag: "closed", clients: 400 }
})

const gradient = (trace: Trace, options: AdaptiveLimit.GradientOptions = {}): ReadonlyArray<Phase> =>
  simulate(trace, new Ours(AdaptiveLimit.gradient(options)))

describe.each(names)("with %s service times, gradient", (kind) => {
  test.each([0.8, 0.9])("adds less than Gradient2 does to a call at a load of %d", (share) => {
    for (const seed of [1, 2, 3]) {
      const [phase] = gradient(open(kind, share, seed))
      const [unlimited] = simulate(open(kind, share, seed), new Fixed(Infinity))
      const [other] = simulate(open(kind, share, seed), new WindowedGradient2())
      expect(phase!.call).toBeLessThan(other!.call)
      expect(phase!.call).toBeLessThan(1.4 * unlimited!.call)
    }
  })

  test.each([0.8, 0.9])("holds the limit between the capacity and a third more at a load of %d", (share) => {
    for (const seed of [1, 2, 3]) {
      const [phase] = gradient(open(kind, share, seed))
      expect(phase!.limit.mean).toBeGreaterThan(24)
      expect(phase!.limit.mean).toBeLessThan(32)
      expect(phase!.limit.low).toBeGreaterThan(0.8 * phase!.limit.mean)
      expect(phase!.limit.high).toBeLessThan(1.2 * phase!.limit.mean)
    }
  })

  test.each([0.8, 0.9])("holds the limit within a fifth of the capacity at a load of %d, by three seeds", (share) => {
    const limits = [1, 2, 3].map((seed) => gradient(open(kind, share, seed))[0]!.limit.mean)
    expect(limits.reduce((sum, limit) => sum + limit, 0) / limits.length).toBeLessThan(1.2 * 24)
  })

  test("keeps the server busy while its capacity falls to a quarter and rises again", () => {
    for (const seed of [1, 2]) {
      for (const { capacity, throughput } of gradient(closed(kind, [24, 6, 24], seed))) {
        expect(throughput).toBeGreaterThan(0.92 * capacity / mean)
      }
    }
  })

  test("finds a limit seven times as high as it began with, where the network takes most of the time", () => {
    const [phase] = gradient(open(kind, 0.9, 2, 50))
    const optimum = 24 * (1 + 50 / mean)
    expect(phase!.limit.mean).toBeGreaterThan(0.9 * optimum)
    expect(phase!.limit.mean).toBeLessThan(1.4 * optimum)
  })
})

test.each([1, 1.5, 1.9])(
  "gradient({ tolerance: %d }) settles at tolerance times the capacity, and queue",
  (tolerance) => {
    for (const capacity of [1, 2, 4, 6, 8, 12]) {
      const goal = tolerance * capacity + 4
      const phases = gradient(closed("constant", [capacity, capacity], 1), { tolerance })
      const { limit, throughput } = phases[1]!
      expect(limit.mean).toBeGreaterThan(0.85 * goal)
      expect(limit.mean).toBeLessThan(1.15 * goal)
      expect(throughput).toBeGreaterThan(0.98 * capacity / mean)
    }
  }
)

test("the defaults are those of the documentation", () => {
  const trace = closed("exponential", [24], 1)
  const defaults = { initial: 20, min: 1, max: 200, smoothing: 0.2, tolerance: 1, queue: 4, window: 100 }
  expect(gradient(trace, defaults)).toEqual(gradient(trace))
  for (const [option, other] of Object.entries({ smoothing: 0.3, tolerance: 1.1, queue: 3, window: 50 })) {
    expect(gradient(trace, { ...defaults, [option]: other })).not.toEqual(gradient(trace))
  }
})

test("the simulation and the limit itself, on TestClock, agree at every moment", () =>
  onTestClock(Effect.gen(function*() {
    const seed = 5
    const capacity = 12
    const service = kinds["exponential"]!
    const millis = 3_000
    const simulated: Array<readonly [number, number]> = []
    const ours = new Ours(AdaptiveLimit.gradient())
    const trace = { ...closed("exponential", [capacity], seed), load: { tag: "closed", clients: 40 } as const, millis }
    simulate(trace, {
      get limit() {
        return ours.limit
      },
      ended: (sample, now) => {
        const { limit } = ours
        ours.ended(sample)
        if (ours.limit !== limit) simulated.push([Math.floor(now), ours.limit])
      }
    })

    const changes: Array<readonly [number, number]> = []
    const limit = yield* AdaptiveLimit.make({
      algorithm: AdaptiveLimit.gradient(),
      onChange: (n) => Effect.map(Clock.currentTimeMillis, (now) => void changes.push([Math.floor(now), n]))
    })
    const server = yield* Semaphore.make(capacity)
    const times = randomOf(seed + 1_000_003)
    const client = Effect.forever(Effect.suspend(() => {
      const time = service(times)
      return AdaptiveLimit.withPermit(limit, server.withPermit(Effect.sleep(time)))
    }))
    for (let i = 0; i < 40; i++) yield* Effect.forkChild(client)
    yield* TestClock.adjust(millis)
    expect(changes.length).toBeGreaterThan(10)
    expect(changes).toEqual(simulated)
  })))
