import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { CurrentStackFrame, type StackFrame } from "effect/References"
import type { AnyFiber } from "./stack.js"
import { watch } from "./view.js"

/**
 * While somebody watches, each interrupt that a group or a pool makes is annotated with its reason and its interruptor.
 * One object describes one cancellation, however many fibers it interrupts.
 *
 * Two interrupts of one fiber by the same fiber are one reason of its cause, and two where they are annotated. Effect
 * does the same with interrupts by a fiber that is in an `Effect.fn`. No interruptor and no law depends on it.
 */

/** Why a group or a pool interrupts fibers. */
export type Why =
  // A group
  | "a child failed"
  | "the body failed"
  | "the body was interrupted"
  | "finish"
  | "its owner was interrupted"
  // Both
  | "cancel"
  | "its caller was interrupted"
  | "its scope closed"
  // A pool: one job, or the jobs of one call
  | "the deadline of its run"
  | "its signal was aborted"
  | "another job failed"
  | "its stream closed"
  // A pool: all jobs, or the acquisitions of resources
  | "shutdown"
  | "shutdownNow"
  | "the deadline of the shutdown"
  | "the pool closed"
  | "a resource could not be acquired"
  | "resize"

/** One cancellation. */
export interface Interruption {
  readonly by: { readonly kind: "group" | "pool"; readonly name: string | undefined }
  readonly why: Why
  /** The id of the fiber in whose name it interrupts: the child that failed, or the fiber that cancelled. */
  readonly fiber?: number | undefined
  /** The cause of the child, the body, the job or the resource that failed. */
  readonly cause?: Cause.Cause<unknown> | undefined
  /** The cancellation that led to this one: the one that interrupted the owner, or the caller. */
  readonly parent?: Interruption | undefined
}

/** The annotations of the interrupts of one cancellation. */
export type Annotations = Context.Context<never>

/** The key of the annotation. */
const Key = Context.Service<Interruption>("~sluice/inspect/Interruption")

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
): Annotations | undefined => watch === undefined ? undefined : annotationsOf({ kind, name }, why, fiber, led)

const annotationsOf = (
  by: Interruption["by"],
  why: Why,
  fiber: AnyFiber | number | undefined,
  led: Cause.Cause<unknown> | undefined
): Annotations => {
  const [id, frame] = typeof fiber === "object" ? [fiber.id, fiber.getRef(CurrentStackFrame)] : [fiber, undefined]
  const parent = led && interruptionsOf(led)[0]
  const cause = led === undefined || Cause.hasInterruptsOnly(led) ? undefined : led
  const interruption: Interruption = { by, why, fiber: id, cause, parent }
  // A single map: `Context.add` copies the one of `Context.make`.
  return Context.makeUnsafe(
    new Map<string, unknown>([
      [Key.key, interruption],
      [Cause.InterruptorStackTrace.key, new Frame(interruption, frame)]
    ])
  )
}

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

/** The cancellations that have interrupted a fiber with this cause, each once, in the order of its reasons. */
export const interruptionsOf = (cause: Cause.Cause<unknown>): ReadonlyArray<Interruption> => {
  const found = new Set<Interruption>()
  for (const reason of cause.reasons) {
    if (!Cause.isInterruptReason(reason)) continue
    const interruption = Context.getOrUndefined(Cause.reasonAnnotations(reason), Key)
    if (interruption !== undefined) found.add(interruption)
  }
  return [...found]
}

/**
 * Returns sentences about the cancellations that have interrupted a fiber with this cause, the first that happened
 * first; undefined where no interrupt is annotated.
 */
export const whyInterrupted = (cause: Cause.Cause<unknown>): string | undefined => {
  const chain = new Set<Interruption>()
  for (const interruption of interruptionsOf(cause)) {
    const ancestors: Array<Interruption> = []
    for (let one: Interruption | undefined = interruption; one !== undefined; one = one.parent) ancestors.push(one)
    for (const one of ancestors.toReversed()) chain.add(one)
  }
  if (chain.size === 0) return undefined
  return [...chain].map((one) => `${capitalized(textOf(one))}.`).join(" ")
}

const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** A cancellation in Effect's traces of causes. Its text is made when somebody prints it. */
class Frame implements StackFrame {
  constructor(
    private readonly interruption: Interruption,
    /** The frame of the fiber that has cancelled. */
    private readonly caller: StackFrame | undefined
  ) {}

  get name(): string {
    return textOf(this.interruption)
  }

  /** The line that made the error. */
  stack(): string | undefined {
    const { cause } = this.interruption
    const lines = cause && errorOf(cause)?.stack?.split("\n")
    return lines?.find((line) => /^\s+at (?!new )/.test(line) && !line.includes("/node_modules/effect/"))?.trim()
  }

  get parent(): StackFrame | undefined {
    const { caller, interruption: { parent } } = this
    return parent === undefined ? caller : new Frame(parent, caller)
  }
}

const errorOf = (cause: Cause.Cause<unknown>): Error | undefined => {
  try {
    return Cause.prettyErrors(cause)[0]
  } catch {
    // A getter of the user's error throws.
    return undefined
  }
}

/** The first line of the failure: its name and message. */
const failureOf = (cause: Cause.Cause<unknown>): string => {
  const { message = "", name = "an error" } = errorOf(cause) ?? {}
  const [line = ""] = message.split("\n")
  return line === "" ? name : `${name}: ${line}`
}

const textOf = (interruption: Interruption): string => {
  const { by: { kind, name }, why } = interruption
  return `${name === undefined ? `a ${kind}` : `${kind} ${name}`}: ${texts[why](interruption)}`
}

const withFailure = ({ cause }: Interruption): string => cause === undefined ? "" : ` with ${failureOf(cause)}`
const fiberOf = ({ fiber }: Interruption): string => fiber === undefined ? "nobody" : `fiber ${fiber}`
const itself = ({ by: { kind } }: Interruption): string => kind === "group" ? "the group" : "the job"

/** Each follows the name of the group or the pool. */
const texts: Readonly<Record<Why, (interruption: Interruption) => string>> = {
  "a child failed": (one) => `child ${fiberOf(one)} failed${withFailure(one)}`,
  "the body failed": (one) => `its body failed${withFailure(one)}`,
  "the body was interrupted": () => "its body was interrupted",
  finish: (one) => `${fiberOf(one)} finished the group`,
  "its owner was interrupted": () => "its owner was interrupted",
  cancel: (one) => `${fiberOf(one)} cancelled ${itself(one)}`,
  "its caller was interrupted": (one) => `the caller, ${fiberOf(one)}, was interrupted`,
  "its scope closed": (one) => `its scope closed${withFailure(one)}`,
  "the deadline of its run": () => "the deadline of the job's run passed",
  "its signal was aborted": () => "the signal of the job's caller was aborted",
  "another job failed": (one) => `another job of the same call failed${withFailure(one)}`,
  "its stream closed": (one) => `the stream of the results closed${withFailure(one)}`,
  shutdown: () => "the pool was shut down",
  shutdownNow: (one) => `${fiberOf(one)} called shutdownNow`,
  "the deadline of the shutdown": () => "the deadline of the shutdown passed",
  "the pool closed": () => "the pool closed",
  "a resource could not be acquired": (one) => `the acquisition of a resource failed${withFailure(one)}`,
  resize: () => "the pool was resized, and needs no more workers"
}
