import { Effect } from "effect"
import { explore, type Scenario, scenario } from "sluice/testing"
import { describe, expect, test } from "vitest"
import { collect, Ids } from "../../src/internal/inspect/collect.js"
import { judge } from "../../src/internal/inspect/judge.js"
import type { Registry } from "../../src/internal/inspect/Registry.js"
import * as groups from "../scenarios/group.js"
import * as semaphores from "../scenarios/semaphore.js"
import * as pools from "../scenarios/workerPool.js"
import { times } from "../support/seed.js"
import { watchRun } from "../support/watchRun.js"

/** A dump without source lines, which would take a millisecond each. */
const look = (registry: Registry): void => {
  const views = registry.views("all")
  const { found, joins } = judge(views, { captured: undefined, most: 100, isLong: () => true })
  collect({
    views,
    found,
    joins,
    also: [],
    ids: new Ids(),
    now: 0,
    watchedSince: undefined,
    since: registry.since,
    locate: () => undefined,
    captured: () => [],
    current: undefined,
    most: 1_000,
    missing: []
  })
}

/** The scenario, watched, with a look and a sweep after each turn. */
const looking = ({ body }: Scenario): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const registry = yield* watchRun
      yield* t.always(() => {
        look(registry)
        registry.sweep()
        return true
      }, "a look has failed")
      return yield* body(t)
    })
  )

/** The schedules that are tried, with their outcome: the same choices in the same order, if a look changes nothing. */
const schedulesOf = (self: Scenario) => {
  const bounds = { preemptions: 1, cancels: 1 }
  const { exhausted, failure, runs } = explore(self, { strategy: { exhaustive: bounds }, runs: times(100) })
  return { runs, exhausted, failure: failure?.message }
}

const all = { ...semaphores.exhausted, ...semaphores.jointly, ...groups.exhausted, ...pools.exhausted }

describe("a look after each turn changes nothing (I1)", () => {
  test.each(Object.entries(all))("%s", (_, self) => {
    const plain = schedulesOf(self)
    expect(plain.failure).toBe(undefined)
    expect(schedulesOf(looking(self))).toEqual(plain)
  })
})
