import * as Effect from "effect/Effect"
import type { Observing, Subject, Work } from "../Observers.js"

/** A span for each wait and for each child, within the span of the caller. */
export const spans = ({ kind, name = kind }: Subject): Observing => ({
  around: <A, E, R>(work: Work, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
    const number = work.kind === "wait" ? { "sluice.permits": work.permits } : { "sluice.child": work.child }
    const options = { attributes: { [`sluice.${kind}`]: name, ...number }, captureStackTrace: false }
    // A span is provided, and none is taken away.
    return Effect.withSpan(effect, `${name}/${work.kind}`, options)
  }
})
