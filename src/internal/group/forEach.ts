import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Fiber } from "effect/Fiber"
import { isIterable } from "effect/Predicate"
import { invalid, isRecord } from "../args.js"
import * as stack from "../stack.js"
import type { AnyFiber } from "../stack.js"
import type { AnyGroup } from "./current.js"
import { Series } from "./Series.js"

type AnyEffect = Effect.Effect<unknown, unknown, unknown>

/** The values of the children of a `forEach`, by their places. */
class Results {
  private readonly values: Array<unknown> = []
  /** The end of the first child, in the order of the items, that has no value. */
  private failure: Exit.Exit<never, unknown> | undefined = undefined
  private failed = Infinity
  private running = 0
  private resume: ((end: Exit.Exit<Array<unknown>, unknown>) => void) | undefined = undefined

  constructor(private readonly caller: AnyFiber) {}

  add(child: Fiber<unknown, unknown>, index: number): void {
    const exit = child.pollUnsafe()
    if (exit !== undefined) return this.ended(exit, index)
    this.running++
    child.addObserver((exit) => {
      this.running--
      this.ended(exit, index)
      if (this.running === 0 && this.resume !== undefined) stack.resume(this.caller, this.resume, this.end)
    })
  }

  private ended(exit: Exit.Exit<unknown, unknown>, index: number): void {
    if (Exit.isSuccess(exit)) {
      this.values[index] = exit.value
    } else if (index < this.failed) {
      this.failed = index
      this.failure = Exit.failCause(exit.cause)
    }
  }

  private get end(): Exit.Exit<Array<unknown>, unknown> {
    return this.failure ?? Exit.succeed(this.values)
  }

  /** Suspends until all children have ended. To be called once the last has begun. */
  readonly await: Effect.Effect<Array<unknown>, unknown> = Effect.callback((resume) => {
    if (this.running === 0) return resume(this.end)
    this.resume = resume
    return Effect.sync(() => {
      this.resume = undefined
    })
  })
}

const checkOptions = (options: unknown): { readonly results?: unknown } => {
  if (options === undefined) return {}
  if (!isRecord(options)) throw invalid("Group.forEach", "options", "an object", options)
  return options as { readonly results?: unknown }
}

export const forEach = (
  fiber: AnyFiber,
  group: AnyGroup,
  items: unknown,
  f: unknown,
  options: unknown
): AnyEffect => {
  if (!isIterable(items)) throw invalid("Group.forEach", "items", "an iterable", items)
  if (typeof f !== "function") throw invalid("Group.forEach", "f", "a function", f)
  const { results: isCollecting } = checkOptions(options)
  const results = isCollecting === true ? new Results(fiber) : undefined
  const series = new Series(fiber, items, f as (item: unknown, index: number) => AnyEffect, (effect, index) => {
    const child = group.startChild(fiber, effect)
    results?.add(child, index)
  })
  // The region comes first: an interrupt must not come between an item and the iterator's close.
  const start = Effect.suspend(() => group.refusal() ?? (series.take() ? group.startEach(series) : Effect.void))
  const started = Effect.onExitPrimitive(start, () => series.close())
  return results === undefined ? started : Effect.flatMap(started, () => results.await)
}
