import * as Effect from "effect/Effect"
import type { Observing, Subject, Work } from "../Observers.js"
import { kinds } from "./kinds.js"

const attributesOf = (work: Work): Readonly<Record<string, string | number>> => {
  switch (work.kind) {
    case "wait":
      return { "sluice.permits": work.permits }
    case "child":
      return { "sluice.child": work.child }
    case "claim":
      return { "sluice.id": work.id, "sluice.attempt": work.attempt }
  }
}

/**
 * A span for each wait and for each child, within the span of the caller, and one of its own for each attempt at a
 * durable job: the caller of that is the fiber that serves, for as long as its process lives.
 */
export const spans = ({ kind, name = kind }: Subject): Observing => ({
  around: <A, E, R>(work: Work, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
    const options = {
      attributes: { [`sluice.${kinds[kind].label}`]: name, ...attributesOf(work) },
      captureStackTrace: false,
      root: work.kind === "claim"
    }
    // A span is provided, and none is taken away.
    return Effect.withSpan(effect, `${name}/${work.kind}`, options)
  }
})
