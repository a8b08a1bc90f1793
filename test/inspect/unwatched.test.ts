/** The notes that operations leave for a watch: none while there is none. `npm run bench` measures the time. */
import { Effect } from "effect"
import { AdaptiveLimit, Group, Semaphore, WorkerPool } from "sluice"
import { Inspect } from "sluice/inspect"
import { expect, test } from "vitest"
import { Holds } from "../../src/internal/Holds.js"
import { ScopedHold } from "../../src/internal/WaitQueue.js"
import { makeLocator } from "../../src/source/Locator.js"

const notes = (): ReadonlyArray<object> => {
  const locator = makeLocator()
  const found = [Holds, ScopedHold].flatMap(({ prototype }) => locator.instances(prototype))
  locator.close()
  return found
}

/** Uses everything that can be held, and returns how many notes there are meanwhile that were not there before. */
const noted = Effect.suspend(() => {
  const before = new Set(notes())
  const count = Effect.sync(() => notes().filter((note) => !before.has(note)).length)
  return Effect.gen(function*() {
    const semaphore = yield* Semaphore.make(4)
    const keyed = yield* Semaphore.makeKeyed<string>({ permits: 2 })
    const limit = yield* AdaptiveLimit.make({ algorithm: AdaptiveLimit.aimd({ max: 4, timeout: "1 second" }) })
    const pool = yield* WorkerPool.make({ size: 1, run: (job: Effect.Effect<number>) => job })
    yield* Semaphore.acquire(semaphore, 1)
    yield* Semaphore.tryAcquire(semaphore, 1)
    yield* Group.go(Effect.yieldNow)
    return yield* WorkerPool.run(pool, count).pipe(
      Semaphore.withPermit(semaphore),
      Semaphore.withPermit(Semaphore.forKey(keyed, "a")),
      AdaptiveLimit.withPermit(limit)
    )
  }).pipe(Group.scoped(), Effect.scoped)
})

test("an operation leaves no note while nobody watches (I5)", async () => {
  expect(await Effect.runPromise(noted)).toBe(0)
})

test("an operation leaves a note while somebody watches", async () => {
  expect(await Effect.runPromise(Effect.provide(noted, Inspect.layer({ adopt: false })))).toBeGreaterThan(3)
})
