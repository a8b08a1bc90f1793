import { expect, test } from "vitest"
import { judge, patience } from "../support/judging.js"
import { times } from "../support/seed.js"
import { changingWorkload, timedWorkload } from "../support/waiting.js"

test(
  "a fiber is called stuck if and only if it never ends, with joins, two pools and capacities that change",
  async () => {
    const { failure, tally } = await judge(times(1_000), undefined, changingWorkload)
    expect(failure).toBe(undefined)
    expect(tally.deadlocked / tally.programs).toBeGreaterThan(0.1)
  },
  patience
)

test("no member of a deadlock ends, with timeouts and joins that are read from closures", async () => {
  const { failure, tally } = await judge(times(300), undefined, timedWorkload, true)
  expect(failure).toBe(undefined)
  expect(tally.deadlocked / tally.programs).toBeGreaterThan(0.1)
}, patience)
