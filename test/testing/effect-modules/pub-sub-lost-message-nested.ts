// effect 4.1.0: `take` resumes the publisher that waits for room inline, and that one interrupts the subscriber.
import { Effect, Fiber, PubSub } from "effect"

await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
  const pubsub = yield* PubSub.bounded<string>(1)
  const subscription = yield* PubSub.subscribe(pubsub)
  yield* PubSub.publish(pubsub, "first")
  const taken: Array<string> = []
  yield* Effect.forkChild(Effect.gen(function*() {
    yield* PubSub.publish(pubsub, "second")
    yield* Fiber.interrupt(subscriber)
  }))
  const subscriber: Fiber.Fiber<unknown> = yield* Effect.forkChild(
    Effect.map(PubSub.take(subscription), (message) => taken.push(message))
  )
  yield* Fiber.await(subscriber)
  console.log(`taken: [${taken.join()}], left: [${(yield* PubSub.takeUpTo(subscription, 2)).join()}]`)
})))
