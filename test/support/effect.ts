import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import * as assert from "node:assert/strict"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as stack from "../../src/internal/stack.js"

/** Runs a test's effect in a scope of its own. */
export const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(effect))

/** Starts an effect and lets it run to its first suspension, so that the test knows where it is. */
export const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** Lets the others run, `n` times. */
export const turns = (n: number): Effect.Effect<void> =>
  n === 0 ? Effect.void : Effect.andThen(Effect.yieldNow, turns(n - 1))

/** Lets everything that is ready run. */
export const settle = turns(20)

export const isInterrupted = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)

/** "Success", "Interrupt", or the tag of the error or defect; the error itself where it has no tag. */
export const tagOf = (exit: Exit.Exit<unknown, unknown>): unknown => {
  if (Exit.isSuccess(exit)) return "Success"
  if (isInterrupted(exit)) return "Interrupt"
  const error = squash(exit)
  return typeof error === "object" && error !== null && "_tag" in error ? error._tag : error
}

/** None of the fibers has ended. */
export const expectPending = (...fibers: ReadonlyArray<Fiber.Fiber<unknown, unknown>>): void => {
  for (const fiber of fibers) assert.equal(fiber.pollUnsafe(), undefined)
}

/** Every fiber has ended. */
export const expectEnded = (...fibers: ReadonlyArray<Fiber.Fiber<unknown, unknown>>): void => {
  for (const fiber of fibers) assert.ok(fiber.pollUnsafe() !== undefined, "the fiber has not ended")
}

/** What a failed exit died of, squashed; undefined for a success. */
export const squash = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined

/** The defect of an effect that dies. */
export const defectOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<unknown, never, R> =>
  Effect.map(Effect.exit(effect), (exit) => {
    if (!Exit.isFailure(exit) || !Cause.hasDies(exit.cause)) throw new Error(`expected a defect, got ${String(exit)}`)
    return exit.cause.reasons.find(Cause.isDieReason)?.defect
  })

/** Interrupts a fiber and answers its exit. */
export const interrupted = <A, E>(fiber: Fiber.Fiber<A, E>): Effect.Effect<Exit.Exit<A, E>> =>
  Effect.andThen(Fiber.interrupt(fiber), Fiber.await(fiber))

/**
 * Collects all that nothing refers to. A `WeakRef` keeps its object up to the end of the turn, and a stack may keep one
 * for longer: so in several turns.
 */
export const collectGarbage: Effect.Effect<void> = Effect.promise(async () => {
  // The flag makes the function a global of new contexts.
  setFlagsFromString("--expose-gc")
  const gc = runInNewContext("gc") as () => void
  for (let n = 0; n < 4; n++) {
    await new Promise((resolve) => setImmediate(resolve))
    gc()
  }
})

/** As `run`, with a clock that only `after` moves. */
export const runTimed = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> =>
  run(Effect.provide(effect, TestClock.layer()))

/** A random number is always this one, of 0 to 1. */
export const withRandom = (n: number) =>
  Effect.provideService(Random.Random, { nextDoubleUnsafe: () => n, nextIntUnsafe: () => Math.floor(n * 2 ** 31) })

/** So many milliseconds later, and all that is ready then has run. */
export const after = (millis: number): Effect.Effect<void> => Effect.andThen(TestClock.adjust(millis), settle)

/**
 * Runs `task` where fibers that are run by fibers have become too many: what it would run inline runs in a later turn.
 */
export const deepInTheStack = <A>(task: () => A): A => {
  if (stack.isDeep()) return task()
  let result: { readonly value: A } | undefined
  stack.nest(() => {
    result = { value: deepInTheStack(task) }
  })
  return result!.value
}
