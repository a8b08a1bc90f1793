/** The kit finds what is wrong, makes it small, and says nothing of what is right. */
import { explore, type ExploreOptions, replay, type Report } from "sluice/testing"
import { describe, expect, test } from "vitest"
import { seed, times } from "../support/seed.js"
import { gallery } from "./gallery.js"
import { median, search } from "./search.js"

const seeds = Array.from({ length: 40 }, (_, i) => i + 1)
/** To make a failure small takes longer than to find it. */
const shrinkSeeds = seeds.slice(0, 3)

/** The lines of the trace as a person is shown it, between what failed and how it was found. */
const shown = (report: Report): ReadonlyArray<string> => {
  const text = report.toString()
  return text.slice(text.indexOf("\n\n") + 2, text.indexOf("\n\nFound in schedule")).split("\n")
}

describe.each(gallery)("$name", ({ bounds, bug, kind, maxDecisions, maxLines, median: limit, options, twin }) => {
  const exploring = (self: typeof bug, more: ExploreOptions) => explore(self, { ...options, ...more })

  test(`is found within ${limit} schedules in the median, and called ${kind}`, () => {
    const all = seeds.map((seed) => search(bug, { ...options, strategy: "portfolio", seed, runs: 500 }))
    expect(median(all.map(({ run }) => run))).toBeLessThanOrEqual(limit)
    const found = all.filter(({ run }) => run < Infinity)
    expect(found.length).toBeGreaterThanOrEqual(seeds.length * 0.95)
    expect([...new Set(found.map((one) => one.kind))]).toEqual([kind])
  })

  test("is found early by an exhaustive search, which begins with schedules that deviate little", () => {
    const strategy = { exhaustive: { preemptions: 2, cancels: 1 } }
    expect(search(bug, { ...options, strategy, seed: 1, runs: 200 }).run).toBeLessThanOrEqual(100)
  })

  test(`shrinks to ${maxDecisions} decisions and ${maxLines} lines at most, and fails again with its key`, () => {
    for (const seed of shrinkSeeds) {
      const report = exploring(bug, { seed, runs: 5_000 })
      const failure = report.failure!
      // The search above is explore's own.
      expect(failure.run).toBe(search(bug, { ...options, strategy: "portfolio", seed, runs: 5_000 }).run)
      expect(failure.kind).toBe(kind)
      expect(failure.schedule.length, failure.key).toBeLessThanOrEqual(maxDecisions)
      const lines = shown(report)
      expect(lines.length, lines.join("\n")).toBeLessThanOrEqual(maxLines)
      // Of what never ends, only a part can be shown.
      if (kind !== "livelock") expect(lines.join("\n")).not.toMatch(/^ {2}\.\.\. /m)
      const { key, message } = failure
      expect(replay(bug, key, { maxSteps: options.maxSteps }).failure).toMatchObject({ kind, message, key })
    }
  })

  test("without the mistake, nothing is found", () => {
    const report = exploring(twin, { seed: seed(), runs: times(2_000) })
    expect(report.toString()).toContain("no failure")
  })

  test("without the mistake, there is nothing to be found within small bounds", () => {
    const report = exploring(twin, { strategy: { exhaustive: bounds } })
    expect(report.toString()).toContain("no failure")
    expect(report.exhausted).toBe(true)
  })
})
