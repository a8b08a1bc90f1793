// effect 4.1.0: a fiber that is interrupted where the runtime makes it yield leaves the lock locked.
import { Effect, Fiber, TxReentrantLock } from "effect"

await Effect.runPromise(Effect.gen(function*() {
  const lock = yield* TxReentrantLock.make()
  const fiber = yield* Effect.forkChild(Effect.gen(function*() {
    // So many operations that the 2,048th is just after an acquisition.
    for (let i = 0; i < 8; i++) yield* Effect.sync(() => {})
    for (;;) yield* TxReentrantLock.withWriteLock(lock, Effect.void)
  }))
  yield* Effect.yieldNow
  yield* Fiber.interrupt(fiber)
  console.log(`locked: ${yield* TxReentrantLock.locked(lock)}`)
}))
