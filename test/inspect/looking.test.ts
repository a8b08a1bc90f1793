import { Effect } from "effect"
import { Semaphore } from "sluice"
import { explore, type Scenario, scenario } from "sluice/testing"
import { describe, expect, test, vi } from "vitest"
import { collect, collectLazily, Ids, type Look } from "../../src/internal/inspect/collect.js"
import { judge } from "../../src/internal/inspect/judge.js"
import type { Dump } from "../../src/internal/inspect/model.js"
import type { Registry } from "../../src/internal/inspect/Registry.js"
import { explainText } from "../../src/internal/inspect/text.js"
import * as groups from "../scenarios/group.js"
import * as semaphores from "../scenarios/semaphore.js"
import * as pools from "../scenarios/workerPool.js"
import { fork, run } from "../support/inspect.js"
import { times } from "../support/seed.js"
import { watchRun } from "../support/watchRun.js"

const lookOf = (registry: Registry, locate: Look["locate"]): Look => {
  const views = registry.views("all")
  const { found, joins } = judge(views, { captured: undefined, most: 100, isLong: () => true })
  return {
    views,
    found,
    joins,
    also: [],
    ids: new Ids(),
    now: 0,
    watchedSince: undefined,
    since: registry.since,
    locate,
    captured: () => [],
    current: undefined,
    most: 1_000,
    missing: []
  }
}

/** A dump without source lines, which would take a millisecond each. */
const look = (registry: Registry): Dump => collect(lookOf(registry, () => undefined))

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

test("a sweep looks for the source lines that its reports have, and for no others", () =>
  run(Effect.gen(function*() {
    const registry = yield* watchRun
    const db = yield* Semaphore.make(1)
    yield* fork(Semaphore.withPermit(db, Effect.never))
    const waiting = yield* Effect.forEach(
      Array.from({ length: 100 }),
      () => fork(Semaphore.withPermit(db, Effect.void))
    )
    const locate = vi.fn(() => undefined)
    const dump = collectLazily(lookOf(registry, locate))
    expect(explainText(dump, `fiber ${waiting[0]!.id}`)).toContain("first in line, 1 of 1 held")
    expect(locate.mock.calls.length).toBeLessThan(20)
    expect(structuredClone(dump)).toEqual(look(registry))
    expect(locate.mock.calls.length).toBeGreaterThan(100)
  })))
