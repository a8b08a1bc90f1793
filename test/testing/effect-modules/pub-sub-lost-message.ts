// effect 4.1.0: a subscriber that is interrupted where the runtime makes it yield takes a message with it, unseen.
import { Effect, Fiber, PubSub } from "effect"

await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
  const pubsub = yield* PubSub.unbounded<number>()
  const subscription = yield* PubSub.subscribe(pubsub)
  yield* PubSub.publishAll(pubsub, Array.from({ length: 1_000 }, (_, i) => i))
  let taken = 0
  const subscriber = yield* Effect.forkChild(
    Effect.forEach(Array.from({ length: 1_000 }), () => Effect.map(PubSub.take(subscription), () => taken++))
  )
  // The fiber runs until the runtime makes it yield, after 2,048 operations; the interrupt comes then.
  yield* Effect.yieldNow
  yield* Fiber.interrupt(subscriber)
  console.log(`taken and left: ${taken + (yield* PubSub.remaining(subscription))} of 1000`)
})))
