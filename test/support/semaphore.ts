/** Holders of permits whose ends a test decides. */
import { Deferred, Effect, Fiber } from "effect"
import { Semaphore } from "sluice"
import { start } from "./effect.js"

/** An effect that holds `n` permits until the test releases them. */
export const holder = (semaphore: Semaphore.Semaphore, n: number) =>
  Effect.gen(function*() {
    const gate = yield* Deferred.make<void>()
    const fiber = yield* start(Semaphore.withPermits(semaphore, n, Deferred.await(gate)))
    return { fiber, release: Effect.andThen(Deferred.succeed(gate, void 0), Fiber.await(fiber)) }
  })
