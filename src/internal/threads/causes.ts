import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import { decode, encode, type Part, type Reason } from "./wire.js"

export const encodeCause = (cause: Cause.Cause<unknown>): ReadonlyArray<Reason> =>
  cause.reasons.map((reason) =>
    Cause.isFailReason(reason)
      ? { _tag: "Fail", part: encode(reason.error) }
      : Cause.isDieReason(reason)
      ? { _tag: "Die", part: encode(reason.defect) }
      : { _tag: "Interrupt" }
  )

const reasonOf = ({ _tag, part }: { readonly _tag: string; readonly part: Part }): Cause.Reason<unknown> => {
  if (_tag === "Fail") return Cause.makeFailReason(decode(part))
  if (_tag === "Die") return Cause.makeDieReason(decode(part))
  if (_tag === "Interrupt") return Cause.makeInterruptReason()
  throw new TypeError(_tag)
}

export const decodeCause = (reasons: unknown): Cause.Cause<unknown> => {
  try {
    return Cause.fromReasons((reasons as ReadonlyArray<Parameters<typeof reasonOf>[0]>).map(reasonOf))
  } catch {
    // Some code of the thread has found the port and written to it.
    return Cause.die(new Error("ThreadPool: a thread has sent a failure that cannot be read"))
  }
}

export const decodeFailure = (reasons: unknown): Exit.Exit<never, unknown> => Exit.failCause(decodeCause(reasons))
