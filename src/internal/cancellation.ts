import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Annotations, Why } from "./interruption.js"
import type { AnyFiber } from "./stack.js"
import { watch } from "./view.js"

export type { Annotations, Why } from "./interruption.js"

/**
 * Returns the annotations of one cancellation, for all interrupts that it makes; undefined while nobody watches. `led`
 * is the cause that led to the cancellation: a failure is its cause, and an interruption its parent.
 */
export const cancellation = (
  kind: "group" | "pool",
  name: string | undefined,
  why: Why,
  fiber: AnyFiber | number | undefined,
  led?: Cause.Cause<unknown>
): Annotations | undefined => watch?.cancelled({ kind, name }, why, fiber, led)

/** The exit of whatever the fiber `by` has interrupted. */
export const interruptedBy = (by: number | undefined, annotations: Annotations | undefined): Exit.Exit<never> =>
  annotations === undefined
    ? Exit.interrupt(by)
    : Exit.failCause(Cause.annotate(Cause.interrupt(by), annotations))

/**
 * For the cleanup of a fiber that is interrupted, in an uninterruptible region: the cause of its interrupts. An
 * interruptible region fails at once with that cause, and nothing else in Effect's public API returns it.
 */
const causeOfInterrupt: Effect.Effect<Cause.Cause<never> | undefined> = Effect.map(
  Effect.exit(Effect.interruptible(Effect.void)),
  (exit) => Exit.isFailure(exit) ? exit.cause : undefined
)

/**
 * For the cleanup of a fiber that is interrupted: passes to `then` the fiber and the annotations of whatever it takes
 * along; undefined while nobody watches.
 */
export const takingAlong = <A>(
  kind: "group" | "pool",
  name: string | undefined,
  then: (annotations: Annotations | undefined, fiber: AnyFiber) => Effect.Effect<A>
): Effect.Effect<A> =>
  watch === undefined
    ? Effect.withFiber((fiber) => then(undefined, fiber))
    : Effect.flatMap(causeOfInterrupt, (led) =>
      Effect.withFiber((fiber) =>
        then(cancellation(kind, name, "its caller was interrupted", fiber, led), fiber)
      ))

/** As `Fiber.interrupt`, for a caller that is interrupted and takes a child of a group along. */
export const interruptAlong = (child: AnyFiber, group: string | undefined): Effect.Effect<void> =>
  watch === undefined
    ? Fiber.interrupt(child)
    : takingAlong("group", group, (annotations, { id }) => Fiber.interruptAs(child, id, annotations))
