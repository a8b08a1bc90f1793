import { describe, test } from "vitest"
import { exhausted, larger } from "../scenarios/durable.js"
import { holdsByChance, lawsOf } from "../support/property.js"

lawsOf(exhausted, { bounds: () => ({ preemptions: 0, cancels: 1 }), runs: 300 })

describe("over schedules by chance", () => {
  test.each(Object.entries(larger))("%s", (_, scenario) => holdsByChance(scenario, { runs: 300, cancels: 3 }))
})
