import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { expect, test } from "vitest"
import { byForEach, byPool, files, timed } from "../../docs/examples/forEach.js"

const onTestClock = <A, E>(program: Effect.Effect<A, E>): Promise<A> =>
  Effect.runPromise(
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(program, { startImmediately: true })
      // Each wake-up is a step of its own, since a timer that is set on the way counts from then.
      for (let n = 0; n < 100; n++) yield* TestClock.adjust("10 millis")
      return yield* Fiber.join(fiber)
    }).pipe(Effect.provide(TestClock.layer()))
  )

const results = files.map((file) => `${file} is stored`)

test("forEach opens a connection for each file, and waits for retries in its places", async () => {
  expect(await onTestClock(timed(byForEach))).toEqual({ results, connections: 20, millis: 450 })
})

test("the pool has the same results in the same order, over four connections, sooner", async () => {
  expect(await onTestClock(timed(byPool))).toEqual({ results, connections: 4, millis: 300 })
})
