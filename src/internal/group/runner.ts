import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { FiberGroup } from "./FiberGroup.js"
import { takeAlong } from "./takeAlong.js"

/** Starts a child from outside of any fiber, and returns the fiber that stands for it. */
export type Runner<E, R> = <A, XE extends E>(
  effect: Effect.Effect<A, XE, R>,
  options?: Effect.RunOptions
) => Fiber.Fiber<A, XE>

/**
 * A callback cannot wait for a place, so a fiber of its own does. It ends as the child ends, and takes the child along
 * when it is interrupted.
 */
export const runnerOf =
  <E, R>(group: FiberGroup<E>, context: Context.Context<R>): Runner<E, R> => (effect, options) => {
    const start = Effect.withFiber<Fiber.Fiber<unknown, unknown>, E, R>((fiber) =>
      group.start(fiber, effect, Effect.succeed)
    )
    const standIn = takeAlong(group, start, Fiber.join)
    return Effect.runForkWith(context)(standIn as typeof effect, options)
  }
