import type { Clock } from "effect/Clock"

/** A clock's time in milliseconds, which nobody sets back or forward as they may the wall's. */
export const monotonicMillis = (clock: Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
