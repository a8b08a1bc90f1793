/** Deadlocks after something from outside: the driver waits for two seconds before it calls one a deadlock. */
import { Effect } from "effect"
import { checkAsync, exploreAsync, replayAsync, scenario } from "sluice/testing"
import { expect, test } from "vitest"

/** After so many turns of the event loop. */
const after = (turns: number): Promise<void> =>
  turns === 0 ? Promise.resolve() : new Promise((resolve) => setImmediate(() => resolve(after(turns - 1))))

test("a failure that comes after something outside needs of the runtime what it needs without", async () => {
  const self = scenario((t) =>
    Effect.gen(function*() {
      let count = 0
      const increment = Effect.flatMap(Effect.sync(() => count), (n) => Effect.sync(() => void (count = n + 1)))
      const waits = Effect.suspend(() => count === 2 ? Effect.void : Effect.never)
      yield* t.actor("a", Effect.andThen(Effect.promise(() => after(1)), waits), { cancel: false })
      yield* t.actor("b", increment, { cancel: false })
      yield* t.actor("c", increment, { cancel: false })
    })
  )
  const { failure } = await exploreAsync(self, { runs: 200, cancels: 0 })
  expect(failure).toMatchObject({ kind: "deadlock", message: "a waits forever", realism: "contract" })
  expect((await replayAsync(self, failure!.key)).failure?.message).toBe("a waits forever")
})

test("a deadlock after a promise is found", async () => {
  const self = scenario((t) =>
    t.actor("a", Effect.andThen(Effect.promise(() => Promise.resolve()), Effect.never), { cancel: false })
  )
  await expect(checkAsync(self)).rejects.toThrow("deadlock: a waits forever")
})
