import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"

const defect = new Error("the job has not begun")

/**
 * The exit of a job that its resource has not begun, and never will: it was lost before it got to it. The pool takes such
 * a job back, as if it had not given it to that worker, and replaces the resource.
 */
export const notBegun: Exit.Exit<never> = Exit.die(defect)

export const isNotBegun = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && exit.cause.reasons.some((reason) => Cause.isDieReason(reason) && reason.defect === defect)
