// effect 4.1.0: a fiber that is interrupted where the runtime makes it yield takes its permit with it.
import { Effect, Fiber, PartitionedSemaphore } from "effect"

await Effect.runPromise(Effect.gen(function*() {
  const semaphore = yield* PartitionedSemaphore.make<string>({ permits: 1 })
  const fiber = yield* Effect.forkChild(Effect.gen(function*() {
    for (;;) yield* semaphore.withPermit("key")(Effect.void)
  }))
  // The fiber runs until the runtime makes it yield, after 2,048 operations; the interrupt comes then.
  yield* Effect.yieldNow
  yield* Fiber.interrupt(fiber)
  console.log(`available: ${yield* semaphore.available} of 1`)
}))
