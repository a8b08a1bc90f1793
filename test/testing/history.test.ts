/** The record that `Kit.op` keeps of a call. */
import { Effect, Exit, Fiber } from "effect"
import { explore, type History, scenario } from "sluice/testing"
import { expect, test } from "vitest"

test("a history has each call with its actor, its times and its exit", () => {
  const histories: Array<History> = []
  const self = scenario((t) =>
    Effect.gen(function*() {
      const early = yield* t.history
      const all = Effect.gen(function*() {
        yield* t.op("read", undefined, Effect.succeed(7))
        yield* Effect.exit(t.op("write", { to: 1 }, Effect.fail("full")))
        yield* t.op("wait", 3, Effect.never)
      })
      yield* t.op("stage", 0, Effect.void)
      const fiber = yield* t.actor("ann", all)
      yield* t.actor("bob", Effect.andThen(Effect.sleep(1), t.op("stop", "ann", Fiber.interrupt(fiber))))
      yield* Effect.sleep(0)
      yield* Effect.yieldNow
      histories.push(early, yield* t.history)
      yield* t.settled
      histories.push(yield* t.history)
    })
  )
  expect(explore(self, { runs: 1, cancels: 0, realism: "suspension" }).failure).toBeUndefined()
  const [early, during, late] = histories
  expect(early).toEqual([])
  const returned = [
    { actor: "main", name: "stage", argument: 0, started: 0, ended: 1, exit: Exit.void },
    { actor: "ann", name: "read", argument: undefined, started: 2, ended: 3, exit: Exit.succeed(7) },
    { actor: "ann", name: "write", argument: { to: 1 }, started: 4, ended: 5, exit: Exit.fail("full") }
  ]
  expect(during?.slice(0, 3)).toEqual(returned)
  expect(during).toHaveLength(4)
  expect(late?.slice(0, 3)).toEqual(returned)
  const [wait, stop] = late?.slice(3) ?? []
  expect(wait).toMatchObject({ actor: "ann", name: "wait", argument: 3, started: 6, ended: 8 })
  expect(Exit.hasInterrupts(wait!.exit!)).toBe(true)
  expect(stop).toMatchObject({ actor: "bob", name: "stop", argument: "ann", started: 7, ended: 9 })
})

test("a call that has not returned ends at Infinity, and has no exit", () => {
  let history: History = []
  const self = scenario((t) =>
    Effect.gen(function*() {
      yield* t.actor("ann", t.op("wait", undefined, Effect.never))
      yield* Effect.yieldNow
      yield* Effect.yieldNow
      history = yield* t.history
    })
  )
  const options = { runs: 1, cancels: 0, realism: "suspension", shrink: false } as const
  expect(explore(self, options).failure?.kind).toBe("deadlock")
  expect(history).toEqual([
    { actor: "ann", name: "wait", argument: undefined, started: 0, ended: Infinity, exit: undefined }
  ])
})
