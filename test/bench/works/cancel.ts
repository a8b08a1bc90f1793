import { Effect, Fiber, FiberSet } from "effect"
import { Group } from "sluice"
import { type Work } from "../work.js"

/** Children that are suspended, started and then interrupted: by the end of a group, or one by one. */
export const cancelGroup = (n: number): Promise<void> =>
  Effect.runPromise(Group.scoped({}, (group) =>
    Effect.gen(function*() {
      for (let i = 0; i < n; i++) yield* Group.go(group, Effect.never)
      yield* Group.cancel(group)
    })))

export const cancelFibers = (n: number): Promise<void> =>
  Effect.runPromise(Effect.gen(function*() {
    const fibers: Array<Fiber.Fiber<never>> = []
    for (let i = 0; i < n; i++) fibers.push(yield* Effect.forkDetach(Effect.never, { startImmediately: true }))
    yield* Fiber.interruptAll(fibers)
  }))

const cancelFiberSet = (n: number): Promise<void> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const set = yield* FiberSet.make()
    for (let i = 0; i < n; i++) yield* FiberSet.run(set, Effect.never)
    yield* FiberSet.clear(set)
  })))

const items = 100_000

export const cancel: Work = {
  id: "cancel",
  title: "Cancellation",
  what: "100,000 suspended children are started and then interrupted together.",
  items,
  clock: "cpu",
  contenders: [
    { name: "Group.cancel", run: () => cancelGroup(items) },
    { name: "Fiber.interruptAll", run: () => cancelFibers(items) },
    { name: "FiberSet.clear", run: () => cancelFiberSet(items) }
  ]
}
