// effect 4.1.0: a consumer that is interrupted where the runtime makes it yield takes a message with it, unseen.
import { Effect, Fiber, TxQueue } from "effect"

await Effect.runPromise(Effect.gen(function*() {
  const queue = yield* TxQueue.unbounded<number>()
  yield* TxQueue.offerAll(queue, Array.from({ length: 1_000 }, (_, i) => i))
  let taken = 0
  const consumer = yield* Effect.forkChild(Effect.gen(function*() {
    // So many operations that the 2,048th is just after a message was taken.
    for (let i = 0; i < 29; i++) yield* Effect.sync(() => {})
    for (;;) yield* Effect.map(Effect.tx(TxQueue.take(queue)), () => taken++)
  }))
  yield* Effect.yieldNow
  yield* Fiber.interrupt(consumer)
  console.log(`taken and left: ${taken + (yield* TxQueue.size(queue))} of 1000`)
}))
