import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"

/**
 * Runs a call, and `onProgress` for its reports, one at a time. A report replaces an earlier one for which it has not
 * been called yet, so a slow `onProgress` delays nobody but the caller.
 *
 * T7: it returns when both have ended. The failure of one interrupts the other.
 */
export const withProgress = <A, E, R, E2, R2>(
  run: (report: (progress: unknown) => void) => Effect.Effect<A, E, R>,
  onProgress: (progress: unknown) => Effect.Effect<unknown, E2, R2>
): Effect.Effect<A, E | E2, R | R2> =>
  Effect.gen(function*() {
    const reports = yield* Queue.sliding<unknown, Cause.Done>(1)
    const call = Effect.tap(run((progress) => void Queue.offerUnsafe(reports, progress)), Queue.end(reports))
    const deliveries = Stream.runForEach(Stream.fromQueue(reports), onProgress)
    const [value] = yield* Effect.all([call, deliveries], { concurrency: 2 })
    return value
  })
