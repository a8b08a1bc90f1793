// effect 4.1.0: a fiber that is interrupted where the runtime makes it yield takes its permit with it.
import { Effect, Fiber, TxSemaphore } from "effect"

await Effect.runPromise(Effect.gen(function*() {
  const semaphore = yield* TxSemaphore.make(1)
  const fiber = yield* Effect.forkChild(Effect.gen(function*() {
    for (;;) yield* Effect.scoped(TxSemaphore.withPermitScoped(semaphore))
  }))
  // The fiber runs until the runtime makes it yield, after 2,048 operations; the interrupt comes then.
  yield* Effect.yieldNow
  yield* Fiber.interrupt(fiber)
  console.log(`available: ${yield* TxSemaphore.available(semaphore)} of 1`)
}))
