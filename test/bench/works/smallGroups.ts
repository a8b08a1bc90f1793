import { Effect, FiberSet } from "effect"
import pLimit from "p-limit"
import { Group } from "sluice"
import type { Contender } from "../measure.js"
import type { Work } from "../work.js"

const groups = 10_000
const children = [Effect.yieldNow, Effect.yieldNow, Effect.yieldNow]
const task = () => new Promise<void>((resolve) => setImmediate(resolve))

/** One group after the other. */
const byEffects = (name: string, one: Effect.Effect<unknown>): Contender => ({
  name,
  run: () =>
    Effect.runPromise(Effect.gen(function*() {
      for (let i = 0; i < groups; i++) yield* one
    }))
})

const byPromises = (name: string, one: () => Promise<unknown>): Contender => ({
  name,
  run: async () => {
    for (let i = 0; i < groups; i++) await one()
  }
})

export const smallGroups: Work = {
  id: "group-small",
  title: "Group, 3 children each",
  what:
    "10,000 groups of 3 children, one group after the other. Each child yields once; those of promises take a turn " +
    "of the event loop.",
  items: groups,
  clock: "cpu",
  contenders: [
    byEffects(
      "Group.scoped and Group.go",
      Group.scoped({}, (group) =>
        Effect.gen(function*() {
          for (const child of children) yield* Group.go(group, child)
        }))
    ),
    byEffects("Group.scoped and Group.forEach", Group.forEach(children, (child) => child).pipe(Group.scoped({}))),
    byEffects("Effect.all, unbounded", Effect.all(children, { concurrency: "unbounded" })),
    byEffects("Effect.forEach, unbounded", Effect.forEach(children, (child) => child, { concurrency: "unbounded" })),
    byEffects(
      "FiberSet.run and awaitEmpty",
      Effect.scoped(Effect.gen(function*() {
        const set = yield* FiberSet.make()
        for (const child of children) yield* FiberSet.run(set, child)
        yield* FiberSet.awaitEmpty(set)
      }))
    ),
    byPromises("p-limit", () => {
      const limit = pLimit(children.length)
      return Promise.all(children.map(() => limit(task)))
    }),
    byPromises("Promise.all", () => Promise.all(children.map(() => task())))
  ]
}
