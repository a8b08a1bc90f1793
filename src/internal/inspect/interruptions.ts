/** The annotations of interrupts: made by the watch, and read from causes. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import { CurrentStackFrame, type StackFrame } from "effect/References"
import type { Annotations, Interruption, Why } from "../interruption.js"
import type { AnyFiber } from "../stack.js"
import { cut, oneLine, sentencesText } from "./shown.js"

/** The key of the annotation. */
const Key = Context.Service<Interruption>("~sluice/inspect/Interruption")

/** The annotations of one cancellation. */
export const annotationsOf = (
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
  return sentencesText([...chain].map((one) => `${capitalized(textOf(one))}.`))
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
  return line === "" ? name : `${name}: ${cut(line, 200)}`
}

const textOf = (interruption: Interruption): string => {
  const { by: { kind, name }, why } = interruption
  return oneLine(`${name === undefined ? `a ${kind}` : `${kind} ${cut(name)}`}: ${texts[why](interruption)}`)
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
