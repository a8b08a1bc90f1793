// effect 4.1.0: who interrupts a `get` that yields on its way out leaves a value that nobody releases.
import { Effect, Exit, Fiber, Scheduler, Scope, ScopedCache } from "effect"

await Effect.runPromise(Effect.gen(function*() {
  let alive = 0
  const scope = yield* Scope.make()
  const value = Effect.acquireRelease(Effect.sync(() => alive++), () => Effect.sync(() => alive--))
  const lookup = () => Effect.andThen(Effect.yieldNow, value)
  const cache = yield* ScopedCache.make({ capacity: 1, lookup }).pipe(Scope.provide(scope))
  // With the default of 2,048 the way out of an interrupted `get` is too short for a yield.
  const fiber = yield* Effect.forkChild(
    Effect.provideService(ScopedCache.get(cache, "key"), Scheduler.MaxOpsBeforeYield, 9)
  )
  yield* Effect.yieldNow
  yield* Effect.yieldNow
  yield* Fiber.interrupt(fiber)
  yield* Scope.close(scope, Exit.void)
  console.log(`alive after the close: ${alive}`)
}))
