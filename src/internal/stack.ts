import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Fiber } from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import { inLaterTurn } from "./dispatcher.js"

/**
 * Keeps the JavaScript stack flat (S6).
 *
 * Resuming, interrupting or starting a fiber runs it on the caller's stack, up to its next suspension. That is what
 * makes a hand-over fast, and what makes a chain of them overflow: a fiber that is resumed releases something, which
 * resumes the next one, and so on down a hundred thousand semaphores or nested groups.
 *
 * So whatever runs another fiber does it through here. A few levels nest; what would be deeper runs in a later turn.
 */

export type AnyFiber = Fiber<unknown, unknown>

// A level is some dozen frames, so these are a small part of the stack.
const maxDepth = 32

let depth = 0

/** Whether what runs fibers now would have to wait for a later turn. */
export const isDeep = (): boolean => depth >= maxDepth

/**
 * Runs `task`, which runs fibers, `fiber` among them: now, or from that one's dispatcher when now would be too deep.
 */
export const run = (fiber: AnyFiber, task: () => void): void => {
  if (isDeep()) later(fiber, task)
  else nest(task)
}

/** Runs `task`, which runs fibers, now: its caller has asked `isDeep`. */
export const nest = (task: () => void): void => {
  const level = depth
  depth = level + 1
  try {
    task()
  } finally {
    // To what it was, rather than one less: should the stack overflow all the same, no level is lost.
    depth = level
  }
}

/** Runs `task` in a later turn of the event loop. */
export const later = (fiber: AnyFiber, task: () => void): void =>
  fiber.currentDispatcher.scheduleTask(() => run(fiber, task), 0)

/** As `later`, and after every turn that has been requested by now, also by others. */
export const afterwards = (fiber: AnyFiber, task: () => void): void =>
  inLaterTurn(fiber.getRef(Scheduler.Scheduler), () => run(fiber, task))

/**
 * Throws `error` where no caller of ours is in its way. An error that a fiber throws at its caller comes from
 * an observer of the user's; neither that caller nor the other fibers that it has to run are to blame.
 */
export const rethrow = (fiber: AnyFiber, error: unknown): void =>
  later(fiber, () => {
    throw error
  })

/** Forks an effect, which runs up to its first suspension; or does not begin yet, when that would be too deep. */
export const start = <A, E, R>(
  fork: (effect: Effect.Effect<A, E, R>) => Fiber<A, E>,
  effect: Effect.Effect<A, E, R>
): Fiber<A, E> => {
  const level = depth
  if (level >= maxDepth) return fork(Effect.flatMap(Effect.yieldNow, () => effect))
  depth = level + 1
  try {
    return fork(effect)
  } finally {
    depth = level
  }
}

/** Lets a suspended fiber go on: `go` resumes it, with `value`. Now, or in a later turn when now would be too deep. */
export const resume = <T>(fiber: AnyFiber, go: (value: T) => void, value: T): void => {
  const level = depth
  if (level >= maxDepth) return later(fiber, () => resume(fiber, go, value))
  depth = level + 1
  try {
    go(value)
  } catch (error) {
    rethrow(fiber, error)
  } finally {
    depth = level
  }
}

/** Interrupts a fiber in the name of the fiber `by`. `annotations`: those of the reason, while somebody watches. */
export const interrupt = (
  fiber: AnyFiber,
  by: number | undefined,
  annotations?: Context.Context<never>
): void => {
  const level = depth
  if (level >= maxDepth) return later(fiber, () => interrupt(fiber, by, annotations))
  depth = level + 1
  try {
    fiber.interruptUnsafe(by, annotations)
  } catch (error) {
    rethrow(fiber, error)
  } finally {
    depth = level
  }
}
