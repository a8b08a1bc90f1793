import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as References from "effect/References"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import type { JobContext } from "./model.js"
import { CurrentWorker } from "./Worker.js"

/** The part of its caller's context that a job has: all but the scope, or only the stack frame. A task has all. */
export type Inheritance = "context" | "frame"

/** Gives a job's effect the inherited part of its caller's context. */
export type Inherited = <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>

/** The effect of a call of `use`, in the place of the pool's `run`. */
export type TaskRun = (context: JobContext<unknown>) => Effect.Effect<unknown, unknown>

/** A job's own effect, of a call of `use`; and what it inherits of its caller's context: the stack frame, or more. */
export interface Brought {
  readonly task: TaskRun | undefined
  readonly inherited: Inherited | undefined
  readonly frame: References.StackFrame | undefined
}

/**
 * The task, and the part of the caller's context that the job inherits. Undefined where both are empty, as for a caller
 * outside of any span and `Effect.fn`.
 */
export const bring = (
  context: Context.Context<never>,
  inheritance: Inheritance,
  task: TaskRun | undefined
): Brought | undefined => {
  if (inheritance === "frame" && task === undefined) {
    const frame = Context.get(context, References.CurrentStackFrame)
    return frame && { task, inherited: undefined, frame }
  }
  const part = task === undefined ? "context" : "all"
  return {
    task,
    inherited: (effect) => Effect.updateContext(effect, (own) => over(own, context, part)),
    frame: undefined
  }
}

/** The caller's services and references before the worker's own, but for those by which the pool works. */
const over = (
  own: Context.Context<never>,
  callers: Context.Context<never>,
  part: "all" | "context"
): Context.Context<never> => {
  const merged = Context.mergeAll(
    own,
    callers,
    Context.make(Scheduler.Scheduler, Context.get(own, Scheduler.Scheduler)),
    Context.make(CurrentWorker, Context.get(own, CurrentWorker)),
    Context.make(References.CurrentLogAnnotations, {
      ...Context.get(callers, References.CurrentLogAnnotations),
      ...Context.get(own, References.CurrentLogAnnotations)
    })
  )
  const scope = part === "context" ? Context.getOption(own, Scope.Scope) : undefined
  return scope?._tag === "Some" ? Context.add(merged, Scope.Scope, scope.value) : merged
}
