import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { interruptAlong } from "../cancellation.js"

/**
 * Starts a child of a group, and waits for what `wait` says. A caller that is interrupted takes the child along, and
 * waits for its end.
 */
export const takeAlong = <A, E, R, B, E2>(
  group: { readonly name: string | undefined },
  start: Effect.Effect<Fiber.Fiber<A, unknown>, E, R>,
  wait: (child: Fiber.Fiber<A, unknown>) => Effect.Effect<B, E2>
): Effect.Effect<B, E | E2, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      restore(start),
      (child) => Effect.onInterrupt(restore(wait(child)), () => interruptAlong(child, group.name))
    )
  )
