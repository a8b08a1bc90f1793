import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { StoreError } from "../errors.js"
import type { DurableJob } from "./model.js"
import { decodeExit, Results } from "./results.js"

/** Asks until the exit is recorded. */
export const awaitResult = <Payload, A, E>(
  job: DurableJob<Payload, A, E>,
  id: string
): Effect.Effect<Exit.Exit<A, E>, StoreError, Results> =>
  Effect.scoped(Effect.gen(function*() {
    const results = yield* Results
    const pause = yield* results.listen(job.name, id)
    for (;;) {
      const recorded = yield* results.get(job.name, id)
      if (recorded !== undefined) return yield* decodeExit(job, recorded)
      yield* pause
    }
  }))
