import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import type { AnyFiber } from "../stack.js"
import { defectsOf, isInterruption } from "./causes.js"
import type { FiberGroup } from "./FiberGroup.js"
import type { Restore } from "./ParkingLot.js"

/**
 * Ends a group as its scope closes. Nobody else can report the defects of children that die meanwhile, so they become
 * the defect of the close; unless the scope closes on a failure, which they would spoil.
 */
export const closeScope = <E>(group: FiberGroup<E>, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const known = group.failures.length
    group.close(fiber, "its scope closed", Exit.isFailure(exit) ? exit.cause : undefined)
    return Effect.flatMap(group.awaitQuiet(fiber, "end", identity), () => {
      const defects = Exit.isSuccess(exit) || isInterruption(exit) ? defectsOf(group.failures.slice(known)) : undefined
      return defects === undefined ? Effect.void : Effect.failCause(defects)
    })
  })

/**
 * The exit of `scoped`: the failure that cancelled the group, or the value that finished it, or the exit of the body,
 * or else the first failure. A finished group has interrupted its children: their errors are too late, their defects
 * are not (G10).
 */
const outcome = <A, XE, E>(group: FiberGroup<E>, body: Exit.Exit<A, XE>): Exit.Exit<A, E | XE> => {
  const { fatal, finished } = group
  if (fatal !== undefined) return fatal
  if (finished !== undefined) {
    const defects = defectsOf(group.failures)
    // `finish` requires the group with the type of its value, and `scoped` adds that to A.
    return defects === undefined ? finished as Exit.Exit<A> : Exit.failCause(defects)
  }
  const first = group.failures[0]
  if (Exit.isSuccess(body)) return first === undefined ? body : Exit.failCause(first)
  const defects = isInterruption(body) ? defectsOf(group.failures) : undefined
  return defects === undefined ? body : Exit.failCause(Cause.combine(body.cause, defects))
}

/** Runs the body, `f`, in the group, and ends as `Group.scoped` does. Call it in an uninterruptible region. */
export const runScoped = <A, XE, R, E>(
  group: FiberGroup<E>,
  fiber: AnyFiber,
  f: (group: FiberGroup<E>) => Effect.Effect<A, XE, R>,
  restore: Restore
): Effect.Effect<A, E | XE, R> => {
  const body = group.runBody(fiber, Effect.suspend(() => f(group)))
  const over = Effect.onExitPrimitive(group.awaitEnd(fiber, restore), (exit) => {
    if (Exit.isSuccess(exit)) return undefined
    // Interrupted from outside. An earlier failure, if there is one, is reported together with the interrupt, as the
    // runtime does (G4), but without the echo of the group's own interrupts (G1).
    group.abandon(fiber, exit.cause)
    return Effect.flatMap(group.awaitEnd(fiber, identity), () =>
      Effect.flatMap(Fiber.await(body), (exit) => {
        const told = outcome(group, exit)
        const reasons = Exit.isSuccess(told)
          ? []
          : told.cause.reasons.filter((reason) => reason._tag !== "Interrupt")
        return reasons.length === 0 ? Effect.void : Effect.failCause(Cause.fromReasons(reasons))
      }))
  })
  return Effect.flatMap(over, () => Effect.flatMap(Fiber.await(body), (exit) => outcome(group, exit)))
}
