/** The faults of PersistedQueue 4.1 that need no server. A test that fails says that a newer effect has mended one. */
import { Effect, Fiber, Layer, Schema } from "effect"
import { PersistedQueue } from "effect/persistence"
import { DurableStore } from "sluice/durable"
import { check, scenario } from "sluice/testing"
import { expect, test } from "vitest"

const theirs = Layer.provide(Layer.fresh(PersistedQueue.layer), PersistedQueue.layerStoreMemory)

const queue = PersistedQueue.make({ name: "queue", schema: Schema.String, maxAttempts: 2 })

test("a handler that interrupts itself is never counted", () =>
  Effect.runPromise(Effect.provide(
    Effect.gen(function*() {
      const { offer, take } = yield* queue
      yield* offer("a")
      const attempts: Array<number> = []
      const taking = take((_, metadata) => {
        attempts.push(metadata.attempts)
        return Effect.interrupt
      })
      for (let i = 0; i < 4; i++) yield* Fiber.await(yield* Effect.forkChild(taking))
      expect(attempts).toEqual([1, 1, 1, 1])
    }),
    theirs
  )))

/** A taker that may be interrupted at any operation, and another one, which gets the job. */
const interruptedTaker = (layer: Layer.Layer<PersistedQueue.PersistedQueueFactory>) => () =>
  check(
    scenario((t) =>
      Effect.gen(function*() {
        const { offer, take } = yield* queue
        yield* offer("a")
        let done = 0
        const taking = take(() => Effect.sync(() => done++))
        yield* t.actor("first", taking, { mayDie: true })
        yield* t.settled
        if (done === 0) yield* Effect.timeoutOption(taking, "1 second")
        yield* t.expect(done === 1, "the job is lost")
      }).pipe(Effect.provide(Layer.fresh(layer)))
    ),
    { strategy: { exhaustive: { preemptions: 1, cancels: 1 } } }
  )

test("the memory store loses the job of an interrupted taker, and that of sluice does not", () => {
  expect(interruptedTaker(theirs)).toThrow(/the job is lost/)
  expect(interruptedTaker(DurableStore.layerMemory)).not.toThrow()
})
