/** Where a fiber yields as it begins, and where it yields in a task that runs more than this fiber. */
import { Effect, Fiber } from "effect"
import { explore, type Realism, replay, run, type Scenario, scenario } from "sluice/testing"
import { describe, expect, test } from "vitest"

const exhaustive = (preemptions: number, cancels = 0) => ({ exhaustive: { preemptions, cancels } })
const strategies = [["portfolio", "portfolio"], ["exhaustive", exhaustive(1)]] as const

/** A fiber is forked by this, and the parent takes for granted that its body has begun then. */
const forkedBy = (fork: (child: Effect.Effect<void>) => Effect.Effect<unknown>): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      let begun = false
      let early = false
      const child = fork(Effect.sync(() => void (begun = true)))
      yield* t.actor("parent", Effect.andThen(child, Effect.sync(() => (early = !begun))), { cancel: false })
      yield* t.settled
      yield* t.expect(!early, "the body has not begun")
    })
  )

describe("a fiber that starts inline", () => {
  const inline = forkedBy((child) => Effect.forkDetach(child, { startImmediately: true }))

  test.each(strategies)("yields before its first operation at realism scheduler (%s)", (_, strategy) => {
    const { failure } = explore(inline, { strategy, realism: "scheduler" })
    expect(failure).toMatchObject({ message: "the body has not begun", realism: "scheduler", key: "s1:2.1p" })
    expect(replay(inline, "s1:2.1p").failure).toMatchObject({ key: "s1:2.1p", realism: "scheduler" })
    expect(run(inline, "s1:2.1p").failure).toMatchObject({ key: "s1:2.1p", realism: "scheduler" })
  })

  test("yields before its first operation at realism any", () => {
    expect(explore(inline, { realism: "any" }).failure).toMatchObject({ realism: "scheduler" })
  })

  test.each(strategies)("begins at once at realism contract (%s)", (_, strategy) => {
    expect(explore(inline, { strategy }).failure).toBeUndefined()
  })

  test("yields before its first operation in a task of the dispatcher, though nobody is ready", () => {
    const late = scenario((t) =>
      Effect.gen(function*() {
        let begun = false
        let early = false
        const start = Effect.withFiber<void>((fiber) => {
          fiber.currentDispatcher.scheduleTask(() => {
            Effect.runForkWith(fiber.context)(Effect.sync(() => (begun = true)))
            early = !begun
          }, 0)
          return Effect.yieldNow
        })
        yield* t.actor("a", start, { cancel: false })
        yield* t.settled
        yield* t.expect(!early, "the body has not begun")
      })
    )
    for (const [, strategy] of strategies) {
      expect(explore(late, { strategy, realism: "scheduler" }).failure?.message).toBe("the body has not begun")
      expect(explore(late, { strategy }).failure).toBeUndefined()
    }
  })
})

describe("a fiber that waits for its turn to start", () => {
  test("is asked nothing before its first operation: another order of the queue is the same", () => {
    const lazy = forkedBy((child) => Effect.flatMap(Effect.forkChild(child), Fiber.await))
    const explored = (realism: Realism) => explore(lazy, { strategy: exhaustive(2), realism })
    const { runs } = explored("contract")
    expect(explored("scheduler")).toMatchObject({ exhausted: true, failure: undefined, runs })
  })

  test.each(strategies)("does not begin once it was interrupted (%s)", (_, strategy) => {
    const self = scenario((t) =>
      Effect.gen(function*() {
        const seen = { begun: false, cut: false }
        const parent = Effect.flatMap(
          Effect.forkChild(Effect.sync(() => (seen.begun = true))),
          (child) =>
            Effect.sync(() => {
              seen.cut = !seen.begun
              child.interruptUnsafe()
            })
        )
        yield* t.actor("parent", parent, { cancel: false })
        yield* t.settled
        yield* t.expect(!(seen.cut && seen.begun), "begun")
      })
    )
    expect(explore(self, { strategy, realism: "scheduler" }).failure).toBeUndefined()
  })
})

test.each(strategies)("a fiber resumed by a task may yield there, though nobody is ready (%s)", (_, strategy) => {
  const self = scenario((t) =>
    Effect.gen(function*() {
      let resume: (effect: Effect.Effect<void>) => void = () => {}
      let begun = false
      let early = false
      const waiter = Effect.andThen(
        Effect.callback<void>((r) => void (resume = r)),
        Effect.sync(() => (begun = true))
      )
      yield* t.actor("waiter", waiter, { cancel: false })
      const waker = Effect.withFiber<void>((fiber) => {
        fiber.currentDispatcher.scheduleTask(() => {
          resume(Effect.void)
          early = !begun
        }, 0)
        return Effect.void
      })
      yield* t.actor("waker", Effect.andThen(Effect.sleep(1), waker), { cancel: false })
      yield* t.settled
      yield* t.expect(!early, "the waiter has not gone on")
    })
  )
  expect(replay(self, "s1:").failure).toBeUndefined()
  const { failure } = explore(self, { strategy })
  expect(failure).toMatchObject({ message: "the waiter has not gone on", realism: "contract" })
})
