import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import { decode, encode, type Reason } from "./wire.js"

export const encodeCause = (cause: Cause.Cause<unknown>): ReadonlyArray<Reason> =>
  cause.reasons.map((reason) =>
    Cause.isFailReason(reason)
      ? { _tag: "Fail", part: encode(reason.error) }
      : Cause.isDieReason(reason)
      ? { _tag: "Die", part: encode(reason.defect) }
      : { _tag: "Interrupt" }
  )

export const decodeCause = (reasons: unknown): Cause.Cause<unknown> =>
  // Only a thread makes them.
  Cause.fromReasons((reasons as ReadonlyArray<Reason>).map((reason) =>
    reason._tag === "Fail"
      ? Cause.makeFailReason(decode(reason.part))
      : reason._tag === "Die"
      ? Cause.makeDieReason(decode(reason.part))
      : Cause.makeInterruptReason()
  ))

export const decodeFailure = (reasons: unknown): Exit.Exit<never, unknown> => Exit.failCause(decodeCause(reasons))
