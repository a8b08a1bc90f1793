/** The options of an exploration, and their defaults. */
import { Effect } from "effect"
import { type ExploreOptions, scenario } from "sluice/testing"
import { explore } from "sluice/testing/explore"
import { settingsOf } from "sluice/testing/options"
import { expect, test } from "vitest"

test("the defaults are those that the options' comments name", () => {
  expect(settingsOf({})).toEqual({
    strategy: "portfolio",
    realism: "contract",
    runs: 1_000,
    millis: Infinity,
    seed: 1,
    cancels: 2,
    maxSteps: 20_000,
    shrink: true,
    onProgress: undefined
  })
  expect(settingsOf({ strategy: { exhaustive: { preemptions: 0, cancels: 0 } } }).runs).toBe(1_000_000)
})

test("options that are given are taken as they are, the least and the most as well", () => {
  const onProgress = () => {}
  const least: ExploreOptions = {
    strategy: "pct",
    realism: "suspension",
    runs: 1,
    millis: 1,
    seed: -7,
    cancels: 0,
    maxSteps: 100,
    shrink: false,
    onProgress
  }
  expect(settingsOf(least)).toEqual(least)
  const most: ExploreOptions = { ...least, runs: Infinity, millis: 1e9, seed: 2 ** 40, cancels: 8, realism: "any" }
  expect(settingsOf(most)).toEqual(most)
})

test.each<[object, string]>([
  [{ runs: 0 }, "runs must be at least 1, got 0"],
  [{ runs: "5" }, "runs must be at least 1, got 5"],
  [{ millis: 0.5 }, "millis must be at least 1, got 0.5"],
  [{ seed: NaN }, "seed must be a number, got NaN"],
  [{ cancels: -1 }, "cancels must be 0 to 8, got -1"],
  [{ cancels: 8.5 }, "cancels must be 0 to 8, got 8.5"],
  [{ maxSteps: 99 }, "maxSteps must be at least 100, got 99"],
  [{ strategy: "" }, "strategy must be one of random, sticky, pct, portfolio, got \"\""],
  [{ strategy: { exhaustive: { preemptions: -1, cancels: 0 } } }, "exhaustive.preemptions must be at least 0, got -1"],
  [{ strategy: { exhaustive: { preemptions: 0, cancels: -1 } } }, "exhaustive.cancels must be at least 0, got -1"],
  [{ realism: "stock" }, "realism must be one of suspension, nested, contract, scheduler, any, got \"stock\""]
])("%j is refused", (options, message) => {
  expect(() => settingsOf(options)).toThrow(`sluice/testing: ${message}`)
})

const idle = scenario((t) => t.actor("a", Effect.yieldNow))

test("an exploration runs as many schedules as it was asked for, and ends when its time is over", () => {
  expect(explore(idle, { runs: 7 })).toMatchObject({ runs: 7, exhausted: false, seed: 1 })
  let runs = 0
  // One millisecond passes in each run.
  const slow = scenario(() =>
    Effect.sync(() => {
      runs++
      for (const until = Date.now() + 1; Date.now() < until;);
    })
  )
  const report = explore(slow, { millis: 5, runs: 100_000, seed: 4 })
  expect(report.seed).toBe(4)
  expect(report.runs).toBeLessThan(100)
  // The first one is run twice, to see that it is the same again.
  expect(runs).toBe(report.runs + 1)
})

test("progress is reported after each 1,024 schedules", () => {
  const told: Array<readonly [runs: number, distinct: number]> = []
  const report = explore(idle, {
    runs: 2_500,
    cancels: 0,
    onProgress: ({ distinct, runs }) => void told.push([runs, distinct])
  })
  expect(told).toEqual([[1_024, report.distinct], [2_048, report.distinct]])
})
