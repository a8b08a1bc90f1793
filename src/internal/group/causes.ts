import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"

/** The defects among some failures, as a cause of nothing else; undefined when there are none. */
export const defectsOf = <E>(failures: ReadonlyArray<Cause.Cause<E>>): Cause.Cause<never> | undefined => {
  const defects = failures.flatMap((cause) => cause.reasons.filter(Cause.isDieReason))
  return defects.length === 0 ? undefined : Cause.fromReasons<never>(defects)
}

export const isInterruption = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
