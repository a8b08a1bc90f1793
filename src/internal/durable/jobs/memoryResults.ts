import * as Effect from "effect/Effect"
import { Wakes } from "../Wakes.js"
import { signalOf } from "./pausing.js"
import { Results } from "./results.js"

const keyOf = (job: string, id: string): string => JSON.stringify([job, id])

/** The exits of this process: the first one stays (D7). Callers that wait are woken as theirs is recorded. */
export const memoryResults = Effect.sync(() => {
  const recorded = new Map<string, string>()
  const wakes = new Wakes()
  return Results.of({
    record: (job, id, exit) =>
      Effect.sync(() => {
        const key = keyOf(job, id)
        if (recorded.has(key)) return
        recorded.set(key, exit)
        wakes.wake(key)
      }),
    get: (job, id) => Effect.sync(() => recorded.get(keyOf(job, id))),
    forget: (job, id, exit) =>
      Effect.sync(() => {
        const key = keyOf(job, id)
        if (recorded.get(key) === exit) recorded.delete(key)
      }),
    listen: (job, id) => signalOf((set) => wakes.on(keyOf(job, id), set))
  })
})
