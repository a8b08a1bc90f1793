import { Effect, FiberSet } from "effect"
import pLimit from "p-limit"
import { Group } from "sluice"
import { type Work } from "../work.js"

const items = 100_000
const limit = 8

const scoped = <A, E>(effect: Effect.Effect<A, E>) => () => Effect.runPromise(effect)

/** From a generator loop, as a walk of a tree or the lines of a file would start them. */
const group = (limit: number | "unbounded", child: Effect.Effect<unknown>) =>
  scoped(Group.scoped({ limit }, (group) =>
    Effect.gen(function*() {
      for (let n = 0; n < items; n++) yield* Group.go(group, child)
    })))

/** The same children, of a list. */
const groupEach = (child: Effect.Effect<unknown>) => {
  const all = Array.from({ length: items }, (_, n) => n)
  return scoped(Group.forEach(all, () => child).pipe(Group.scoped({ limit })))
}

const forEach = (concurrency: number | "unbounded", child: Effect.Effect<unknown>) => {
  const all = Array.from({ length: items }, (_, n) => n)
  return scoped(Effect.forEach(all, () => child, { concurrency, discard: true }))
}

const limited = (task: () => Promise<unknown>) => () => {
  const run = pLimit(limit)
  return Promise.all(Array.from({ length: items }, () => run(task)))
}

/** `limit` fibers that share the work out beforehand: nothing is started, limited or collected. */
const floor = (child: Effect.Effect<unknown>) =>
  scoped(Effect.forEach(Array.from({ length: limit }), () =>
    Effect.gen(function*() {
      for (let n = 0; n < items / limit; n++) yield* child
    }), { concurrency: "unbounded", discard: true }))

/** The same child for all of them, and what it is to a promise pool. */
const contenders = (child: Effect.Effect<unknown>, task: () => Promise<unknown>): Work["contenders"] => [
  { name: "sluice Group", run: group(limit, child) },
  { name: "Effect.forEach, concurrency 8", run: forEach(limit, child) },
  { name: "p-limit, 8, all started at once", run: limited(task) },
  { name: "8 fibers that loop", run: floor(child) }
]

export const groupLimited: Work = {
  id: "group-limit",
  title: "Group, limit 8, children that yield",
  what: "A generator loop starts 100,000 children, at most 8 at a time. Each child yields once.",
  items,
  clock: "cpu",
  contenders: contenders(Effect.yieldNow, () => new Promise((resolve) => setImmediate(resolve)))
}

export const groupSynchronous: Work = {
  id: "group-sync",
  title: "Group, limit 8, synchronous children",
  what: "A generator loop starts 100,000 children, at most 8 at a time. Each child ends synchronously.",
  items,
  clock: "cpu",
  contenders: contenders(Effect.sync(() => 1), () => Promise.resolve(1))
}

const each = (child: Effect.Effect<unknown>): Work["contenders"] => [
  { name: "sluice Group.forEach", run: groupEach(child) },
  { name: "Effect.forEach, concurrency 8", run: forEach(limit, child) },
  { name: "a loop over Group.go", run: group(limit, child) }
]

export const groupForEach: Work = {
  id: "group-for-each",
  title: "Group.forEach, limit 8, children that yield",
  what: "100,000 children of a list, at most 8 at a time. Each child yields once.",
  items,
  clock: "cpu",
  contenders: each(Effect.yieldNow)
}

export const groupForEachSynchronous: Work = {
  id: "group-for-each-sync",
  title: "Group.forEach, limit 8, synchronous children",
  what: "100,000 children of a list, at most 8 at a time. Each child ends synchronously.",
  items,
  clock: "cpu",
  contenders: each(Effect.sync(() => 1))
}

export const groupUnbounded: Work = {
  id: "group-unbounded",
  title: "Group without a limit",
  what: "100,000 children, all of which are started before the first one resumes. Each child yields once.",
  items,
  clock: "cpu",
  contenders: [
    { name: "sluice Group", run: group("unbounded", Effect.yieldNow) },
    {
      name: "FiberSet.run and awaitEmpty",
      run: scoped(Effect.scoped(Effect.gen(function*() {
        const set = yield* FiberSet.make()
        for (let n = 0; n < items; n++) yield* FiberSet.run(set, Effect.yieldNow)
        yield* FiberSet.awaitEmpty(set)
      })))
    },
    { name: "Effect.forEach, unbounded", run: forEach("unbounded", Effect.yieldNow) }
  ]
}
