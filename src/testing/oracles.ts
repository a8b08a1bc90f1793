/** The rules by which a run fails. Each is a function of the lanes, changes nothing and returns the problem, if any. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import { format } from "effect/Formatter"
import type { Finalizers } from "./Finalizers.js"
import { isAlive, type Lane } from "./Lane.js"

/**
 * The kind of a failure. `Failure.kind` explains each.
 *
 * @since 0.1.0
 */
export type Kind =
  | "expectation"
  | "deadlock"
  | "livelock"
  | "leaked-fiber"
  | "leaked-finalizer"
  | "defect"
  | "not-linearizable"
  | "escaped"

export interface Problem {
  readonly kind: Kind
  readonly message: string
}

type Lanes = ReadonlyArray<Lane>

/** Nothing is left to run, and actors other than `besides` have not ended. */
export const deadlock = (lanes: Lanes, besides?: Lane): Problem | undefined => {
  const stuck = lanes.filter((lane) => lane.actor && lane !== besides && isAlive(lane))
  if (stuck.length === 0) return undefined
  return { kind: "deadlock", message: `${names(stuck)} wait${stuck.length === 1 ? "s" : ""} forever` }
}

/** The body has failed, or nothing is left to run and actors have not ended. */
export const badEnd = (lanes: Lanes): Problem | undefined => {
  const exit = lanes[0]?.fiber.pollUnsafe()
  return exit !== undefined && Exit.isFailure(exit) ? failed("main", exit.cause) : deadlock(lanes)
}

/** A fiber's failure or defect. The assertions of node, chai and vitest throw errors of one kind. */
export const failed = (name: string, cause: Cause.Cause<unknown>): Problem => {
  const error = Cause.squash(cause)
  return error instanceof Error && error.name.startsWith("Assertion")
    ? { kind: "expectation", message: error.message.trim() }
    : { kind: "defect", message: `${name} ${name === "main" ? "failed" : "died"}: ${describe(error)}` }
}

/** The run has not ended within `limit` steps, though every fiber had a turn in the last `fair` of them. */
export const endless = (lanes: Lanes, limit: number, fair: number): Problem => {
  const alive = lanes.filter(isAlive)
  const unended = alive.filter(({ actor }) => actor)
  if (unended.length === 0 && alive.length > 0) {
    return { kind: "leaked-fiber", message: `${names(alive)} still ran when the scenario was over` }
  }
  const steps = `${limit} steps, the last ${fair} of them with a turn for everybody`
  const busy = lanes.filter((lane) => lane.operations > lane.tired)
  return { kind: "livelock", message: `${names(unended)} did not end within ${steps}: ${names(busy)} went on` }
}

/** The scope is closed and nothing is left to run, but a fiber is alive, or a finalizer did not run once. */
export const leak = (lanes: Lanes, finalizers: Finalizers): Problem | undefined => {
  const alive = lanes.filter(isAlive)
  if (alive.length > 0) {
    const message = `${names(alive)} still lived when the scenario was over and its scope closed`
    return { kind: "leaked-fiber", message }
  }
  const message = finalizers.problem()
  return message === undefined ? undefined : { kind: "leaked-finalizer", message }
}

const names = (lanes: Lanes): string => {
  const all = lanes.map(({ name }) => name)
  return all.length > 1 ? `${all.slice(0, -1).join(", ")} and ${all.at(-1) ?? ""}` : all.join("")
}

export const describe = (error: unknown): string =>
  error instanceof Error
    ? `${error.name}: ${error.message}`
    : typeof error === "string"
    ? error
    : format(error)
