import * as Cause from "effect/Cause"
import { isTagged } from "effect/Predicate"

/** The signal by which the engine says that the payload of a job does not decode. It has no public name. */
export const isDeadLetter = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.some((reason) =>
    Cause.isFailReason(reason) && isTagged(reason.error, "~effect/persistence/PersistedQueue/DeadLetter")
  )
