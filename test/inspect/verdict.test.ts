import { describe, expect, test } from "vitest"
import type { Line, View, Wait } from "../../src/internal/view.js"
import { judge, patience } from "../support/judging.js"
import { times } from "../support/seed.js"
import { type Break, workload } from "../support/waiting.js"

test("a fiber is called stuck if and only if it never ends (I3, I4)", async () => {
  const { failure, tally } = await judge(times(5_000))
  expect(failure).toBe(undefined)
  expect(tally.deadlocked / tally.programs).toBeGreaterThan(0.1)
}, patience)

/** Each wait, changed. */
const waits = (change: (wait: Wait, view: View) => Wait): Break => (views) =>
  views.map((view) => ({ ...view, waits: view.waits.map((wait) => change(wait, view)) }))

/** Each line, changed, also where waits refer to it. */
const lines = (change: (line: Line) => Line): Break => (views) => {
  const changed = new Map<Line, Line>()
  for (const { lines } of views) for (const line of lines) changed.set(line, change(line))
  const of = (line: Line): Line => changed.get(line) ?? line
  return views.map((view) => ({
    ...view,
    lines: view.lines.map(of),
    waits: view.waits.map((wait) => ({ ...wait, rooms: wait.rooms?.map(([line, weight]) => [of(line), weight]) }))
  }))
}

describe("a broken verdict is noticed", () => {
  const breaks: Readonly<Record<string, Break>> = {
    "weights of requests are ignored": waits((wait) => ({ ...wait, rooms: wait.rooms?.map(([line]) => [line, 1]) })),
    "weights of holds are ignored": lines((line) => ({
      ...line,
      holds: line.holds.map((hold) => ({ ...hold, weight: 1 }))
    })),
    "a holder is missed": lines((line) => ({ ...line, holds: line.holds.slice(1) })),
    "a hold counts twice": lines((line) => ({ ...line, holds: [...line.holds, ...line.holds.slice(0, 1)] })),
    "the order of a line is ignored": waits((wait) => ({ ...wait, all: wait.rooms === undefined ? wait.all : [] })),
    "the body of a group is forgotten": waits((wait) => ({
      ...wait,
      all: wait.for === "the end" ? wait.all?.slice(0, 1) : wait.all
    })),
    "the children of a group are forgotten": waits((wait) => wait.who === "event" ? { ...wait, all: [] } : wait),
    "the fiber of a job is forgotten": waits((wait) => wait.for === "its fiber" ? { ...wait, all: [] } : wait),
    "the jobs of a call are forgotten": waits((wait) => ({ ...wait, any: [] })),
    "the limits of keys are ignored": lines((line) => line.of === "jobs of the key" ? { ...line, capacity: 9 } : line),
    "workers are too few": lines((line) => line.of === "workers" ? { ...line, capacity: line.capacity - 1 } : line)
  }

  test.each(Object.entries(breaks))("%s", async (_, broken) => {
    expect((await judge(5_000, broken)).failure).not.toBe(undefined)
  }, patience)

  test("deadlines of waits are ignored", async () => {
    const expiring = workload.map((one) => ({ ...one, pool: { ...one.pool, deadlines: "wait" as const } }))
    const { failure } = await judge(5_000, waits((wait) => ({ ...wait, ends: undefined })), expiring)
    expect(failure).not.toBe(undefined)
  }, patience)
})
