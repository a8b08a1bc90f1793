import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { FiberGroup } from "./FiberGroup.js"
import type { Ready } from "./model.js"
import { takeAlong } from "./takeAlong.js"

/**
 * The defect of a `Group.start` whose child has succeeded without a call of `Group.ready`.
 *
 * @category errors
 * @since 0.1.0
 */
export class NeverReady extends Data.TaggedError("NeverReady")<{
  /** The `name` of the group. `undefined` when the group has none. */
  readonly group: string | undefined
}> {
  /** One line that names the group, and `Group.ready` as the call that is missing. */
  override get message(): string {
    const of = this.group === undefined ? "" : ` in the group ${JSON.stringify(this.group)}`
    return `Group.start: the child${of} ended without a call of Group.ready`
  }
}

/** How the child of the innermost `Group.start` around a fiber reports its value. Only the first report counts. */
const Report = Context.Service<Ready<unknown>, (value: unknown) => void>("~sluice/Group/Ready")

export const report = (value: unknown): Effect.Effect<void, never, Ready<unknown>> =>
  Effect.map(Report, (report) => report(value))

/**
 * G12: starts a child with `start`, and waits until it is ready:
 *
 *     starting ──ready──▶ ready     the call returns the value; from now on the child is like any other
 *        ├──fails──▶ over           the call fails with its cause, and the group does not
 *        └──succeeds, or is interrupted──▶ over
 *
 * A caller that is interrupted takes the child along, and waits for its end.
 */
export const startReady = <A, XE, R, E>(
  group: FiberGroup<E>,
  effect: Effect.Effect<A, XE, R>,
  start: (child: Effect.Effect<unknown, XE, Exclude<R, Ready<unknown>>>) => Effect.Effect<
    Fiber.Fiber<unknown, unknown>,
    E,
    Exclude<R, Ready<unknown>>
  >
): Effect.Effect<unknown, E | XE, Exclude<R, Ready<unknown>>> =>
  Effect.suspend(() => {
    const ready = Deferred.makeUnsafe<unknown, E | XE>()
    let isReady = false
    let failure: Exit.Exit<never, XE> | undefined = undefined
    const reporting = Effect.provideService(effect, Report, (value) => {
      isReady = true
      Deferred.doneUnsafe(ready, Exit.succeed(value))
    })
    const child = Effect.catchCause(reporting, (cause) => {
      if (isReady || Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
      failure = Exit.failCause(cause)
      return Effect.void
    })
    /** How the call ends if the child was not ready. */
    const early = (exit: Exit.Exit<unknown, unknown>): Exit.Exit<never, E | XE> => {
      if (failure !== undefined) return failure
      if (Exit.isSuccess(exit)) return Exit.die(new NeverReady({ group: group.name }))
      // Its errors were caught above, so it was interrupted: with the group, or alone.
      return group.refusal() ?? Exit.failCause(exit.cause as Cause.Cause<never>)
    }
    return takeAlong(group, start(child), (fiber) => {
      // From the fiber and not from within it: an interrupt may come before its first operation.
      fiber.addObserver((exit) => void Deferred.doneUnsafe(ready, early(exit)))
      return Deferred.await(ready)
    })
  })
