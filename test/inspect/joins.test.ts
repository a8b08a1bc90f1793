import { explore } from "sluice/testing"
import { expect, test } from "vitest"
import { judge, patience } from "../support/judging.js"
import { times } from "../support/seed.js"
import { changingWorkload, judging, timedWorkload, type Workload } from "../support/waiting.js"

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
  expect(tally.deadlocked / tally.programs).toBeGreaterThan(0.05)
}, patience)

/** No fiber that is called stuck ends. */
const holds = (workload: Workload, options: { readonly seed?: number; readonly runs: number }, closures = true) => {
  const self = judging(workload, { programs: 0, deadlocked: 0 }, { closures })
  expect(explore(self, { ...options, shrink: false }).failure?.message).toBe(undefined)
}

/** Jobs of the first pool have a deadline, and those of the second one wait for each other's keys. */
const inTime = {
  capacities: [1],
  limit: 1,
  pool: { size: 1, capacity: 0, keys: false, deadlines: "run" },
  second: { size: 2, capacity: 0, keys: true, deadlines: "none" }
} as const

/** The feeder of the inner `map` goes on a turn after its blocked job was let into the queue. */
const letIn: Workload = {
  capacities: [3],
  limit: 1,
  pool: { size: 1, capacity: 1, keys: false, deadlines: "none" },
  programs: [
    {
      op: "map",
      jobs: [{
        op: "all",
        ops: [
          { op: "map", jobs: [{ op: "wait" }] },
          { op: "resize", of: "pool", index: 0, to: 2 }
        ]
      }]
    },
    { op: "map", jobs: [{ op: "yield" }] },
    { op: "go", then: { op: "wait" } },
    { op: "submit", then: { op: "submit", then: { op: "yield" } } }
  ]
}

test("a feeder whose blocked job was let into the queue is not called stuck", () => {
  holds(letIn, { seed: 1, runs: 200 }, false)
})

test("a job whose caller is a job with a deadline is not called stuck", () => {
  const workload: Workload = {
    ...inTime,
    programs: [
      // The job of the second pool waits for another one of its own key.
      {
        op: "run",
        then: { op: "runAll", pool: 1, jobs: [{ op: "runAll", pool: 1, jobs: [{ op: "yield" }, { op: "yield" }] }] }
      }
    ]
  }
  holds(workload, { seed: 1, runs: 20 })
})

/** The child of a group waits for room in a queue, where a job stands whose caller has a deadline. */
const roomInTime: Workload = {
  capacities: [2],
  limit: 1,
  pool: { size: 1, capacity: 1, keys: false, deadlines: "none" },
  second: { size: 1, capacity: 0, keys: false, deadlines: "run" },
  programs: [
    { op: "run", pool: 1, then: { op: "then", first: { op: "run", then: { op: "yield" } }, second: { op: "yield" } } },
    { op: "yield" },
    {
      op: "submit",
      then: {
        op: "then",
        first: { op: "run", then: { op: "yield" } },
        second: {
          op: "with",
          semaphore: 0,
          weight: 1,
          then: { op: "group", limit: 1, then: { op: "submit", then: { op: "yield" } } }
        }
      }
    }
  ]
}

test("a fiber that waits for room is not called stuck while a queued job may leave", () => {
  holds(roomInTime, { seed: 0, runs: 100 })
})

test("a job of a `map` whose consumer is about to wait, and has a deadline, is not called stuck", () => {
  const workload: Workload = {
    ...inTime,
    programs: [
      {
        op: "submit",
        then: {
          op: "map",
          pool: 1,
          jobs: [{ op: "runAll", pool: 1, jobs: [{ op: "yield" }, { op: "yield" }] }, { op: "look" }]
        }
      }
    ]
  }
  holds(workload, { seed: 1, runs: 100 })
})

/** A child waits for a worker: for one whose job waits for a job that its deadline has interrupted. */
const behindADeadline: Workload = {
  capacities: [1],
  limit: 1,
  pool: { size: 2, capacity: 0, keys: false, deadlines: "none" },
  second: { size: 1, capacity: 0, keys: false, deadlines: "run" },
  programs: [
    { op: "go", then: { op: "await", then: { op: "yield" } } },
    {
      op: "runAll",
      jobs: [
        { op: "run", pool: 1, then: { op: "runAll", pool: 1, jobs: [{ op: "yield" }] } },
        { op: "wait" }
      ]
    }
  ]
}

test("a fiber behind a job that its deadline has interrupted is not called stuck", () => {
  holds(behindADeadline, { runs: 300 })
})
