// effect 4.1.0: `take` resumes the producer that waits for room inline, and that one interrupts the consumer.
import { Effect, Fiber, Queue } from "effect"

await Effect.runPromise(Effect.gen(function*() {
  const queue = yield* Queue.bounded<string>(1)
  yield* Queue.offer(queue, "first")
  const taken: Array<string> = []
  yield* Effect.forkChild(Effect.gen(function*() {
    yield* Queue.offer(queue, "second")
    yield* Fiber.interrupt(consumer)
  }))
  const consumer: Fiber.Fiber<unknown> = yield* Effect.forkChild(
    Effect.map(Queue.take(queue), (message) => taken.push(message))
  )
  yield* Fiber.await(consumer)
  console.log(`taken: [${taken.join()}], left: [${(yield* Queue.clear(queue)).join()}]`)
}))
