import * as Effect from "effect/Effect"

/** Between two questions to a store: 10 ms at first, doubled each time, and a second at most. */
export const backOff = (asked: number): Effect.Effect<void> =>
  Effect.sleep(Math.min(1_000, 10 * 2 ** Math.min(asked - 1, 7)))
