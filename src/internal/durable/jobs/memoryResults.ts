import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { Results } from "./results.js"

const keyOf = (job: string, id: string): string => JSON.stringify([job, id])

/** The exits of this process: the first one stays (D7). Callers that wait are woken as theirs is recorded. */
export const memoryResults = Effect.sync(() => {
  const recorded = new Map<string, string>()
  const waiting = new Map<string, Deferred.Deferred<void>>()
  return Results.of({
    record: (job, id, exit) =>
      Effect.suspend(() => {
        const key = keyOf(job, id)
        if (recorded.has(key)) return Effect.void
        recorded.set(key, exit)
        const woken = waiting.get(key)
        waiting.delete(key)
        return woken === undefined ? Effect.void : Effect.asVoid(Deferred.succeed(woken, undefined))
      }),
    get: (job, id) => Effect.sync(() => recorded.get(keyOf(job, id))),
    pause: (job, id) =>
      Effect.suspend(() => {
        const key = keyOf(job, id)
        if (recorded.has(key)) return Effect.void
        const known = waiting.get(key) ?? Deferred.makeUnsafe<void>()
        waiting.set(key, known)
        return Deferred.await(known)
      })
  })
})
