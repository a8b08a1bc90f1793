import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { AnyFiber } from "../stack.js"
import type { FiberGroup } from "./FiberGroup.js"
import type { Current } from "./model.js"

// The requirements say what its children may fail with, so the group itself takes any.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyGroup = FiberGroup<any>

/** The group of the innermost `Group.scoped` around a fiber, in the form that has no parameter for it. */
const CurrentGroup = Context.Service<Current<unknown, unknown>, AnyGroup>("~sluice/Group/Current")

/** That the fiber has one is what the requirements of the public functions say. */
export const currentGroup = ({ context }: AnyFiber): AnyGroup => Context.getUnsafe(context, CurrentGroup)

/** Runs the body with the group as its current one, whatever its requirements call that. */
export const provideGroup = <A, E, R>(
  body: Effect.Effect<A, E, R>,
  group: AnyGroup
): Effect.Effect<A, E, Exclude<R, Current<unknown, unknown>>> => Effect.provideService(body, CurrentGroup, group)
