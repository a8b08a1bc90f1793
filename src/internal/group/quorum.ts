import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { FiberGroup } from "./FiberGroup.js"
import { runScoped } from "./scoped.js"

/**
 * G11: runs effects until `count` of them have succeeded, and returns their values in the order in which they came.
 * Fails as soon as that cannot happen any more, with the causes of all that have failed.
 */
export const quorum = <A, E, R>(
  candidates: ReadonlyArray<Effect.Effect<A, E, R>>,
  count: number,
  limit: number
): Effect.Effect<Array<A>, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiber((fiber) => {
      const values: Array<A> = []
      const causes: Array<Cause.Cause<E>> = []
      const isOver = () => values.length === count || candidates.length - causes.length < count
      const group = new FiberGroup<E>(limit, "cancel", undefined, true)
      group.isRace = true
      const finishIfOver = Effect.withFiber((child) => isOver() ? group.finish(undefined, child) : Exit.void)
      const attempt = (candidate: Effect.Effect<A, E, R>): Effect.Effect<void, E, R> =>
        Effect.matchCauseEffect(candidate, {
          onSuccess: (value) => {
            if (!isOver()) values.push(value)
            return finishIfOver
          },
          // A defect ends all (G7).
          onFailure: (cause) => {
            if (Cause.hasDies(cause)) return Effect.failCause(cause)
            causes.push(cause)
            return finishIfOver
          }
        })
      const body = Effect.forEach(
        candidates,
        (candidate) => Effect.withFiber((parent) => group.start(parent, attempt(candidate), Effect.succeed)),
        { discard: true }
      )
      const all = count === 0 ? Effect.void : runScoped(group, fiber, () => body, restore)
      return Effect.flatMap(all, (): Exit.Exit<Array<A>, E> =>
        values.length === count
          ? Exit.succeed(values)
          : Exit.failCause(Cause.fromReasons(causes.flatMap(({ reasons }) => reasons))))
    })
  )
