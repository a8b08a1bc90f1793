/**
 * All that the kit reads of Effect's runtime beyond its public API is in this file. None of it decides what a run does:
 * the schedule, the clock and the interrupts are public. This file finds an operation's name and source, and the
 * operations that cannot matter to another fiber. If a version of Effect lacks some of these internals, they are named,
 * once.
 */
import * as Effect from "effect/Effect"
import type { Fiber } from "effect/Fiber"

export type AnyFiber = Fiber<unknown, unknown>

/** A primitive's own name ("Sync", "OnSuccess"), and what it was made from: a thunk, or the effect it goes on from. */
const identifier = "~effect/Effect/identifier"
const args = "~effect/Effect/args"
const successCont = "~effect/Effect/successCont"
const failureCont = "~effect/Effect/failureCont"

interface Primitive {
  readonly [identifier]?: string
  readonly [args]?: unknown
  readonly [successCont]?: unknown
  readonly [failureCont]?: unknown
  /** Of an `Iterator`, which is a generator's. */
  readonly iterator?: unknown
  /** Of an `Async`. */
  readonly register?: unknown
  /** Of an `OnExit`. */
  readonly onExit?: unknown
  /** Of `map`, `as` and their like: what the continuation is given. */
  readonly payload?: unknown
}

interface FiberInternals {
  /** Whether an interrupt takes effect now. */
  readonly interruptible?: boolean
  /** Why it is to stop; undefined while nobody has interrupted it. */
  readonly _interruptedCause?: unknown
  /** The continuations that the fiber runs once the current operation is done, innermost last. */
  readonly _stack?: ReadonlyArray<Primitive>
}

/** Operations that only put a continuation on their own fiber's stack. */
const onlyPush: ReadonlySet<string> = new Set(["OnSuccess", "OnFailure", "OnSuccessAndFailure", "OnExit", "Exit"])
/** Of those, the ones that an interrupt before them differs from one after them: it finds a handler less. */
const handlers: ReadonlySet<string> = new Set(["OnFailure", "OnSuccessAndFailure", "OnExit", "Exit"])

export const nameOf = (primitive: unknown): string => (primitive as Primitive)[identifier] ?? "?"

/**
 * Whether what comes just before this operation can differ from what comes just after it: another fiber's doings, or an
 * interrupt. The handler that an operation installs matters to an interrupt, the program's own included.
 */
export const matters = (primitive: unknown, fiber: AnyFiber): boolean => {
  const name = nameOf(primitive)
  return !onlyPush.has(name) || (handlers.has(name) && isInterruptible(fiber))
}

/**
 * Which uninterruptible stretch the fiber is in: where on its stack that ends; undefined when it is interruptible. An
 * interrupt takes effect at the end of the stretch, wherever in it it comes.
 */
export const stretchOf = (fiber: AnyFiber): number | undefined => {
  if (isInterruptible(fiber)) return undefined
  const stack = (fiber as FiberInternals)._stack ?? []
  for (let i = stack.length - 1; i >= 0; i--) {
    const frame = stack[i]
    if (frame !== undefined && nameOf(frame) === "SetInterruptible" && frame[args] === true) return i
  }
  return -1
}

/**
 * Whether a task does nothing but start a fiber or continue one that yielded: the runtime itself schedules these. Any
 * other task goes on when a fiber that it has resumed or started yields.
 */
export const isOneFiber = (task: () => void): boolean => {
  const source = Function.prototype.toString.call(task)
  // Nearly all tasks are of the same two sources.
  if (source !== latest.source) latest = { source, verdict: /\.evaluate\([\w$]+\);?\s*\}?$/.test(source) }
  return latest.verdict
}

let latest = { source: "", verdict: false }

/** Whether the fiber has been interrupted, also when that cannot take effect yet. */
export const wasInterrupted = (fiber: AnyFiber): boolean => (fiber as FiberInternals)._interruptedCause !== undefined

/** Whether `Effect.promise` or `Effect.tryPromise` made it: Effect's own clock and scheduler do not resume these. */
export const isPromise = (primitive: unknown): boolean => {
  const { register } = primitive as Primitive
  return typeof register === "function" && Function.prototype.toString.call(register).includes(".then(")
}

export const isInterruptible = (fiber: AnyFiber): boolean => (fiber as FiberInternals).interruptible !== false

/** The operation that a preempted fiber goes on with, given the first operation of its preemption. */
export const takenFrom = (primitive: unknown): unknown => {
  // The run loop's own `flatMap(yieldNow, () => operation)`: to call that function runs nothing.
  const { payload } = primitive as Primitive
  return typeof payload === "function" && payload.length === 0 ? (payload as () => unknown)() : undefined
}

const functionsOf = (primitive: Primitive): ReadonlyArray<unknown> => [
  primitive.iterator,
  primitive.register,
  primitive.payload,
  primitive[args],
  primitive[successCont],
  primitive[failureCont],
  primitive.onExit
]

/**
 * The functions and generators that an operation comes from, innermost first: its own, then those of its fiber's
 * continuations.
 */
export const subjectsOf = (primitive: unknown, fiber: AnyFiber): ReadonlyArray<object> => {
  const stack = (fiber as FiberInternals)._stack ?? []
  const subjects = primitive === undefined ? [] : [...functionsOf(primitive as Primitive)]
  for (let i = stack.length - 1; i >= 0; i--) subjects.push(...functionsOf(stack[i] ?? {}))
  return subjects.filter((subject): subject is object =>
    typeof subject === "function" ||
    (typeof subject === "object" && subject !== null && typeof (subject as { next?: unknown }).next === "function")
  )
}

let missing: ReadonlyArray<string> | undefined

/** The names of the above internals that this version of Effect does not have. */
const findMissing = (): ReadonlyArray<string> => {
  const primitive = Effect.sync(() => 0) as Primitive
  const fiber = Effect.runFork(Effect.never) as unknown as FiberInternals & AnyFiber
  const interrupted = Effect.runFork(Effect.never)
  interrupted.interruptUnsafe()
  const found = {
    [`a primitive's ${identifier}`]: primitive[identifier] === "Sync",
    [`a primitive's ${args}`]: typeof primitive[args] === "function",
    "Fiber._stack": Array.isArray(fiber._stack),
    "Fiber.interruptible": fiber.interruptible === true,
    "Fiber._interruptedCause": wasInterrupted(interrupted)
  }
  fiber.interruptUnsafe()
  return Object.entries(found).filter(([, is]) => !is).map(([name]) => name)
}

/** Throws when this version of Effect lacks something that traces and exhaustive exploration read. */
export const requireInternals = (): void => {
  missing ??= findMissing()
  if (missing.length > 0) {
    throw new Error(
      `sluice/testing: this version of effect has no ${missing.join(", no ")}: ` +
        "traces and exhaustive exploration need it; please report this, and use the version before"
    )
  }
}
