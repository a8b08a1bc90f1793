import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { StoreError } from "../errors.js"
import type { DurableJob } from "./model.js"
import { decodeExit, Results } from "./results.js"

/** Asks until the exit is recorded. */
export const awaitResult = Effect.fnUntraced(function*<Payload, A, E>(
  job: DurableJob<Payload, A, E>,
  id: string
): Effect.fn.Return<Exit.Exit<A, E>, StoreError, Results> {
  const results = yield* Results
  for (let asked = 1;; asked++) {
    const recorded = yield* results.get(job.name, id)
    if (recorded !== undefined) return yield* decodeExit(job, recorded)
    yield* results.pause(job.name, id, asked)
  }
})
