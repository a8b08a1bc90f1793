import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"

const defect = new Error("the job has not begun")

/**
 * The exit of a job that its resource has not begun, and never will: it was lost before it got to it. The pool takes such
 * a job back, as if it had not given it to that worker, and replaces the resource.
 */
export const notBegun: Exit.Exit<never> = Exit.die(defect)

const withdrawn = new WeakSet<object>()

/** Its fiber was interrupted, and its resource has not begun the job: where the pool ends it is handed back. */
export const withdraw = (fiber: object): void => {
  withdrawn.add(fiber)
}

export const wasWithdrawn = (fiber: object | undefined): boolean => fiber !== undefined && withdrawn.has(fiber)

export const isNotBegun = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && exit.cause.reasons.some((reason) => Cause.isDieReason(reason) && reason.defect === defect)
